/** Routes that say what differs between two runs, and when a run was lost. */
import { toTime } from '../contract/fields.ts'
import { retentionApi } from '../contract/tracking/retention.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import type { Tracking } from './context/context.ts'
import { diffRuns } from './diff.ts'
import { lossesOf } from './retention/lost.ts'
import { requireRun } from './runs/runs.ts'

export function runRoutes(room: Tracking): Mounted[] {
  return [
    mount(retentionApi.diff, async ({ params, who }) => ({
      parts: (await diffRuns(room, who, params.id, params.other)).map((one) => ({ ...one, changes: [...one.changes] })),
    })),
    mount(retentionApi.losses, async ({ params, who }) => {
      await requireRun(room.db, who, params.id)
      const losses = await lossesOf(room.db, params.id)
      const items = losses.map((loss) => ({
        reason: loss.reason,
        log: loss.log,
        lost_at: toTime(loss.lost_at),
        silent_since: toTime(loss.silent_since),
        resumed_at: loss.resumed_at === null ? null : toTime(loss.resumed_at),
      }))
      return { items }
    }),
  ]
}
