/** One HTTP exchange inside the gateway: what a handler gets, what it gives back, and the facts that headers may carry. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Problem } from '../../contract/errors.ts'
import type { Answer, Ask } from '../engine/ask.ts'
import type { Shape } from '../../http/json-shape.ts'
import type { LiveEndpoint } from '../traffic/live.ts'
import { isRecord } from '../../scoring/rows/json.ts'
import type { Rows } from '../../scoring/rows/rows.ts'
import { invalid } from '../../scoring/rows/rows.ts'

/** A reply before it is written. */
export interface Reply {
  readonly status: number
  readonly type: string
  /** Bytes for binary tensors, else text. */
  readonly body: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** A request to predict, as its protocol handler gets it. */
export interface PredictCall {
  readonly endpoint: LiveEndpoint
  readonly headers: IncomingHttpHeaders
  /** The id of the caller's token; '' without one. */
  readonly caller: string
  readonly body: Buffer
  /** What `prepare` made of the body. */
  readonly prepared?: unknown
  /** The version that the path named. */
  readonly version: string | undefined
  readonly now: number
  readonly nextId: () => string
}

/** A protocol: reads a request, writes an answer, words an error. */
export interface Protocol {
  /**
   * What can be read of a body before its endpoint is looked at: undefined where that is nothing, a promise where it takes turns of the
   * loop. Throws for a body that is beyond a limit, before it is parsed. `shape`: that of a body which was walked while it came.
   */
  readonly prepare: (headers: IncomingHttpHeaders, body: Buffer, shape?: Shape) => unknown
  /** Whether a body with these headers is JSON from its first byte to its last, and so can be walked while it comes. */
  readonly isJson: (headers: IncomingHttpHeaders) => boolean
  /** Throws a Problem that names what is wrong. The second value is kept for `write`. */
  readonly read: (call: PredictCall) => { ask: Ask; note: unknown }
  readonly write: (answer: Answer, note: unknown) => Reply
  readonly fail: (error: Problem) => Reply
}

export const JSON_TYPE = 'application/json'

/** Largest number of rows of one request. */
export const MAX_ROWS = 10_000
/** Longest id and routing key. */
export const MAX_KEY = 256
const DEFAULT_DEADLINE_MS = 30_000
const MAX_DEADLINE_MS = 300_000

/** What a caller may say beside the rows, from the body or from headers `x-slipway-*`. */
export interface Facts {
  readonly id?: unknown
  readonly event_time?: unknown
  readonly routing_key?: unknown
  readonly timeout_ms?: unknown
  readonly params?: unknown
  readonly priority?: unknown
  readonly explain?: unknown
}

/** Joins rows and facts to an Ask. Facts of the body win over headers. Throws `invalid_field`. */
export function makeAsk(call: PredictCall, rows: Rows, facts: Facts): Ask {
  const { headers, now } = call
  const { count } = rows
  if (count === 0) throw invalid('inputs', [], 'at least one row')
  if (count > MAX_ROWS) throw invalid('inputs', `${count} rows`, `at most ${MAX_ROWS} rows`)
  const params = readParams(facts.params)
  const { explain, rest } = readExplain(call, facts.explain, params)
  const timeout = facts.timeout_ms ?? headers['x-slipway-timeout-ms']
  return {
    rows,
    bytes: call.body.length,
    queue: call.endpoint.route.limits,
    priority: readPriority(facts.priority ?? headers['x-slipway-priority']),
    caller: call.caller,
    ids: readIds(facts.id ?? headers['x-slipway-prediction-id'], count, call.nextId),
    times: readTimes(facts.event_time ?? headers['x-slipway-event-time'], count, now),
    key: readKey(facts.routing_key ?? headers['x-slipway-routing-key']),
    params: rest,
    explain,
    deadline:
      now +
      (timeout === undefined ? (call.endpoint.route.limits?.timeout_ms ?? DEFAULT_DEADLINE_MS) : readTimeout(timeout)),
    version: call.version,
  }
}

function readIds(given: unknown, count: number, next: () => string): readonly string[] {
  if (given === undefined || given === null) return count === 1 ? [next()] : Array.from({ length: count }, next)
  const ids: unknown = count === 1 && !Array.isArray(given) ? [given] : given
  if (!Array.isArray(ids) || ids.length !== count)
    throw invalid('id', given, count === 1 ? 'a text' : `a list of ${count} texts, one a row`)
  const seen = new Set<unknown>(ids)
  if (seen.size !== count) throw invalid('id', given, 'a different id for each row')
  return ids.map((id, i) => readText(count === 1 ? 'id' : `id.${i}`, id))
}

/** A text of 1 to 256 characters without control characters. */
function readText(field: string, value: unknown): string {
  const fine = typeof value === 'string' && value.length > 0 && value.length <= MAX_KEY && !hasControl(value)
  if (!fine) throw invalid(field, value, `a text of 1 to ${MAX_KEY} characters without control characters`)
  return value
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 32) return true
  return false
}

