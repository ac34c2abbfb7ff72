/** Routes of the rollout room. */
import { rolloutApi } from '../contract/rollout.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import { act, startRollout } from './controller.ts'
import { curveOf, getRollout, listRollouts } from './read.ts'
import type { Rollouts } from './rollouts.ts'
import { replayVerdict } from './verdicts.ts'

export function rolloutRoutes(room: Rollouts): Mounted[] {
  const { deps } = room
  const { db } = deps
  return [
    mount(rolloutApi.start, async ({ who, params, body }) => {
      const slices = (body.plan?.slices.length ?? 0) > 0 ? body.plan?.slices : await room.slicesOf(params.name)
      const id = await startRollout(deps, who, {
        endpoint: params.name,
        version: body.version,
        plan: body.plan,
        slices: slices ?? [],
      })
      room.wake()
      return getRollout(db, id)
    }),
    mount(rolloutApi.list, ({ query }) => listRollouts(db, query)),
    mount(rolloutApi.get, ({ params }) => getRollout(db, params.id)),
    mount(rolloutApi.curve, ({ params }) => curveOf(db, params.id)),
    mount(rolloutApi.act, async ({ who, params, body }) => {
      await act(deps, who, params.id, body)
      room.wake()
      return getRollout(db, params.id)
    }),
    mount(rolloutApi.replay, ({ params }) => replayVerdict(db, params.id, params.verdict)),
  ]
}
