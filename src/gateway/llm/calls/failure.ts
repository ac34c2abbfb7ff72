/** How a refusal is told to a client of a language model: in the words of its dialect, so that its library raises what it has for it. */
import type { ServerResponse } from 'node:http'
import type { Problem } from '../../../contract/errors.ts'
import { failureIn } from '../dialects/failures.ts'
import { failureHeaders } from '../../protocols/native.ts'
import type { Dialect } from '../../table/llm.ts'
import type { Reply } from '../../protocols/exchange.ts'
import { cutShort } from '../../http/cut.ts'
import { JSON_TYPE } from '../../protocols/exchange.ts'

/** Type and code of OpenAI's errors, by our codes. */
const WORDS: Readonly<Record<string, readonly [type: string, code: string]>> = {
  unauthenticated: ['invalid_request_error', 'invalid_api_key'],
  forbidden: ['invalid_request_error', 'forbidden'],
  not_found: ['invalid_request_error', 'model_not_found'],
  guardrail_blocked: ['invalid_request_error', 'content_filter'],
  budget_exceeded: ['insufficient_quota', 'insufficient_quota'],
  too_many_requests: ['rate_limit_error', 'rate_limit_exceeded'],
}

/** The reply to a call that is refused. */
export function failureReply(dialect: Dialect, error: Problem): Reply {
  const [type, code] = WORDS[error.code] ?? [error.status < 500 ? 'invalid_request_error' : 'api_error', error.code]
  const field = error.data['field']
  const param = typeof field === 'string' ? field : null
  const body = failureIn(dialect, { status: error.status, message: error.message, type, code, param })
  const headers = failureHeaders(error)
  // what has been spent does not come back by asking again
  if (error.code === 'budget_exceeded') headers['x-should-retry'] = 'false'
  return { status: error.status, type: JSON_TYPE, body: JSON.stringify(body), headers }
}

/** Longest wait for a client to take the error, ms. */
const LATE_MS = 5000

/** Tells in a stream that it broke off, and cuts the connection: nothing of it may look whole. */
export function breakOff(response: ServerResponse, dialect: Dialect, error: Problem): void {
  if (response.destroyed) return
  const { body } = failureReply(dialect, error)
  const event = dialect === 'messages' || dialect === 'responses' ? 'event: error\n' : ''
  const late = setTimeout(() => cutShort(response), LATE_MS).unref()
  response.write(`${event}data: ${String(body)}\n\n`, () => {
    clearTimeout(late)
    cutShort(response)
  })
}
