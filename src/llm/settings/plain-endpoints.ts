/** Endpoints in Slipway's own words: one call makes the endpoint and the definitions of its models. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { NewEndpoint } from '../../contract/llm/providers.ts'
import type { Reader, Tx } from '../../store/db.ts'
import type { Llm } from '../context/context.ts'
import { addDefinition } from './definitions.ts'
import type { DefinitionRow } from './definitions.ts'
import { addEndpoint } from './endpoints.ts'
import type { EndpointRow, ModelConfig } from './endpoints.ts'
import { within } from './plain-providers.ts'
import type { SecretRow } from './secrets.ts'

/** Makes an endpoint, whole or not at all. `not_found` for a provider that is not there, `conflict` for a name that is taken. */
export async function createPlainEndpoint(room: Llm, who: Principal, given: NewEndpoint): Promise<EndpointRow> {
  const maker = within(who, given.project)
  return room.db.tx(async (t) => {
    const models: ModelConfig[] = []
    for (const [at, model] of given.models.entries()) {
      const secret = await providerNamed(t, maker.project ?? '', model.provider)
      if (secret === undefined) throw problem('not_found', { what: `provider of models[${at}]`, id: model.provider })
      const definition = await definitionOf(t, room, maker, { secret, model: model.model, endpoint: given.name })
      models.push({
        model_definition_id: definition.model_definition_id,
        linkage_type: model.fallback === undefined ? 'PRIMARY' : 'FALLBACK',
        weight: model.weight,
        fallback_order: model.fallback,
      })
    }
    return addEndpoint(t, room, maker, {
      name: given.name,
      model_configs: models,
      routing_strategy: undefined,
      fallback_config:
        given.attempts === undefined ? undefined : { strategy: 'SEQUENTIAL', max_attempts: given.attempts },
      experiment_id: undefined,
      usage_tracking: given.trace,
    })
  })
}

/** A provider of a project by its name or its id. */
function providerNamed(reader: Reader, project: string, given: string): Promise<SecretRow | undefined> {
  return reader.get<SecretRow>(
    'SELECT * FROM gateway_secrets WHERE project = ? AND (secret_name = ? OR secret_id = ?)',
    [project, given, given],
  )
}

interface Wanted {
  readonly secret: SecretRow
  readonly model: string
  readonly endpoint: string
}

/** The definition of a provider's model: one that is there, else a new one. */
async function definitionOf(
  t: Tx,
  room: Llm,
  who: Principal,
  { secret, model, endpoint }: Wanted,
): Promise<DefinitionRow> {
  const vendor = secret.provider ?? 'openai'
  const held = await t.get<DefinitionRow>(
    'SELECT * FROM gateway_model_definitions WHERE project = ? AND secret_id = ? AND provider = ? AND model_name = ? ORDER BY created_at LIMIT 1',
    [secret.project, secret.secret_id, vendor, model],
  )
  if (held !== undefined) return held
  const plain = `${secret.secret_name}/${model}`.slice(0, 255)
  const taken = await t.get('SELECT name FROM gateway_model_definitions WHERE project = ? AND name = ?', [
    secret.project,
    plain,
  ])
  const name = taken === undefined ? plain : `${endpoint}: ${plain}`.slice(0, 255)
  return addDefinition(t, room, who, { name, secret_id: secret.secret_id, provider: vendor, model_name: model })
}
