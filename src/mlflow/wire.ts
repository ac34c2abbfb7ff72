/** MLflow's error dialect: its codes, statuses and the body `{"error_code", "message"}`. */
import { problem } from '../contract/errors.ts'
import type { ErrorCode, Problem } from '../contract/errors.ts'
import { Raw } from '../http/mount.ts'

/** MLflow's code → the row of Slipway's own table, and the HTTP status that MLflow's client expects. */
const CODES = {
  INVALID_PARAMETER_VALUE: { own: 'bad_request', status: 400 },
  BAD_REQUEST: { own: 'bad_request', status: 400 },
  RESOURCE_ALREADY_EXISTS: { own: 'conflict', status: 400 },
  RESOURCE_DOES_NOT_EXIST: { own: 'not_found', status: 404 },
  NOT_FOUND: { own: 'not_found', status: 404 },
  ENDPOINT_NOT_FOUND: { own: 'not_found', status: 404 },
  UNAUTHENTICATED: { own: 'unauthenticated', status: 401 },
  PERMISSION_DENIED: { own: 'forbidden', status: 403 },
  RESOURCE_CONFLICT: { own: 'conflict', status: 409 },
  // MLflow itself answers 500 here, which its client takes for a fault of the server and repeats for minutes.
  INVALID_STATE: { own: 'conflict', status: 400 },
  RESOURCE_EXHAUSTED: { own: 'too_many_requests', status: 429 },
  // Given by name only where MLflow answers 500 to a caller's mistake and its tests ask for that; faults of the server have no name here.
  INTERNAL_ERROR: { own: 'bad_request', status: 500 },
  NOT_IMPLEMENTED: { own: 'unprocessable', status: 501 },
  TEMPORARILY_UNAVAILABLE: { own: 'unavailable', status: 503 },
  DEADLINE_EXCEEDED: { own: 'deadline_exceeded', status: 504 },
} as const satisfies Record<string, { own: ErrorCode; status: number }>

export type MlflowCode = keyof typeof CODES

const USER_FAULT = 'KAM00'
const SYSTEM_FAULT = 'XXM00'

/** How MLflow classes its codes, which its client keeps as `sqlstate` and `error_class` of the exception. */
const CLASSES: Partial<Record<MlflowCode, { readonly sqlstate: string; readonly error_class: string }>> = {
  INVALID_PARAMETER_VALUE: { sqlstate: USER_FAULT, error_class: 'INVALID_PARAMETER_VALUE' },
  BAD_REQUEST: { sqlstate: USER_FAULT, error_class: 'INVALID_PARAMETER_VALUE' },
  RESOURCE_ALREADY_EXISTS: { sqlstate: USER_FAULT, error_class: 'RESOURCE_ALREADY_EXISTS' },
  RESOURCE_DOES_NOT_EXIST: { sqlstate: USER_FAULT, error_class: 'RESOURCE_NOT_FOUND' },
  NOT_FOUND: { sqlstate: USER_FAULT, error_class: 'RESOURCE_NOT_FOUND' },
  ENDPOINT_NOT_FOUND: { sqlstate: USER_FAULT, error_class: 'RESOURCE_NOT_FOUND' },
  PERMISSION_DENIED: { sqlstate: USER_FAULT, error_class: 'PERMISSION_DENIED' },
  INVALID_STATE: { sqlstate: SYSTEM_FAULT, error_class: 'CLIENT_INTERNAL_ERROR' },
  INTERNAL_ERROR: { sqlstate: SYSTEM_FAULT, error_class: 'CLIENT_INTERNAL_ERROR' },
  TEMPORARILY_UNAVAILABLE: { sqlstate: SYSTEM_FAULT, error_class: 'CLIENT_INTERNAL_ERROR' },
}

