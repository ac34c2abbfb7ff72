/** Works off the outbox: sends each delivery until its receiver has it, with growing pauses, and gives up after a day. */
import type { Principal } from '../../contract/access.ts'
import { DAY_MS } from '../../contract/ids.ts'
import { pauseAfter } from '../../http/messages.ts'
import type { Outcome } from '../../http/messages.ts'
import type { Job } from '../../jobs/queue.ts'
import type { JobContext, Worker } from '../../jobs/worker.ts'
import { faultPoint } from '../../store/fault.ts'
import type { Tx } from '../../store/db.ts'
import { invalid } from '../../mlflow/wire.ts'
import { SEND } from './announce.ts'
import { bodyOf, exampleOf } from './events.ts'
import type { WebhookEvent } from './events.ts'
import { getWebhook } from './hooks.ts'
import { requireWebhook } from './room.ts'
import type { DeliveryRow, WebhookRow, Webhooks } from './room.ts'
import { sendTo } from './sending.ts'

/** Times that a delivery is tried; with these pauses about a day. */
export const MOST_ATTEMPTS = 33
/** How long ended deliveries can be looked at. */
const KEEP_MS = 30 * DAY_MS
/** Old deliveries that one delivery clears away at most. */
const SWEEP = 100

/** Says who sends deliveries. */
export function handleDeliveries(room: Webhooks, worker: Worker): void {
  worker.register(SEND, (job, context) => deliver(room, job, context))
}

/**
 * One attempt. It is sent before it is noted, so a crash between the two sends it again: at least once, always under the same
 * delivery id.
 */
async function deliver(room: Webhooks, job: Job, context: JobContext): Promise<void> {
  const { delivery: id } = job.payload as { delivery: string }
  const row = await room.db.get<DeliveryRow>('SELECT * FROM webhook_deliveries WHERE id = ?', [id])
  if (row === undefined || row.state !== 'waiting') return
  const hook = await room.db.get<WebhookRow>('SELECT * FROM webhooks WHERE id = ?', [row.webhook])
  if (hook === undefined) return
  const at = room.clock()
  const outcome = hook.status === 'ACTIVE' ? await sendTo(room, hook, id, row.body) : DISABLED
  faultPoint('webhooks.sent')
  const attempt = { row, at, outcome, number: row.attempts + 1 }
  if (!outcome.delivered && outcome.again && attempt.number < MOST_ATTEMPTS) {
    const next = room.clock() + pauseAfter(attempt.number, outcome.waitMs, room.random)
    await context.again(next, (t) => note(t, room, attempt, next))
    return
  }
  await context.finish((t) => note(t, room, attempt, null))
}

const DISABLED: Outcome = {
  delivered: false,
  again: false,
  status: null,
  reply: null,
  error: 'the webhook was disabled before this was sent',
  waitMs: null,
}

interface Attempt {
  readonly row: DeliveryRow
  /** When it began, ms. */
  readonly at: number
  readonly outcome: Outcome
  readonly number: number
}

async function note(t: Tx, room: Webhooks, attempt: Attempt, next: number | null): Promise<void> {
  const { row, at, outcome, number } = attempt
  const now = room.clock()
  const ended = outcome.delivered ? 'delivered' : 'dead'
  await t.run('UPDATE webhook_deliveries SET state = ?, attempts = ?, next_at = ?, ended_at = ? WHERE id = ?', [
    next === null ? ended : 'waiting',
    number,
    next,
    next === null ? now : null,
    row.id,
  ])
  await t.run(
    'INSERT INTO webhook_attempts (delivery, number, at, ms, status, error, reply) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    [row.id, number, at, now - at, outcome.status, outcome.error, outcome.reply],
  )
  if (next === null) await sweep(t, now - KEEP_MS)
}

async function sweep(t: Tx, before: number): Promise<void> {
  const old = await t.all<{ id: string }>(
    `SELECT id FROM webhook_deliveries WHERE ended_at < ? ORDER BY ended_at LIMIT ${SWEEP}`,
    [before],
  )
  for (const { id } of old) {
    await t.run('DELETE FROM webhook_attempts WHERE delivery = ?', [id])
    await t.run('DELETE FROM webhook_deliveries WHERE id = ?', [id])
  }
}

/** What a test call found. */
export interface TestResult {
  readonly success: boolean
  readonly response_status?: number
  readonly response_body?: string
  readonly error_message?: string
}

/** Sends an example of an event that the webhook listens to (default: its first) once, and tells how it was answered. */
export async function testWebhook(
  room: Webhooks,
  who: Principal,
  id: string,
  asked: WebhookEvent | undefined,
): Promise<TestResult> {
  const row = await requireWebhook(room.db, who, id)
  const event = asked ?? (await getWebhook(room, who, id)).events[0]
  if (event === undefined) throw invalid(`Webhook ${id} listens to no event.`)
  const outcome = await sendTo(room, row, room.ids('dlv'), bodyOf(event, room.clock(), exampleOf(event)))
  return {
    success: outcome.delivered,
    ...(outcome.status !== null && { response_status: outcome.status }),
    ...(outcome.reply !== null && { response_body: outcome.reply }),
    ...(outcome.error !== null && { error_message: `Failed to test webhook: ${outcome.error}` }),
  }
}
