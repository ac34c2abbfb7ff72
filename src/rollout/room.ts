/** The rollout room: takes versions to their endpoints step by step, and back. */
import type { Audit } from '../auth/audit.ts'
import type { Clock, Ids } from '../contract/ids.ts'
import type { Mounted } from '../http/mount.ts'
import type { Leases } from '../jobs/leases.ts'
import type { Registry } from '../registry/context/context.ts'
import type { Endpoints } from '../serving/endpoints/endpoints.ts'
import type { Db, Reader } from '../store/db.ts'
import type { RolloutDeps } from './context/context.ts'
import { frozenEndpoint } from './controller/freeze.ts'
import type { RolloutHooks } from './observations/hooks.ts'
import { rolloutPorts } from './ports.ts'
import { promotionsOf } from './promotions.ts'
import type { Promoted } from './promotions.ts'
import { openRollouts } from './rollouts.ts'
import { rolloutRoutes } from './routes.ts'

export interface RolloutRoomDeps extends Pick<RolloutDeps, 'labelsOf' | 'changed' | 'onError'> {
  readonly db: Db
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: Audit
  readonly leases: Leases
  readonly registry: Registry
  readonly endpoints: Endpoints
}

export interface RolloutRoom {
  readonly routes: readonly Mounted[]
  /** Judges and moves rollouts on from now on, on one replica at a time. */
  start(): void
  stop(): Promise<void>
  /** Port: takes what is ingested for evidence, in the transaction that ingests it. */
  readonly hooks: RolloutHooks
  /** Port: why nothing may be deployed to an endpoint now; undefined when it may. */
  frozen(reader: Reader, endpoint: string): ReturnType<typeof frozenEndpoint>
  /** Port: ends the rollout under way on an endpoint; false when there is none. */
  halt(endpoint: string, reason: string): Promise<boolean>
  /** Port: promotions of models by rollouts that began by themselves since a time, ms. */
  promotionsOf(models: readonly string[], since: number): Promise<Promoted[]>
}

export function rolloutRoom({ leases, registry, endpoints, ...deps }: RolloutRoomDeps): RolloutRoom {
  const rollouts = openRollouts({ ...deps, ...rolloutPorts(endpoints, registry) }, leases)
  return {
    routes: rolloutRoutes(rollouts),
    start: () => rollouts.loop.start(),
    stop: () => rollouts.loop.stop(),
    hooks: rollouts.hooks,
    frozen: (reader, endpoint) => frozenEndpoint(reader, endpoint, deps.clock()),
    halt: (endpoint, reason) => rollouts.halt(endpoint, reason),
    promotionsOf: (models, since) => promotionsOf(deps.db, models, since),
  }
}
