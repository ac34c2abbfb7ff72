/** Scorers of experiments: kept in versions as their clients serialise them. The server never runs one. */
import type { Principal } from '../../contract/access.ts'
import type { Reader, Sql } from '../../store/db.ts'
import { requireActiveExperiment, requireExperiment } from '../../tracking/experiments/experiments.ts'
import { checkLength } from '../../mlflow/limits.ts'
import {
  EXPERIMENT_ORDER,
  IN_ACTIVE_EXPERIMENT,
  joinExperiment,
  seesExperiment,
} from '../../tracking/experiments/join.ts'
import { hexId } from '../../tracking/context/ids.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { insertion, insertRow } from '../../store/sql/rows.ts'
import { all, fetchAll, inList, raw, sql } from '../../store/sql/sql.ts'
import { invalid, missing } from '../../mlflow/wire.ts'

/** A version in MLflow's shape; its id of an experiment is a number. */
export interface WireScorer {
  readonly experiment_id: number
  readonly scorer_name: string
  readonly scorer_version: number
  readonly serialized_scorer: string
  readonly creation_time: number
  readonly scorer_id: string
}

interface ScorerRow {
  readonly experiment_id: string
  readonly name: string
  readonly version: number
  readonly serialized: string
  readonly creation_time: number
  readonly scorer_id: string
}

const LONGEST_NAME = 256
/** Longest serialised scorer, characters. */
const LONGEST = 1_000_000

/** Keeps the next version of a scorer; its text must be the JSON of an object. */
export async function registerScorer(
  room: Tracking,
  who: Principal,
  given: { readonly experiment_id: string; readonly name: string; readonly serialized_scorer: string },
): Promise<WireScorer> {
  if (given.name.trim() === '') throw invalid('Scorer name cannot be empty or only whitespace.')
  checkLength(given.name, 'name', LONGEST_NAME)
  checkLength(given.serialized_scorer, 'serialized_scorer', LONGEST)
  checkJson(given.serialized_scorer)
  return room.db.tx(async (t) => {
    const { experiment_id } = await requireActiveExperiment(t, room, who, given.experiment_id)
    const { name } = given
    const counted = insertion(
      'scorers',
      { experiment_id, name, scorer_id: hexId(room), last_version: 1 },
      `ON CONFLICT (experiment_id, name) DO UPDATE SET last_version = scorers.last_version + 1
        RETURNING last_version, scorer_id`,
    )
    const row = await t.get<{ last_version: number; scorer_id: string }>(counted.text, counted.params)
    const version = row?.last_version ?? 1
    const creation_time = room.clock()
    const made = { experiment_id, name, version, serialized: given.serialized_scorer, creation_time }
    await insertRow(t, 'scorer_versions', made)
    const detail = { registered: 'scorer', name, version }
    await room.record(t, who, { verb: 'write', resource: 'runs', id: experiment_id, detail })
    return wire({ ...made, scorer_id: row?.scorer_id ?? '' })
  })
}

/** The newest version of each scorer of the experiments that a principal sees; all of them where none is named. */
export async function listScorers(
  room: Tracking,
  who: Principal,
  experimentIds: readonly string[] | undefined,
): Promise<WireScorer[]> {
  const of = experimentIds === undefined ? raw('1 = 1') : sql`s.experiment_id IN ${inList(experimentIds)}`
  const newest = sql`v.version = (SELECT MAX(n.version) FROM scorer_versions n
    WHERE n.experiment_id = v.experiment_id AND n.name = v.name)`
  return (await rowsOf(room.db, all([of, newest, IN_ACTIVE_EXPERIMENT, seesExperiment(who)]))).map(wire)
}

/** Every version of a scorer, oldest first. RESOURCE_DOES_NOT_EXIST. */
export async function scorerVersions(
  room: Tracking,
  who: Principal,
  experimentId: string,
  name: string,
): Promise<WireScorer[]> {
  const { experiment_id } = await requireExperiment(room.db, who, experimentId)
  const rows = await rowsOf(room.db, sql`v.experiment_id = ${experiment_id} AND v.name = ${name}`)
  if (rows.length === 0) throw absent(experimentId, name)
  return rows.map(wire)
}

/** One version, the newest where none is named. RESOURCE_DOES_NOT_EXIST. */
export async function getScorer(
  room: Tracking,
  who: Principal,
  of: { readonly experiment_id: string; readonly name: string; readonly version: number | undefined },
): Promise<WireScorer> {
  const versions = await scorerVersions(room, who, of.experiment_id, of.name)
  const found = of.version === undefined ? versions.at(-1) : versions.find((one) => one.scorer_version === of.version)
  if (found === undefined) throw absent(of.experiment_id, of.name, of.version)
  return found
}

/** Deletes a version, or the whole scorer. RESOURCE_DOES_NOT_EXIST. */
export async function deleteScorer(
  room: Tracking,
  who: Principal,
  of: { readonly experiment_id: string; readonly name: string; readonly version: number | undefined },
): Promise<void> {
  await room.db.tx(async (t) => {
    const { experiment_id } = await requireExperiment(t, who, of.experiment_id)
    const which = of.version === undefined ? raw('1 = 1') : sql`version = ${of.version}`
    const gone = sql`DELETE FROM scorer_versions WHERE experiment_id = ${experiment_id} AND name = ${of.name} AND ${which}`
    if ((await t.run(gone.text, gone.params)) === 0) throw absent(of.experiment_id, of.name, of.version)
    // numbers are not given again while the scorer has a version left
    await t.run(
      `DELETE FROM scorers WHERE experiment_id = ? AND name = ? AND NOT EXISTS
        (SELECT 1 FROM scorer_versions v WHERE v.experiment_id = scorers.experiment_id AND v.name = scorers.name)`,
      [experiment_id, of.name],
    )
    await t.run(
      `DELETE FROM scorer_sampling WHERE experiment_id = ? AND name = ? AND NOT EXISTS
        (SELECT 1 FROM scorers s WHERE s.experiment_id = scorer_sampling.experiment_id AND s.name = scorer_sampling.name)`,
      [experiment_id, of.name],
    )
    const detail = { deleted: 'scorer', name: of.name, version: of.version ?? 'all' }
    await room.record(t, who, { verb: 'write', resource: 'runs', id: experiment_id, detail })
  })
}

function rowsOf(reader: Reader, where: Sql): Promise<ScorerRow[]> {
  return fetchAll<ScorerRow>(
    reader,
    sql`SELECT v.*, s.scorer_id FROM scorer_versions v
      JOIN scorers s ON s.experiment_id = v.experiment_id AND s.name = v.name
      ${joinExperiment('v.experiment_id')}
      WHERE ${where} ORDER BY ${EXPERIMENT_ORDER}, v.name, v.version`,
  )
}

function checkJson(text: string): void {
  try {
    const value = JSON.parse(text) as unknown
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  } catch {
    // told below
  }
  throw invalid("Invalid value for parameter 'serialized_scorer' supplied: expected the JSON text of an object.")
}

function absent(experiment: string, name: string, version?: number): Error {
  const which = version === undefined ? '' : ` and version ${version}`
  return missing(
    `Scorer with name '${name}'${which} not found for experiment '${experiment}'.`,
    'scorer',
    `${experiment}/${name}`,
  )
}

function wire(row: ScorerRow): WireScorer {
  return {
    experiment_id: Number(row.experiment_id),
    scorer_name: row.name,
    scorer_version: row.version,
    serialized_scorer: row.serialized,
    creation_time: row.creation_time,
    scorer_id: row.scorer_id,
  }
}
