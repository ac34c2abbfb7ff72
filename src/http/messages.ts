/** Messages to receivers outside: one post, how its answer is judged, and how long to wait before the next. */
import { Problem } from '../contract/errors.ts'
import { HOUR_MS } from '../contract/ids.ts'
import type { Egress } from './egress.ts'

/** How one attempt ended. */
export interface Outcome {
  readonly delivered: boolean
  /** True where the receiver may take it later. */
  readonly again: boolean
  readonly status: number | null
  /** The answer's text, cut; null without an answer. */
  readonly reply: string | null
  /** What went wrong besides a status; null where the receiver answered. */
  readonly error: string | null
  /** How long the receiver asks to be left alone, ms. */
  readonly waitMs: number | null
}

/** Longest text of an answer that is kept. */
const REPLY_CHARS = 2000
/** Answers after which the same message may be taken. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504])

export interface Message {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Posts a message. Never throws for what the receiver or the network does. */
export async function postMessage(send: Egress, message: Message, now: () => number): Promise<Outcome> {
  try {
    const headers = { 'content-type': 'application/json', ...message.headers }
    const reply = await send({ method: 'POST', url: message.url, headers, body: message.body })
    const text = reply.body.toString('utf8').replaceAll('\0', '').slice(0, REPLY_CHARS)
    return {
      delivered: reply.status >= 200 && reply.status < 300,
      again: PASSING.has(reply.status),
      status: reply.status,
      reply: text,
      error: null,
      waitMs: retryAfter(reply.headers['retry-after'], now()),
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    // an address that is refused today may be allowed only by a change of the settings or of the configuration
    const again = error.code === 'upstream_failed'
    return { delivered: false, again, status: null, reply: null, error: error.message, waitMs: null }
  }
}

/** Seconds or a date, as HTTP has it. */
function retryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isFinite(ms) ? Math.max(0, ms) : null
}

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = HOUR_MS

/**
 * How long to wait after the attempt of that number, ms. Half of it is certain, half is spread; a receiver that names its own is left alone as
 * long, within the longest.
 */
export function pauseAfter(number: number, waitMs: number | null, random: () => number): number {
  const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (number - 1))
  const own = Math.round(full / 2 + random() * (full / 2))
  return Math.min(LONGEST_PAUSE_MS, Math.max(own, waitMs ?? 0))
}
