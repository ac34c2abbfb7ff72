/** MLflow's scoring protocol: POST /invocations with JSON or CSV, and its shapes of answers and errors. */
import { problem } from '../../../contract/errors.ts'
import type { Problem } from '../../../contract/errors.ts'
import type { Answer, Ask } from '../engine.ts'
import type { PredictCall, Protocol, Reply } from '../exchange.ts'
import { invalid, isRecord, JSON_TYPE, makeAsk, parseObject } from '../exchange.ts'
import type { LiveEndpoint } from '../live.ts'
import type { Named } from '../rows.ts'
import type { InputField } from '../../table.ts'
import { rowsOfColumns, rowsOfCsv, rowsOfItems, rowsOfLists } from './columns.ts'
import { failureHeaders } from './native.ts'

const FORMS = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const

/**
 * JSON with exactly one of `dataframe_split`, `dataframe_records`, `instances`, `inputs` (and `params`), or text/csv with a header.
 * Event time, prediction ids and routing key come by headers `x-slipway-*`. The ids of the answer are in `x-slipway-prediction-id`.
 */
export const mlflowProtocol: Protocol = {
  read: readInvocation,
  write: (answer) => writeInvocation(answer),
  fail: mlflowFailure,
}

function readInvocation(call: PredictCall): { ask: Ask; note: unknown } {
  const type = contentType(call.headers['content-type'])
  const inputs = inputsOf(call.endpoint)
  const facts = { id: splitIds(call.headers['x-slipway-prediction-id']) }
  if (type === 'text/csv') {
    return { ask: makeAsk(call, rowsOfCsv(call.body.toString('utf8'), inputs), facts), note: undefined }
  }
  const body = parseObject(call.body)
  const given = FORMS.filter((form) => body[form] !== undefined)
  if (given.length !== 1) {
    const got =
      given.length === 0 ? `the keys ${Object.keys(body).slice(0, 10).join(', ') || 'nothing'}` : given.join(' and ')
    throw problem('bad_request', {
      detail: `the body must have exactly one of the input fields ${FORMS.join(', ')}; got ${got}`,
    })
  }
  const form = given[0] as (typeof FORMS)[number]
  const rows = READ[form](body[form], inputs)
  return { ask: makeAsk(call, rows, { ...facts, params: body['params'] }), note: undefined }
}

/** Ids of several rows come as one header, separated by commas. */
function splitIds(header: string | string[] | undefined): unknown {
  return typeof header === 'string' && header.includes(',') ? header.split(',').map((id) => id.trim()) : header
}

/** The inputs of the version that answers most requests: positional rows are read by it. */
function inputsOf(endpoint: LiveEndpoint): readonly InputField[] {
  return (endpoint.stable ?? endpoint.canary)?.route.inputs ?? []
}

function contentType(header: string | undefined): string {
  const [type = '', ...parameters] = (header ?? JSON_TYPE)
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const odd = parameters.find((parameter) => parameter !== '' && parameter !== 'charset=utf-8')
  if ((type !== JSON_TYPE && type !== 'text/csv') || odd !== undefined)
    throw problem('unsupported_media_type', { value: header, expected: 'application/json or text/csv, charset=utf-8' })
  return type
}

const READ: Record<(typeof FORMS)[number], (value: unknown, inputs: readonly InputField[]) => readonly Named[]> = {
  dataframe_split: readSplit,
  dataframe_records(value) {
    if (!Array.isArray(value) || !value.every(isRecord)) throw invalid('dataframe_records', value, 'a list of objects')
    return value
  },
  instances(value, inputs) {
    if (!Array.isArray(value)) throw invalid('instances', value, 'a list of rows')
    return rowsOfItems('instances', value, inputs)
  },
  inputs(value, inputs) {
    if (Array.isArray(value)) return rowsOfItems('inputs', value, inputs)
    if (!isRecord(value)) throw invalid('inputs', value, 'an object of columns, or a list of rows')
    return rowsOfNamedColumns(value)
  },
}

function readSplit(value: unknown): readonly Named[] {
  if (!isRecord(value)) throw invalid('dataframe_split', value, 'an object with columns and data')
  const { columns, data } = value
  if (!Array.isArray(columns) || !columns.every((name) => typeof name === 'string'))
    throw invalid('dataframe_split.columns', columns, 'a list of column names')
  if (!Array.isArray(data)) throw invalid('dataframe_split.data', data, 'a list of rows')
  return rowsOfLists('dataframe_split.data', columns, data)
}

/** Columns by name: lists of equal length, or bare values that make one row. */
function rowsOfNamedColumns(value: Record<string, unknown>): readonly Named[] {
  const entries = Object.entries(value)
  if (entries.length > 0 && entries.every(([, column]) => !Array.isArray(column))) return [value]
  const columns = new Map<string, readonly unknown[]>()
  for (const [name, column] of entries) {
    if (!Array.isArray(column)) throw invalid(`inputs.${name}`, column, 'a list, as the other columns are')
    columns.set(
      name,
      column.map((item: unknown) => (Array.isArray(item) && item.length === 1 ? (item[0] as unknown) : item)),
    )
  }
  return rowsOfColumns('inputs', columns)
}

function writeInvocation(answer: Answer): Reply {
  const { route } = answer.variant
  const headers: Record<string, string> = { 'x-slipway-version': route.version, 'x-slipway-variant': route.role }
  if (answer.ids.length <= 100 && answer.ids.every((id) => /^[\x21-\x2b\x2d-\x7e]+$/.test(id)))
    headers['x-slipway-prediction-id'] = answer.ids.join(',')
  const body = JSON.stringify({ predictions: answer.scored.map((one) => one.prediction) })
  return { status: 200, type: JSON_TYPE, body, headers }
}

/** Names of MLflow's error codes by status. */
const CODES: Readonly<Record<number, string>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'RESOURCE_DOES_NOT_EXIST',
  429: 'REQUEST_LIMIT_EXCEEDED',
  503: 'TEMPORARILY_UNAVAILABLE',
}

/** MLflow's error shape; a model that raised is a 400 there, as MLflow answers. */
export function mlflowFailure(error: Problem): Reply {
  if (error.code === 'unsupported_media_type')
    return { status: 415, type: 'text/plain', body: `${error.message}\n`, headers: failureHeaders(error) }
  const status = error.code === 'upstream_failed' ? 400 : error.status
  const code = CODES[status] ?? (status < 500 ? 'BAD_REQUEST' : 'INTERNAL_ERROR')
  const body = JSON.stringify({ error_code: code, message: error.message })
  return { status, type: JSON_TYPE, body, headers: failureHeaders(error) }
}
