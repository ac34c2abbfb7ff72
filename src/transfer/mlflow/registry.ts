/** Registered models, versions and prompts of an MLflow database as rows of Slipway's registry. */
import type { Row } from '../../store/db.ts'
import type { MlflowSql } from './sql.ts'
import { movedUri } from './places.ts'
import type { Rows } from './runs.ts'

const DELETED = 'Deleted_Internal'

/** One registered model with its versions, tags and aliases. */
export async function* registeredModelRows(sql: MlflowSql, name: string): AsyncGenerator<Rows> {
  const project = (await sql.has('registered_models', 'workspace')) ? 'workspace' : "'default'"
  yield [
    'registered_models',
    await sql.all(
      `SELECT name, ${project} AS project, COALESCE(description, '') AS description, COALESCE(creation_time, 0) AS created_at,
         COALESCE(last_updated_time, creation_time, 0) AS updated_at, 'mlflow' AS created_by, '[]' AS gates,
         COALESCE((SELECT MAX(version) FROM model_versions v WHERE v.name = m.name), 0) AS last_version
       FROM registered_models m WHERE name = ?`,
      [name],
    ),
  ]
  yield [
    'registered_model_tags',
    await sql.all("SELECT name AS model, key, COALESCE(value, '') AS value FROM registered_model_tags WHERE name = ?", [
      name,
    ]),
  ]
  yield ['model_versions', await versionsOf(sql, name)]
  yield [
    'model_version_tags',
    await sql.all(
      "SELECT name AS model, version, key, COALESCE(value, '') AS value FROM model_version_tags WHERE name = ?",
      [name],
    ),
  ]
  const aliases = await sql.all(
    `SELECT a.name AS model, a.alias, a.version, COALESCE(m.last_updated_time, m.creation_time, 0) AS moved_at
     FROM registered_model_aliases a JOIN registered_models m ON m.name = a.name WHERE a.name = ? ORDER BY a.alias`,
    [name],
  )
  // MLflow keeps no history of aliases; the registry writes a move to where each stands
  yield ['model_aliases', aliases]
}

async function versionsOf(sql: MlflowSql, name: string): Promise<Row[]> {
  const storage = (await sql.has('model_versions', 'storage_location')) ? 'v.storage_location' : 'NULL'
  const rows = await sql.all(
    `SELECT v.name AS model, v.version, COALESCE(v.creation_time, 0) AS created_at,
       COALESCE(v.last_updated_time, v.creation_time, 0) AS updated_at, COALESCE(v.user_id, '') AS created_by,
       COALESCE(v.description, '') AS description, COALESCE(v.source, '') AS source, ${storage} AS storage, v.run_id,
       COALESCE(v.run_link, '') AS run_link, COALESCE(v.current_stage, 'None') AS stage
     FROM model_versions v WHERE v.name = ? ORDER BY v.version`,
    [name],
  )
  const full: Row[] = []
  for (const row of rows) full.push(fullVersion(row, await metricsOf(sql, row['run_id'] ?? null)))
  return full
}

/** A version's row as Slipway keeps it, from what MLflow says of it and the numbers of its run. */
export function fullVersion(row: Row, metrics: Readonly<Record<string, number>>): Row {
  const source = String(row['source'])
  const [, model_id = null] = /^models:\/(m-[0-9a-f]{32})$/.exec(source) ?? []
  const deleted = row['stage'] === DELETED
  return {
    ...row,
    source: movedSource(source),
    storage: movedSource(typeof row['storage'] === 'string' ? row['storage'] : source),
    run_id: row['run_id'] === '' ? null : (row['run_id'] ?? null),
    model_id,
    stage: deleted ? 'None' : (row['stage'] ?? 'None'),
    tree: null,
    size: 0,
    signature: null,
    metrics: JSON.stringify(metrics),
    data: '[]',
    evaluation: null,
    holdout: null,
    reference: null,
    reproducibility: null,
    verdict_id: null,
    deleted_at: deleted ? (row['updated_at'] ?? 0) : null,
  }
}

/** Names of runs and models stay; folders become the place that their files moved to. */
function movedSource(source: string): string {
  return /^(runs|models):\//.test(source) ? source : movedUri(source)
}

async function metricsOf(sql: MlflowSql, run: Row[string] | null): Promise<Record<string, number>> {
  if (typeof run !== 'string' || run === '') return {}
  const rows = await sql.all(
    'SELECT key, value, CAST(is_nan AS INTEGER) AS is_nan FROM latest_metrics WHERE run_uuid = ? ORDER BY key',
    [run],
  )
  return Object.fromEntries(
    rows.filter((row) => row['is_nan'] === 0).map((row) => [String(row['key']), Number(row['value'])]),
  )
}
