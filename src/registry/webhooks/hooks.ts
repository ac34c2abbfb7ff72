/** Makes, changes, lists and deletes webhooks; their secrets go in and never come out. */
import type { Principal } from '../../contract/access.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { pageToken, queryHash, readToken } from '../../mlflow/paging.ts'
import { fetchAll, inList, raw, sql } from '../../store/sql/sql.ts'
import { invalid } from '../../mlflow/wire.ts'
import { sealedAddress, shownAddress } from './address.ts'
import type { Status, WebhookEvent } from './events.ts'
import { requireWebhook } from './room.ts'
import type { WebhookRow, Webhooks } from './room.ts'
import { checkName, checkTexts, checkUrl } from './rules.ts'

export interface NewWebhook {
  readonly name: string
  readonly url: string
  readonly events: readonly WebhookEvent[]
  readonly description: string | undefined
  readonly secret: string | undefined
  readonly status: Status | undefined
}

/** What is to change; undefined = stays as it is. */
export type WebhookChange = { readonly [K in keyof NewWebhook]: NewWebhook[K] | undefined }

/** A webhook as MLflow's clients see it. Times in ms since 1970. */
export interface ShownWebhook {
  readonly webhook_id: string
  readonly name: string
  readonly url: string
  readonly events: readonly WebhookEvent[]
  readonly description?: string
  readonly status: Status
  readonly creation_timestamp: number
  readonly last_updated_timestamp: number
}

/** Makes a webhook for the project of the caller; for all projects where the caller has all. */
export async function createWebhook(room: Webhooks, who: Principal, given: NewWebhook): Promise<ShownWebhook> {
  check(room, given)
  const id = room.ids('whk')
  const now = room.clock()
  const secret = given.secret === undefined ? null : room.seal.seal(given.secret, id)
  return room.db.tx(async (t) => {
    await t.run(
      'INSERT INTO webhooks (id, project, name, description, url, secret, status, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      [
        id,
        who.project,
        given.name,
        given.description ?? null,
        sealedAddress(room.seal, id, given.url.trim()),
        secret,
        given.status ?? 'ACTIVE',
        now,
        now,
      ],
    )
    await putEvents(t, id, given.events)
    const detail = { created: 'webhook', name: given.name, host: new URL(given.url).host }
    await room.audit.record(t, who, act(id, detail))
    return shown(room, t, await requireWebhook(t, who, id))
  })
}

/** Changes what is given. RESOURCE_DOES_NOT_EXIST. */
export async function updateWebhook(
  room: Webhooks,
  who: Principal,
  id: string,
  change: WebhookChange,
): Promise<ShownWebhook> {
  await requireWebhook(room.db, who, id)
  check(room, change)
  const secret = change.secret === undefined ? undefined : room.seal.seal(change.secret, id)
  return room.db.tx(async (t) => {
    await t.lock(`webhook ${id}`)
    const row = await requireWebhook(t, who, id)
    await t.run(
      'UPDATE webhooks SET name = ?, description = ?, url = ?, secret = ?, status = ?, updated_at = ? WHERE id = ?',
      [
        change.name ?? row.name,
        change.description ?? row.description,
        change.url === undefined ? row.url : sealedAddress(room.seal, id, change.url.trim()),
        secret ?? row.secret,
        change.status ?? row.status,
        // a change is always newer than what it changes
        Math.max(room.clock(), row.updated_at + 1),
        id,
      ],
    )
    if (change.events !== undefined) {
      await t.run('DELETE FROM webhook_events WHERE webhook = ?', [id])
      await putEvents(t, id, change.events)
    }
    const fields = Object.entries(change).flatMap(([name, value]) => (value === undefined ? [] : [name]))
    await room.audit.record(t, who, act(id, { changed: 'webhook', fields }))
    return shown(room, t, await requireWebhook(t, who, id))
  })
}

