/** What people ask of backfills and studies alike: for whom their runs are made, and that they end. */
import type { Principal } from '../../contract/access.ts'
import type { Sql } from '../../store/db.ts'
import type { Context } from '../context/context.ts'

/** For whom the runs are made, as a row keeps it: whoever began or went on with them last, with the role that they had then. */
export function runnerOf({ id, name, role, project }: Principal): string {
  return JSON.stringify({ id, name, role, project, token_id: null })
}

/** How one is asked to end. */
export interface Ending {
  readonly id: string
  /** Changes its row where it has not ended, and nothing where it has. */
  readonly update: Sql
  /** Of the row of the audit log. */
  readonly detail: Readonly<Record<string, unknown>>
}

/** Asks one to end. True when it was going on; nothing happens to one that has ended. */
export async function askToEnd(
  { deps: { db, record } }: Context,
  who: Principal,
  { id, update, detail }: Ending,
): Promise<boolean> {
  return db.tx(async (t) => {
    const changed = await t.run(update.text, update.params)
    if (changed > 0) await record(t, who, { verb: 'write', resource: 'pipelines', id, detail })
    return changed > 0
  })
}
