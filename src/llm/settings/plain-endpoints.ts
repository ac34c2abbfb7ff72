/** Endpoints in Slipway's own words: one call makes the endpoint and the definitions of its models. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { LlmOptions } from '../../contract/llm/options.ts'
import type { EndpointChange, NewEndpoint } from '../../contract/llm/providers.ts'
import type { Reader, Tx } from '../../store/db.ts'
import type { Llm } from '../context/context.ts'
import { addDefinition } from './definitions.ts'
import type { DefinitionRow } from './definitions.ts'
import { addEndpoint, changeEndpoint } from './endpoints.ts'
import type { EndpointGiven, EndpointRow, Fallback, ModelConfig } from './endpoints.ts'
import { checkGuardrails } from './guardrails.ts'
import { hookHosts, optionsOf, optionsText, UNREAD_OPTIONS } from './options.ts'
import type { OptionsGiven } from './options.ts'
import { within } from './plain-providers.ts'
import { ENDPOINT, recordChange, requireById } from './records.ts'
import type { SecretRow } from './secrets.ts'

/**
 * Makes an endpoint, whole or not at all. `not_found` for a provider that is not there, `conflict` for a name that is taken, `invalid_field`
 * for guardrails that cannot be used.
 */
export async function createPlainEndpoint(room: Llm, who: Principal, given: NewEndpoint): Promise<EndpointRow> {
  const maker = within(who, given.project)
  await checkGuardrails(given.guardrails ?? [], room.egressAllow ?? [])
  return room.db.tx(async (t) => {
    const row = await addEndpoint(t, room, maker, {
      name: given.name,
      model_configs: await configsOf(t, room, maker, { endpoint: given.name, models: given.models }),
      routing_strategy: undefined,
      fallback_config: tries(given.attempts),
      experiment_id: undefined,
      usage_tracking: given.trace,
      options: optionsText(LlmOptions.parse({}), given),
    })
    const hooks = hooksSaid(given.guardrails)
    if (hooks !== '') await recordChange(t, room, maker, { id: row.endpoint_id, what: hooks })
    return row
  })
}

/**
 * Changes what is given of an endpoint; models replace those before. `not_found` for an endpoint or a provider that is not there,
 * `invalid_field` for guardrails that cannot be used.
 */
export async function changePlainEndpoint(
  room: Llm,
  who: Principal,
  id: string,
  change: EndpointChange,
): Promise<EndpointRow> {
  await checkGuardrails(change.guardrails ?? [], room.egressAllow ?? [])
  return room.db.tx(async (t) => {
    // options are read and written whole: no change may come between
    await t.lock(ENDPOINT.table)
    const old = await requireById<EndpointRow>(t, who, ENDPOINT, id)
    const { models = [], attempts, trace } = change
    const maker = within(who, old.project)
    const given: EndpointGiven = {
      name: undefined,
      model_configs: await configsOf(t, room, maker, { endpoint: old.name, models }),
      routing_strategy: undefined,
      fallback_config: tries(attempts),
      experiment_id: undefined,
      usage_tracking: trace,
      options: changedOptions(old, change),
    }
    const fields = Object.entries(change).flatMap(([field, value]) => (value === undefined ? [] : [field]))
    if (fields.length === 0) return old
    const what = [`endpoint changed: ${fields.join(', ')}`, hooksSaid(change.guardrails)]
    return changeEndpoint(t, room, maker, { old, given, what: what.filter((one) => one !== '').join('; ') })
  })
}

/** Undefined where none is given. Of options that this version does not read, each has to be given. */
function changedOptions(old: EndpointRow, { routing, cache, guardrails }: EndpointChange): string | null | undefined {
  const given: OptionsGiven = { routing, cache, guardrails }
  const missing = Object.entries(given).flatMap(([field, value]) => (value === undefined ? [field] : []))
  if (missing.length === Object.keys(given).length) return undefined
  const before = optionsOf(old)
  if (before === undefined && missing.length > 0)
    throw problem('invalid_field', { field: missing[0], value: 'nothing', expected: `a value, for ${UNREAD_OPTIONS}` })
  return optionsText(before ?? LlmOptions.parse({}), given)
}

/** What the audit log says of hooks, for texts of calls are sent to them; '' where there is none. */
function hooksSaid(guardrails: NewEndpoint['guardrails']): string {
  const hosts = hookHosts(guardrails ?? [])
  return hosts.length === 0 ? '' : `hooks at ${hosts.join(', ')}`
}

function tries(attempts: number | undefined): Fallback | undefined {
  return attempts === undefined ? undefined : { strategy: 'SEQUENTIAL', max_attempts: undefined, attempts }
}

/** The models of an endpoint, each with a definition. Throws `not_found` for a provider that is not there. */
async function configsOf(
  t: Tx,
  room: Llm,
  maker: Principal,
  { endpoint, models }: { readonly endpoint: string; readonly models: NewEndpoint['models'] },
): Promise<ModelConfig[]> {
  const configs: ModelConfig[] = []
  for (const [at, model] of models.entries()) {
    const secret = await providerNamed(t, maker.project ?? '', model.provider)
    if (secret === undefined) throw problem('not_found', { what: `provider of models[${at}]`, id: model.provider })
    const definition = await definitionOf(t, room, maker, { secret, model: model.model, endpoint })
    configs.push({
      model_definition_id: definition.model_definition_id,
      linkage_type: model.fallback === undefined ? 'PRIMARY' : 'FALLBACK',
      weight: model.weight,
      fallback_order: model.fallback,
    })
  }
  return configs
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
