/** The native API of traces, which the web UI and the CLI use. */
import type { z } from 'zod'
import { toTime } from '../contract/fields.ts'
import { tracesApi } from '../contract/traces.ts'
import type { Assessment, Span, TraceInfo as WireTrace } from '../contract/traces.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { inList, searchAll, sql } from '../store/sql/sql.ts'
import type { AssessmentRow } from './assessments/wire.ts'
import { KEYS, UNKNOWN_TYPE } from './spans/conventions.ts'
import { readInfos } from './records/info.ts'
import type { TraceInfo } from './records/info.ts'
import { numbersOf } from './spans/rows.ts'
import { searchTraces } from './search/search.ts'
import { statusName, traceIdOf } from './spans/span.ts'
import type { StoredSpan } from './spans/span.ts'
import { readInfo } from './start.ts'
import { USAGE_KEY } from './spans/trace-usage.ts'
import { treeOf } from './spans/tree.ts'
import { fromJsonText, mapOf, plainValue } from './spans/values.ts'
import type { ValueMap } from './spans/values.ts'
import { readSpans } from './spans/documents.ts'

const RUN_KEY = 'mlflow.sourceRun'
const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const

/** The routes under /v1/traces that read. */
export function nativeTraceRoutes(room: Tracking): Mounted[] {
  return [
    mount(tracesApi.listTraces, async ({ query, who }) => {
      const { experiment_id: experiment_ids, limit: max_results, order_by = [], ...rest } = query
      const { rows, ...more } = await searchTraces(room, who, { ...rest, experiment_ids, max_results, order_by })
      const infos = await readInfos(room.db, rows)
      const counts = await countSpans(room, infos)
      return { items: infos.map((info) => wireTrace(info, counts.get(info.row.trace_id) ?? 0)), ...more }
    }),
    mount(tracesApi.getTrace, async ({ params, who }) => {
      const info = await readInfo(room, who, params.id)
      const spans = (await readSpans(room.db, [params.id])).get(params.id) ?? []
      return { ...wireTrace(info, spans.length), tree: wireSpans(spans) }
    }),
  ]
}

async function countSpans(room: Tracking, infos: readonly TraceInfo[]): Promise<Map<string, number>> {
  if (infos.length === 0) return new Map()
  const ids = inList(infos.map((info) => info.row.trace_id))
  const rows = await searchAll<{ trace_id: string; n: number }>(
    room.db,
    sql`SELECT trace_id, COUNT(*) AS n FROM trace_spans WHERE trace_id IN ${ids} GROUP BY trace_id`,
  )
  return new Map(rows.map((row) => [row.trace_id, row.n]))
}

function wireTrace({ row, tags, metadata, assessments }: TraceInfo, spans: number): z.output<typeof WireTrace> {
  return {
    id: row.trace_id,
    name: row.name,
    experiment_id: row.experiment_id,
    state: row.state,
    started_at: timeOf(row.start_ms),
    duration_ms: row.duration_ms,
    client_request_id: row.client_request_id,
    request_preview: row.request_preview,
    response_preview: row.response_preview,
    run_id: metadata.get(RUN_KEY) ?? null,
    tokens: numbersOf(mapOf(fromJsonText(metadata.get(USAGE_KEY) ?? 'null'))) ?? null,
    spans,
    tags: Object.fromEntries(tags),
    metadata: Object.fromEntries(metadata),
    assessments: assessments.map(nativeAssessment),
  }
}

function nativeAssessment(row: AssessmentRow): z.output<typeof Assessment> {
  return {
    id: row.assessment_id,
    kind: row.kind,
    name: row.name,
    value: JSON.parse(row.value) as unknown,
    source_type: row.source_type,
    source_id: row.source_id,
    span_id: row.span_id,
    rationale: row.rationale,
    error: row.error === null ? null : (JSON.parse(row.error) as unknown),
    metadata: JSON.parse(row.metadata ?? '{}') as Record<string, string>,
    overrides: row.overrides,
    valid: row.valid === 1,
    created_at: timeOf(row.created_ms),
    updated_at: timeOf(row.updated_ms),
  }
}

function wireSpans(spans: readonly StoredSpan[]): z.output<typeof Span>[] {
  const first = spans.reduce((least, span) => (span.start < least ? span.start : least), spans[0]?.start ?? 0n)
  return treeOf(spans).map(({ span, depth }) => {
    const type = span.attributes.get(KEYS.type)
    return {
      id: span.span_id,
      parent_id: span.parent_id,
      depth,
      name: span.name,
      type: typeof type === 'string' ? type : UNKNOWN_TYPE,
      kind: KINDS[span.kind] ?? 'unspecified',
      scope: span.scope,
      status: statusName(span.status.code),
      status_message: span.status.message,
      start_ns: span.start.toString(),
      offset_us: micros(span.start - first),
      duration_us: span.end === 0n ? null : micros(span.end - span.start),
      attributes: plainMap(span.attributes),
      events: span.events.map((event) => ({
        name: event.name,
        offset_us: micros(event.time - first),
        attributes: plainMap(event.attributes),
      })),
      links: span.links.map((link) => ({
        trace_id: traceIdOf(link.trace_id),
        span_id: link.span_id,
        attributes: plainMap(link.attributes),
      })),
    }
  })
}

function plainMap(map: ValueMap): Record<string, unknown> {
  return plainValue(map) as Record<string, unknown>
}

function micros(ns: bigint): number {
  return Number(ns) / 1000
}

/** The last moment that a JavaScript date can hold. */
const LAST_MS = 8.64e15

function timeOf(ms: number): string {
  return toTime(Math.max(0, Math.min(ms, LAST_MS)))
}
