/** Slipway's own protocol: POST /v1/endpoints/NAME:predict. */
import type { Problem } from '../../contract/errors.ts'
import type { Answer, Ask } from '../engine/ask.ts'
import type { PredictCall, Protocol, Reply } from './exchange.ts'
import { JSON_TYPE, makeAsk } from './exchange.ts'
import { objectOf, prepareJson } from './json-body.ts'
import { explanationsOf } from './explanations.ts'
import { isRecord, toJson } from '../../scoring/rows/json.ts'
import type { Named, Rows } from '../../scoring/rows/rows.ts'
import { invalid, namedRows } from '../../scoring/rows/rows.ts'

const KEYS = new Set(['inputs', 'id', 'event_time', 'routing_key', 'params', 'priority', 'timeout_ms', 'explain'])

/**
 * `{inputs: {field: value} | [{…}, …], id?, event_time?, routing_key?, params?, priority?, timeout_ms?, explain?}` →
 * `{predictions, scores, prediction_ids, version, variant, epoch}`, `explanations` where they
 * were asked for, and `features` (what was missing, and how old each view's row is) where the endpoint has a feature service; the lists have
 * one item a row, in order.
 */
export const nativeProtocol: Protocol = {
  prepare: prepareJson,
  isJson: () => true,
  read: readNative,
  write: (answer) => writeNative(answer),
  fail: nativeFailure,
}

function readNative(call: PredictCall): { ask: Ask; note: unknown } {
  const body = objectOf(call)
  for (const key of Object.keys(body)) {
    if (!KEYS.has(key)) throw invalid(key, body[key], `one of ${[...KEYS].join(', ')}`)
  }
  return { ask: makeAsk(call, readInputs(body['inputs']), body), note: undefined }
}

function readInputs(inputs: unknown): Rows {
  if (isRecord(inputs)) return namedRows([inputs])
  if (!Array.isArray(inputs)) throw invalid('inputs', inputs, 'an object of fields, or a list of such objects')
  for (let i = 0; i < inputs.length; i++)
    if (!isRecord(inputs[i])) throw invalid(`inputs.${i}`, inputs[i], 'an object of fields')
  return namedRows(inputs as Named[])
}

function writeNative(answer: Answer): Reply {
  const { variant, endpoint, results } = answer
  const body = toJson({
    predictions: results.predictions(),
    scores: results.scores(),
    ...explanationsOf(answer),
    prediction_ids: answer.ids,
    ...(answer.reasons !== undefined && { features: answer.reasons() }),
    version: variant.route.version,
    variant: variant.route.role,
    epoch: endpoint.epoch,
  })
  return { status: 200, type: JSON_TYPE, body }
}

/** Slipway's error shape, as the control process writes it. */
export function nativeFailure(error: Problem): Reply {
  const body = JSON.stringify({
    error: { code: error.code, message: error.message, details: clip(error.data), help: error.help },
  })
  return { status: error.status, type: JSON_TYPE, body, headers: failureHeaders(error) }
}

/** Longest text of a caller's value that the details repeat. */
const SHOWN = 200

/** The data of a problem without long values of the caller's. */
function clip(data: Problem['data']): Record<string, unknown> {
  const entries = Object.entries(data).map(([key, value]): [string, unknown] => {
    if (key === 'issues') return [key, value]
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return [key, text !== undefined && text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : value]
  })
  return Object.fromEntries(entries)
}

/** Headers that every protocol sends with a refusal. */
export function failureHeaders(error: Problem): Record<string, string> {
  const headers: Record<string, string> = {}
  const retry = error.data['retry_after']
  if (typeof retry === 'number') headers['retry-after'] = String(Math.max(1, Math.ceil(retry)))
  if (error.code === 'unauthenticated') headers['www-authenticate'] = 'Bearer, Basic realm="slipway"'
  return headers
}
