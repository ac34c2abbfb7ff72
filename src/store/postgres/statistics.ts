/** Statistics of tables, without which PostgreSQL plans as if every table were small. */
import type { Db } from '../db.ts'

/** Tables below this need none, bytes. */
const SMALL = 1_000_000

/**
 * Gathers statistics of large tables that have none, such as those that `pg_restore` brought: until PostgreSQL's own daemon
 * comes to them, a search could take minutes. Gives their names. SQLite needs none: its statements name the order of joins.
 */
export async function gatherStatistics(db: Db, small = SMALL): Promise<string[]> {
  if (db.kind === 'sqlite') return []
  const rows = await db.all<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = current_schema() AND c.relkind = 'r' AND pg_relation_size(c.oid) >= ?
       AND NOT EXISTS (SELECT 1 FROM pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = c.relname)
     ORDER BY c.relname`,
    [small],
  )
  const gathered: string[] = []
  for (const { name } of rows) {
    // another process may be at the same table: a start does not fail for it
    await db
      .tx((t) => t.run(`ANALYZE "${name}"`))
      .then(
        () => gathered.push(name),
        () => undefined,
      )
  }
  return gathered
}
