/** Issues of traces: made, read and changed, within the project of their experiment. */
import type { Principal } from '../../contract/access.ts'
import type { Reader } from '../../store/db.ts'
import { requireActiveExperiment } from '../../tracking/experiments/experiments.ts'
import { joinExperiment, seesExperiment } from '../../tracking/experiments/join.ts'
import { hexId } from '../../tracking/context/ids.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { requireRun } from '../../tracking/runs/runs.ts'
import { insertRow } from '../../store/sql/rows.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import { invalid, missing, mlflowProblem } from '../../mlflow/wire.ts'
import { checkEntries, checkIssue, checkMetadata, checkWho, listColumn, wireIssue } from './fields.ts'
import type { GivenIssue, IssueRow, WireIssue } from './fields.ts'

/** An issue that is to be made; without an id of its own it gets one. */
export interface NewIssue extends GivenIssue {
  readonly experiment_id: string
  readonly name: string
  readonly description: string
  readonly issue_id?: string | undefined
  readonly root_causes?: readonly string[] | undefined
  readonly source_run_id?: string | undefined
  readonly created_by?: string | undefined
}

const ISSUE_ID = /^iss-[A-Za-z0-9_-]{1,32}$/

/** Makes an issue. RESOURCE_DOES_NOT_EXIST without its experiment or run, RESOURCE_ALREADY_EXISTS for an id that is taken. */
export async function createIssue(room: Tracking, who: Principal, given: NewIssue): Promise<WireIssue> {
  checkIssue(given)
  checkWho('created_by', given.created_by)
  if (given.issue_id !== undefined && !ISSUE_ID.test(given.issue_id)) {
    throw invalid(
      `Invalid issue_id '${given.issue_id.slice(0, 100)}', expected iss- and 1 to 32 letters, digits, _ or -.`,
    )
  }
  const root_causes = listColumn('root_causes', given.root_causes ?? [])
  const categories = listColumn('categories', given.categories ?? [])
  return room.db.tx(async (t) => {
    const { experiment_id } = await requireActiveExperiment(t, room, who, given.experiment_id)
    if (given.source_run_id !== undefined) {
      const run = await requireRun(t, who, given.source_run_id)
      if (run.experiment_id !== experiment_id) throw invalid('The source run must be of the experiment of the issue.')
    }
    const now = room.clock()
    const by = given.created_by ?? who.name
    const row: IssueRow = {
      issue_id: given.issue_id ?? `iss-${hexId(room)}`,
      experiment_id,
      name: given.name,
      description: given.description,
      status: given.status ?? 'pending',
      severity: given.severity ?? null,
      root_causes,
      categories,
      source_run_id: given.source_run_id ?? null,
      created_by: by,
      created_timestamp: now,
      last_updated_timestamp: now,
      last_seen_timestamp: given.last_seen_timestamp ?? now,
      last_updated_by: by,
      metadata: given.metadata === undefined ? null : JSON.stringify(given.metadata),
    }
    const made = await insertRow(t, 'trace_issues', { ...row }, 'ON CONFLICT (issue_id) DO NOTHING')
    if (made === 0) {
      throw mlflowProblem(
        'RESOURCE_ALREADY_EXISTS',
        `Issue with ID '${row.issue_id}' already exists.`,
        'issue',
        row.issue_id,
      )
    }
    const detail = { created: 'issue', issue: row.issue_id }
    await room.record(t, who, { verb: 'write', resource: 'runs', id: experiment_id, detail })
    return wireIssue(row)
  })
}

/** One issue. RESOURCE_DOES_NOT_EXIST. */
export async function getIssue(room: Tracking, who: Principal, id: string): Promise<WireIssue> {
  return wireIssue(await requireIssue(room.db, who, id))
}

/** A change of an issue: what is undefined stays. Categories are replaced, each once; metadata is added to what is there. */
export interface IssueChange extends GivenIssue {
  readonly last_updated_by?: string | undefined
  readonly delete_metadata_keys?: readonly string[] | undefined
}

/** Changes what is given of an issue; when it was last seen never moves back. RESOURCE_DOES_NOT_EXIST. */
export async function updateIssue(room: Tracking, who: Principal, id: string, change: IssueChange): Promise<WireIssue> {
  checkIssue(change)
  checkWho('last_updated_by', change.last_updated_by)
  const removed = change.delete_metadata_keys ?? []
  checkEntries('delete_metadata_keys', removed)
  const contradicted = removed.find((key) => Object.hasOwn(change.metadata ?? {}, key))
  if (contradicted !== undefined)
    throw invalid(`Cannot set and delete the same key of the metadata: '${contradicted}'.`)
  return room.db.tx(async (t) => {
    const old = await requireIssue(t, who, id)
    const row: IssueRow = {
      ...old,
      name: change.name ?? old.name,
      description: change.description ?? old.description,
      status: change.status ?? old.status,
      severity: change.severity ?? old.severity,
      categories:
        change.categories === undefined ? old.categories : listColumn('categories', [...new Set(change.categories)]),
      last_updated_timestamp: room.clock(),
      last_seen_timestamp: Math.max(old.last_seen_timestamp ?? old.created_timestamp, change.last_seen_timestamp ?? 0),
      last_updated_by: change.last_updated_by ?? who.name,
      metadata: mergedMetadata(old.metadata, change.metadata ?? {}, removed),
    }
    const sets = CHANGEABLE.map((column) => `${column} = ?`).join(', ')
    const values = CHANGEABLE.map((column) => row[column])
    await t.run(`UPDATE trace_issues SET ${sets} WHERE issue_id = ?`, [...values, id])
    const detail = { changed: 'issue', issue: id, status: row.status }
    await room.record(t, who, { verb: 'write', resource: 'runs', id: row.experiment_id, detail })
    return wireIssue(row)
  })
}

const CHANGEABLE = [
  'name',
  'description',
  'status',
  'severity',
  'categories',
  'last_updated_timestamp',
  'last_seen_timestamp',
  'last_updated_by',
  'metadata',
] as const satisfies readonly (keyof IssueRow)[]

function mergedMetadata(
  old: string | null,
  added: Readonly<Record<string, string>>,
  removed: readonly string[],
): string | null {
  const merged = new Map(Object.entries(JSON.parse(old ?? '{}') as Record<string, string>))
  for (const [key, value] of Object.entries(added)) merged.set(key, value)
  for (const key of removed) merged.delete(key)
  const metadata = Object.fromEntries(merged)
  checkMetadata(metadata)
  return merged.size === 0 ? null : JSON.stringify(metadata)
}

async function requireIssue(reader: Reader, who: Principal, id: string): Promise<IssueRow> {
  const query = sql`SELECT i.* FROM trace_issues i ${joinExperiment('i.experiment_id')}
    WHERE i.issue_id = ${id} AND ${seesExperiment(who)}`
  const [row] = await fetchAll<IssueRow>(reader, query)
  if (row === undefined) throw missing(`Issue with ID '${id}' not found.`, 'issue', id)
  return row
}
