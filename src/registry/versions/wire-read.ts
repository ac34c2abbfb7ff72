/** Finds models and versions for MLflow's clients, and shows them in its shapes. */
import type { Principal } from '../../contract/access.ts'
import type { Reader } from '../../store/db.ts'
import { fetchAll, inList, raw, sql } from '../../store/sql/sql.ts'
import { sees } from '../../auth/visibility.ts'
import { invalid, missing } from '../../mlflow/wire.ts'
import { checkAlias, checkModelName, PROMPT_TAG, stageOf, versionNumber } from '../context/names.ts'
import { findVersion } from '../context/context.ts'
import type { ModelRow, VersionRow } from '../context/context.ts'

/** A tag with its model. */
interface Keyed {
  readonly model: string
  readonly key: string
  readonly value: string
}

/** The row of a model that a principal may see. RESOURCE_DOES_NOT_EXIST. */
export async function wireModel(reader: Reader, who: Principal, name: string): Promise<ModelRow> {
  checkModelName(name)
  const row = await reader.get<ModelRow>('SELECT * FROM registered_models WHERE name = ?', [name])
  if (row === undefined || !sees(who, row.project)) {
    throw missing(`Registered Model with name=${name} not found`, 'model', name)
  }
  return row
}

/** The row of a version that a principal may see. RESOURCE_DOES_NOT_EXIST. */
export async function wireVersion(
  reader: Reader,
  who: Principal,
  name: string,
  version: string | number,
): Promise<VersionRow> {
  checkModelName(name)
  const number = versionNumber(String(version))
  const model = await reader.get<ModelRow>('SELECT * FROM registered_models WHERE name = ?', [name])
  const row = model === undefined || !sees(who, model.project) ? undefined : await findVersion(reader, name, number)
  if (row === undefined) {
    throw missing(`Model Version (name=${name}, version=${number}) not found`, 'model version', `${name}/${number}`)
  }
  return row
}

/** The version that an alias names; `latest` is the newest. INVALID_PARAMETER_VALUE when the alias is not set. */
export async function versionByAlias(reader: Reader, who: Principal, name: string, alias: string): Promise<VersionRow> {
  checkAlias(alias)
  if (alias.toLowerCase() === 'latest') return newestVersion(reader, who, name)
  await wireModel(reader, who, name)
  const row = await reader.get<{ version: number }>('SELECT version FROM model_aliases WHERE model = ? AND alias = ?', [
    name,
    alias,
  ])
  if (row === undefined) throw invalid(`Registered model alias ${alias} not found.`)
  return wireVersion(reader, who, name, row.version)
}

/** The newest version, or the newest of a stage. RESOURCE_DOES_NOT_EXIST when there is none. */
export async function newestVersion(reader: Reader, who: Principal, name: string, stage?: string): Promise<VersionRow> {
  await wireModel(reader, who, name)
  const of = stage === undefined ? raw('1 = 1') : sql`stage = ${stageOf(stage)}`
  const [row] = await fetchAll<VersionRow>(
    reader,
    sql`SELECT * FROM model_versions WHERE model = ${name} AND deleted_at IS NULL AND ${of} ORDER BY version DESC LIMIT 1`,
  )
  if (row === undefined) throw missing(`Latest version not found for model ${name}.`, 'model version', name)
  return row
}

/** True when a model holds the versions of a prompt. */
export async function isPrompt(reader: Reader, name: string): Promise<boolean> {
  const tag = await reader.get<{ value: string }>(
    'SELECT value FROM registered_model_tags WHERE model = ? AND key = ?',
    [name, PROMPT_TAG],
  )
  return tag?.value.toLowerCase() === 'true'
}

/** The newest version of each stage of the given models. */
export function latestVersions(
  reader: Reader,
  models: readonly string[],
  stages?: readonly string[],
): Promise<VersionRow[]> {
  const of = stages === undefined ? raw('1 = 1') : sql`v.stage IN ${inList(stages)}`
  return fetchAll<VersionRow>(
    reader,
    sql`SELECT v.* FROM model_versions v JOIN (
        SELECT model, stage, MAX(version) AS version FROM model_versions
        WHERE model IN ${inList(models)} AND deleted_at IS NULL GROUP BY model, stage
      ) n ON n.model = v.model AND n.version = v.version
      WHERE ${of} ORDER BY v.model, v.version`,
  )
}

