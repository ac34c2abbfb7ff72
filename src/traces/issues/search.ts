/** Search of issues of traces: by filter and by fields, in any order, counted, in keyset pages. */
import { ifFound } from '../../contract/absence/absent.ts'
import type { Principal } from '../../contract/access.ts'
import type { Db, Sql } from '../../store/db.ts'
import { compare, matching } from '../../mlflow/compare.ts'
import { requireExperiment } from '../../tracking/experiments/experiments.ts'
import { parseFilter } from '../../mlflow/filter.ts'
import type { FilterSchema } from '../../mlflow/filter.ts'
import { checkLength } from '../../mlflow/limits.ts'
import { keyset, readPage } from '../../mlflow/paging.ts'
import type { SortColumn } from '../../mlflow/paging.ts'
import { joinExperiment, seesExperiment } from '../../tracking/experiments/join.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { all, inList, joined, raw, searchAll, sql } from '../../store/sql/sql.ts'
import { invalid } from '../../mlflow/wire.ts'
import { checkEntries, checkWord, ISSUE_STATUSES, SEVERITIES, wireIssue } from './fields.ts'
import type { IssueRow, WireIssue } from './fields.ts'

/** What is searched for; fields that are given must all hold, of a list one entry is enough. */
export interface IssueSearch {
  readonly max_results: number
  /** One that does not exist or is not seen has no issues. */
  readonly experiment_id?: string | undefined
  readonly filter_string?: string | undefined
  readonly page_token?: string | undefined
  readonly include_trace_count?: boolean | undefined
  /** A part of the name, whatever its case. */
  readonly name?: string | undefined
  readonly statuses?: readonly string[] | undefined
  readonly severities?: readonly string[] | undefined
  /** Whatever their case and the spaces around them. */
  readonly categories?: readonly string[] | undefined
  /** Fields, each with ASC or DESC behind it. Without any, the gravest come first, then the most traces, then the newest. */
  readonly order_by?: readonly string[] | undefined
  readonly include_total_count?: boolean | undefined
  /** `basic` leaves out description, causes and metadata. */
  readonly view?: string | undefined
}

export interface IssuePage {
  readonly issues: WireIssue[]
  /** '' on the last page. */
  readonly next_page_token: string
  /** All that match, where that is asked. */
  readonly total_count?: number
}

const SCHEMA: FilterSchema = {
  entities: { attribute: 'attribute', attributes: 'attribute', attr: 'attribute' },
  keys: {
    attribute: {
      status: { type: 'text', operators: ['=', '!='] },
      source_run_id: { type: 'text', operators: ['=', '!=', 'IS NULL', 'IS NOT NULL'] },
    },
  },
}

const TRACES =
  "SELECT COUNT(DISTINCT a.trace_id) FROM trace_assessments a WHERE a.kind = 'issue' AND a.name = i.issue_id"

const SORTABLE = {
  name: { expression: raw('LOWER(i.name)'), type: 'text' },
  status: { expression: ranked('i.status', ISSUE_STATUSES, ISSUE_STATUSES.length), type: 'int' },
  severity: { expression: ranked('i.severity', SEVERITIES, -1), type: 'int' },
  created_timestamp: { expression: raw('i.created_timestamp'), type: 'int' },
  last_updated_timestamp: { expression: raw('i.last_updated_timestamp'), type: 'int' },
  last_seen_timestamp: { expression: raw('COALESCE(i.last_seen_timestamp, i.created_timestamp)'), type: 'int' },
} as const satisfies Record<string, Omit<SortColumn, 'descending'>>

const BY_ID: SortColumn = { expression: raw('i.issue_id'), descending: true, type: 'text' }

const FROM = sql`FROM trace_issues i ${joinExperiment('i.experiment_id')}`

/** A page of issues. INVALID_PARAMETER_VALUE for a word, an order or a token that does not fit. */
export async function searchIssues(room: Tracking, who: Principal, asked: IssueSearch): Promise<IssuePage> {
  check(asked)
  const { max_results, page_token, ...query } = asked
  const page = keyset(sortColumns(asked), page_token, ['issues', query, who.project])
  const where = all(await conditions(room, who, asked))
  const counted = asked.include_trace_count === true ? sql`, (${raw(TRACES)}) AS trace_count` : raw('')
  const paged = { columns: sql`i.*${counted}`, from: FROM, where: [where] }
  const { rows, next } = await readPage<IssueRow & Counted>(room.db, page, max_results, paged)
  return {
    issues: rows.map((row) => ({
      ...wireIssue(row, asked.view === 'basic'),
      ...(asked.include_trace_count === true && { trace_count: row.trace_count }),
    })),
    next_page_token: next.next_page_token ?? '',
    ...(asked.include_total_count === true && { total_count: await total(room.db, where) }),
  }
}

