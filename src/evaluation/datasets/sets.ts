/** Datasets for evaluation: made, found, tagged, joined with experiments, deleted. */
import { createHash } from 'node:crypto'
import type { Principal } from '../../contract/access.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { requireExperiment } from '../../tracking/experiments/experiments.ts'
import { checkKey, checkLength, LIMITS } from '../../mlflow/limits.ts'
import { homeProject, sees } from '../../auth/visibility.ts'
import { hexId } from '../../tracking/context/ids.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { insertRow } from '../../store/sql/rows.ts'
import { fetchAll, inList, insertRows, sql } from '../../store/sql/sql.ts'
import { invalid, missing } from '../../mlflow/wire.ts'

/** A row of the table; times in ms since 1970. */
export interface SetRow {
  readonly dataset_id: string
  readonly project: string
  readonly name: string
  readonly digest: string
  readonly schema: string | null
  readonly records: number
  readonly created_time: number
  readonly last_update_time: number
  readonly created_by: string | null
  readonly last_updated_by: string | null
}

/** A dataset in MLflow's shape: tags, schema and profile are JSON texts. */
export interface WireSet {
  readonly dataset_id: string
  readonly name: string
  readonly tags: string
  readonly schema?: string
  readonly profile?: string
  readonly digest: string
  readonly created_time: number
  readonly last_update_time: number
  readonly created_by?: string
  readonly last_updated_by?: string
  readonly experiment_ids?: readonly string[]
}

export type Tags = Readonly<Record<string, string>>

const USER_TAG = 'mlflow.user'
const LONGEST_NAME = 255
const LONGEST_TAG = 5000
/** Experiments named by one call at most. */
const MOST_EXPERIMENTS = 1000

/** Makes an empty dataset for the given experiments, which must exist. */
export async function createSet(
  room: Tracking,
  who: Principal,
  given: { readonly name: string; readonly experiment_ids: readonly string[]; readonly tags: Tags },
): Promise<WireSet> {
  if (given.name.trim() === '') throw invalid("Missing value for required parameter 'name'.")
  checkLength(given.name, 'name', LONGEST_NAME)
  checkTags(given.tags)
  const id = `d-${hexId(room)}`
  const now = room.clock()
  const user = given.tags[USER_TAG] ?? null
  return room.db.tx(async (t) => {
    await insertRow(t, 'evaluation_datasets', {
      dataset_id: id,
      project: homeProject(who),
      name: given.name,
      digest: digestOf(given.name, now),
      records: 0,
      created_time: now,
      last_update_time: now,
      created_by: user,
      last_updated_by: user,
    })
    await putTags(t, id, given.tags)
    await join(t, who, id, given.experiment_ids)
    await room.record(t, who, {
      verb: 'write',
      resource: 'runs',
      id,
      detail: { created: 'dataset', name: given.name },
    })
    return readSet(t, await requireSet(t, who, id))
  })
}

/** The digest of a state: of the name and the time of the last change, as MLflow makes it. */
export function digestOf(name: string, time: number): string {
  return createHash('sha256').update(`${name}:${time}`).digest('hex').slice(0, 8)
}

/** The row of a dataset that a principal sees. RESOURCE_DOES_NOT_EXIST. */
export async function requireSet(reader: Reader, who: Principal, id: string): Promise<SetRow> {
  const row = await reader.get<SetRow>('SELECT * FROM evaluation_datasets WHERE dataset_id = ?', [id])
  if (row === undefined || !sees(who, row.project)) {
    throw missing(`Evaluation dataset with id '${id}' not found`, 'dataset', id)
  }
  return row
}

/** One dataset with its tags and experiments. */
export async function getSet(room: Tracking, who: Principal, id: string): Promise<WireSet> {
  return readSet(room.db, await requireSet(room.db, who, id))
}

/** Deletes a dataset with its records. Nothing happens when there is none. */
export async function deleteSet(room: Tracking, who: Principal, id: string): Promise<void> {
  await room.db.tx(async (t) => {
    const row = await t.get<SetRow>('SELECT * FROM evaluation_datasets WHERE dataset_id = ?', [id])
    if (row === undefined || !sees(who, row.project)) return
    for (const table of [
      'evaluation_records',
      'evaluation_dataset_tags',
      'evaluation_dataset_experiments',
      'evaluation_datasets',
    ]) {
      await t.run(`DELETE FROM ${table} WHERE dataset_id = ?`, [id])
    }
    const detail = { deleted: 'dataset', name: row.name }
    await room.record(t, who, { verb: 'write', resource: 'runs', id, detail })
  })
}

/** Sets tags; a null takes one away. */
export async function setSetTags(
  room: Tracking,
  who: Principal,
  id: string,
  tags: Readonly<Record<string, string | null>>,
): Promise<void> {
  const entries = Object.entries(tags)
  const kept = Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null))
  checkTags(kept)
  await room.db.tx(async (t) => {
    await requireSet(t, who, id)
    await putTags(t, id, kept)
    for (const [key, value] of entries) {
      if (value === null) await t.run('DELETE FROM evaluation_dataset_tags WHERE dataset_id = ? AND key = ?', [id, key])
    }
    const user = kept[USER_TAG] ?? null
    await t.run(
      'UPDATE evaluation_datasets SET last_update_time = ?, last_updated_by = COALESCE(?, last_updated_by) WHERE dataset_id = ?',
      [room.clock(), user, id],
    )
  })
}

