/** Turns what was thrown into a reply: a Problem into its row of the table, anything else into `internal`. */
import { ZodError } from 'zod'
import { Problem, problem } from '../contract/errors.ts'
import { Raw } from './mount.ts'

/** Any thrown value as a Problem; programming faults keep their cause for the log. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof ZodError) return fromZod(error, 'request')
  const known = error as { code?: unknown; message?: unknown }
  // the caller disconnected, or broke the rules of HTTP, in the middle of its body
  if (known.code === 'ECONNRESET' && known.message === 'aborted') {
    return problem('bad_request', { detail: 'the body ends too early' }, error)
  }
  if (known.code === 'ENOSPC') return problem('storage_full', {}, error)
  return problem('internal', {}, error)
}

/** The first issue of a failed parse as `invalid_field`, all of them in `details.issues`. */
export function fromZod(error: ZodError, where: string, input?: unknown): Problem {
  const first = error.issues[0]
  const path = first?.path.map(String) ?? []
  return problem('invalid_field', {
    field: [where, ...path].join('.'),
    value: first === undefined ? undefined : at(input, first.path),
    expected: first === undefined ? 'something else' : expectedOf(first),
    issues: error.issues
      .slice(0, 20)
      .map((issue) => ({ field: issue.path.map(String).join('.'), message: issue.message })),
  })
}

/** The part of an issue's message that names what was expected. */
function expectedOf(issue: ZodError['issues'][number]): string {
  if (issue.code === 'unrecognized_keys') return `no field ${issue.keys.map((key) => `"${key}"`).join(', ')}`
  return issue.message.replace(/^(?:Invalid|Too)[ \w]*: (?:expected )?/, '').replace(/, received [^,]*$/, '')
}

function at(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<PropertyKey, unknown>)[key]
  }
  return value
}

/** Slipway's own error shape. */
export function slipwayFailure(error: Problem, request_id: string): Raw {
  const { issues, ...details } = error.data as { issues?: unknown }
  const body = {
    error: {
      code: error.code,
      message: error.message,
      details: issues === undefined ? details : { ...details, issues },
      request_id,
      help: error.help,
    },
  }
  const headers: Record<string, string> = { 'content-type': 'application/json; charset=utf-8' }
  const retry = error.data['retry_after']
  if (typeof retry === 'number') headers['retry-after'] = String(Math.max(1, Math.ceil(retry)))
  if (error.code === 'unauthenticated') headers['www-authenticate'] = 'Bearer, Basic realm="slipway"'
  return new Raw(error.status, headers, JSON.stringify(body))
}
