/** Experiments: made, found, renamed, tagged, deleted and restored with their runs. */
import type { Tag } from '../context/pairs.ts'
import { ifFound } from '../../contract/absence/absent.ts'
import type { Principal } from '../../contract/access.ts'
import type { Db, Reader, Tx } from '../../store/db.ts'
import { fullyDecoded } from '../context/paths.ts'
import { LIMITS, checkExperimentName, checkKey, checkLength } from '../../mlflow/limits.ts'
import { homeProject, sees, visible } from '../../auth/visibility.ts'
import type { Tracking } from '../context/context.ts'
import { fetchAll, inList, searchAll, sql } from '../../store/sql/sql.ts'
import { locationOf } from '../context/suite-place.ts'
import { invalid, missing, mlflowProblem } from '../../mlflow/wire.ts'
import { insertRow } from '../../store/sql/rows.ts'

export type Stage = 'active' | 'deleted'

/** A row of the table; times in ms since 1970. */
export interface ExperimentRow {
  readonly experiment_id: string
  readonly seq: number
  readonly project: string
  readonly name: string
  readonly artifact_location: string
  readonly lifecycle_stage: Stage
  readonly creation_time: number
  readonly last_update_time: number
}

export type Experiment = Omit<ExperimentRow, 'seq'> & { readonly tags: readonly Tag[] }

/** The experiment that MLflow's client uses when none is named. */
const DEFAULT_ID = '0'

export interface NewExperiment {
  readonly name: string
  readonly artifact_location?: string | undefined
  readonly tags?: readonly Tag[]
}

/** Makes an experiment and returns its id. RESOURCE_ALREADY_EXISTS when the project has one of that name, deleted or not. */
export async function createExperiment(room: Tracking, who: Principal, given: NewExperiment): Promise<string> {
  checkExperimentName(given.name)
  checkLocation(given.artifact_location)
  for (const tag of given.tags ?? []) checkTag(tag)
  return room.db.tx(async (t) => {
    const id = await insertExperiment(t, room, homeProject(who), given)
    await room.record(t, who, {
      verb: 'write',
      resource: 'runs',
      id,
      detail: { created: 'experiment', name: given.name },
    })
    return id
  })
}

/** Dates the experiment that came with the tables: with the oldest of the others, or now. */
export async function dateDefault(t: Tx, room: Tracking): Promise<void> {
  const found = await t.get('SELECT seq FROM experiments WHERE experiment_id = ? AND creation_time = 0', [DEFAULT_ID])
  if (found === undefined) return
  const first = await t.get<{ at: number | null }>(
    'SELECT MIN(creation_time) AS at FROM experiments WHERE creation_time > 0',
  )
  const at = first?.at ?? room.clock()
  await t.run('UPDATE experiments SET creation_time = ? WHERE experiment_id = ?', [at, DEFAULT_ID])
  await t.run('UPDATE experiments SET last_update_time = ? WHERE experiment_id = ? AND last_update_time = 0', [
    at,
    DEFAULT_ID,
  ])
}

/** The id of the experiment of that name in a project, made when absent. For rooms that log by themselves. */
export async function ensureExperiment(t: Tx, room: Tracking, project: string, name: string): Promise<string> {
  const found = await t.get<ExperimentRow>('SELECT * FROM experiments WHERE project = ? AND name = ?', [project, name])
  return found?.experiment_id ?? insertExperiment(t, room, project, { name })
}

/** The experiment with its tags. RESOURCE_DOES_NOT_EXIST. */
export async function getExperiment(room: Tracking, who: Principal, id: string): Promise<Experiment> {
  const row = await requireExperiment(room.db, who, id)
  return withTags(room.db, row)
}

/** The experiment of that name; a principal of all projects gets the default project's first. RESOURCE_DOES_NOT_EXIST. */
export async function getExperimentByName(room: Tracking, who: Principal, name: string): Promise<Experiment> {
  const query = sql`SELECT * FROM experiments WHERE name = ${name} AND ${visible(who, 'project')}
    ORDER BY CASE WHEN project = 'default' THEN 0 ELSE 1 END, seq`
  const [row] = await fetchAll<ExperimentRow>(room.db, query)
  if (row === undefined) throw missing(`Could not find experiment with name '${name}'`, 'experiment', name)
  return withTags(room.db, row)
}

/** The row, if the principal sees it. The id "0" means a project's own default experiment. */
export async function requireExperiment(reader: Reader, who: Principal, id: string): Promise<ExperimentRow> {
  const row = isOwnDefault(who, id)
    ? await reader.get<ExperimentRow>('SELECT * FROM experiments WHERE project = ? AND name = ?', [
        who.project,
        'Default',
      ])
    : await reader.get<ExperimentRow>('SELECT * FROM experiments WHERE experiment_id = ?', [id])
  if (row !== undefined && sees(who, row.project)) return row
  checkId(id)
  throw unknown(id)
}

