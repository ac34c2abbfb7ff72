/** Reads the messages of MLflow's calls about traces. */
import type { Field } from '../mlflow/input.ts'
import { invalid } from '../mlflow/wire.ts'
import { asObject, readAssessment, snake, textMap } from './assessments/wire.ts'
import { readDuration, readTimestamp } from './otlp/time.ts'
import type { TraceState } from './context/rows.ts'
import type { GivenTrace } from './start.ts'

const STATES = ['STATE_UNSPECIFIED', 'OK', 'ERROR', 'IN_PROGRESS'] as const
/** It is a part of the path of the trace's files: no separator, and no dot at the end, which would make `..` possible. */
const TRACE_ID = /^[\w.:=-]{0,127}[\w:=-]$/

/** Any JSON, checked by its reader. */
export function json(): Field<unknown> {
  return { many: false, read: (value) => value ?? undefined }
}

/** A trace's record from a StartTraceV3 message. INVALID_PARAMETER_VALUE names what is wrong. */
export function readTrace(given: unknown): GivenTrace {
  const trace = snake(asObject(given, 'trace'))
  const info = snake(asObject(trace['trace_info'], 'trace.trace_info'))
  const location = snake(asObject(info['trace_location'] ?? {}, 'trace_info.trace_location'))
  const experiment = snake(asObject(location['mlflow_experiment'] ?? {}, 'trace_location.mlflow_experiment'))
  const trace_id = textOf(info['trace_id'], 'trace_info.trace_id') ?? ''
  if (!TRACE_ID.test(trace_id)) throw invalid(`Invalid value '${trace_id.slice(0, 200)}' for parameter 'trace_id'.`)
  const duration = textOf(info['execution_duration'], 'trace_info.execution_duration')
  return {
    trace_id,
    experiment_id: textOf(experiment['experiment_id'], 'mlflow_experiment.experiment_id') ?? '0',
    client_request_id: textOf(info['client_request_id'], 'trace_info.client_request_id'),
    request_preview: textOf(info['request_preview'], 'trace_info.request_preview'),
    response_preview: textOf(info['response_preview'], 'trace_info.response_preview'),
    start_ms: readTimestamp(textOf(info['request_time'], 'request_time') ?? '', 'trace_info.request_time'),
    duration_ms: duration === undefined ? undefined : readDuration(duration, 'trace_info.execution_duration'),
    state: readState(info['state']),
    metadata: textMap(info['trace_metadata'] ?? {}, 'trace_info.trace_metadata'),
    tags: textMap(info['tags'] ?? {}, 'trace_info.tags'),
    assessments: readList(info['assessments']).map((one, index) => readAssessment(one, `assessments[${index}]`)),
  }
}

/** A state by its name or number. */
export function readState(given: unknown): TraceState {
  if (given === undefined || given === 'TRACE_STATUS_UNSPECIFIED') return 'STATE_UNSPECIFIED'
  const state = STATES.find((name, number) => given === name || given === number || given === String(number))
  if (state === undefined) throw invalid(`Invalid value ${JSON.stringify(given)} for parameter 'state'.`)
  return state
}

/** Ids of the experiments among the places of a search. */
export function readLocations(given: unknown): string[] {
  return readList(given).flatMap((one, index) => {
    const location = snake(asObject(one, `locations[${index}]`))
    if (location['mlflow_experiment'] === undefined) return []
    const experiment = snake(asObject(location['mlflow_experiment'], `locations[${index}].mlflow_experiment`))
    const id = experiment['experiment_id']
    return typeof id === 'string' || typeof id === 'number' ? [String(id)] : []
  })
}

/** The paths of a field mask: text with commas, or a message with `paths`. */
export function readMask(given: unknown): string[] {
  const paths = typeof given === 'string' ? given.split(',') : readList(asObject(given, 'update_mask')['paths'])
  return paths.map((path) => {
    if (typeof path !== 'string') throw invalid("Invalid value for parameter 'update_mask': expected names.")
    return path.trim()
  })
}

/** Pairs of key and value as an object. */
export function pairsOf(
  pairs: readonly ({ key: string; value: string | undefined } | undefined)[],
): Record<string, string> {
  return Object.fromEntries(pairs.flatMap((pair) => (pair === undefined ? [] : [[pair.key, clean(pair.value ?? '')]])))
}

function readList(given: unknown): unknown[] {
  if (given === undefined || given === null) return []
  if (!Array.isArray(given)) throw invalid('Invalid value: expected a list.')
  return given as unknown[]
}

function textOf(given: unknown, path: string): string | undefined {
  if (given === undefined) return undefined
  if (typeof given === 'string') return clean(given)
  if (typeof given === 'number' && path.endsWith('experiment_id')) return String(given)
  throw invalid(`Invalid value for parameter '${path}' supplied: expected text.`)
}

/** No database keeps the character 0 as text. */
function clean(given: string): string {
  return given.replaceAll('\0', '\ufffd')
}
