/** The transfer room: tables and blobs that move between servers. */
import type { Mounted } from '../http/mount.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { transferRoutes } from './routes.ts'
import type { MadeFrom } from './routes.ts'
import type { MovedTable } from './table.ts'
import { trackingTables } from './tracking-tables.ts'

export interface TransferDeps {
  readonly tracking: Tracking
  /** Port: the tables of other rooms that move, those that others refer to first. */
  readonly tables: readonly MovedTable[]
  /** Port: from what the versions of a registered model were made. */
  readonly madeFrom: MadeFrom
}

export interface TransferRoom {
  readonly routes: readonly Mounted[]
}

export function transferRoom({ tracking, tables, madeFrom }: TransferDeps): TransferRoom {
  return { routes: transferRoutes(tracking, [...trackingTables(tracking), ...tables], madeFrom) }
}