/** How Slipway's own problems are said to an MLflow client; what is not named is INTERNAL_ERROR. */
const OWN: Partial<Record<ErrorCode, MlflowCode>> = {
  bad_request: 'INVALID_PARAMETER_VALUE',
  invalid_field: 'INVALID_PARAMETER_VALUE',
  malformed_body: 'INVALID_PARAMETER_VALUE',
  unprocessable: 'INVALID_PARAMETER_VALUE',
  unsupported_media_type: 'INVALID_PARAMETER_VALUE',
  unsupported_encoding: 'INVALID_PARAMETER_VALUE',
  payload_too_large: 'INVALID_PARAMETER_VALUE',
  too_many_values: 'INVALID_PARAMETER_VALUE',
  too_slow: 'INVALID_PARAMETER_VALUE',
  too_costly: 'INVALID_PARAMETER_VALUE',
  unauthenticated: 'UNAUTHENTICATED',
  forbidden: 'PERMISSION_DENIED',
  untrusted_origin: 'PERMISSION_DENIED',
  not_found: 'RESOURCE_DOES_NOT_EXIST',
  no_route: 'ENDPOINT_NOT_FOUND',
  method_not_allowed: 'BAD_REQUEST',
  conflict: 'RESOURCE_CONFLICT',
  gate_refused: 'RESOURCE_CONFLICT',
  already_exists: 'RESOURCE_ALREADY_EXISTS',
  too_many_requests: 'RESOURCE_EXHAUSTED',
  unavailable: 'TEMPORARILY_UNAVAILABLE',
  deadline_exceeded: 'DEADLINE_EXCEEDED',
}

/**
 * A refusal in MLflow's words, to throw. Rendered by `mlflowFailure` as it is; where a native route lets it through, it keeps
 * a fitting code of Slipway's own table, with the text as its detail.
 */
export function mlflowProblem(code: MlflowCode, message: string, what = 'resource', id = message): Problem {
  return problem(CODES[code].own, { detail: message, what, id, value: message, mlflow_code: code })
}

/** INVALID_PARAMETER_VALUE, by far the most common refusal. */
export function invalid(message: string): Problem {
  return mlflowProblem('INVALID_PARAMETER_VALUE', message)
}

/** RESOURCE_DOES_NOT_EXIST; `what` and `id` are for the native API's message. */
export function missing(message: string, what: string, id: string): Problem {
  return mlflowProblem('RESOURCE_DOES_NOT_EXIST', message, what, id)
}

/** A body of another type is an invalid parameter to MLflow, not a status of its own. */
function wrongType({ data }: Problem): Problem {
  return invalid(`Bad Request. Content-Type must be one of ['${String(data['expected'])}'].`)
}

function wrongEncoding({ data }: Problem): Problem {
  return invalid(`Unsupported Content-Encoding: ${String(data['value'])}. Expected: ${String(data['expected'])}`)
}

/** Renders any problem as MLflow does; give it as `fail` to `mount`. */
export function mlflowFailure(error: Problem, requestId: string): Raw {
  if (error.code === 'unsupported_media_type') return mlflowFailure(wrongType(error), requestId)
  if (error.code === 'unsupported_encoding') return mlflowFailure(wrongEncoding(error), requestId)
  const given = error.data['mlflow_code'] as MlflowCode | undefined
  const code = given ?? OWN[error.code] ?? 'INTERNAL_ERROR'
  const status = given !== undefined || error.code === 'already_exists' ? CODES[code].status : error.status
  const message = given === undefined ? `${error.message}. ${error.help}` : String(error.data['detail'])
  const headers: Record<string, string> = { 'content-type': 'application/json; charset=utf-8' }
  if (status === 401) headers['www-authenticate'] = 'Basic realm="slipway"'
  const retry = error.data['retry_after']
  if (typeof retry === 'number') headers['retry-after'] = String(Math.max(1, Math.ceil(retry)))
  const body = { error_code: code, message, ...CLASSES[code], ...(status >= 500 && { request_id: requestId }) }
  return new Raw(status, headers, JSON.stringify(body))
}
