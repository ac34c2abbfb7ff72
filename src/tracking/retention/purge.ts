/** Removes experiments for good, with the runs, logged models, traces and settings in them and the names of their files. */
import type { Principal } from '../../contract/access.ts'
import type { Tx } from '../../store/db.ts'
import { placeOfUri } from '../context/paths.ts'
import { OF_MODEL, tablesOfRun } from './bin.ts'
import type { Tracking } from '../context/context.ts'
import { inList, raw, sql } from '../../store/sql/sql.ts'

/** Runs or logged models of one transaction: each may have very many points. */
const CHUNK = 20

const OF_EXPERIMENT = [
  'experiment_tags',
  'datasets',
  'scorer_sampling',
  'scorer_versions',
  'scorers',
  'trace_issues',
  'evaluation_dataset_experiments',
  'experiments',
] as const

/** Removes an experiment with all in it, some of it in each transaction; the bytes of its files go with the next collection. */
export async function purgeExperiment(room: Tracking, who: Principal, id: string): Promise<void> {
  await purgeAll(room, { table: 'runs', key: 'run_id', parts: tablesOfRun(room.db.kind) }, id)
  await purgeAll(room, { table: 'logged_models', key: 'model_id', parts: OF_MODEL }, id)
  for (const purge of room.purges?.() ?? []) await purge(who, id)
  await room.db.tx(async (t) => {
    for (const table of OF_EXPERIMENT) await t.run(`DELETE FROM ${table} WHERE experiment_id = ?`, [id])
    await room.record(t, who, { verb: 'manage', resource: 'runs', id, detail: { experiment: id, purged: true } })
  })
}

interface Things {
  readonly table: 'runs' | 'logged_models'
  readonly key: 'run_id' | 'model_id'
  /** Tables with rows of one such thing. */
  readonly parts: readonly string[]
}

async function purgeAll(room: Tracking, things: Things, experiment: string): Promise<void> {
  let purged = CHUNK
  while (purged === CHUNK) purged = await room.db.tx((t) => purgeSome(t, things, experiment))
}

async function purgeSome(t: Tx, { table, key, parts }: Things, experiment: string): Promise<number> {
  const rows = await t.all<{ id: string; artifact_uri: string }>(
    `SELECT ${key} AS id, artifact_uri FROM ${table} WHERE experiment_id = ? LIMIT ${CHUNK}`,
    [experiment],
  )
  const ids = inList(rows.map((row) => row.id))
  for (const part of [...parts, table]) {
    const gone = sql`DELETE FROM ${raw(part)} WHERE ${raw(key)} IN ${ids}`
    await t.run(gone.text, gone.params)
  }
  for (const { artifact_uri } of rows) {
    const owner = placeOfUri(artifact_uri)?.owner ?? ''
    if (owner !== '') await t.run('DELETE FROM artifacts WHERE owner = ?', [owner])
  }
  return rows.length
}