/** Deletes a webhook with its deliveries. RESOURCE_DOES_NOT_EXIST. */
export async function deleteWebhook(room: Webhooks, who: Principal, id: string): Promise<void> {
  await room.db.tx(async (t) => {
    const row = await requireWebhook(t, who, id)
    await t.run(
      'DELETE FROM webhook_attempts WHERE delivery IN (SELECT id FROM webhook_deliveries WHERE webhook = ?)',
      [id],
    )
    await t.run('DELETE FROM webhook_deliveries WHERE webhook = ?', [id])
    await t.run('DELETE FROM webhook_events WHERE webhook = ?', [id])
    await t.run('DELETE FROM webhooks WHERE id = ?', [id])
    await room.audit.record(t, who, act(id, { deleted: 'webhook', name: row.name }))
  })
}

/** One webhook. RESOURCE_DOES_NOT_EXIST. */
export async function getWebhook(room: Webhooks, who: Principal, id: string): Promise<ShownWebhook> {
  return shown(room, room.db, await requireWebhook(room.db, who, id))
}

/** A page of webhooks that a principal may see, newest first. */
export async function listWebhooks(
  room: Webhooks,
  who: Principal,
  page: { readonly max_results: number; readonly page_token: string | undefined },
): Promise<{ webhooks: ShownWebhook[]; next_page_token?: string }> {
  const hash = queryHash(['webhooks', who.project])
  const position = readToken(page.page_token, hash)
  const last = position !== undefined && 'after' in position ? position.after[0] : undefined
  if (position !== undefined && typeof last !== 'string') throw invalid('Invalid page token, it has no position')
  const rows = await fetchAll<WebhookRow>(
    room.db,
    sql`SELECT * FROM webhooks WHERE ${who.project === null ? raw('1 = 1') : sql`project = ${who.project}`}
      AND ${typeof last === 'string' ? sql`id < ${last}` : raw('1 = 1')}
      ORDER BY id DESC LIMIT ${page.max_results + 1}`,
  )
  const webhooks = await showAll(room, room.db, rows.slice(0, page.max_results))
  const end = webhooks.at(-1)
  const more = rows.length > page.max_results && end !== undefined
  return { webhooks, ...(more && { next_page_token: pageToken(hash, [end.webhook_id]) }) }
}

function check(room: Webhooks, given: WebhookChange): void {
  if (given.name !== undefined) checkName(given.name)
  if (given.url !== undefined) checkUrl(given.url, room.rules())
  checkTexts(given)
  if (given.events?.length === 0) throw invalid('Webhook events must be a non-empty list of events: [].')
}

async function putEvents(t: Tx, id: string, events: readonly WebhookEvent[]): Promise<void> {
  for (const [position, event] of events.entries()) {
    await t.run(
      'INSERT INTO webhook_events (webhook, entity, action, position) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      [id, event.entity, event.action, position],
    )
  }
}

/** What the audit trail holds of a change. */
function act(id: string, detail: Readonly<Record<string, unknown>>) {
  return { verb: 'promote', resource: 'models', id, detail } as const
}

async function shown(room: Webhooks, reader: Reader, row: WebhookRow): Promise<ShownWebhook> {
  const [webhook] = await showAll(room, reader, [row])
  return webhook as ShownWebhook
}

async function showAll({ seal }: Webhooks, reader: Reader, rows: readonly WebhookRow[]): Promise<ShownWebhook[]> {
  if (rows.length === 0) return []
  const ids = inList(rows.map((row) => row.id))
  const events = await fetchAll<WebhookEvent & { webhook: string }>(
    reader,
    sql`SELECT webhook, entity, action FROM webhook_events WHERE webhook IN ${ids} ORDER BY webhook, position`,
  )
  const own = Map.groupBy(events, (event) => event.webhook)
  return rows.map((row) => ({
    webhook_id: row.id,
    name: row.name,
    url: shownAddress(seal, row),
    events: (own.get(row.id) ?? []).map(({ entity, action }) => ({ entity, action })),
    ...(row.description !== null && { description: row.description }),
    status: row.status,
    creation_timestamp: row.created_at,
    last_updated_timestamp: row.updated_at,
  }))
}
