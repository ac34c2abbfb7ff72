/** Routes of what could be made again, and of when it is. */
import { reproductionsApi } from '../../contract/pipelines/reproductions.ts'
import { mount, type Mounted } from '../../http/mount.ts'
import type { Context } from '../context/context.ts'
import { listReproducible } from './reproducible.ts'
import { scheduleOfReproductions, scheduleReproductions, unscheduleReproductions } from './schedule.ts'

export function reproductionRoutes(context: Context): Mounted[] {
  const { deps } = context
  return [
    mount(reproductionsApi.listReproducible, ({ query, who }) => listReproducible(context, who, query)),
    mount(reproductionsApi.getSchedule, async () => ({ schedule: await scheduleOfReproductions(deps.db) })),
    mount(reproductionsApi.setSchedule, async ({ body, who }) => ({
      schedule: await scheduleReproductions(deps, who, body),
    })),
    mount(reproductionsApi.removeSchedule, async ({ who }) => {
      await unscheduleReproductions(deps, who)
      return {}
    }),
  ]
}
