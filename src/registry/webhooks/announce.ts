/** The outbox: each change of the registry leaves its deliveries in the transaction that makes it. */
import type { Clock, Ids } from '../../contract/ids.ts'
import { enqueue } from '../../jobs/queue.ts'
import { faultPoint } from '../../store/fault.ts'
import type { Tx } from '../../store/db.ts'
import { PROMPT_TAG } from '../context/names.ts'
import type { VersionRow } from '../context/context.ts'
import { bodyOf } from './events.ts'
import type { Action, Entity } from './events.ts'
import type { DeliveryRow } from './room.ts'

/** Kind of the job that sends one delivery. */
export const SEND = 'registry.webhook'

/** A job is dead after so many crashes of its worker; how often a receiver is tried is counted by the delivery. */
const MOST_CLAIMS = 1000

/** What changed, of a model or of a prompt, which lies in the same tables. */
export interface Change {
  readonly model: string
  readonly of: 'model' | 'version' | 'tag' | 'version_tag' | 'alias'
  readonly action: Action
  /** Without `name`, which is the model's. */
  readonly data: Readonly<Record<string, unknown>>
}

/** How the things are called on the wire, as a model and as a prompt; a model's own tags are told to nobody. */
const NAMES: Record<Change['of'], { readonly model: Entity | null; readonly prompt: Entity }> = {
  model: { model: 'REGISTERED_MODEL', prompt: 'PROMPT' },
  version: { model: 'MODEL_VERSION', prompt: 'PROMPT_VERSION' },
  tag: { model: null, prompt: 'PROMPT_TAG' },
  version_tag: { model: 'MODEL_VERSION_TAG', prompt: 'PROMPT_VERSION_TAG' },
  alias: { model: 'MODEL_VERSION_ALIAS', prompt: 'PROMPT_ALIAS' },
}

const TEXT_TAG = 'mlflow.prompt.text'
/** Marks of a prompt that its users never set. */
const HIDDEN_TAGS = new Set([PROMPT_TAG, TEXT_TAG, '_mlflow_prompt_type'])

interface Deps {
  readonly clock: Clock
  readonly ids: Ids
}

/** Writes a delivery for each webhook that listens to this change, and the job that sends it. Cheap when none does. */
export async function announce(t: Tx, deps: Deps, change: Change): Promise<void> {
  const names = NAMES[change.of]
  const listening = await t.all<{ id: string; entity: Entity }>(
    `SELECT w.id, e.entity FROM webhook_events e JOIN webhooks w ON w.id = e.webhook
      WHERE e.entity IN (?, ?) AND e.action = ? AND w.status = 'ACTIVE'
      AND (w.project IS NULL OR w.project = (SELECT project FROM registered_models WHERE name = ?))
      ORDER BY w.id`,
    [names.model ?? names.prompt, names.prompt, change.action, change.model],
  )
  if (listening.length === 0) return
  const prompt = await holdsPrompt(t, change.model)
  const entity = prompt ? names.prompt : names.model
  const data = { name: change.model, ...(prompt ? promptData(change.data) : change.data) }
  const at = deps.clock()
  for (const hook of listening) {
    if (hook.entity !== entity) continue
    const event = { entity, action: change.action }
    await writeDelivery(t, { id: deps.ids('dlv'), webhook: hook.id, ...event, at, body: bodyOf(event, at, data) })
  }
  t.afterCommit(() => faultPoint('webhooks.committed'))
}

/** Tells the webhooks that listen to a project's budgets that one has reached a part of its limit; `data` is what they are told of it. */
export async function announceBudget(
  t: Tx,
  deps: Deps,
  { project, data }: { readonly project: string; readonly data: Readonly<Record<string, unknown>> },
): Promise<void> {
  const event = { entity: 'BUDGET_POLICY', action: 'EXCEEDED' } as const
  const listening = await t.all<{ id: string }>(
    `SELECT w.id FROM webhook_events e JOIN webhooks w ON w.id = e.webhook
      WHERE e.entity = ? AND e.action = ? AND w.status = 'ACTIVE' AND (w.project IS NULL OR w.project = ?) ORDER BY w.id`,
    [event.entity, event.action, project],
  )
  const at = deps.clock()
  for (const { id } of listening)
    await writeDelivery(t, { id: deps.ids('dlv'), webhook: id, ...event, at, body: bodyOf(event, at, data) })
}

/** One message to one webhook. */
type NewDelivery = Pick<DeliveryRow, 'id' | 'webhook' | 'entity' | 'action' | 'at' | 'body'>

async function writeDelivery(t: Tx, made: NewDelivery): Promise<void> {
  await t.run(
    `INSERT INTO webhook_deliveries (id, webhook, entity, action, at, body, state, attempts, next_at)
      VALUES (?, ?, ?, ?, ?, ?, 'waiting', 0, ?)`,
    [made.id, made.webhook, made.entity, made.action, made.at, made.body, made.at],
  )
  await enqueueSend(t, made.id, made.webhook)
}

/** Asks for the sending of a delivery. A receiver that is slow delays its own deliveries alone. */
export async function enqueueSend(t: Tx, delivery: string, webhook: string): Promise<void> {
  await enqueue(t, {
    kind: SEND,
    key: delivery,
    lane: `${SEND}:${webhook}`,
    payload: { delivery },
    max_attempts: MOST_CLAIMS,
  })
}

async function holdsPrompt(t: Tx, model: string): Promise<boolean> {
  const tag = await t.get<{ value: string }>('SELECT value FROM registered_model_tags WHERE model = ? AND key = ?', [
    model,
    PROMPT_TAG,
  ])
  return tag?.value.toLowerCase() === 'true'
}

/** A prompt's version shows its text, where a model's shows its source. */
function promptData(data: Change['data']): Record<string, unknown> {
  if (data['tags'] === undefined) return data
  const { source, run_id: _run, ...rest } = data
  const tags = data['tags'] as Readonly<Record<string, string>>
  const shown = Object.entries(tags).filter(([key]) => !HIDDEN_TAGS.has(key))
  const template = source === undefined ? {} : { template: tags[TEXT_TAG] ?? null }
  return { ...rest, ...template, tags: Object.fromEntries(shown) }
}

/** Tags as webhooks are told them; of a key that comes twice the last counts. */
export function tagMap(tags: readonly { readonly key: string; readonly value: string }[]): Record<string, string> {
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]))
}

/** Tells of a new version of a model or prompt. */
export async function announceVersion(
  t: Tx,
  deps: Deps,
  row: Pick<VersionRow, 'model' | 'version' | 'source' | 'run_id' | 'description'>,
  tags: readonly { readonly key: string; readonly value: string }[],
): Promise<void> {
  const data = {
    version: String(row.version),
    source: row.source,
    run_id: row.run_id,
    tags: tagMap(tags),
    description: row.description || null,
  }
  await announce(t, deps, { model: row.model, of: 'version', action: 'CREATED', data })
}
