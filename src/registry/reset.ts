/** Empties the registry, for other projects' test suites (only mounted when SLIPWAY_TEST_HOOKS is 1). */
import type { Registry } from './context/context.ts'

const TABLES = [
  'registered_models',
  'registered_model_tags',
  'model_versions',
  'model_version_tags',
  'model_aliases',
  'alias_moves',
  'verdicts',
  'model_scans',
  'model_approvals',
  'model_policies',
  'model_asked_gates',
  'model_kept_gates',
  'model_signatures',
  'model_attestations',
  'model_images',
  'image_promotions',
  'image_environments',
  'webhooks',
  'webhook_events',
  'webhook_deliveries',
  'webhook_attempts',
] as const

/** Deletes every row of the room, also the moves and verdicts that outlive a model otherwise. */
export async function resetRegistry(room: Registry): Promise<void> {
  await room.db.tx(async (t) => {
    for (const table of TABLES) await t.run(`DELETE FROM ${table}`)
  })
}
