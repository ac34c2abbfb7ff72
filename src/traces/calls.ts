/** MLflow's calls about traces. */
import { Raw } from '../http/mount.ts'
import { done, pageSize, tagFields } from '../mlflow/fields.ts'
import { bool, double, int, list, need, object, oneOf, text } from '../mlflow/input.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { callsOf } from '../mlflow/rpc.ts'
import type { Rpc } from '../mlflow/rpc.ts'
import { invalid } from '../mlflow/wire.ts'
import { readAssessment, wireAssessment } from './assessments/wire.ts'
import { createAssessment, deleteAssessment, getAssessment, updateAssessment } from './assessments/assessments.ts'
import { correlate } from './figures/correlation.ts'
import { deleteTraces } from './delete.ts'
import { json, pairsOf, readLocations, readMask, readState, readTrace } from './requests.ts'
import { seenTraces } from './context/rows.ts'
import { readInfos, wireInfo, wireInfoV2 } from './records/info.ts'
import { linkPrompts, linkTraces } from './records/links.ts'
import { traceMetrics } from './figures/metrics.ts'
import { searchTraces } from './search/search.ts'
import { beginTrace, endTrace, readInfo, startTrace } from './start.ts'
import { deleteTraceTag, setTraceTag } from './tags.ts'
import { wholeTrace, wholeTraces } from './spans/documents.ts'

const V2 = callsOf('runs')
const V3 = callsOf('runs', '3.0')

/** Traces on a page: usually, and at most. */
const USUAL = 100
const MOST = 500

/** Records of traces carry previews and metadata. */
const TRACE_LIMIT = 8 * 1024 * 1024

export function traceCalls(room: Tracking): Rpc[] {
  return [...records(room), ...old(room), ...reads(room), ...searches(room), ...changes(room), ...assessments(room)]
}

function records(room: Tracking): Rpc[] {
  return [
    V3.write.post('traces', 'Write the record of a trace', {
      limit: TRACE_LIMIT,
      fields: { trace: need(json()) },
      handle: async (given, who) => {
        const info = await startTrace(room, who, readTrace(given.trace))
        return { trace: { trace_info: wireInfo(info) } }
      },
    }),
  ]
}

/** The V2 protocol, which clients fall back to. */
function old(room: Tracking): Rpc[] {
  const maps = { request_metadata: list(tagFields), tags: list(tagFields) }
  return [
    V2.write.post('traces', 'Begin a trace (older clients)', {
      limit: TRACE_LIMIT,
      fields: { experiment_id: text({ number: true }), timestamp_ms: int(), ...maps },
      handle: async (given, who) => {
        const start = { experiment_id: given.experiment_id || '0', start_ms: given.timestamp_ms ?? room.clock() }
        return { trace_info: wireInfoV2(await beginTrace(room, who, { ...start, ...mapsOf(given) })) }
      },
    }),
    V2.write.patch('traces/:request_id', 'End a trace (older clients)', {
      limit: TRACE_LIMIT,
      fields: { request_id: need(text()), timestamp_ms: int(), status: json(), ...maps },
      handle: async (given, who) => {
        const end = { state: readState(given.status), end_ms: given.timestamp_ms ?? room.clock(), ...mapsOf(given) }
        return { trace_info: wireInfoV2(await endTrace(room, who, given.request_id, end)) }
      },
    }),
    V2.read.get('traces/:request_id/info', 'Get the record of a trace (older clients)', {
      fields: { request_id: need(text()) },
      handle: async (given, who) => ({ trace_info: wireInfoV2(await readInfo(room, who, given.request_id)) }),
    }),
    V2.read.get('traces', 'Search traces (older clients)', {
      fields: { experiment_ids: need(list(need(text({ number: true })))), ...searchFields },
      handle: async (given, who) => {
        const asked = { ...given, max_results: pageSize(given.max_results, USUAL, MOST) }
        const { rows, ...more } = await searchTraces(room, who, asked)
        return { traces: (await readInfos(room.db, rows)).map(wireInfoV2), ...more }
      },
    }),
  ]
}

