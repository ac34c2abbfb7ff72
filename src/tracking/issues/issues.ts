/** Issues of traces: made, changed, read and searched, within the project of their experiment. */
import type { Principal } from '../../contract/access.ts'
import type { Reader } from '../../store/db.ts'
import { compare, matching } from '../compare.ts'
import { requireActiveExperiment, requireExperiment } from '../experiments.ts'
import { parseFilter } from '../filter.ts'
import type { Filter, FilterSchema } from '../filter.ts'
import { checkLength } from '../limits.ts'
import { keyset } from '../paging.ts'
import type { SortColumn } from '../paging.ts'
import { hexId, visible } from '../room.ts'
import type { Tracking } from '../room.ts'
import { all, fetchAll, inList, raw, searchAll, sql } from '../sql.ts'
import type { Sql } from '../sql.ts'
import { invalid, missing } from '../wire.ts'

export const ISSUE_STATUSES = ['pending', 'rejected', 'resolved'] as const
/** From the least to the greatest. */
export const SEVERITIES = ['not_an_issue', 'low', 'medium', 'high'] as const

/** An issue in MLflow's shape; times in ms since 1970. `trace_count` is there where it was asked for. */
export interface WireIssue {
  readonly issue_id: string
  readonly experiment_id: string
  readonly name: string
  readonly description: string
  readonly status: string
  readonly severity?: string
  readonly root_causes: readonly string[]
  readonly categories: readonly string[]
  readonly source_run_id?: string
  readonly created_by?: string
  readonly created_timestamp: number
  readonly last_updated_timestamp: number
  readonly trace_count?: number
}

interface IssueRow {
  readonly issue_id: string
  readonly experiment_id: string
  readonly name: string
  readonly description: string
  readonly status: string
  readonly severity: string | null
  readonly root_causes: string
  readonly categories: string
  readonly source_run_id: string | null
  readonly created_by: string | null
  readonly created_timestamp: number
  readonly last_updated_timestamp: number
}

export interface NewIssue {
  readonly experiment_id: string
  readonly name: string
  readonly description: string
  readonly status: string | undefined
  readonly severity: string | undefined
  readonly root_causes: readonly string[]
  readonly categories: readonly string[]
  readonly source_run_id: string | undefined
  readonly created_by: string | undefined
}

export interface IssueChange {
  readonly name: string | undefined
  readonly description: string | undefined
  readonly status: string | undefined
  readonly severity: string | undefined
}

const LONGEST = { name: 250, description: 20_000, list: 20_000 } as const

const SCHEMA: FilterSchema = {
  entities: { attribute: 'attribute', attributes: 'attribute', attr: 'attribute' },
  keys: {
    attribute: {
      status: { type: 'text', operators: ['=', '!='] },
      source_run_id: { type: 'text', operators: ['=', '!=', 'IS NULL', 'IS NOT NULL'] },
    },
  },
}

const RANK = raw(`CASE i.severity ${SEVERITIES.map((one, rank) => `WHEN '${one}' THEN ${rank}`).join(' ')} ELSE -1 END`)

const ORDER: readonly SortColumn[] = [
  { expression: RANK, descending: true, type: 'int' },
  { expression: raw('i.created_timestamp'), descending: true, type: 'int' },
  { expression: raw('i.issue_id'), descending: true, type: 'text' },
]

/** Makes an issue. RESOURCE_DOES_NOT_EXIST without its experiment. */
export async function createIssue(room: Tracking, who: Principal, given: NewIssue): Promise<WireIssue> {
  check(given)
  const [root_causes, categories] = [JSON.stringify(given.root_causes), JSON.stringify(given.categories)]
  checkLength(root_causes, 'root_causes', LONGEST.list)
  checkLength(categories, 'categories', LONGEST.list)
  return room.db.tx(async (t) => {
    const { experiment_id } = await requireActiveExperiment(t, room, who, given.experiment_id)
    const now = room.clock()
    const row: IssueRow = {
      issue_id: `iss-${hexId(room)}`,
      experiment_id,
      name: given.name,
      description: given.description,
      status: given.status ?? 'pending',
      severity: given.severity ?? null,
      root_causes,
      categories,
      source_run_id: given.source_run_id ?? null,
      created_by: given.created_by ?? who.name,
      created_timestamp: now,
      last_updated_timestamp: now,
    }
    const columns = Object.keys(row)
    const marks = columns.map(() => '?').join(', ')
    await t.run(`INSERT INTO trace_issues (${columns.join(', ')}) VALUES (${marks})`, Object.values(row))
    const detail = { created: 'issue', issue: row.issue_id }
    await room.record(t, who, { verb: 'write', resource: 'runs', id: experiment_id, detail })
    return wire(row)
  })
}

/** One issue. RESOURCE_DOES_NOT_EXIST. */
export async function getIssue(room: Tracking, who: Principal, id: string): Promise<WireIssue> {
  return wire(await requireIssue(room.db, who, id))
}

