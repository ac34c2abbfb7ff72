/** The monotonic clock of this process in a test's hand: what is judged by it happens without waiting. */
import type { TestContext } from 'node:test'

/** What it returns lets the clock jump ahead, ms; it is as before once the test is over. */
export function jumping(t: TestContext): (ms: number) => void {
  const now = performance.now.bind(performance)
  let ahead = 0
  t.mock.method(performance, 'now', () => now() + ahead)
  return (ms) => void (ahead += ms)
}
