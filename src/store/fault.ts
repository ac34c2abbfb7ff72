/** Fault points: places where a test may kill the process, to prove that a crash there loses nothing and doubles nothing. */

let hits = 0

/**
 * Kills this process with SIGKILL if `SLIPWAY_FAULT` names this point (`name`, or `name@3` for its third passing) and
 * `SLIPWAY_TEST_HOOKS` is 1. Costs a comparison otherwise.
 */
export function faultPoint(name: string): void {
  const wanted = process.env['SLIPWAY_FAULT']
  if (wanted === undefined || process.env['SLIPWAY_TEST_HOOKS'] !== '1') return
  const [point, count = '1'] = wanted.split('@')
  if (point === name && ++hits === Number(count)) process.kill(process.pid, 'SIGKILL')
}
