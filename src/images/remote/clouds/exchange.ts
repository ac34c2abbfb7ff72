/** What the exchanges with clouds share: what they work with, what they give, and calls whose answers are never told. */
import { ifJson } from '../../../contract/absence/absent.ts'
import { problem } from '../../../contract/errors.ts'
import { wholeBody } from '../../../http/egress-stream.ts'
import type { EgressStream, StreamRequest } from '../../../http/egress-stream.ts'
import type { Credentials } from '../credentials.ts'

export type Variables = Readonly<Record<string, string | undefined>>

/** What an exchange works with. */
export interface CloudAccess {
  readonly env: Variables
  readonly fetch: EgressStream
  /** ms since 1970 */
  readonly now: () => number
}

/** Credentials with the time until which they hold, ms. */
export interface Lent {
  readonly credentials: Credentials
  readonly until: number
}

/** What one cloud gives for a host; undefined where the host is not its own, or nobody is known who could ask. */
export type Exchange = (host: string, access: CloudAccess) => Promise<Lent | undefined>

/** Largest answer of an exchange. */
const MOST_ANSWER = 256 * 1024

/** The JSON that a cloud answers. Throws `upstream_failed` with its status and nothing of what it said: that may be a secret. */
export async function answerOf(fetch: EgressStream, what: string, request: StreamRequest): Promise<unknown> {
  const reply = await fetch(request)
  const text = (await wholeBody(reply, MOST_ANSWER, what)).toString('utf8')
  if (reply.status !== 200) throw problem('upstream_failed', { what, detail: `it answers ${reply.status}` })
  return ifJson(text)
}

/** A form as it is posted. */
export function form(url: string, fields: Readonly<Record<string, string>>): StreamRequest {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return { method: 'POST', url, headers, body: Buffer.from(new URLSearchParams(fields).toString()) }
}

/** The answer of an exchange is not what its documents say. */
export function noToken(what: string): Error {
  return problem('upstream_failed', { what, detail: 'it gives no token' })
}
