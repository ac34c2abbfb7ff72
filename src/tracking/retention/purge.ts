/** Removes experiments for good, with the runs, logged models and settings in them and the names of their files. */
import type { Principal } from '../../contract/access.ts'
import type { Tx } from '../../store/db.ts'
import { deleteRows } from '../../store/sql/rows.ts'
import { fetchAll, inList, raw, sql } from '../../store/sql/sql.ts'
import { removeTrees } from '../artifacts/artifacts.ts'
import type { Tracking } from '../context/context.ts'
import { OF_MODEL, tablesOfRun } from './bin.ts'

/** Runs or logged models of one transaction: each may have very many points. */
const CHUNK = 20

const OF_EXPERIMENT = ['experiment_tags', 'datasets', 'experiments'] as const

/**
 * Removes an experiment with all in it, some of it in each transaction, what other rooms keep of it too; the bytes of its files go
 * with the next collection.
 */
export async function purgeExperiment(room: Tracking, who: Principal, id: string): Promise<void> {
  await purgeOwners(room, { table: 'runs', key: 'run_id', parts: tablesOfRun(room.db.kind) }, id)
  await purgeOwners(room, { table: 'logged_models', key: 'model_id', parts: OF_MODEL }, id)
  for (const purge of room.purges?.() ?? []) await purge(who, id)
  await room.db.tx(async (t) => {
    for (const table of OF_EXPERIMENT) await deleteRows(t, table, sql`experiment_id = ${id}`)
    await room.record(t, who, { verb: 'manage', resource: 'runs', id, detail: { experiment: id, purged: true } })
  })
}

/** A table whose rows own rows of other tables and a tree of files. */
interface OwnerTable {
  readonly table: 'runs' | 'logged_models'
  readonly key: 'run_id' | 'model_id'
  /** Tables with rows of one owner. */
  readonly parts: readonly string[]
}

async function purgeOwners(room: Tracking, owners: OwnerTable, experiment: string): Promise<void> {
  let purged = CHUNK
  while (purged === CHUNK) purged = await room.db.tx((t) => purgeChunk(t, owners, experiment))
}

async function purgeChunk(t: Tx, { table, key, parts }: OwnerTable, experiment: string): Promise<number> {
  const rows = await fetchAll<{ id: string; artifact_uri: string }>(
    t,
    sql`SELECT ${raw(key)} AS id, artifact_uri FROM ${raw(table)} WHERE experiment_id = ${experiment} LIMIT ${CHUNK}`,
  )
  const ids = inList(rows.map((row) => row.id))
  for (const part of [...parts, table]) await deleteRows(t, part, sql`${raw(key)} IN ${ids}`)
  await removeTrees(
    t,
    rows.map((row) => row.artifact_uri),
  )
  return rows.length
}
