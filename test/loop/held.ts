/** How long something holds the loop of this process: in CPU time of its main thread, so that other processes do not count. */

/** CPU time of this thread, ms. */
function cpu(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Does the work, and tells the CPU time of the dearest turn of the loop meanwhile, ms. */
export async function dearestTurn(work: () => Promise<unknown>): Promise<number> {
  let [dearest, going, before] = [0, true, cpu()]
  const { promise: over, resolve } = Promise.withResolvers<void>()
  // no promise a turn: they are many, and to collect them would be the dearest turn
  const turn = (): void => {
    const now = cpu()
    dearest = Math.max(dearest, now - before)
    before = now
    if (going) setImmediate(turn)
    else resolve()
  }
  setImmediate(turn)
  try {
    await work()
  } finally {
    going = false
    await over
  }
  return dearest
}

/** Numbers that are sorted by a function: about 50 ms of CPU on the machines of the check. */
const SORTED = 100_000

/** What takes 50 ms on a machine of our own, in CPU time of this one, ms: the least of some tries, for whatever comes between adds to it. */
export function fiftyMs(): number {
  const keys = Float64Array.from({ length: SORTED }, (_, i) => Math.sin(i * i))
  const tries = Array.from({ length: 7 }, () => {
    const before = cpu()
    Array.from(keys, (_, i) => i).sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0))
    return cpu() - before
  })
  return Math.min(...tries)
}
