/** What an issue of traces holds: its row, its form in MLflow's protocol, and what a caller may say. */
import { checkLength } from '../../mlflow/limits.ts'
import { invalid } from '../../mlflow/wire.ts'

export const ISSUE_STATUSES = ['pending', 'rejected', 'resolved'] as const
/** From the least to the greatest. */
export const SEVERITIES = ['not_an_issue', 'low', 'medium', 'high'] as const

type Texts = Readonly<Record<string, string>>

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
  readonly last_seen_timestamp: number
  readonly last_updated_by?: string
  readonly metadata: Texts
  readonly trace_count?: number
}

/** A row of the table. Lists and metadata are JSON; what came later than the table is null in old rows. */
export interface IssueRow {
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
  readonly last_seen_timestamp: number | null
  readonly last_updated_by: string | null
  readonly metadata: string | null
}

/** What a caller may say of an issue; undefined where it says nothing. */
export interface GivenIssue {
  readonly name?: string | undefined
  readonly description?: string | undefined
  readonly status?: string | undefined
  readonly severity?: string | undefined
  readonly categories?: readonly string[] | undefined
  readonly last_seen_timestamp?: number | undefined
  readonly metadata?: Texts | undefined
}

/** Longest texts in characters, and most entries of a list or of the metadata. */
const LONGEST = { name: 250, description: 20_000, list: 20_000, entry: 250, value: 65_536, who: 255 } as const
const MOST = 100

/** Refuses what an issue cannot hold. INVALID_PARAMETER_VALUE names it. */
export function checkIssue(given: GivenIssue): void {
  if (given.name !== undefined && given.name.trim() === '') throw invalid('Issue name cannot be empty.')
  checkLength(given.name, 'name', LONGEST.name)
  checkLength(given.description, 'description', LONGEST.description)
  checkWord('status', given.status, ISSUE_STATUSES)
  checkWord('severity', given.severity, SEVERITIES)
  if (given.categories !== undefined) checkEntries('categories', given.categories)
  if (given.last_seen_timestamp !== undefined && given.last_seen_timestamp < 0) {
    throw invalid('last_seen_timestamp must be milliseconds since 1970, 0 or more.')
  }
  if (given.metadata !== undefined) checkMetadata(given.metadata)
}

/** Refuses metadata with too many entries, or with one that is empty or too long. */
export function checkMetadata(given: Texts): void {
  checkEntries('metadata', Object.keys(given))
  for (const [key, value] of Object.entries(given)) checkLength(value, `metadata.${key}`, LONGEST.value)
}

/** At most 100 texts of 1 to 250 characters. */
export function checkEntries(what: string, given: readonly string[]): void {
  if (given.length > MOST) throw invalid(`${what} can have at most ${MOST} entries, got ${given.length}.`)
  for (const one of given) {
    if (one === '') throw invalid(`${what} cannot have an empty entry.`)
    checkLength(one, what, LONGEST.entry)
  }
}

/** Refuses a word that is not in the list. */
export function checkWord(what: string, given: string | undefined, words: readonly string[]): void {
  if (given === undefined || words.includes(given)) return
  throw invalid(`Invalid issue ${what} '${given.slice(0, 100)}', expected one of ${words.join(', ')}.`)
}

/** The name of who made or changed an issue. */
export function checkWho(what: string, given: string | undefined): void {
  checkLength(given, what, LONGEST.who)
}

/** A list as its column. PostgreSQL cannot read the character 0 out of JSON. */
export function listColumn(what: string, given: readonly string[]): string {
  const column = JSON.stringify(given).replaceAll('\\u0000', '\\ufffd')
  checkLength(column, what, LONGEST.list)
  return column
}

/** The protocol's form of a row; `basic` leaves the long parts out. */
export function wireIssue(row: IssueRow, basic = false): WireIssue {
  const { issue_id, experiment_id, name, status } = row
  return {
    issue_id,
    experiment_id,
    name,
    description: basic ? '' : row.description,
    status,
    ...(row.severity !== null && { severity: row.severity }),
    root_causes: basic ? [] : (JSON.parse(row.root_causes) as string[]),
    categories: JSON.parse(row.categories) as string[],
    ...(row.source_run_id !== null && { source_run_id: row.source_run_id }),
    ...(row.created_by !== null && { created_by: row.created_by }),
    created_timestamp: row.created_timestamp,
    last_updated_timestamp: row.last_updated_timestamp,
    last_seen_timestamp: row.last_seen_timestamp ?? row.created_timestamp,
    ...(row.last_updated_by !== null && { last_updated_by: row.last_updated_by }),
    metadata: basic || row.metadata === null ? {} : (JSON.parse(row.metadata) as Texts),
  }
}
