/** Turns what was thrown into a reply: a Problem into its row of the table, anything else into `internal`. */
import { ZodError } from 'zod'
import type { z } from 'zod'
import { Problem, problem } from '../contract/errors.ts'
import { Raw } from './mount.ts'

/** What the operating system says of files that it does not give or take for now. */
const DISK_FAULTS: ReadonlySet<unknown> = new Set(['EIO', 'EROFS', 'EACCES', 'EPERM', 'EMFILE', 'ENFILE'])

/** Any thrown value as a Problem; programming faults keep their cause for the log. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof ZodError) return fromZod(error, 'request')
  const known = (error ?? {}) as { code?: unknown; message?: unknown }
  // the caller disconnected, or broke the rules of HTTP, in the middle of its body
  if (known.code === 'ECONNRESET' && known.message === 'aborted') {
    return problem('bad_request', { detail: 'the body ends too early' }, error)
  }
  if (known.code === 'ENOSPC' || known.code === 'EDQUOT') return problem('storage_full', {}, error)
  if (DISK_FAULTS.has(known.code))
    return problem('unavailable', { what: 'a file of the server', detail: String(known.code), retry_after: 1 }, error)
  return problem('internal', {}, error)
}

/** The first issue of a failed parse as `invalid_field`, all of them in `details.issues`. */
export function fromZod(error: ZodError, where: string, input?: unknown): Problem {
  const [first] = error.issues
  const { path, expected } = first === undefined ? { path: [], expected: 'something else' } : told(first)
  return problem('invalid_field', {
    field: [where, ...path.map(String)].join('.'),
    value: at(input, path),
    expected,
    issues: error.issues
      .slice(0, 20)
      .map((issue) => ({ field: issue.path.map(String).join('.'), message: issue.message })),
  })
}

type Issue = z.core.$ZodIssue

/** Where an issue lies and what was expected there. A refused union is told as its closest alternative; equally close ones join. */
function told(issue: Issue): { path: readonly PropertyKey[]; expected: string } {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0 || issue.message !== 'Invalid input')
    return { path: issue.path, expected: expectedOf(issue) }
  const least = Math.min(...issue.errors.map(distance))
  const [first = { path: [], expected: 'something else' }, ...others] = issue.errors
    .filter((issues) => distance(issues) === least)
    .flatMap((issues) => issues.slice(0, 1).map(told))
  const same = others.filter(({ path }) => path.join('.') === first.path.join('.'))
  const expected = [...new Set([first, ...same].map((one) => one.expected))].join(' or ')
  return { path: [...issue.path, ...first.path], expected }
}

/** How far an alternative of a union is from what was sent. */
function distance(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length + 1 : 1), 0)
}

/** The part of an issue's message that names what was expected. */
function expectedOf(issue: Issue): string {
  if (issue.code === 'unrecognized_keys') return `no field ${issue.keys.map((key) => `"${key}"`).join(', ')}`
  return issue.message
    .replace(/^(?:Invalid|Too)[ \w]*: (?:expected )?/, '')
    .replace(/^Invalid (?!input$)/, '')
    .replace(/, received [^,]*$/, '')
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