function mapsOf(given: { request_metadata: Pairs; tags: Pairs }): Record<'metadata' | 'tags', Record<string, string>> {
  return { metadata: pairsOf(given.request_metadata), tags: pairsOf(given.tags) }
}

type Pairs = readonly ({ key: string; value: string | undefined } | undefined)[]

const searchFields = { filter: text(), max_results: int(), order_by: list(need(text())), page_token: text() }

function reads(room: Tracking): Rpc[] {
  return [
    V3.read.get('traces/get', 'Get a trace with its spans', {
      fields: { trace_id: need(text()), allow_partial: bool() },
      handle: async (given, who) => {
        const trace = await wholeTrace(room, who, given.trace_id, given.allow_partial === true)
        return jsonText(`{"trace":${trace}}`)
      },
    }),
    V3.read.get('traces/batchGet', 'Get traces with their spans; incomplete ones are left out', {
      fields: { trace_ids: need(list(need(text()))) },
      handle: async (given, who) => {
        const traces = await wholeTraces(room, who, given.trace_ids)
        return jsonText(`{"traces":[${traces.join(',')}]}`)
      },
    }),
    V3.read.post('traces/batchGetInfos', 'Get the records of traces', {
      fields: { trace_ids: need(list(need(text()))) },
      handle: async (given, who) => {
        const infos = await readInfos(room.db, await seenTraces(room.db, who, given.trace_ids))
        return { trace_infos: infos.map(wireInfo) }
      },
    }),
    V3.read.get('traces/:trace_id', 'Get the record of a trace', {
      fields: { trace_id: need(text()) },
      handle: async (given, who) => ({ trace: { trace_info: wireInfo(await readInfo(room, who, given.trace_id)) } }),
    }),
  ]
}

function searches(room: Tracking): Rpc[] {
  return [
    V3.read.post('traces/search', 'Search traces', {
      fields: { locations: need(json()), ...searchFields },
      handle: async (given, who) => {
        const experiment_ids = readLocations(given.locations)
        const max_results = pageSize(given.max_results, USUAL, MOST)
        const { rows, ...more } = await searchTraces(room, who, { ...given, experiment_ids, max_results })
        return { traces: (await readInfos(room.db, rows)).map(wireInfo), ...more }
      },
    }),
    V3.read.post('traces/calculate-filter-correlation', 'Say how much two filters of traces go together', {
      fields: {
        experiment_ids: need(list(need(text({ number: true })))),
        filter_string1: need(text()),
        filter_string2: need(text()),
        base_filter: text(),
      },
      handle: (given, who) => correlate(room, who, given),
    }),
    V3.read.post('traces/metrics', 'Count and average traces, spans and assessments', {
      fields: {
        experiment_ids: need(list(need(text({ number: true })))),
        view_type: need(oneOf(VIEWS)),
        metric_name: need(text()),
        aggregations: need(list(need(object({ aggregation_type: need(oneOf(KINDS)), percentile_value: double() })))),
        dimensions: list(need(text())),
        filters: list(need(text())),
        time_interval_seconds: int(),
        start_time_ms: int(),
        end_time_ms: int(),
        max_results: int(),
        page_token: text(),
      },
      handle: async (given, who) => {
        for (const { aggregation_type: type, percentile_value: at } of given.aggregations) checkPercentile(type, at)
        const max_results = pageSize(given.max_results, MOST_POINTS, MOST_POINTS)
        return { data_points: await traceMetrics(room, who, { ...given, max_results }) }
      },
    }),
  ]
}

function checkPercentile(type: keyof typeof KINDS, at: number | undefined): void {
  if (type !== 'PERCENTILE' ? at === undefined : at !== undefined && at >= 0 && at <= 100) return
  throw invalid(
    `Invalid percentile_value ${at ?? 'none'} for ${type}: PERCENTILE needs one of 0 to 100, others have none`,
  )
}

