/** Sends one message to a receiver, signed, and judges the answer. */
import { createHmac } from 'node:crypto'
import { Problem } from '../../contract/errors.ts'
import { postMessage } from '../../http/messages.ts'
import type { Outcome } from '../../http/messages.ts'
import { addressOf } from './address.ts'
import type { WebhookRow, Webhooks } from './room.ts'

/** Sends a body under a delivery's id. Never throws for what the receiver or the network does. */
export async function sendTo(room: Webhooks, hook: WebhookRow, id: string, body: string): Promise<Outcome> {
  let headers: Record<string, string>
  let url: string
  try {
    headers = signed(room, hook, id, body)
    url = addressOf(room.seal, hook)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { delivered: false, again: false, status: null, reply: null, error: error.message, waitMs: null }
  }
  return postMessage(room.send, { url, headers, body }, room.clock)
}

/** `v1,` and the HMAC-SHA256 of `id.seconds.body` in base64, beside the id and the seconds. */
function signed(room: Webhooks, hook: WebhookRow, id: string, body: string): Record<string, string> {
  const seconds = String(Math.floor(room.clock() / 1000))
  const headers = {
    'user-agent': 'slipway-webhook/1',
    'x-mlflow-delivery-id': id,
    'x-mlflow-timestamp': seconds,
  }
  if (hook.secret === null) return headers
  const key = room.seal.open(hook.secret, hook.id)
  const mac = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')
  return { ...headers, 'x-mlflow-signature': `v1,${mac}` }
}
