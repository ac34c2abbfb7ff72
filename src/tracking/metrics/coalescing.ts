/** Calls that wait together are written together: those that arrive while a transaction is under way, or is to begin, share the next one. */

interface Waiting<T> {
  readonly call: T
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export interface Coalescing<T> {
  /** Takes the calls of the next transaction out of those that may be written now, oldest first, one at least; gives their places, rising. */
  readonly choose: (waiting: readonly T[]) => readonly number[]
  /**
   * Writes the calls that `take` gives in one transaction; resolves when it is durable, to those that are refused and why. What is taken late
   * is more: `take` is called where the transaction begins, and gives the same again where that is begun anew.
   */
  readonly write: (take: () => readonly T[]) => Promise<ReadonlyMap<T, unknown>>
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
  /** A lane has begun that has not taken its calls yet: what comes meanwhile is for it. */
  let beginning = false
  const underWay = new Set<string>()
  const free = (): Waiting<T>[] =>
    underWay.size === 0 ? waiting : waiting.filter(({ call }) => !underWay.has(of(call)))
  const take = (): Waiting<T>[] => {
    beginning = false
    const from = free()
    const group = coalescing.choose(from.map(({ call }) => call)).map((at) => from[at] as Waiting<T>)
    const taken = new Set(group)
    waiting = waiting.filter((one) => !taken.has(one))
    for (const { call } of group) underWay.add(of(call))
    return group
  }
  const lane = async (): Promise<void> => {
    let group: readonly Waiting<T>[] | undefined
    const taken = Promise.withResolvers<void>()
    // what was not taken may be for another lane, which does not begin within the transaction of this one
    void taken.promise.then(begin)
    await writeGroup(coalescing, () => {
      if (group === undefined) taken.resolve()
      return (group ??= take())
    })
    for (const { call } of group ?? []) underWay.delete(of(call))
    lanes--
    begin()
  }
  const begin = (): void => {
    if (beginning || lanes === count || free().length === 0) return
    beginning = true
    lanes++
    void lane()
  }
  return (call) =>
    new Promise((resolve, reject) => {
      waiting.push({ call, resolve, reject })
      begin()
    })
}

/** Never rejects. */
async function writeGroup<T>(coalescing: Coalescing<T>, take: () => readonly Waiting<T>[]): Promise<void> {
  let refusals: ReadonlyMap<T, unknown>
  try {
    refusals = await coalescing.write(() => take().map(({ call }) => call))
  } catch (error) {
    const group = take()
    if (group.length === 1) group[0]?.reject(error)
    else for (const one of group) await writeGroup(coalescing, () => [one])
    return
  }
  for (const { call, resolve, reject } of take()) {
    if (refusals.has(call)) reject(refusals.get(call))
    else resolve()
  }
}
