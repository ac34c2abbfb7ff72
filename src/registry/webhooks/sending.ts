/** Sends one message to a receiver, signed, and judges the answer. */
import { createHmac } from 'node:crypto'
import { Problem } from '../../contract/errors.ts'
import type { WebhookRow, Webhooks } from './room.ts'

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

/** Sends a body under a delivery's id. Never throws for what the receiver or the network does. */
export async function sendTo(room: Webhooks, hook: WebhookRow, id: string, body: string): Promise<Outcome> {
  try {
    const headers = signed(room, hook, id, body)
    const reply = await room.send({ method: 'POST', url: hook.url, headers, body })
    const delivered = reply.status >= 200 && reply.status < 300
    const text = reply.body.toString('utf8').replaceAll('\0', '').slice(0, REPLY_CHARS)
    return {
      delivered,
      again: PASSING.has(reply.status),
      status: reply.status,
      reply: text,
      error: null,
      waitMs: retryAfter(reply.headers['retry-after'], room.clock()),
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    // an address that is refused today may be allowed only by a change of the webhook or of the configuration
    const again = error.code === 'upstream_failed'
    return { delivered: false, again, status: null, reply: null, error: error.message, waitMs: null }
  }
}

/** `v1,` and the HMAC-SHA256 of `id.seconds.body` in base64, beside the id and the seconds. */
function signed(room: Webhooks, hook: WebhookRow, id: string, body: string): Record<string, string> {
  const seconds = String(Math.floor(room.clock() / 1000))
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'slipway-webhook/1',
    'x-mlflow-delivery-id': id,
    'x-mlflow-timestamp': seconds,
  }
  if (hook.secret === null) return headers
  const key = room.seal.open(hook.secret, hook.id)
  const mac = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')
  return { ...headers, 'x-mlflow-signature': `v1,${mac}` }
}

/** Seconds or a date, as HTTP has it. */
function retryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isFinite(ms) ? Math.max(0, ms) : null
}
