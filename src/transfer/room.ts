/** The transfer room: tables and blobs that move between servers. */
import type { Mounted } from '../http/mount.ts'
import type { MovedTable } from '../store/moved/table.ts'
import type { Transfer } from './context/context.ts'
import { transferRoutes } from './routes.ts'
import type { MadeFrom } from './routes.ts'

/** A room that owns tables that move: those that others refer to first. */
interface Owner {
  readonly movedTables: readonly MovedTable[]
}

export interface TransferDeps extends Transfer {
  /** Ports of the rooms whose tables move. */
  readonly owners: {
    readonly tracking: Owner & { readonly movedArtifacts: MovedTable }
    readonly traces: Owner
    readonly evaluation: Owner
    readonly models: Owner & { readonly madeFrom: MadeFrom }
  }
}

export interface TransferRoom {
  readonly routes: readonly Mounted[]
}

export function transferRoom({ owners, ...context }: TransferDeps): TransferRoom {
  const { tracking, traces, evaluation, models } = owners
  const before = [tracking, traces, evaluation].flatMap((room) => room.movedTables)
  const tables = [...before, tracking.movedArtifacts, ...models.movedTables]
  return { routes: transferRoutes(context, tables, models.madeFrom) }
}