interface Counted {
  readonly trace_count: number
}

async function total(db: Db, where: Sql): Promise<number> {
  const [found] = await searchAll<{ issues: number }>(db, sql`SELECT COUNT(*) AS issues ${FROM} WHERE ${where}`)
  return found?.issues ?? 0
}

function check(asked: IssueSearch): void {
  checkLength(asked.name, 'name', 250)
  for (const one of asked.statuses ?? []) checkWord('status', one, ISSUE_STATUSES)
  for (const one of asked.severities ?? []) checkWord('severity', one, SEVERITIES)
  checkEntries('categories', asked.categories ?? [])
  checkEntries('order_by', asked.order_by ?? [])
  checkWord('view', asked.view, ['basic', 'full'])
}

async function conditions(room: Tracking, who: Principal, asked: IssueSearch): Promise<Sql[]> {
  const kind = room.db.kind
  const where = [seesExperiment(who)]
  const filter = parseFilter(asked.filter_string, SCHEMA, { extended: false })
  if (filter !== undefined) where.push(sql`(${matching(filter, (one) => compare(kind, raw(`i.${one.key}`), one))})`)
  if (asked.experiment_id !== undefined) {
    const found = await ifFound(requireExperiment(room.db, who, asked.experiment_id))
    where.push(found === undefined ? raw('1 = 0') : sql`i.experiment_id = ${found.experiment_id}`)
  }
  if (asked.name) {
    const place = raw(kind === 'sqlite' ? 'INSTR' : 'STRPOS')
    where.push(sql`${place}(LOWER(i.name), LOWER(CAST(${asked.name} AS TEXT))) > 0`)
  }
  if (asked.statuses?.length) where.push(sql`i.status IN ${inList(asked.statuses)}`)
  if (asked.severities?.length) where.push(sql`i.severity IN ${inList(asked.severities)}`)
  if (asked.categories?.length) where.push(ofCategories(kind, asked.categories))
  return where
}

/** The database itself makes both sides small, so that they are alike whatever it takes for a letter. */
function ofCategories(kind: Db['kind'], categories: readonly string[]): Sql {
  const wanted = categories.map((one) => sql`LOWER(CAST(${one.trim()} AS TEXT))`)
  const listed =
    kind === 'sqlite'
      ? 'json_each(i.categories) AS c'
      : 'json_array_elements_text(CAST(i.categories AS json)) AS c (value)'
  return sql`EXISTS (SELECT 1 FROM ${raw(listed)} WHERE LOWER(TRIM(c.value, ${BLANKS})) IN (${joined(wanted, ', ')}))`
}

const BLANKS = ' \t\n\r'

function sortColumns({ order_by: clauses, include_trace_count: counted }: IssueSearch): SortColumn[] {
  if (clauses !== undefined && clauses.length > 0) return [...clauses.map(sortColumn), BY_ID]
  const count: SortColumn = { expression: raw(`(${TRACES})`), descending: true, type: 'int' }
  return [
    { ...SORTABLE.severity, descending: true },
    ...(counted === true ? [count] : []),
    { ...SORTABLE.created_timestamp, descending: true },
    BY_ID,
  ]
}

function sortColumn(clause: string): SortColumn {
  const [, field = '', direction] = /^\s*(\w+)(?:\s+(asc|desc))?\s*$/i.exec(clause) ?? []
  if (!Object.hasOwn(SORTABLE, field)) {
    const fields = Object.keys(SORTABLE).join(', ')
    throw invalid(`Invalid order_by '${clause.slice(0, 100)}', expected one of ${fields}, with ASC or DESC behind it.`)
  }
  return { ...SORTABLE[field as keyof typeof SORTABLE], descending: direction?.toLowerCase() === 'desc' }
}

function ranked(column: string, words: readonly string[], other: number): Sql {
  return raw(`CASE ${column} ${words.map((one, rank) => `WHEN '${one}' THEN ${rank}`).join(' ')} ELSE ${other} END`)
}
