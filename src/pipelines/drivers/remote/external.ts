/** Steps that tasks of a foreign scheduler run: nothing is started here, a task comes and takes the attempt. */
import type { Db } from '../../../store/db.ts'
import type { Launcher } from './launcher.ts'
import { nodeRow } from './rows.ts'

/**
 * Nobody can be asked whether a task lives. One that was taken up and has been silent for the lease is over; one that nobody has taken up
 * waits for its task, however long that takes.
 */
export function externalLauncher(db: Db): Launcher {
  return {
    name: 'external',
    tellsWaits: true,
    launch: () => Promise.resolve(),
    async state(attempt) {
      const row = await nodeRow(db, attempt)
      return row?.claimed_at == null
        ? { state: 'pending', detail: 'no task of the scheduler has taken it up yet' }
        : { state: 'over' }
    },
    stop: () => Promise.resolve(),
  }
}
