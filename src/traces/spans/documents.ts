/** Whole traces: their spans in OTLP's JSON, which MLflow's clients read, and as the file of traces that older clients read. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Principal } from '../../contract/access.ts'
import type { Db } from '../../store/db.ts'
import { mapInTurns, turnOfLoop } from '../../http/callers/turns.ts'
import { mlflowProblem } from '../../mlflow/wire.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { inList, searchAll, sql } from '../../store/sql/sql.ts'
import { requireTrace, seenTraces } from '../context/rows.ts'
import { readInfos, wireInfo } from '../records/info.ts'
import type { TraceInfo } from '../records/info.ts'
import { readSpan, SPAN_KINDS, statusName, traceIdOf } from './span.ts'
import type { StoredSpan } from './span.ts'
import { fromJsonText, mapOf, pythonFloat, pythonJson } from './values.ts'
import type { Value, ValueMap } from './values.ts'

const STATS = 'mlflow.trace.sizeStats'

/** How long a reader waits for spans that are still on their way, and between two looks, ms. */
const WAIT_MS = 3000
const LOOK_MS = 200

/** Traces and spans given out by one call at most. */
const MOST_TRACES = 500

/** Traces that are read and written in one turn of the loop. */
const TOGETHER = 4

/** Spans of traces: by trace id, root first, then by start. */
export async function readSpans(db: Db, traceIds: readonly string[]): Promise<Map<string, StoredSpan[]>> {
  if (traceIds.length === 0) return new Map()
  const rows = await searchAll<{ trace_id: string; content: string }>(
    db,
    sql`SELECT trace_id, content FROM trace_spans WHERE trace_id IN ${inList(traceIds)} ORDER BY trace_id, start_us`,
  )
  const spans = new Map<string, StoredSpan[]>()
  for (const [id, contents] of Map.groupBy(rows, (row) => row.trace_id)) {
    const own = await mapInTurns(contents, (row) => readSpan(row.content))
    spans.set(id, own.sort(inOrder))
  }
  return spans
}

function inOrder(left: StoredSpan, right: StoredSpan): number {
  const roots = Number(left.parent_id !== null) - Number(right.parent_id !== null)
  if (roots !== 0) return roots
  return left.start < right.start ? -1 : Number(left.start > right.start)
}

/**
 * JSON of a trace with its spans. A trace whose record names more spans than are there is waited for, three seconds at most,
 * unless a part is wanted too. RESOURCE_DOES_NOT_EXIST.
 */
export async function wholeTrace(room: Tracking, who: Principal, traceId: string, partial: boolean): Promise<string> {
  const deadline = performance.now() + WAIT_MS
  for (;;) {
    const [info] = await readInfos(room.db, [await requireTrace(room.db, who, traceId)])
    const spans = (await readSpans(room.db, [traceId])).get(traceId) ?? []
    if (info !== undefined && (partial || isWhole(info, spans))) return traceJson(info, spans)
    if (performance.now() > deadline) {
      const message = `Trace with ID ${traceId} is not fully exported yet, please try again later.`
      throw mlflowProblem('RESOURCE_DOES_NOT_EXIST', message, 'trace', traceId)
    }
    await delay(LOOK_MS)
  }
}

/** JSON of those of the traces that are seen and complete, in the order of the ids. */
export async function wholeTraces(room: Tracking, who: Principal, traceIds: readonly string[]): Promise<string[]> {
  if (traceIds.length > MOST_TRACES) {
    throw mlflowProblem('INVALID_PARAMETER_VALUE', `At most ${MOST_TRACES} traces can be fetched at once.`)
  }
  const infos = await readInfos(room.db, await seenTraces(room.db, who, traceIds))
  const documents: string[] = []
  for (let at = 0; at < infos.length; at += TOGETHER) {
    const some = infos.slice(at, at + TOGETHER)
    const spans = await readSpans(
      room.db,
      some.map((info) => info.row.trace_id),
    )
    for (const info of some) {
      const found = spans.get(info.row.trace_id) ?? []
      if (isWhole(info, found)) documents.push(traceJson(info, found))
    }
    await turnOfLoop()
  }
  return documents
}

/** The text of the file traces.json in the form of MLflow's own. */
export function spansFile(spans: readonly StoredSpan[]): string {
  return `{"spans": [${spans.map(fileSpan).join(', ')}]}`
}