/** Changes what is given of an issue. RESOURCE_DOES_NOT_EXIST. */
export async function updateIssue(room: Tracking, who: Principal, id: string, change: IssueChange): Promise<WireIssue> {
  check(change)
  return room.db.tx(async (t) => {
    const old = await requireIssue(t, who, id)
    const row: IssueRow = {
      ...old,
      name: change.name ?? old.name,
      description: change.description ?? old.description,
      status: change.status ?? old.status,
      severity: change.severity ?? old.severity,
      last_updated_timestamp: room.clock(),
    }
    await t.run(
      'UPDATE trace_issues SET name = ?, description = ?, status = ?, severity = ?, last_updated_timestamp = ? WHERE issue_id = ?',
      [row.name, row.description, row.status, row.severity, row.last_updated_timestamp, id],
    )
    const detail = { changed: 'issue', issue: id, status: row.status }
    await room.record(t, who, { verb: 'write', resource: 'runs', id: row.experiment_id, detail })
    return wire(row)
  })
}

export interface IssueSearch {
  readonly experiment_id: string | undefined
  readonly filter_string: string | undefined
  readonly max_results: number
  readonly page_token: string | undefined
  readonly include_trace_count: boolean
}

/** A page of issues, the gravest first, then the newest; the token is '' on the last page. */
export async function searchIssues(
  room: Tracking,
  who: Principal,
  asked: IssueSearch,
): Promise<{ issues: WireIssue[]; next_page_token: string }> {
  const filter = parseFilter(asked.filter_string, SCHEMA, { extended: false })
  const page = keyset(ORDER, asked.page_token, ['issues', asked.filter_string ?? '', asked.experiment_id, who.project])
  const where = [visible(who, 'e.project')]
  if (filter !== undefined) where.push(condition(room, filter))
  if (asked.experiment_id !== undefined) {
    const { experiment_id } = await requireExperiment(room.db, who, asked.experiment_id)
    where.push(sql`i.experiment_id = ${experiment_id}`)
  }
  const rows = await searchAll<IssueRow & Record<string, string | number>>(
    room.db,
    sql`SELECT i.*${page.keys} FROM trace_issues i JOIN experiments e ON e.experiment_id = i.experiment_id
      WHERE ${all(where)} ${page.after} ORDER BY ${page.order} LIMIT ${asked.max_results + 1} OFFSET ${page.offset}`,
  )
  const shown = rows.slice(0, asked.max_results)
  const counts = asked.include_trace_count ? await traceCounts(room.db, shown) : undefined
  const last = shown.at(-1)
  return {
    issues: shown.map((row) => ({ ...wire(row), ...(counts && { trace_count: counts.get(row.issue_id) ?? 0 }) })),
    next_page_token: rows.length > shown.length && last !== undefined ? page.next(last) : '',
  }
}

async function traceCounts(reader: Reader, rows: readonly IssueRow[]): Promise<Map<string, number>> {
  const found = await fetchAll<{ name: string; traces: number }>(
    reader,
    sql`SELECT name, COUNT(DISTINCT trace_id) AS traces FROM trace_assessments
      WHERE kind = 'issue' AND name IN ${inList(rows.map((row) => row.issue_id))} GROUP BY name`,
  )
  return new Map(found.map((one) => [one.name, one.traces]))
}

function condition(room: Tracking, filter: Filter): Sql {
  return sql`(${matching(filter, (one) => compare(room.db.kind, raw(`i.${one.key}`), one))})`
}

async function requireIssue(reader: Reader, who: Principal, id: string): Promise<IssueRow> {
  const query = sql`SELECT i.* FROM trace_issues i JOIN experiments e ON e.experiment_id = i.experiment_id
    WHERE i.issue_id = ${id} AND ${visible(who, 'e.project')}`
  const [row] = await fetchAll<IssueRow>(reader, query)
  if (row === undefined) throw missing(`Issue with ID '${id}' not found.`, 'issue', id)
  return row
}

function check(given: IssueChange): void {
  if (given.name !== undefined && given.name.trim() === '') throw invalid('Issue name cannot be empty.')
  checkLength(given.name, 'name', LONGEST.name)
  checkLength(given.description, 'description', LONGEST.description)
  checkWord('status', given.status, ISSUE_STATUSES)
  checkWord('severity', given.severity, SEVERITIES)
}

function checkWord(what: string, given: string | undefined, words: readonly string[]): void {
  if (given === undefined || words.includes(given)) return
  throw invalid(`Invalid issue ${what} '${given.slice(0, 100)}', expected one of ${words.join(', ')}.`)
}

function wire(row: IssueRow): WireIssue {
  const { issue_id, experiment_id, name, description, status } = row
  return {
    issue_id,
    experiment_id,
    name,
    description,
    status,
    ...(row.severity !== null && { severity: row.severity }),
    root_causes: JSON.parse(row.root_causes) as string[],
    categories: JSON.parse(row.categories) as string[],
    ...(row.source_run_id !== null && { source_run_id: row.source_run_id }),
    ...(row.created_by !== null && { created_by: row.created_by }),
    created_timestamp: row.created_timestamp,
    last_updated_timestamp: row.last_updated_timestamp,
  }
}