function readKey(given: unknown): string | null {
  if (given === undefined || given === null) return null
  return readText('routing_key', typeof given === 'number' ? String(given) : given)
}

function readTimes(given: unknown, count: number, now: number): readonly number[] {
  if (given === undefined || given === null) return count === 1 ? [now] : Array.from({ length: count }, () => now)
  if (!Array.isArray(given)) {
    const time = readTime('event_time', given, now)
    return count === 1 ? [time] : Array.from({ length: count }, () => time)
  }
  if (given.length !== count) throw invalid('event_time', given, `one time, or a list of ${count}, one a row`)
  return given.map((time, i) => readTime(`event_time.${i}`, time, now))
}

/** A row may be about a time to come, such as a departure; what lies further ahead is a slip, by which a monitor would lose the present. */
const AHEAD_MS = 366 * 86_400_000
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/

/** A time as RFC 3339 or as whole milliseconds since 1970. */
function readTime(field: string, value: unknown, now: number): number {
  const digits = typeof value === 'string' && /^\d{1,15}$/.test(value)
  const ms =
    typeof value === 'number'
      ? value
      : digits
        ? Number(value)
        : RFC3339.test(String(value))
          ? Date.parse(String(value))
          : Number.NaN
  if (!Number.isSafeInteger(ms) || ms < 0)
    throw invalid(field, value, 'a time as RFC 3339 (2026-05-03T10:00:00Z) or milliseconds since 1970')
  if (ms > now + AHEAD_MS) throw invalid(field, value, 'a time at most a year ahead')
  return ms
}

function readParams(given: unknown): Readonly<Record<string, unknown>> | null {
  if (given === undefined || given === null) return null
  if (!isRecord(given)) throw invalid('params', given, 'an object')
  return Object.keys(given).length === 0 ? null : given
}

type Params = Readonly<Record<string, unknown>> | null

/**
 * Whether contributions are wanted: said beside the rows, by header, or among the params of a model that runs natively, which takes none
 * of its own.
 */
function readExplain(call: PredictCall, given: unknown, params: Params): { explain: boolean; rest: Params } {
  const said = given ?? call.headers['x-slipway-explain']
  if (said !== undefined && said !== null) return { explain: readFlag(said), rest: params }
  const { stable, canary } = call.endpoint
  if (params === null || params['explain'] === undefined) return { explain: false, rest: params }
  if ((stable ?? canary)?.route.backend.kind !== 'native') return { explain: false, rest: params }
  const { explain, ...others } = params
  return { explain: readFlag(explain), rest: Object.keys(others).length === 0 ? null : others }
}

function readFlag(given: unknown): boolean {
  if (given === true || given === 'true') return true
  if (given === false || given === 'false') return false
  throw invalid('explain', given, 'true or false')
}

function readTimeout(given: unknown): number {
  const ms = typeof given === 'string' ? Number(given) : given
  if (typeof ms !== 'number' || !(ms >= 1 && ms <= MAX_DEADLINE_MS))
    throw invalid('timeout_ms', given, `a number of milliseconds from 1 to ${MAX_DEADLINE_MS}`)
  return ms
}

const PRIORITIES = ['low', 'normal', 'high'] as const

/** How urgent a request is beside others that wait for the same scorers. */
export type Priority = (typeof PRIORITIES)[number]

function readPriority(given: unknown): Priority {
  if (given === undefined || given === null) return 'normal'
  const known = PRIORITIES.find((one) => one === given)
  if (known === undefined) throw invalid('priority', given, `one of ${PRIORITIES.join(', ')}`)
  return known
}
