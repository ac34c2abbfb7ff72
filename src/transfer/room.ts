/** The transfer room: tables and blobs that move between servers. */
import type { Mounted } from '../http/mount.ts'
import type { Registry } from '../registry/context/context.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { madeFrom, registryTables } from '../registry/moved/tables.ts'
import { transferRoutes } from './routes.ts'
import { trackingTables } from '../tracking/moved/tables.ts'

export interface TransferDeps {
  readonly tracking: Tracking
  readonly registry: Registry
}

export interface TransferRoom {
  readonly routes: readonly Mounted[]
}

export function transferRoom({ tracking, registry }: TransferDeps): TransferRoom {
  const tables = [...trackingTables(tracking), ...registryTables(registry)]
  return { routes: transferRoutes(tracking, tables, (model) => madeFrom(registry, model)) }
}
