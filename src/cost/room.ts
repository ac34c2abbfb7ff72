/** The cost room: reads what the rooms below used, prices it and keeps it in a ledger. */
import type { Mounted } from '../http/mount.ts'
import type { Cost } from './ledger-rows.ts'
import { meterLoop } from './loop.ts'
import type { UsageSources } from './loop.ts'
import { costRoutes } from './routes.ts'

export interface CostDeps extends Cost {
  /** Ports of the rooms that use something. */
  readonly sources: UsageSources
  /** Told of a meter that could not be read. */
  readonly onError: (error: unknown) => void
}

export interface CostRoom {
  readonly routes: readonly Mounted[]
  /** Reads the meters again and again from now on. */
  start(): void
  /** Reads the meters a last time; resolves when they are entered. */
  stop(): Promise<void>
}

export function costRoom(deps: CostDeps): CostRoom {
  const meters = meterLoop(deps, deps.sources, { onError: deps.onError })
  return { routes: costRoutes(deps), start: () => meters.start(), stop: () => meters.stop() }
}
