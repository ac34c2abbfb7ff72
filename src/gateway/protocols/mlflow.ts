/** MLflow's scoring protocol: POST /invocations with JSON or CSV, and its shapes of answers and errors. */
import type { IncomingHttpHeaders } from 'node:http'
import { problem } from '../../contract/errors.ts'
import type { Problem } from '../../contract/errors.ts'
import type { Shape } from '../../http/json-shape.ts'
import type { Answer, Ask } from '../engine/ask.ts'
import type { PredictCall, Protocol, Reply } from './exchange.ts'
import { JSON_TYPE, makeAsk } from './exchange.ts'
import { objectOf, prepareJson } from './json-body.ts'
import { explanationsOf } from './explanations.ts'
import { isRecord, toJson } from '../../scoring/rows/json.ts'
import type { Results } from '../../scoring/rows/results.ts'
import type { Rows } from '../../scoring/rows/rows.ts'
import { invalid, namedRows } from '../../scoring/rows/rows.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import { prepareCsv, rowsOfColumns, rowsOfCsv, rowsOfItems, rowsOfLists } from './columns.ts'
import { failureHeaders } from './native.ts'
import { inputsOf } from './oip.ts'

const CSV = 'text/csv'

/** Whether the caller wants CSV back (SageMaker's batch transform does). */
interface Note {
  readonly csv: boolean
}

const FORMS = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const

/**
 * JSON with exactly one of `dataframe_split`, `dataframe_records`, `instances`, `inputs` (and `params`), or text/csv with a header (or
 * `text/csv; header=absent`, by place). `Accept: text/csv` gives the predictions as CSV.
 * Event time, prediction ids and routing key come by headers `x-slipway-*`. The ids of the answer are in `x-slipway-prediction-id`.
 */
export const mlflowProtocol: Protocol = {
  prepare: prepareInvocation,
  isJson: (headers) => !isCsv(headers),
  read: readInvocation,
  write: writeInvocation,
  fail: mlflowFailure,
}

function prepareInvocation(headers: IncomingHttpHeaders, body: Buffer, shape?: Shape): unknown {
  return isCsv(headers) ? prepareCsv(body) : prepareJson(headers, body, shape)
}

function isCsv(headers: IncomingHttpHeaders): boolean {
  return contentType(headers['content-type']) === CSV
}

function readInvocation(call: PredictCall): { ask: Ask; note: unknown } {
  const read = readBody(call)
  if (read.ask.explain && read.note.csv)
    throw problem('bad_request', { detail: 'contributions come as JSON; the request accepts text/csv' })
  return read
}

function readBody(call: PredictCall): { ask: Ask; note: Note } {
  const type = contentType(call.headers['content-type'])
  const inputs = inputsOf(call.endpoint)
  const facts = { id: splitIds(call.headers['x-slipway-prediction-id']) }
  const note: Note = { csv: String(call.headers['accept']).trim() === CSV }
  if (type === CSV) {
    const headless = /;\s*header=absent/i.test(call.headers['content-type'] ?? '')
    const cells = (call.prepared ?? prepareCsv(call.body)) as string[][]
    return { ask: makeAsk(call, rowsOfCsv(cells, inputs, headless), facts), note }
  }
  const body = objectOf(call)
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
  return { ask: makeAsk(call, rows, { ...facts, params: body['params'] }), note }
}

/** Ids of several rows come as one header, separated by commas. */
function splitIds(header: string | string[] | undefined): unknown {
  return typeof header === 'string' && header.includes(',') ? header.split(',').map((id) => id.trim()) : header
}

/** Parameters that a content type may have. `header=absent` is SageMaker's word for a CSV without names. */
const PARAMETERS = new Set(['', 'charset=utf-8', 'header=absent', 'header=present'])

