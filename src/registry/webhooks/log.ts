/** The log of deliveries: what was sent, how it was answered, and sending it again. */
import type { z } from 'zod'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { WebhookAttempt, WebhookDelivery } from '../../contract/webhooks.ts'
import type { Reader } from '../../store/db.ts'
import { fetchAll, raw, sql } from '../../store/sql/sql.ts'
import { enqueueSend } from './announce.ts'
import { requireWebhook } from './room.ts'
import type { DeliveryRow, DeliveryState, Webhooks } from './room.ts'

interface AttemptRow {
  readonly delivery: string
  readonly number: number
  readonly at: number
  readonly ms: number
  readonly status: number | null
  readonly error: string | null
  readonly reply: string | null
}

export interface DeliveryPage {
  readonly limit: number
  readonly page_token?: string | undefined
  readonly state?: DeliveryState | undefined
}

/** The deliveries of a webhook, newest first; the token of a page is its last id. */
export async function listDeliveries(
  room: Webhooks,
  who: Principal,
  id: string,
  page: DeliveryPage,
): Promise<{ items: WebhookDelivery[]; next_page_token?: string }> {
  await requireWebhook(room.db, who, id)
  const rows = await fetchAll<DeliveryRow>(
    room.db,
    sql`SELECT * FROM webhook_deliveries WHERE webhook = ${id}
      AND ${page.page_token === undefined ? raw('1 = 1') : sql`id < ${page.page_token}`}
      AND ${page.state === undefined ? raw('1 = 1') : sql`state = ${page.state}`}
      ORDER BY id DESC LIMIT ${page.limit + 1}`,
  )
  const items = await Promise.all(rows.slice(0, page.limit).map((row) => shown(room.db, row)))
  const last = items.at(-1)
  return { items, ...(rows.length > page.limit && last && { next_page_token: last.id }) }
}

/** One delivery with its body and attempts. Throws `not_found`. */
export async function getDelivery(
  room: Webhooks,
  who: Principal,
  of: { readonly id: string; readonly delivery: string },
): Promise<WebhookDelivery & { body: string; log: z.output<typeof WebhookAttempt>[] }> {
  const row = await requireDelivery(room, who, of)
  const attempts = await room.db.all<AttemptRow>('SELECT * FROM webhook_attempts WHERE delivery = ? ORDER BY number', [
    row.id,
  ])
  const log = attempts.map(({ delivery: _of, at, ...attempt }) => ({ ...attempt, at: toTime(at) }))
  return { ...(await shown(room.db, row)), body: row.body, log }
}

/** Sends a delivery again, with fresh attempts after those that it had. Throws `conflict` while it waits. */
export async function retryDelivery(
  room: Webhooks,
  who: Principal,
  of: { readonly id: string; readonly delivery: string },
): Promise<WebhookDelivery> {
  await requireDelivery(room, who, of)
  return room.db.tx(async (t) => {
    const changed = await t.run(
      "UPDATE webhook_deliveries SET state = 'waiting', next_at = ?, ended_at = NULL WHERE id = ? AND state <> 'waiting'",
      [room.clock(), of.delivery],
    )
    if (changed === 0) throw problem('conflict', { detail: `delivery ${of.delivery} waits to be sent already` })
    await enqueueSend(t, of.delivery, of.id)
    const detail = { retried: 'delivery', delivery: of.delivery }
    await room.audit.record(t, who, { verb: 'promote', resource: 'models', id: of.id, detail })
    const row = await t.get<DeliveryRow>('SELECT * FROM webhook_deliveries WHERE id = ?', [of.delivery])
    return shown(t, row as DeliveryRow)
  })
}

async function requireDelivery(
  room: Webhooks,
  who: Principal,
  of: { readonly id: string; readonly delivery: string },
): Promise<DeliveryRow> {
  await requireWebhook(room.db, who, of.id)
  const row = await room.db.get<DeliveryRow>('SELECT * FROM webhook_deliveries WHERE id = ? AND webhook = ?', [
    of.delivery,
    of.id,
  ])
  if (row === undefined) throw problem('not_found', { what: 'delivery', id: of.delivery })
  return row
}

async function shown(reader: Reader, row: DeliveryRow): Promise<WebhookDelivery> {
  const last = await reader.get<AttemptRow>(
    'SELECT * FROM webhook_attempts WHERE delivery = ? ORDER BY number DESC LIMIT 1',
    [row.id],
  )
  return {
    id: row.id,
    webhook_id: row.webhook,
    entity: row.entity,
    action: row.action,
    at: toTime(row.at),
    state: row.state,
    attempts: row.attempts,
    next_at: row.next_at === null ? null : toTime(row.next_at),
    ended_at: row.ended_at === null ? null : toTime(row.ended_at),
    last_status: last?.status ?? null,
    last_error: last?.error ?? null,
  }
}