function isWhole(info: TraceInfo, spans: readonly StoredSpan[]): boolean {
  const stats = mapOf(fromJsonText(info.metadata.get(STATS) ?? 'null'))
  const wanted = Number(stats?.get('num_spans') ?? 1)
  return spans.length > 0 && spans.length >= wanted
}

function traceJson(info: TraceInfo, spans: readonly StoredSpan[]): string {
  return `{"trace_info":${JSON.stringify(wireInfo(info))},"spans":[${spans.map(protoSpan).join(',')}]}`
}

/** One span in protobuf's JSON: ids in base64, 64-bit numbers as digits. */
function protoSpan(span: StoredSpan): string {
  const parts = [
    `"trace_id":"${base64(span.trace_id)}"`,
    `"span_id":"${base64(span.span_id)}"`,
    ...(span.parent_id === null ? [] : [`"parent_span_id":"${base64(span.parent_id)}"`]),
    `"name":${JSON.stringify(span.name)}`,
    `"kind":${span.kind >= 0 && span.kind <= 5 ? span.kind : 0}`,
    `"start_time_unix_nano":${span.start}`,
    `"end_time_unix_nano":${span.end}`,
    `"attributes":${protoPairs(span.attributes)}`,
    ...list('events', span.events, (event) => {
      const name = JSON.stringify(event.name)
      return `{"time_unix_nano":${event.time},"name":${name},"attributes":${protoPairs(event.attributes)}}`
    }),
    ...list('links', span.links, (link) => {
      const ids = `"trace_id":"${base64(link.trace_id)}","span_id":"${base64(link.span_id)}"`
      return `{${ids},"attributes":${protoPairs(link.attributes)}}`
    }),
    `"status":{"message":${JSON.stringify(span.status.message)},"code":"STATUS_CODE_${statusName(span.status.code)}"}`,
  ]
  return `{${parts.join(',')}}`
}

function list<T>(name: string, items: readonly T[], write: (item: T) => string): string[] {
  return items.length === 0 ? [] : [`"${name}":[${items.map(write).join(',')}]`]
}

function protoPairs(map: ValueMap): string {
  return `[${[...map].map(([key, value]) => `{"key":${JSON.stringify(key)},"value":${protoAny(value)}}`).join(',')}]`
}

function protoAny(value: Value): string {
  if (value === null) return '{}'
  if (typeof value === 'string') return `{"string_value":${JSON.stringify(value)}}`
  if (typeof value === 'boolean') return `{"bool_value":${value}}`
  if (typeof value === 'bigint') return `{"int_value":${value}}`
  if (typeof value === 'number') return `{"double_value":${protoDouble(value)}}`
  if (value instanceof Uint8Array) return `{"bytes_value":"${Buffer.from(value).toString('base64')}"}`
  if (value instanceof Map) return `{"kvlist_value":{"values":${protoPairs(value as ValueMap)}}}`
  return `{"array_value":{"values":[${(value as readonly Value[]).map(protoAny).join(',')}]}}`
}

function protoDouble(value: number): string {
  return Number.isFinite(value) ? pythonFloat(value) : `"${pythonFloat(value)}"`
}

/** One span as MLflow's `Span.to_dict` gives it: attributes are JSON text, those of events are not. */
function fileSpan(span: StoredSpan): string {
  const attributes = new Map([...span.attributes].map(([key, value]) => [key, pythonJson(value)] as const))
  const dict = new Map<string, Value>([
    ['trace_id', base64(span.trace_id)],
    ['span_id', base64(span.span_id)],
    ['parent_span_id', span.parent_id === null ? null : base64(span.parent_id)],
    ['name', span.name],
    ['kind', SPAN_KINDS[span.kind] ?? 'SPAN_KIND_UNSPECIFIED'],
    ['start_time_unix_nano', span.start],
    ['end_time_unix_nano', span.end === 0n ? null : span.end],
    [
      'events',
      span.events.map(
        (event) =>
          new Map<string, Value>([
            ['name', event.name],
            ['time_unix_nano', event.time],
            ['attributes', event.attributes],
          ]),
      ),
    ],
    [
      'status',
      new Map([
        ['code', `STATUS_CODE_${statusName(span.status.code)}`],
        ['message', span.status.message],
      ]),
    ],
    ['attributes', attributes],
    [
      'links',
      span.links.map(
        (link) =>
          new Map<string, Value>([
            ['trace_id', traceIdOf(link.trace_id)],
            ['span_id', link.span_id],
            ['attributes', link.attributes.size === 0 ? null : link.attributes],
          ]),
      ),
    ],
  ])
  return pythonJson(dict)
}

function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}
