/** Calls that wait together are written together: those that arrive while a transaction is under way share the next one. */

interface Waiting<T> {
  readonly call: T
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export interface Coalescing<T> {
  /** Takes the calls of the next transaction out of those that may be written now, oldest first, one at least; gives their places, rising. */
  readonly choose: (waiting: readonly T[]) => readonly number[]
  /** Writes calls in one transaction; resolves when it is durable, to those that are refused and why. */
  readonly write: (calls: readonly T[]) => Promise<ReadonlyMap<T, unknown>>
  /** Where several transactions may be under way: how many, and what only one of them may write to at a time. */
  readonly lanes?: { readonly count: number; readonly of: (call: T) => string }
}

/**
 * A queue before the database; what it gives resolves when a call is durable. One transaction is under way at a time, or as many
 * as there are lanes, so a lone caller waits for nobody. One that failed as a whole is tried again call by call, so that no call
 * fails another.
 */
export function coalesced<T>(coalescing: Coalescing<T>): (call: T) => Promise<void> {
  const { count, of } = coalescing.lanes ?? { count: 1, of: () => '' }
  let waiting: Waiting<T>[] = []
  let lanes = 0
  const underWay = new Set<string>()
  const next = (): Waiting<T>[] => {
    const free = waiting.filter(({ call }) => !underWay.has(of(call)))
    if (free.length === 0) return []
    const places = new Set(coalescing.choose(free.map(({ call }) => call)))
    const group = new Set(free.filter((_, at) => places.has(at)))
    waiting = waiting.filter((one) => !group.has(one))
    return [...group]
  }
  const drain = async (): Promise<void> => {
    for (let group = next(); group.length > 0; group = next()) {
      const taken = new Set(group.map(({ call }) => of(call)))
      for (const one of taken) underWay.add(one)
      await writeGroup(coalescing, group)
      for (const one of taken) underWay.delete(one)
    }
    lanes--
  }
  return (call) =>
    new Promise((resolve, reject) => {
      waiting.push({ call, resolve, reject })
      if (lanes === count) return
      lanes++
      // what arrives in the same turn of the event loop shares the transaction
      setImmediate(() => void drain())
    })
}

/** Never rejects. */
async function writeGroup<T>(coalescing: Coalescing<T>, group: readonly Waiting<T>[]): Promise<void> {
  let refusals: ReadonlyMap<T, unknown>
  try {
    refusals = await coalescing.write(group.map(({ call }) => call))
  } catch (error) {
    if (group.length === 1) group[0]?.reject(error)
    else for (const one of group) await writeGroup(coalescing, [one])
    return
  }
  for (const { call, resolve, reject } of group) {
    if (refusals.has(call)) reject(refusals.get(call))
    else resolve()
  }
}
