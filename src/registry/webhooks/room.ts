/** What the webhooks of the registry work with, and their rows. */
import type { Audit } from '../../auth/audit.ts'
import type { Principal } from '../../contract/access.ts'
import type { Clock, Ids } from '../../contract/ids.ts'
import type { Egress } from '../../http/egress.ts'
import type { Db, Reader } from '../../store/db.ts'
import { missing } from '../../mlflow/wire.ts'
import type { Action, Entity, Status } from './events.ts'
import type { WebhookRules } from './rules.ts'
import type { Seal } from '../../auth/sealing.ts'

export interface Webhooks {
  readonly db: Db
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: Audit
  /** A number in [0, 1), for the spread of pauses. */
  readonly random: () => number
  readonly seal: Seal
  /** Asked anew at each call: test suites change them. */
  readonly rules: () => WebhookRules
  /** Outgoing HTTP under the rules of now. */
  readonly send: Egress
}

export interface WebhookRow {
  readonly id: string
  readonly project: string | null
  readonly name: string
  readonly description: string | null
  readonly url: string
  readonly secret: string | null
  readonly status: Status
  readonly created_at: number
  readonly updated_at: number
}

export type DeliveryState = 'waiting' | 'delivered' | 'dead'

export interface DeliveryRow {
  readonly id: string
  readonly webhook: string
  readonly entity: Entity
  readonly action: Action
  readonly at: number
  readonly body: string
  readonly state: DeliveryState
  readonly attempts: number
  readonly next_at: number | null
  readonly ended_at: number | null
}

/** The row of a webhook that a principal may see. RESOURCE_DOES_NOT_EXIST. */
export async function requireWebhook(reader: Reader, who: Principal, id: string): Promise<WebhookRow> {
  const row = await reader.get<WebhookRow>('SELECT * FROM webhooks WHERE id = ?', [id])
  if (row === undefined || (who.project !== null && row.project !== who.project)) {
    throw missing(`Webhook with ID ${id} not found.`, 'webhook', id)
  }
  return row
}
