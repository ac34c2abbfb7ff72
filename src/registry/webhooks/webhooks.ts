/** Builds the webhooks of the registry and gives their deliveries to the worker of jobs. */
import type { Audit } from '../../auth/audit.ts'
import type { Clock, Ids } from '../../contract/ids.ts'
import { egress } from '../../http/egress.ts'
import type { Worker } from '../../jobs/worker.ts'
import type { Db } from '../../store/db.ts'
import { handleDeliveries } from './deliver.ts'
import type { Webhooks } from './room.ts'
import type { WebhookRules } from './rules.ts'
import type { Seal } from '../../auth/sealing.ts'

export interface WebhookDeps {
  readonly db: Db
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: Audit
  /** Seals the secrets of webhooks. */
  readonly seal: Seal
  /** Hosts, with optional `:port`, that may be private and may speak plain `http:`. */
  readonly allow: readonly string[]
  /** MLflow's settings that a test suite asked for; empty outside test suites. */
  readonly testEnv: Readonly<Record<string, string>>
}

/** Makes the webhooks; the worker sends from now on. */
export function openWebhooks(deps: WebhookDeps, worker: Worker): Webhooks {
  const rules = (): WebhookRules => ({
    allow: deps.allow,
    schemes: deps.testEnv['MLFLOW_WEBHOOK_ALLOWED_SCHEMES']?.split(',') ?? ['https'],
    anyAddress: deps.testEnv['MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS'] === 'true',
  })
  const guarded = egress({ allow: deps.allow })
  const room: Webhooks = {
    db: deps.db,
    clock: deps.clock,
    ids: deps.ids,
    audit: deps.audit,
    random: Math.random,
    seal: deps.seal,
    rules,
    send: (request) =>
      rules().anyAddress ? egress({ allow: [new URL(request.url).hostname] })(request) : guarded(request),
  }
  handleDeliveries(room, worker)
  return room
}
