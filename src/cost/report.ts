/** Reports: what runs, endpoints, projects and days cost. */
import type { Principal } from '../contract/access.ts'
import type { CostBy, CostItem, CostReport } from '../contract/cost.ts'
import { DAY_MS } from '../contract/ids.ts'
import { toTime } from '../contract/fields.ts'
import { problem } from '../contract/errors.ts'
import { LLM_SUMS } from './ledger-rows.ts'
import type { Cost, EntryKind } from './ledger-rows.ts'

export interface ReportWish {
  readonly by: CostBy
  /** RFC 3339: entries that begin at or after it. */
  readonly from?: string | undefined
  /** RFC 3339: entries that begin before it. */
  readonly to?: string | undefined
}

interface SumRow {
  readonly key: string | number | null
  readonly project: string
  readonly micro_dollars: number
  readonly serving: number
  readonly cpu_ms: number
  readonly memory_kib_s: number
  readonly storage_kib_s: number
  readonly predictions: number
  readonly entries: number
  readonly unmeasured: number
  readonly llm: number
  readonly llm_calls: number
  readonly unpriced_calls: number
  readonly input_tokens: number
  readonly output_tokens: number
  readonly unpriced_tokens: number
}

/** SQL of what each report groups by. */
const KEYS: Readonly<Record<CostBy, string>> = {
  run: 'run',
  // an endpoint of language models is one of its project, and another may have its name; other endpoints are of all projects
  endpoint: "CASE WHEN kind = 'llm' THEN project || '/' || endpoint ELSE endpoint END",
  project: 'project',
  day: `from_at / ${DAY_MS}`,
}

/** What an item is called that belongs to none. */
const REST: Readonly<Record<CostBy, string>> = {
  run: 'not of a run: serving, storage and language models',
  endpoint: 'not of an endpoint: runs and storage',
  project: 'no project',
  day: 'no day',
}

/** What is told of calls of language models; their nanodollars are in the amounts. */
const LLM_COUNTS = LLM_SUMS.filter((column) => column !== 'nanodollars')

const KIB_PER_GIB = 1024 * 1024
const MONTH_S = 30 * 86_400

/** The report, of the principal's projects. Dearest first; days in order. Throws `invalid_field` when `to` is before `from`. */
export async function report(room: Cost, who: Principal, wish: ReportWish): Promise<CostReport> {
  const from = wish.from === undefined ? 0 : Date.parse(wish.from)
  const to = wish.to === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(wish.to)
  if (to < from) throw problem('invalid_field', { field: 'to', value: wish.to, expected: `a time after ${wish.from}` })
  const rows = await room.db.search<SumRow>({
    text: `SELECT ${KEYS[wish.by]} AS key, MIN(project) AS project, ${sum('micro_dollars')}, ${sum('cpu_ms')},
        ${sum('memory_kib_s')}, ${sum('storage_kib_s')}, ${sum('predictions')}, ${sum('unmeasured')}, COUNT(*) AS entries,
        ${LLM_COUNTS.map(sum).join(', ')}, ${sumOfKind('serving')}, ${sumOfKind('llm')}
      FROM cost_entries WHERE from_at >= ? AND from_at < ? AND (CAST(? AS TEXT) IS NULL OR project = ?)
      GROUP BY ${KEYS[wish.by]}`,
    params: [from, to, who.project, who.project],
  })
  const items = rows.map((row) => item(wish.by, row)).sort(wish.by === 'day' ? byKey : byCost)
  return { items, total_micro_dollars: items.reduce((total, one) => total + one.micro_dollars, 0) }
}

/** What the attempts of a pipeline run cost so far, micro-dollars; null where the meters have entered none. */
export async function costOfRun({ db }: Pick<Cost, 'db'>, run: string): Promise<number | null> {
  const row = await db.get<{ micro_dollars: number; entries: number }>(
    `SELECT ${sum('micro_dollars')}, COUNT(*) AS entries FROM cost_entries WHERE run = ?`,
    [run],
  )
  return row === undefined || row.entries === 0 ? null : row.micro_dollars
}

function sum(column: string): string {
  return `CAST(COALESCE(SUM(${column}), 0) AS BIGINT) AS ${column}`
}

/** Micro-dollars of the entries of one kind. */
function sumOfKind(kind: EntryKind): string {
  return `CAST(COALESCE(SUM(CASE WHEN kind = '${kind}' THEN micro_dollars ELSE 0 END), 0) AS BIGINT) AS ${kind}`
}

function item(by: CostBy, row: SumRow): CostItem {
  const key = row.key === null ? '' : by === 'day' ? toTime(Number(row.key) * DAY_MS).slice(0, 10) : String(row.key)
  return {
    key,
    label:
      key === '' ? REST[by] : by === 'run' ? `${row.project} ${key}` : by === 'endpoint' ? endpointLabel(key) : key,
    micro_dollars: row.micro_dollars,
    cpu_seconds: row.cpu_ms / 1000,
    memory_gib_seconds: row.memory_kib_s / KIB_PER_GIB,
    storage_gib_months: row.storage_kib_s / KIB_PER_GIB / MONTH_S,
    predictions: row.predictions,
    micro_dollars_per_1k: row.predictions === 0 ? null : (row.serving * 1000) / row.predictions,
    entries: row.entries,
    unmeasured: row.unmeasured,
    ...llmOf(row),
  }
}

function endpointLabel(key: string): string {
  const [, project, name] = /^([^/]*)\/(.*)$/s.exec(key) ?? []
  return name === undefined ? key : `${name} of project ${project}`
}

function llmOf(
  row: SumRow,
): Pick<CostItem, 'micro_dollars_per_1m_tokens' | Exclude<(typeof LLM_COUNTS)[number], 'unpriced_tokens'>> {
  const { llm, llm_calls, unpriced_calls, input_tokens, output_tokens, unpriced_tokens } = row
  const priced = input_tokens + output_tokens - unpriced_tokens
  const micro_dollars_per_1m_tokens = priced === 0 ? null : (llm * 1e6) / priced
  return { llm_calls, unpriced_calls, input_tokens, output_tokens, micro_dollars_per_1m_tokens }
}

function byCost(a: CostItem, b: CostItem): number {
  return b.micro_dollars - a.micro_dollars || byKey(a, b)
}

function byKey(a: CostItem, b: CostItem): number {
  return a.key < b.key ? -1 : 1
}
