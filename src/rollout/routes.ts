/** Routes of the rollout room. */
import { rolloutApi } from '../contract/rollout.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import { problem } from '../contract/errors.ts'
import { act } from './controller/acts.ts'
import { exposures } from './observations/exposures.ts'
import { freeze, listFrozen, shownFreeze, thaw } from './controller/freeze.ts'
import { curveOf, getRollout, listRollouts, refuseForeignEndpoint, refuseForeignRollout } from './read.ts'
import { recordedRows } from './simulation/recorded.ts'
import type { Rollouts } from './rollouts.ts'
import { startRollout } from './controller/starting.ts'
import { postValues } from './observations/values.ts'
import { replayVerdict } from './controller/verdicts.ts'

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
      return getRollout(db, id, deps.clock())
    }),
    mount(rolloutApi.list, ({ who, query }) => listRollouts(db, who, { ...query, now: deps.clock() })),
    mount(rolloutApi.get, async ({ who, params }) => {
      await refuseForeignRollout(db, who, params.id)
      return getRollout(db, params.id, deps.clock())
    }),
    mount(rolloutApi.curve, async ({ who, params }) => {
      await refuseForeignRollout(db, who, params.id)
      return curveOf(db, params.id)
    }),
    mount(rolloutApi.act, async ({ who, params, body }) => {
      await refuseForeignRollout(db, who, params.id)
      await act(deps, who, params.id, body)
      room.wake()
      return getRollout(db, params.id, deps.clock())
    }),
    mount(rolloutApi.exposures, async ({ who, params, query }) => {
      await refuseForeignRollout(db, who, params.id)
      return exposures(db, params.id, query)
    }),
    ...freezeRoutes(room),
    mount(rolloutApi.metrics, async ({ who, params, body }) => {
      await refuseForeignEndpoint(db, who, params.name)
      if ((await deps.target(db, params.name)) === undefined)
        throw problem('not_found', { what: 'endpoint', id: params.name })
      const posted = await postValues(deps, params.name, body.values)
      room.wake()
      return posted
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

function freezeRoutes(room: Rollouts): Mounted[] {
  const { deps } = room
  const { db } = deps
  const now = async (name: string) => ({ freeze: await shownFreeze(db, name, deps.clock()) })
  return [
    mount(rolloutApi.freezes, async ({ who }) => ({ items: await listFrozen(db, who, deps.clock()) })),
    mount(rolloutApi.getFreeze, async ({ who, params }) => {
      await refuseForeignEndpoint(db, who, params.name)
      return now(params.name)
    }),
    mount(rolloutApi.freeze, async ({ who, params, body }) => {
      await refuseForeignEndpoint(db, who, params.name)
      const until = body.until === undefined ? null : Date.parse(body.until)
      await freeze(deps, who, { endpoint: params.name, reason: body.reason, until })
      room.wake()
      return now(params.name)
    }),
    mount(rolloutApi.thaw, async ({ who, params }) => {
      await refuseForeignEndpoint(db, who, params.name)
      await thaw(deps, who, params.name)
      room.wake()
      return now(params.name)
    }),
  ]
}
