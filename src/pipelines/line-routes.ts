/** Routes of pools, of the line of steps that wait, of those that run, and of where they run. */
import { driversApi } from '../contract/pipelines/drivers.ts'
import { lineApi } from '../contract/pipelines/line.ts'
import { poolsApi } from '../contract/pipelines/pools.ts'
import { mount, type Mounted } from '../http/mount.ts'
import { viewDrivers } from './line/drivers.ts'
import { viewRunning } from './line/running.ts'
import { viewLine } from './line/view.ts'
import { setPriority } from './limits/priority.ts'
import type { Pipelines } from './pipelines.ts'
import { requireRun } from './run/runs.ts'
import { viewRun } from './run/view.ts'
import { listPools, removePool, setPool } from './pools/pools.ts'

export function lineRoutes(room: Pipelines): Mounted[] {
  const { context } = room
  const { deps } = context
  return [
    mount(poolsApi.listPools, async ({ who }) => ({ items: await listPools(deps.db, who) })),
    mount(poolsApi.setPool, ({ params, body, who }) => setPool(deps, who, { name: params.name, ...body })),
    mount(poolsApi.removePool, ({ params, who }) => removePool(deps, who, params.name)),
    mount(lineApi.waitingSteps, ({ query, who }) => viewLine(context, who.project, query.limit)),
    mount(lineApi.runningSteps, ({ query, who }) => viewRunning(deps.db, who.project, query.limit)),
    mount(driversApi.listDrivers, async ({ who }) => ({ items: await viewDrivers(deps, who.project) })),
    mount(lineApi.setRunPriority, async ({ params, body, who }) => {
      const { run } = await requireRun(context, who, params.id)
      await setPriority(deps, who, run, body.priority)
      room.wake(run.id)
      return viewRun(context, await requireRun(context, who, params.id))
    }),
  ]
}
