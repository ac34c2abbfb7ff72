/** Errors of calls: read from what an upstream answered, and written for clients of each dialect. */
import type { Dialect } from '../../table/llm.ts'
import type { Json } from './dialects.ts'
import { isObject } from './fields.ts'

/** An error in one form for all dialects. */
export interface Failure {
  /** HTTP status. */
  readonly status: number
  readonly message: string
  /** Kind of error in the provider's words. */
  readonly type: string | null
  readonly code: string | null
  /** Field that is at fault. */
  readonly param: string | null
}

/** The body of an error as clients of the dialect expect it. */
export function failureIn(client: Dialect, failure: Failure): Json {
  const { status, message, type, code, param } = failure
  if (client === 'messages' || client === 'count_tokens')
    return {
      type: 'error',
      error: { type: ANTHROPIC[status] ?? 'api_error', message },
    }
  if (client === 'generate')
    return {
      error: { code: status, message, status: GOOGLE[status] ?? (status < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL') },
    }
  if (client === 'converse') return { message }
  return {
    error: {
      message,
      type: type ?? OPENAI[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error'),
      param,
      code,
    },
  }
}

const ANTHROPIC: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
}

/** Names of `google.rpc.Code` by HTTP status. */
const GOOGLE: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
  529: 'UNAVAILABLE',
}

const OPENAI: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
}

/** Longest message that is kept of a body that is no error of its dialect. */
const SHOWN = 500

/** Reads an error body: OpenAI's, vLLM's older flat one, Anthropic's, Gemini's (also in a list) or Bedrock's; of anything else the text. Never throws. */
export function failureOf(upstream: Dialect, status: number, body: unknown): Failure {
  const first: unknown = Array.isArray(body) ? body[0] : body
  if (!isObject(first)) return plain(status, typeof first === 'string' ? first.slice(0, SHOWN) : '')
  const error = first['error']
  if (typeof error === 'string') return plain(status, error)
  const inner = isObject(error) ? error : first
  const message = textIn(inner, 'message') ?? textIn(inner, 'Message') ?? textIn(inner, 'detail')
  const type = upstream === 'generate' ? textIn(inner, 'status') : (textIn(inner, 'type') ?? textIn(inner, '__type'))
  return {
    ...plain(status, message ?? ''),
    // Anthropic's outer object has a type too, which only says that it is an error.
    type: type === 'error' ? null : (type ?? null),
    code: codeOf(inner['code'], status),
    param: textIn(inner, 'param') ?? null,
  }
}

function plain(status: number, message: string): Failure {
  return {
    status,
    message: message === '' ? `the provider answered ${status}` : message,
    type: null,
    code: null,
    param: null,
  }
}

/** A code that says more than the status. */
function codeOf(code: unknown, status: number): string | null {
  if (typeof code === 'number') return code === status ? null : String(code)
  return typeof code === 'string' && code !== '' ? code : null
}

function textIn(object: Json, key: string): string | undefined {
  const value = object[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}