const VIEWS = { TRACES: 1, SPANS: 2, ASSESSMENTS: 3 } as const
const KINDS = { COUNT: 1, SUM: 2, AVG: 3, PERCENTILE: 4, MIN: 5, MAX: 6 } as const

/** Figures in one reply. */
const MOST_POINTS = 1000

function changes(room: Tracking): Rpc[] {
  return [V2, V3].flatMap(({ write }) => [
    write.patch('traces/:trace_id/tags', 'Set a tag of a trace', {
      fields: { trace_id: need(text()), key: need(text()), value: text() },
      handle: ({ trace_id, key, value }, who) => done(setTraceTag(room, who, trace_id, { key, value: value ?? '' })),
    }),
    write.delete('traces/:trace_id/tags', 'Remove a tag of a trace', {
      fields: { trace_id: need(text()), key: need(text()) },
      handle: (given, who) => done(deleteTraceTag(room, who, given.trace_id, given.key)),
    }),
    write.post('traces/delete-traces', 'Delete traces for good', {
      fields: {
        experiment_id: need(text({ number: true })),
        max_timestamp_millis: int(),
        max_traces: int(),
        request_ids: list(need(text())),
      },
      handle: async (given, who) => {
        const { experiment_id, max_timestamp_millis: max_start_ms, max_traces, request_ids: trace_ids } = given
        const doomed = { experiment_id, max_start_ms, max_traces, trace_ids }
        return { traces_deleted: await deleteTraces(room, who, doomed) }
      },
    }),
    write.post('traces/link-to-run', 'Link traces to a run', {
      fields: { trace_ids: need(list(need(text()))), run_id: need(text()) },
      handle: (given, who) => done(linkTraces(room, who, given.trace_ids, given.run_id)),
    }),
    write.post('traces/link-prompts', 'Link versions of prompts to a trace', {
      fields: {
        trace_id: need(text()),
        prompt_versions: need(list(need(object({ name: need(text()), version: need(text({ number: true })) })))),
      },
      handle: (given, who) => done(linkPrompts(room, who, given.trace_id, given.prompt_versions)),
    }),
  ])
}

function assessments(room: Tracking): Rpc[] {
  const ids = { trace_id: need(text()), assessment_id: need(text()) }
  const path = 'traces/:trace_id/assessments/:assessment_id'
  const { read, write } = V3
  return [
    write.post('traces/:trace_id/assessments', 'Assess a trace', {
      fields: { trace_id: need(text()), assessment: need(json()) },
      handle: async (given, who) => {
        const assessment = readAssessment(given.assessment)
        return { assessment: wireAssessment(await createAssessment(room, who, given.trace_id, assessment)) }
      },
    }),
    read.get(path, 'Get an assessment', {
      fields: ids,
      handle: async ({ trace_id, assessment_id }, who) => ({
        assessment: wireAssessment(await getAssessment(room, who, trace_id, assessment_id)),
      }),
    }),
    write.patch(path, 'Change an assessment', {
      fields: { ...ids, assessment: need(json()), update_mask: need(json()) },
      handle: async ({ trace_id: traceId, assessment_id: id, ...given }, who) => {
        const change = { given: readAssessment(given.assessment), mask: readMask(given.update_mask) }
        return { assessment: wireAssessment(await updateAssessment(room, who, { traceId, id }, change)) }
      },
    }),
    write.delete(path, 'Remove an assessment', {
      fields: ids,
      handle: (given, who) => done(deleteAssessment(room, who, given.trace_id, given.assessment_id)),
    }),
  ]
}

/** JSON whose 64-bit numbers no JavaScript number could hold. */
function jsonText(body: string): Raw {
  return new Raw(200, { 'content-type': 'application/json; charset=utf-8' }, body)
}
