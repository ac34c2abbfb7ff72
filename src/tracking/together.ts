/** Calls that wait together are written together: those that arrive while a transaction is under way share the next one. */

interface Waiting<T> {
  readonly call: T
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export interface Gathering<T> {
  /** Takes the calls of the next transaction out of those that wait, oldest first, one at least; gives their places, rising. */
  readonly choose: (waiting: readonly T[]) => readonly number[]
  /** Writes calls in one transaction; resolves when it is durable, to those that are refused and why. */
  readonly write: (calls: readonly T[]) => Promise<ReadonlyMap<T, unknown>>
}

/**
 * A queue before the database; what it gives resolves when a call is durable. One transaction is under way at a time, so a lone
 * caller waits for nobody. One that failed as a whole is tried again call by call, so that no call fails another.
 */
export function together<T>(gathering: Gathering<T>): (call: T) => Promise<void> {
  let waiting: Waiting<T>[] = []
  let busy = false
  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const places = new Set(gathering.choose(waiting.map(({ call }) => call)))
      const group = waiting.filter((_, at) => places.has(at))
      waiting = waiting.filter((_, at) => !places.has(at))
      await writeGroup(gathering, group)
    }
    busy = false
  }
  return (call) =>
    new Promise((resolve, reject) => {
      waiting.push({ call, resolve, reject })
      if (busy) return
      busy = true
      // what arrives in the same turn of the event loop is taken along
      setImmediate(() => void drain())
    })
}

/** Never rejects. */
async function writeGroup<T>(gathering: Gathering<T>, group: readonly Waiting<T>[]): Promise<void> {
  let refusals: ReadonlyMap<T, unknown>
  try {
    refusals = await gathering.write(group.map(({ call }) => call))
  } catch (error) {
    if (group.length === 1) group[0]?.reject(error)
    else for (const one of group) await writeGroup(gathering, [one])
    return
  }
  for (const { call, resolve, reject } of group) {
    if (refusals.has(call)) reject(refusals.get(call))
    else resolve()
  }
}
