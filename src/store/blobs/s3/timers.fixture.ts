/** Timers that a test lets go on, also those that a module has imported by name. */
import { syncBuiltinESMExports } from 'node:module'
import type { TestContext } from 'node:test'

/** From now on timers go on only by `t.mock.timers.tick`. */
export function holdTimers(t: TestContext): void {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.timers.reset()
    syncBuiltinESMExports()
  })
}
