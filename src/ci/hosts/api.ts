/** Calls of a host's API: with its rate limits kept, and refusals told apart from faults. */
import { setTimeout as pause } from 'node:timers/promises'
import { ifJson } from '../../contract/absence/absent.ts'
import { Problem } from '../../contract/errors.ts'
import { maskedUrl } from '../../contract/secrets/addresses.ts'
import { egress } from '../../http/egress.ts'
import type { Egress, EgressReply, EgressRequest } from '../../http/egress.ts'

/** `rights`: the token may not; `gone`: there is no such thing; `refused`: what was sent is not taken; `away`: no answer, a fault or a limit. */
export type Refused = 'rights' | 'gone' | 'refused' | 'away'

/** What the host did not do, and why; the message holds nothing secret. */
export class HostRefusal extends Error {
  readonly kind: Refused
  readonly status: number

  constructor(kind: Refused, status: number, message: string) {
    super(message)
    this.kind = kind
    this.status = status
  }
}

export interface ApiOptions {
  /** Base address, without a slash at its end. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Longest time that limits and faults are waited for, of all calls together, ms. */
  readonly patience: number
  readonly send?: Egress
  readonly sleep?: (ms: number) => Promise<unknown>
  readonly now?: () => number
}

export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers: EgressReply['headers']
}

export type Api = (method: EgressRequest['method'], path: string, body?: unknown) => Promise<Answer>

/** A page of 100 comments of the longest kind. */
const MOST_BYTES = 32 * 1024 * 1024
/** What a host without words about it is waited for: GitHub asks for a minute at least. */
const UNSAID_MS = 60_000
const FAULT_MS = 1000
const FAULTS = 3

/** Makes the caller. The address comes from the CI system's own settings, so its host may be a private one. */
export function hostApi(options: ApiOptions): Api {
  const send = options.send ?? egress({ allow: [new URL(options.url).host], timeoutMs: 30_000, maxBytes: MOST_BYTES })
  const { sleep = pause, now = Date.now } = options
  let left = options.patience
  const wait = async (ms: number, why: string, status: number): Promise<void> => {
    if (ms > left)
      throw new HostRefusal('away', status, `${why}; ${Math.ceil(ms / 1000)} s are more than is left to wait`)
    left -= ms
    await sleep(ms)
  }
  return async (method, path, body) => {
    for (let [faults, limited] = [0, 0]; ;) {
      const reply = await attempt(send, options, { method, path, body })
      if (reply === undefined || reply.status >= 500 || isLocked(reply)) {
        const status = reply?.status ?? 0
        if (++faults > FAULTS)
          throw new HostRefusal(
            'away',
            status,
            `${method} ${path}: ${reply === undefined ? 'no answer' : `status ${status}`}`,
          )
        await wait(FAULT_MS * 2 ** (faults - 1), `${method} ${path} has no answer`, status)
        continue
      }
      const answer = answerOf(reply)
      const limit = limitOf(answer, now(), limited)
      if (limit !== undefined) {
        limited++
        await wait(limit, 'the rate limit is reached', reply.status)
        continue
      }
      if (reply.status < 300 && (answer.body !== undefined || method === 'DELETE')) return answer
      throw refusal(method, path, answer)
    }
  }
}

function answerOf({ status, headers, body }: EgressReply): Answer {
  return { status, headers, body: ifJson(body.toString('utf8')) }
}

interface Asked {
  readonly method: EgressRequest['method']
  readonly path: string
  readonly body: unknown
}

/** Undefined where nothing came back. */
async function attempt(
  send: Egress,
  { url, headers }: ApiOptions,
  { method, path, body }: Asked,
): Promise<EgressReply | undefined> {
  try {
    return await send({
      method,
      url: `${url}${path}`,
      headers: {
        'user-agent': 'slipway',
        accept: 'application/json',
        ...headers,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  } catch (error) {
    if (error instanceof Problem && error.code === 'upstream_failed') return undefined
    throw error
  }
}

/** GitLab while another call changes the same thing: nothing was done, and a moment later it is. */
function isLocked({ status, body }: EgressReply): boolean {
  return status === 409 && /resource lock/i.test(body.toString('utf8'))
}

/**
 * How long a limit asks to wait, ms; undefined where the answer is of no limit. A 403 is one only if it says so. A time that cannot be
 * read is as if none were said: by a number that is none nothing would ever be waited for.
 */
function limitOf({ status, headers, body }: Answer, now: number, before: number): number | undefined {
  if (status !== 429 && status !== 403) return undefined
  const after = headers['retry-after']
  const seconds = Number(after)
  const asked = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(after ?? '') - now
  if (Number.isFinite(asked)) return Math.max(FAULT_MS, asked)
  const [left, reset] = [
    headers['x-ratelimit-remaining'] ?? headers['ratelimit-remaining'],
    headers['x-ratelimit-reset'] ?? headers['ratelimit-reset'],
  ]
  const until = Number(reset) * 1000 - now
  if (left === '0' && Number.isFinite(until)) return Math.max(FAULT_MS, until)
  const secondary = status === 403 && /secondary rate limit|abuse detection/i.test(messageOf(body))
  return status === 429 || secondary ? UNSAID_MS * 2 ** before : undefined
}

/** What a host says of a refusal; GitHub says only in its list which field was wrong. */
function messageOf(body: unknown): string {
  const { message, error, errors } = (body ?? {}) as { message?: unknown; error?: unknown; errors?: unknown }
  const said = [message ?? error ?? '', ...(Array.isArray(errors) ? (errors as unknown[]) : [])]
  return said
    .map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
    .join(' ')
    .slice(0, 300)
}

const KINDS: Readonly<Record<number, Refused>> = { 401: 'rights', 403: 'rights', 404: 'gone', 410: 'gone' }

function refusal(method: string, path: string, answer: Answer): HostRefusal {
  const { status } = answer
  return new HostRefusal(KINDS[status] ?? 'refused', status, `${method} ${path}: ${status} ${wordsOf(answer)}`.trim())
}

/** No redirect is followed, for the token goes to the host that it was given for and to no other. */
function wordsOf({ status, headers, body }: Answer): string {
  if (status < 300) return 'the answer is no JSON'
  const { location } = headers
  return status < 400 && location !== undefined ? `it sends on to ${maskedUrl(location)}` : messageOf(body)
}

/** Every item of a list, in pages of 100. Which is the last one the host says: GitLab takes out of a page what the token may not see. */
export async function everyPage(api: Api, path: string): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = []
  for (let page = 1; page <= MOST_PAGES; page++) {
    const { body, headers } = await api('GET', `${path}${path.includes('?') ? '&' : '?'}per_page=${PAGE}&page=${page}`)
    if (!Array.isArray(body)) throw new HostRefusal('refused', 200, `GET ${path}: the answer is no list`)
    const items: unknown[] = body
    all.push(...items.filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null))
    if (!isFollowed(headers, items.length)) break
  }
  return all
}

/** Whether another page comes. A host that says nothing of pages, as behind a proxy that takes headers away, has one behind each full page. */
function isFollowed(headers: Answer['headers'], items: number): boolean {
  const { link, 'x-next-page': next } = headers
  if (typeof next === 'string') return next !== ''
  return link === undefined ? items >= PAGE : /;\s*rel="?next\b/.test(String(link))
}

const PAGE = 100
const MOST_PAGES = 100

/** Whether it was done; false where what it is about is gone. */
export async function unlessGone(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked
    return true
  } catch (error) {
    if (error instanceof HostRefusal && error.kind === 'gone') return false
    throw error
  }
}