function isOwnDefault({ project }: Principal, id: string): boolean {
  return project !== null && project !== 'default' && id === DEFAULT_ID
}

function checkId(id: string): void {
  if (!/^[+-]?\d+$/.test(id)) throw invalid(`Invalid experiment ID '${id}'. Experiment ID must be a valid integer.`)
}

/** Experiments that one search may name, how many are looked up one by one, and how many at once. */
const MOST_SEARCHED = 10_000
const FEW = 8
const CHUNK = 1000

/** The ids of those of the named experiments that exist and are seen. INVALID_PARAMETER_VALUE for too many, and for what is no id. */
export async function seenExperiments(db: Db, who: Principal, ids: readonly string[]): Promise<string[]> {
  const asked = [...new Set(ids)]
  if (asked.length > MOST_SEARCHED)
    throw invalid(`A search may name ${MOST_SEARCHED} experiments at most, got ${asked.length}.`)
  const rows = asked.length <= FEW ? undefined : await rowsAmong(db, asked)
  const seen: string[] = []
  for (const id of asked) {
    const row =
      rows === undefined || isOwnDefault(who, id) ? await ifFound(requireExperiment(db, who, id)) : rows.get(id)
    if (row !== undefined && sees(who, row.project)) seen.push(row.experiment_id)
    else checkId(id)
  }
  return seen
}

/** Many experiments by long reads, so that the event loop goes on. */
async function rowsAmong(db: Db, ids: readonly string[]): Promise<Map<string, ExperimentRow>> {
  const found = new Map<string, ExperimentRow>()
  for (let at = 0; at < ids.length; at += CHUNK) {
    const query = sql`SELECT * FROM experiments WHERE experiment_id IN ${inList(ids.slice(at, at + CHUNK))}`
    for (const row of await searchAll<ExperimentRow>(db, query)) found.set(row.experiment_id, row)
  }
  return found
}

/** The row of an experiment into which may be written; a project's own default experiment is made when first used. */
export async function requireActiveExperiment(
  t: Tx,
  room: Tracking,
  who: Principal,
  id: string,
): Promise<ExperimentRow> {
  if (id === DEFAULT_ID && who.project !== null && who.project !== 'default') {
    await ensureExperiment(t, room, who.project, 'Default')
  }
  const row = await requireExperiment(t, who, id)
  if (row.lifecycle_stage !== 'active') {
    throw invalid(`The experiment ${id} must be in the 'active' state. Current state is ${row.lifecycle_stage}.`)
  }
  return row
}

function unknown(id: string): Error {
  return missing(`No Experiment with id=${id} exists`, 'experiment', id)
}

/** Gives an experiment a new name. INVALID_STATE for a deleted one. */
export async function renameExperiment(room: Tracking, who: Principal, id: string, name: string): Promise<void> {
  checkExperimentName(name)
  await room.db.tx(async (t) => {
    const row = await requireExperiment(t, who, id)
    if (row.lifecycle_stage !== 'active') {
      throw mlflowProblem('INVALID_STATE', 'Cannot rename a non-active experiment.', 'experiment', id)
    }
    if (row.name !== name) await refuseTaken(t, row.project, name)
    await t.run('UPDATE experiments SET name = ?, last_update_time = ? WHERE experiment_id = ?', [
      name,
      room.clock(),
      row.experiment_id,
    ])
    await room.record(t, who, { verb: 'write', resource: 'runs', id, detail: { from: row.name, to: name } })
  })
}

/** Deletes an experiment with its active runs, or restores it with the runs that were deleted by that. RESOURCE_DOES_NOT_EXIST where it is so already. */
export async function setExperimentStage(room: Tracking, who: Principal, id: string, stage: Stage): Promise<void> {
  await room.db.tx(async (t) => {
    const row = await requireExperiment(t, who, id)
    if (row.lifecycle_stage === stage) throw unknown(id)
    const now = room.clock()
    if (stage === 'deleted') {
      await t.run(
        "UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = ? WHERE experiment_id = ? AND lifecycle_stage = 'active'",
        [now, row.experiment_id],
      )
    } else {
      await t.run(
        "UPDATE runs SET lifecycle_stage = 'active', deleted_time = NULL WHERE experiment_id = ? AND deleted_time = ?",
        [row.experiment_id, row.last_update_time],
      )
    }
    await t.run('UPDATE experiments SET lifecycle_stage = ?, last_update_time = ? WHERE experiment_id = ?', [
      stage,
      now,
      row.experiment_id,
    ])
    await room.record(t, who, { verb: 'write', resource: 'runs', id, detail: { experiment: row.name, stage } })
  })
}