function contentType(header: string | undefined): string {
  const [type = '', ...parameters] = (header ?? JSON_TYPE)
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const odd = parameters.find((parameter) => !PARAMETERS.has(parameter))
  if ((type !== JSON_TYPE && type !== 'text/csv') || odd !== undefined)
    throw problem('unsupported_media_type', { value: header, expected: 'application/json or text/csv, charset=utf-8' })
  return type
}

const READ: Record<(typeof FORMS)[number], (value: unknown, inputs: readonly InputField[]) => Rows> = {
  dataframe_split: readSplit,
  dataframe_records(value) {
    if (!Array.isArray(value) || !value.every(isRecord)) throw invalid('dataframe_records', value, 'a list of objects')
    return namedRows(value)
  },
  instances: (value, inputs) => readRows('instances', value, inputs),
  inputs: (value, inputs) => readRows('inputs', value, inputs),
}

/** What TensorFlow Serving calls row format and column format; like MLflow, either word takes both. */
function readRows(form: string, value: unknown, inputs: readonly InputField[]): Rows {
  if (Array.isArray(value)) return rowsOfItems(form, value, inputs)
  if (!isRecord(value)) throw invalid(form, value, 'an object of columns, or a list of rows')
  return rowsOfNamedColumns(form, value)
}

function readSplit(value: unknown): Rows {
  if (!isRecord(value)) throw invalid('dataframe_split', value, 'an object with columns and data')
  const { columns, data } = value
  if (!Array.isArray(columns) || !columns.every((name) => typeof name === 'string'))
    throw invalid('dataframe_split.columns', columns, 'a list of column names')
  if (!Array.isArray(data)) throw invalid('dataframe_split.data', data, 'a list of rows')
  return rowsOfLists('dataframe_split.data', columns, data)
}

/** Columns by name: lists of equal length, or bare values that make one row. */
function rowsOfNamedColumns(form: string, value: Record<string, unknown>): Rows {
  const entries = Object.entries(value)
  if (entries.length > 0 && entries.every(([, column]) => !Array.isArray(column))) return namedRows([value])
  const columns = new Map<string, readonly unknown[]>()
  for (const [name, column] of entries) {
    if (!Array.isArray(column)) throw invalid(`${form}.${name}`, column, 'a list, as the other columns are')
    columns.set(
      name,
      column.map((item: unknown) => (Array.isArray(item) && item.length === 1 ? (item[0] as unknown) : item)),
    )
  }
  return rowsOfColumns(form, columns)
}

function writeInvocation(answer: Answer, note: unknown): Reply {
  const { route } = answer.variant
  const headers: Record<string, string> = { 'x-slipway-version': route.version, 'x-slipway-variant': route.role }
  if (answer.ids.length <= 100 && answer.ids.every((id) => /^[\x21-\x2b\x2d-\x7e]+$/.test(id)))
    headers['x-slipway-prediction-id'] = answer.ids.join(',')
  if ((note as Note).csv) return { status: 200, type: CSV, body: csvOf(answer), headers }
  const body = toJson({ predictions: recordsOf(answer.results), ...explanationsOf(answer) })
  return { status: 200, type: JSON_TYPE, body, headers }
}

/** A DataFrame is answered as MLflow does: an object of its columns for each row. */
function recordsOf(results: Results): readonly unknown[] {
  const { columns } = results
  const predictions = results.predictions()
  if (columns === undefined) return predictions
  return predictions.map((prediction) => {
    const values = Array.isArray(prediction) ? (prediction as unknown[]) : [prediction]
    return Object.fromEntries(columns.map((name, i) => [name, values[i]]))
  })
}

/** One line a row, without a header. */
function csvOf(answer: Answer): string {
  return answer.results
    .predictions()
    .map((prediction) => `${csvLine(prediction)}\n`)
    .join('')
}

function csvLine(value: unknown): string {
  return Array.isArray(value) ? value.map(csvCell).join(',') : csvCell(value)
}

/** A value as a cell of CSV, quoted where it must be; null is empty. */
export function csvCell(value: unknown): string {
  const text = typeof value === 'string' ? value : value === null ? '' : toJson(value)
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
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
