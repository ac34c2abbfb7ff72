/** Time that passes only as a test says. */
import type { TestContext } from 'node:test'

/** Stops the clock and the timers of a test; what it returns lets so many ms pass for both. */
export function stopTime(t: TestContext): (ms: number) => void {
  let now = 1000
  t.mock.timers.enable({ apis: ['setTimeout'] })
  t.mock.method(performance, 'now', () => now)
  return (ms) => {
    for (let i = 0; i < ms; i++) {
      now++
      t.mock.timers.tick(1)
    }
  }
}