/** Sets a tag; the last write wins. */
export async function setExperimentTag(room: Tracking, who: Principal, id: string, tag: Tag): Promise<void> {
  checkTag(tag)
  await room.db.tx(async (t) => {
    const row = await requireActiveExperiment(t, room, who, id)
    await putTags(t, row.experiment_id, [tag])
    await touch(t, room, row.experiment_id)
  })
}

/** Removes a tag. RESOURCE_DOES_NOT_EXIST when it is not set. */
export async function deleteExperimentTag(room: Tracking, who: Principal, id: string, key: string): Promise<void> {
  await room.db.tx(async (t) => {
    const row = await requireActiveExperiment(t, room, who, id)
    const gone = await t.run('DELETE FROM experiment_tags WHERE experiment_id = ? AND key = ?', [
      row.experiment_id,
      key,
    ])
    if (gone === 0) throw missing(`No tag with name: ${key} in experiment with id ${id}`, 'tag', key)
    await touch(t, room, row.experiment_id)
  })
}

/** Adds their tags to rows, in the same order. */
export async function withAllTags(reader: Reader, rows: readonly ExperimentRow[]): Promise<Experiment[]> {
  if (rows.length === 0) return []
  const ids = inList(rows.map((row) => row.experiment_id))
  const found = await fetchAll<Tag & { experiment_id: string }>(
    reader,
    sql`SELECT experiment_id, key, value FROM experiment_tags WHERE experiment_id IN ${ids} ORDER BY key`,
  )
  const tags = Map.groupBy(found, (tag) => tag.experiment_id)
  return rows.map((row) => ({
    experiment_id: row.experiment_id,
    project: row.project,
    name: row.name,
    artifact_location: row.artifact_location,
    lifecycle_stage: row.lifecycle_stage,
    creation_time: row.creation_time,
    last_update_time: row.last_update_time,
    tags: (tags.get(row.experiment_id) ?? []).map(({ key, value }) => ({ key, value })),
  }))
}

async function withTags(reader: Reader, row: ExperimentRow): Promise<Experiment> {
  const [experiment] = await withAllTags(reader, [row])
  return experiment as Experiment
}

async function insertExperiment(t: Tx, room: Tracking, project: string, given: NewExperiment): Promise<string> {
  await t.lock('experiments')
  await refuseTaken(t, project, given.name)
  const last = await t.get<{ seq: number }>('SELECT MAX(seq) AS seq FROM experiments')
  const seq = (last?.seq ?? 0) + 1
  const id = String(seq)
  const now = room.clock()
  await insertRow(t, 'experiments', {
    experiment_id: id,
    seq,
    project,
    name: given.name,
    artifact_location: locationOf(room, id, given.artifact_location),
    lifecycle_stage: 'active',
    creation_time: now,
    last_update_time: now,
  })
  await putTags(t, id, given.tags ?? [])
  return id
}

async function refuseTaken(t: Tx, project: string, name: string): Promise<void> {
  const taken = await t.get<ExperimentRow>('SELECT * FROM experiments WHERE project = ? AND name = ?', [project, name])
  if (taken === undefined) return
  const hint = taken.lifecycle_stage === 'deleted' ? ' It is deleted; restore it, or choose another name.' : ''
  throw mlflowProblem('RESOURCE_ALREADY_EXISTS', `Experiment(name=${name}) already exists.${hint}`, 'experiment', name)
}

async function putTags(t: Tx, id: string, tags: readonly Tag[]): Promise<void> {
  const over = 'ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value'
  for (const { key, value } of tags) await insertRow(t, 'experiment_tags', { experiment_id: id, key, value }, over)
}

async function touch(t: Tx, room: Tracking, id: string): Promise<void> {
  await t.run('UPDATE experiments SET last_update_time = ? WHERE experiment_id = ?', [room.clock(), id])
}

function checkTag(tag: Tag): void {
  checkKey(tag.key, 'key', 'key')
  checkLength(tag.value, 'value', LIMITS.experimentTag)
}

/** The server never opens a location that a client names: it only hands it back to clients that write there by themselves. */
function checkLocation(location: string | undefined): void {
  if (location === undefined || location === '') return
  if (location.length > LIMITS.artifactLocation) {
    throw invalid(
      `Invalid artifact path length. The length of the artifact path cannot be greater than ${LIMITS.artifactLocation} characters.`,
    )
  }
  if (location.startsWith('runs:')) throw invalid(`Artifact location cannot be a runs:/ URI. Given: '${location}'`)
  const plain = fullyDecoded(location)
  if (location.includes('#')) throw invalid("'artifact_location' URL can't include fragments or params.")
  if (location.includes('?') || plain === undefined || plain.split(/[/\\]/).includes('..')) {
    throw invalid(`'artifact_location' URIs can't include queries or '..': '${location}'`)
  }
}
