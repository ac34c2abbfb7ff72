/** The rows of studies and their trials: as they are stored, and as the code reads them. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { SearchPlan, StudyState, TrialState } from '../../contract/pipelines/studies.ts'
import { parseNumerals } from '../../contract/values/numerals.ts'
import type { Reader } from '../../store/db.ts'
import { newestFirst, type NewestQuery } from '../../store/sql/newest.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'

export interface StudyRow {
  readonly id: string
  readonly project: string
  readonly version_id: string
  readonly plan: SearchPlan
  readonly state: StudyState
  readonly reason: string
  /** How it is to end once nothing is under way; null while it is to go on. */
  readonly ending: 'finished' | 'stopped' | 'failed' | null
  /** For whom its runs are made. */
  readonly who: Principal
  readonly round: number
  readonly run_of_winner: string | null
  readonly created_at: number
  readonly created_by: string
  readonly started_at: number
  readonly finished_at: number | null
  /** Why it cannot be moved on now. */
  readonly trouble: string | null
}

export interface TrialRow {
  readonly study_id: string
  readonly number: number
  readonly params: Readonly<Record<string, unknown>>
  readonly state: TrialState
  readonly run_id: string
  readonly value: number | null
  readonly position: number
  readonly judged: number
  readonly pruned_at: number | null
  readonly message: string
  readonly created_at: number
  readonly finished_at: number | null
}

/** A study with its trials by number. */
export interface StudyTree {
  readonly study: StudyRow
  readonly trials: readonly TrialRow[]
}

export const OPEN_STUDIES: readonly StudyState[] = ['running', 'stopping', 'evaluating']
export const OPEN_TRIALS: readonly TrialState[] = ['waiting', 'running']

type Stored = Record<string, unknown>

function parseStudy(row: Stored): StudyRow {
  const [plan, who] = [row['plan'], row['who']].map((text) => parseNumerals(String(text)))
  return { ...row, plan, who } as unknown as StudyRow
}

function parseTrial(row: Stored): TrialRow {
  return { ...row, params: parseNumerals(String(row['params'])) } as unknown as TrialRow
}

/** Undefined when there is none. */
export async function readStudy(reader: Reader, id: string): Promise<StudyTree | undefined> {
  const row = await reader.get<Stored>('SELECT * FROM pipeline_studies WHERE id = ?', [id])
  if (row === undefined) return undefined
  const trials = await reader.all<Stored>('SELECT * FROM pipeline_trials WHERE study_id = ? ORDER BY number', [id])
  return { study: parseStudy(row), trials: trials.map(parseTrial) }
}

/** Throws `not_found`, also for a study of a project that the caller does not see. */
export async function requireStudy(reader: Reader, who: Principal, id: string): Promise<StudyTree> {
  const tree = await readStudy(reader, id)
  if (tree === undefined || (who.project !== null && who.project !== tree.study.project))
    throw problem('not_found', { what: 'study', id })
  return tree
}

/** A study in a list: without its trials. */
export interface ListedStudy {
  readonly study: StudyRow
  readonly counts: Readonly<Partial<Record<TrialState, number>>>
  readonly best: TrialRow | undefined
}

/** Studies, newest first, before a position of `created_at` and id. */
export async function listStudies(reader: Reader, query: NewestQuery): Promise<ListedStudy[]> {
  const rows = await fetchAll<Stored>(reader, sql`SELECT * FROM pipeline_studies ${newestFirst(query)}`)
  if (rows.length === 0) return []
  const studies = rows.map(parseStudy)
  const ids = inList(studies.map((study) => study.id))
  const states = await fetchAll<{ study_id: string; state: TrialState; trials: number }>(
    reader,
    sql`SELECT study_id, state, COUNT(*) AS trials FROM pipeline_trials WHERE study_id IN ${ids} GROUP BY study_id, state`,
  )
  const byStudy = Map.groupBy(states, ({ study_id }) => study_id)
  return Promise.all(
    studies.map(async (study) => ({
      study,
      counts: Object.fromEntries((byStudy.get(study.id) ?? []).map(({ state, trials }) => [state, trials])),
      best: await bestTrial(reader, study),
    })),
  )
}

async function bestTrial(reader: Reader, { id, plan }: StudyRow): Promise<TrialRow | undefined> {
  const order = plan.direction === 'maximize' ? 'DESC' : 'ASC'
  const row = await reader.get<Stored>(
    `SELECT * FROM pipeline_trials WHERE study_id = ? AND state = 'succeeded' ORDER BY value ${order}, number LIMIT 1`,
    [id],
  )
  return row === undefined ? undefined : parseTrial(row)
}

/** The ids of studies that have not ended, oldest first. */
export async function openStudies(reader: Reader): Promise<string[]> {
  const rows = await reader.all<{ id: string }>(
    "SELECT id FROM pipeline_studies WHERE state IN ('running', 'stopping', 'evaluating') ORDER BY created_at, id",
  )
  return rows.map(({ id }) => id)
}
