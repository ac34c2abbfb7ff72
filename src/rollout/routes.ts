/** Routes of the rollout room. */
import { rolloutApi } from '../contract/rollout.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import { act } from './acts.ts'
import { curveOf, getRollout, listRollouts, refuseForeignEndpoint, refuseForeignRollout } from './read.ts'
import { recordedRows } from './recorded.ts'
import type { Rollouts } from './rollouts.ts'
import { startRollout } from './starting.ts'
import { replayVerdict } from './verdicts.ts'

export function rolloutRoutes(room: Rollouts): Mounted[] {
  const { deps } = room
  const { db } = deps
  return [
    mount(rolloutApi.start, async ({ who, params, body }) => {
      await refuseForeignEndpoint(db, who, params.name)
      const id = await startRollout(deps, who, {
        endpoint: params.name,
        version: body.version,
        plan: body.plan,
        slices: await room.slicesOf(params.name),
      })
      room.wake()
      return getRollout(db, id)
    }),
    mount(rolloutApi.list, ({ who, query }) => listRollouts(db, who, query)),
    mount(rolloutApi.get, async ({ who, params }) => {
      await refuseForeignRollout(db, who, params.id)
      return getRollout(db, params.id)
    }),
    mount(rolloutApi.curve, async ({ who, params }) => {
      await refuseForeignRollout(db, who, params.id)
      return curveOf(db, params.id)
    }),
    mount(rolloutApi.act, async ({ who, params, body }) => {
      await refuseForeignRollout(db, who, params.id)
      await act(deps, who, params.id, body)
      room.wake()
      return getRollout(db, params.id)
    }),
    mount(rolloutApi.recorded, async ({ who, params, query }) => {
      await refuseForeignEndpoint(db, who, params.name)
      const slices = query.slices?.split(',') ?? (await room.slicesOf(params.name))
      return { rows: await recordedRows(deps, { ...query, endpoint: params.name, slices }) }
    }),
    mount(rolloutApi.replay, async ({ who, params }) => {
      await refuseForeignRollout(db, who, params.id)
      return replayVerdict(db, params.id, params.verdict)
    }),
  ]
}