/** Removes a tag; nothing happens when it is not set, or there is no such dataset. */
export async function deleteSetTag(room: Tracking, who: Principal, id: string, key: string): Promise<void> {
  await room.db.tx(async (t) => {
    const row = await t.get<SetRow>('SELECT * FROM evaluation_datasets WHERE dataset_id = ?', [id])
    if (row === undefined || !sees(who, row.project)) return
    await t.run('DELETE FROM evaluation_dataset_tags WHERE dataset_id = ? AND key = ?', [id, key])
  })
}

/** The ids of a dataset's experiments, in order. */
export async function experimentsOf(reader: Reader, id: string): Promise<string[]> {
  const rows = await reader.all<{ experiment_id: string }>(
    'SELECT experiment_id FROM evaluation_dataset_experiments WHERE dataset_id = ? ORDER BY experiment_id',
    [id],
  )
  return rows.map((row) => row.experiment_id)
}

/** Joins a dataset with experiments, or parts it from them; again is fine. */
export async function linkSet(
  room: Tracking,
  who: Principal,
  id: string,
  change: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
): Promise<WireSet> {
  return room.db.tx(async (t) => {
    await requireSet(t, who, id)
    await join(t, who, id, change.add ?? [])
    for (const experiment of change.remove ?? []) {
      await t.run('DELETE FROM evaluation_dataset_experiments WHERE dataset_id = ? AND experiment_id = ?', [
        id,
        experiment,
      ])
    }
    await t.run('UPDATE evaluation_datasets SET last_update_time = ? WHERE dataset_id = ?', [room.clock(), id])
    return readSet(t, await requireSet(t, who, id))
  })
}

/** Fills rows with their tags and experiments, in the same order. */
export async function readSets(reader: Reader, rows: readonly SetRow[]): Promise<WireSet[]> {
  if (rows.length === 0) return []
  const ids = inList(rows.map((row) => row.dataset_id))
  const tags = await fetchAll<{ dataset_id: string; key: string; value: string }>(
    reader,
    sql`SELECT dataset_id, key, value FROM evaluation_dataset_tags WHERE dataset_id IN ${ids} ORDER BY key`,
  )
  const links = await fetchAll<{ dataset_id: string; experiment_id: string }>(
    reader,
    sql`SELECT dataset_id, experiment_id FROM evaluation_dataset_experiments WHERE dataset_id IN ${ids} ORDER BY experiment_id`,
  )
  const tagsOf = Map.groupBy(tags, (row) => row.dataset_id)
  const linksOf = Map.groupBy(links, (row) => row.dataset_id)
  return rows.map((row) => {
    const own = (tagsOf.get(row.dataset_id) ?? []).map(({ key, value }) => [key, value])
    const experiment_ids = (linksOf.get(row.dataset_id) ?? []).map((link) => link.experiment_id)
    return wire(row, JSON.stringify(Object.fromEntries(own)), experiment_ids)
  })
}

async function readSet(reader: Reader, row: SetRow): Promise<WireSet> {
  const [set] = await readSets(reader, [row])
  return set as WireSet
}

function wire(row: SetRow, tags: string, experiment_ids: readonly string[]): WireSet {
  return {
    dataset_id: row.dataset_id,
    name: row.name,
    tags,
    ...(row.schema !== null && { schema: row.schema }),
    ...(row.records > 0 && { profile: JSON.stringify({ num_records: row.records }) }),
    digest: row.digest,
    created_time: row.created_time,
    last_update_time: row.last_update_time,
    ...(row.created_by !== null && { created_by: row.created_by }),
    ...(row.last_updated_by !== null && { last_updated_by: row.last_updated_by }),
    ...(experiment_ids.length > 0 && { experiment_ids }),
  }
}

function checkTags(tags: Tags): void {
  for (const [key, value] of Object.entries(tags)) {
    checkKey(key, 'tags.key', 'key')
    checkLength(value, `tags.${key}`, LONGEST_TAG)
    checkLength(key, 'key', LIMITS.key)
  }
}

async function putTags(t: Tx, id: string, tags: Tags): Promise<void> {
  await insertRows(
    t,
    'INSERT INTO evaluation_dataset_tags (dataset_id, key, value)',
    Object.entries(tags).map(([key, value]) => [id, key, value]),
    'ON CONFLICT (dataset_id, key) DO UPDATE SET value = excluded.value',
  )
}

async function join(t: Tx, who: Principal, id: string, experiments: readonly string[]): Promise<void> {
  if (experiments.length > MOST_EXPERIMENTS) {
    throw invalid(`A call can name at most ${MOST_EXPERIMENTS} experiment_ids. Got ${experiments.length}.`)
  }
  for (const experiment of new Set(experiments)) {
    const { experiment_id } = await requireExperiment(t, who, experiment)
    const link = { dataset_id: id, experiment_id }
    await insertRow(t, 'evaluation_dataset_experiments', link, 'ON CONFLICT DO NOTHING')
  }
}
