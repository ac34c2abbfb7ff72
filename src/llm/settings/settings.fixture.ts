/** Secrets, definitions and endpoints of the gateway, made as the cases about its settings need them. */
import type { Principal } from '../../contract/access.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { createDefinition } from './definitions.ts'
import { createEndpoint } from './endpoints.ts'
import type { EndpointGiven, ModelConfig } from './endpoints.ts'
import { createSecret } from './secrets.ts'

/** The value of every secret that is made here. */
export const KEY = 'sk-live-0123456789'

export interface Secret {
  readonly secret_id: string
  readonly last_updated_at: number
}

export interface Definition {
  readonly model_definition_id: string
  readonly name: string
  readonly secret_id?: string
  readonly secret_name?: string
  readonly provider: string
  readonly model_name: string
  readonly created_at: number
  readonly last_updated_at: number
  readonly created_by: string
  readonly last_updated_by: string
}

export interface Mapping {
  readonly mapping_id: string
  readonly model_definition_id: string
  readonly linkage_type: string
  readonly weight: number
  readonly fallback_order?: number
  readonly model_definition: Definition
}

export interface Endpoint {
  readonly endpoint_id: string
  readonly name: string
  readonly experiment_id?: string
  readonly usage_tracking: boolean
  readonly routing_strategy?: string
  readonly fallback_config?: object
  readonly last_updated_at: number
  readonly last_updated_by: string
  readonly model_mappings: readonly Mapping[]
  readonly tags: readonly object[]
}

/** An endpoint of which nothing is said. */
export const NOTHING: EndpointGiven = {
  name: undefined,
  model_configs: [],
  routing_strategy: undefined,
  fallback_config: undefined,
  experiment_id: undefined,
  usage_tracking: undefined,
}

/** A model of an endpoint, of which nothing more is said than here. */
export function config(one: Definition, more: Partial<ModelConfig> = {}): ModelConfig {
  const { model_definition_id } = one
  return { model_definition_id, linkage_type: undefined, weight: undefined, fallback_order: undefined, ...more }
}

/** Makes settings under names of their own, by the caller who sees all where none is named. */
export interface SettingsMaker {
  readonly name: () => string
  readonly secret: (who?: Principal, name?: string) => Promise<Secret>
  /** With a secret of its own. */
  readonly definition: (
    who?: Principal,
    more?: { readonly name?: string; readonly provider?: string },
  ) => Promise<Definition>
  readonly endpoint: (
    models: readonly Definition[],
    more?: Partial<EndpointGiven>,
    who?: Principal,
  ) => Promise<Endpoint>
}

/** A maker for a bench; its names begin with a word of its own. */
export function settingsMaker(bench: Bench, word: string): SettingsMaker {
  let names = 0
  const name = () => `${word} ${names++}`
  const secret: SettingsMaker['secret'] = async (who = bench.root, secret_name = name()) =>
    (await createSecret(bench.room, who, {
      secret_name,
      secret_value: { api_key: KEY, pin: '1234' },
      provider: 'openai',
      auth_config: { api_base: 'https://api.example' },
    })) as Secret
  return {
    name,
    secret,
    async definition(who = bench.root, more = {}) {
      const { secret_id } = await secret(who)
      const given = { name: name(), secret_id, provider: 'openai', model_name: 'gpt-x', ...more }
      return (await createDefinition(bench.room, who, given)) as Definition
    },
    async endpoint(models, more = {}, who = bench.root) {
      const model_configs = models.map((one) => config(one))
      const given = { ...NOTHING, model_configs, ...more, name: more.name ?? name() }
      return (await createEndpoint(bench.room, who, given)) as Endpoint
    },
  }
}
