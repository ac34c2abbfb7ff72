/** Keeps the tokens and costs of a whole trace in its metadata, where MLflow's clients look for them. */
import type { Tx } from '../../store/db.ts'
import { numbersOf } from './rows.ts'
import { CACHE_TOKENS, COSTS, sumUsage, TOKENS } from './usage.ts'
import { fromJsonText, mapOf, pythonJson } from './values.ts'
import type { Value } from './values.ts'

export const USAGE_KEY = 'mlflow.trace.tokenUsage'
export const COST_KEY = 'mlflow.trace.cost'

interface CountedSpan {
  readonly span_id: string
  readonly parent_id: string | null
  readonly usage: string | null
  readonly input_cost: number | null
  readonly output_cost: number | null
  readonly total_cost: number | null
}

/** Sums the trace's spans anew, those of earlier requests included; what the trace's own record said stays. */
export async function countUsage(t: Tx, traceId: string): Promise<void> {
  const spans = await t.all<CountedSpan>(
    'SELECT span_id, parent_id, usage, input_cost, output_cost, total_cost FROM trace_spans WHERE trace_id = ?',
    [traceId],
  )
  const tokens = spans.map((span) => ({ ...span, numbers: numbersOf(mapOf(fromJsonText(span.usage ?? 'null'))) }))
  await keep(t, traceId, USAGE_KEY, whole(sumUsage(tokens, TOKENS, CACHE_TOKENS)))
  await keep(
    t,
    traceId,
    COST_KEY,
    sumUsage(
      spans.map((span) => ({ ...span, numbers: costsOf(span) })),
      COSTS,
    ),
  )
}

function costsOf(span: CountedSpan): Record<string, number> | undefined {
  const found = COSTS.flatMap((key) => (span[key] === null ? [] : [[key, span[key]] as const]))
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

function whole(sums: Record<string, number> | undefined): Record<string, bigint> | undefined {
  if (sums === undefined) return undefined
  return Object.fromEntries(Object.entries(sums).map(([key, sum]) => [key, BigInt(Math.round(sum))]))
}

async function keep(t: Tx, traceId: string, key: string, sums: Record<string, Value> | undefined): Promise<void> {
  if (sums === undefined) return
  await t.run(
    `INSERT INTO trace_metadata (trace_id, key, value) SELECT trace_id, ?, ? FROM traces WHERE trace_id = ? AND finalized = 0
     ON CONFLICT (trace_id, key) DO UPDATE SET value = excluded.value`,
    [key, pythonJson(new Map(Object.entries(sums))), traceId],
  )
  await t.run(
    `INSERT INTO trace_metadata (trace_id, key, value) SELECT trace_id, ?, ? FROM traces WHERE trace_id = ? AND finalized = 1
     ON CONFLICT DO NOTHING`,
    [key, pythonJson(new Map(Object.entries(sums))), traceId],
  )
}
