/** The one table of errors that Slipway's own API can answer: code, HTTP status, what happened, what to do. */

import { maskedData } from './secrets/masked.ts'

/** One row: the HTTP status, a template of the message and the advice. `{name}` is filled from the problem's data. */
export interface ErrorRow {
  readonly status: number
  readonly message: string
  readonly help: string
}

export const ERRORS = {
  bad_request: { status: 400, message: '{detail}', help: 'Correct the request as the message says.' },
  invalid_field: {
    status: 400,
    message: '{field}: got {value}, expected {expected}',
    help: 'Correct the named field and send the request again.',
  },
  guardrail_blocked: {
    status: 400,
    message: 'guardrail "{guardrail}" blocked the {on}: {detail}',
    help: 'Send it without what the guardrail names; whoever runs the endpoint can say why it is there.',
  },
  malformed_body: {
    status: 400,
    message: 'the body is not valid {expected}: {detail}',
    help: 'Send a body in the format that the Content-Type header names.',
  },
  unauthenticated: {
    status: 401,
    message: 'no valid credential: {detail}',
    help: 'Send "Authorization: Bearer TOKEN". The first token of a server lies in the file "token" of its data folder; an image that answers alone takes the one that it was started with, SLIPWAY_TOKEN.',
  },
  forbidden: {
    status: 403,
    message: 'role {role} may not {verb} {resource}',
    help: 'Ask an admin for a token whose role allows this.',
  },
  untrusted_origin: {
    status: 403,
    message: '{header} "{value}" is not allowed',
    help: 'Reach the server by the host name it was started with, or add the name to --allow-host, in an image to SLIPWAY_ALLOW_HOST.',
  },
  not_found: { status: 404, message: '{what} "{id}" does not exist', help: 'List what exists, then use one of those.' },
  no_route: { status: 404, message: 'no route {method} {path}', help: 'See docs/reference/routes.md.' },
  method_not_allowed: {
    status: 405,
    message: '{method} is not allowed on {path}; allowed: {allowed}',
    help: 'Use one of the allowed methods.',
  },
  too_slow: {
    status: 408,
    message: '{what} did not come within {limit} ms',
    help: 'Send it at once, or in smaller parts.',
  },
  conflict: { status: 409, message: '{detail}', help: 'Read the current state, then decide again.' },
  already_exists: { status: 409, message: '{what} "{id}" already exists', help: 'Choose another name.' },
  gate_refused: {
    status: 409,
    message: '{model} version {version} may not become {alias}: {detail}',
    help: 'See the verdict for the gates that failed and their evidence.',
  },
  payload_too_large: {
    status: 413,
    message: 'the body is larger than {limit} bytes',
    help: 'Send less at once, or stream it as an artifact.',
  },
  too_many_values: {
    status: 413,
    message: 'the body has {value} {what} or more; at most {limit} are taken',
    help: 'Send less at once.',
  },
  unsupported_media_type: {
    status: 415,
    message: 'content type "{value}" is not supported; expected {expected}',
    help: 'Set the Content-Type header to a supported type.',
  },
  unsupported_encoding: {
    status: 415,
    message: 'the header Content-Encoding is "{value}"; expected {expected}',
    help: 'Send the body in an encoding that is named, or as it is.',
  },
  unprocessable: { status: 422, message: '{detail}', help: 'Correct what the message names.' },
  too_costly: {
    status: 422,
    message: '{what} took more than {limit} and was stopped; nothing of it is answered',
    help: 'Ask for less: a narrower filter or time, fewer conditions or sort keys, or pages.',
  },
  too_many_requests: {
    status: 429,
    message: '{what} is at its limit',
    help: 'Wait for the time that the Retry-After header gives, then send again.',
  },
  budget_exceeded: {
    status: 429,
    message:
      'budget {budget} (window: {window}) has no room for a call of up to {amount}: limit {limit}, spent {spent}, reserved {reserved} by calls under way',
    help: 'With a Retry-After header, send again after that time: calls under way may give room back. Without one, ask for fewer tokens, wait until the window of the budget ends, or have an admin raise its limit.',
  },
  headers_too_large: {
    status: 431,
    message: 'the address and the headers are larger than {limit} bytes together',
    help: 'Send less in the address; what is long belongs into a body.',
  },
  internal: {
    status: 500,
    message: 'an internal fault; the log has it under this request id',
    help: 'Report it with the request id.',
  },
  upstream_failed: { status: 502, message: '{what} failed: {detail}', help: 'See the logs of the named part.' },
  unavailable: { status: 503, message: '{what} is not available: {detail}', help: 'Try again in a moment.' },
  storage_unreadable: {
    status: 503,
    message: 'the database cannot be read here: {detail}',
    help: 'A page of it is damaged, or its disk does not answer: slipway doctor says which. Reads of what is sound and predictions go on. If it is damaged, restore the newest backup: slipway restore.',
  },
  deadline_exceeded: {
    status: 504,
    message: '{what} took longer than {limit} ms',
    help: 'Raise the deadline or send less.',
  },
  storage_full: {
    status: 507,
    message: 'the disk is full; nothing was written',
    help: 'Free space in the data folder. Reads and predictions go on; writes are refused until then.',
  },
  storage_corrupt: {
    status: 507,
    message: 'the database is damaged ({detail}); nothing was written',
    help: 'Reads of what is sound and predictions go on; writes are refused. Restore the newest backup: slipway restore.',
  },
  corrupt_blobs: {
    status: 500,
    message: 'blobs that do not match their hash, or are missing ({count}): {digests}',
    help: 'Store them again, or make the backup without them: slipway backup --skip-corrupt.',
  },
  corrupt_blob: {
    status: 500,
    message: 'blob {digest} does not match its hash and is not served',
    help: 'Restore it from a backup: slipway restore.',
  },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

/** Values that fill the message; also sent as `details`. */
export type ProblemData = Readonly<Record<string, unknown>>

/** A refusal or fault with a code of the table. The cause is logged, never sent; keys and tokens in its data are not kept. */
export class Problem extends Error {
  readonly code: ErrorCode
  readonly data: ProblemData

  constructor(code: ErrorCode, given: ProblemData, cause?: unknown) {
    const data = maskedData(given)
    super(fill(ERRORS[code].message, data), cause === undefined ? undefined : { cause })
    this.name = 'Problem'
    this.code = code
    this.data = data
  }

  get status(): number {
    return ERRORS[this.code].status
  }

  get help(): string {
    return ERRORS[this.code].help
  }
}

/** Makes a problem to throw: `throw problem('not_found', {what: 'run', id})`. */
export function problem(code: ErrorCode, data: ProblemData = {}, cause?: unknown): Problem {
  return new Problem(code, data, cause)
}

/** Longest text of a caller's value that a message repeats. */
const SHOWN = 200

function fill(template: string, data: ProblemData): string {
  return template.replace(/\{(\w+)\}/g, (_, key: string) => show(data[key]))
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}