/** Models in MLflow's shape, in the order of the rows. */
export async function showModels(reader: Reader, rows: readonly ModelRow[]): Promise<object[]> {
  if (rows.length === 0) return []
  const names = inList(rows.map((row) => row.name))
  const [tags, aliases, latest] = await Promise.all([
    fetchAll<Keyed>(
      reader,
      sql`SELECT model, key, value FROM registered_model_tags WHERE model IN ${names} ORDER BY model, key`,
    ),
    fetchAll<{ model: string; alias: string; version: number }>(
      reader,
      sql`SELECT model, alias, version FROM model_aliases WHERE model IN ${names} ORDER BY model, alias`,
    ),
    latestVersions(
      reader,
      rows.map((row) => row.name),
    ),
  ])
  const shown = await showVersions(reader, latest)
  return rows.map((row) => ({
    name: row.name,
    creation_timestamp: row.created_at,
    last_updated_timestamp: row.updated_at,
    user_id: row.created_by,
    ...(row.description !== '' && { description: row.description }),
    ...some(
      'latest_versions',
      shown.filter((_, index) => latest[index]?.model === row.name),
    ),
    ...some(
      'tags',
      tags.filter((tag) => tag.model === row.name).map(({ key, value }) => ({ key, value })),
    ),
    ...some(
      'aliases',
      aliases
        .filter((alias) => alias.model === row.name)
        .map(({ alias, version }) => ({ alias, version: String(version) })),
    ),
  }))
}

/** Rows asked for by one statement; each is two values. */
const CHUNK = 256

/** Versions in MLflow's shape, in the order of the rows. */
export async function showVersions(reader: Reader, rows: readonly VersionRow[]): Promise<object[]> {
  const shown: object[] = []
  for (let at = 0; at < rows.length; at += CHUNK) shown.push(...(await showChunk(reader, rows.slice(at, at + CHUNK))))
  return shown
}

async function showChunk(reader: Reader, rows: readonly VersionRow[]): Promise<object[]> {
  const models = inList([...new Set(rows.map((row) => row.model))])
  const versions = inList([...new Set(rows.map((row) => row.version))])
  const where = sql`model IN ${models} AND version IN ${versions}`
  const [tags, aliases] = await Promise.all([
    fetchAll<Keyed & { version: number }>(
      reader,
      sql`SELECT model, version, key, value FROM model_version_tags WHERE ${where} ORDER BY key`,
    ),
    fetchAll<{ model: string; version: number; alias: string }>(
      reader,
      sql`SELECT model, version, alias FROM model_aliases WHERE ${where} ORDER BY alias`,
    ),
  ])
  const tagsOf = Map.groupBy(tags, keyOf)
  const aliasesOf = Map.groupBy(aliases, keyOf)
  return rows.map((row) =>
    showVersion(
      row,
      (tagsOf.get(keyOf(row)) ?? []).map(({ key, value }) => ({ key, value })),
      (aliasesOf.get(keyOf(row)) ?? []).map(({ alias }) => alias),
    ),
  )
}

function keyOf(one: { readonly model: string; readonly version: number }): string {
  return `${one.version}/${one.model}`
}

function showVersion(row: VersionRow, tags: readonly object[], aliases: readonly string[]): object {
  return {
    name: row.model,
    version: String(row.version),
    creation_timestamp: row.created_at,
    last_updated_timestamp: row.updated_at,
    user_id: row.created_by,
    current_stage: row.stage,
    description: row.description,
    source: row.source,
    status: 'READY',
    run_link: row.run_link,
    ...(row.run_id !== null && { run_id: row.run_id }),
    ...(row.model_id !== null && { model_id: row.model_id }),
    ...some('tags', tags),
    ...some('aliases', aliases),
  }
}

/** MLflow leaves out what is empty. */
function some(key: string, list: readonly unknown[]): object {
  return list.length > 0 ? { [key]: list } : {}
}
