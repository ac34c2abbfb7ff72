/** Providers of language models whose credentials MLflow's clients know how to ask for. */
import { invalid } from '../../mlflow/wire.ts'
import { modelsOf } from '../prices/book.ts'

/** A thing to ask for; what is `secret` is to be sealed, the rest are settings. */
interface Asked {
  readonly name: string
  readonly description: string
  readonly required: boolean
  readonly default?: string
}

/** A kind of credentials, in MLflow's shape. */
export interface AuthMode {
  readonly mode: string
  readonly display_name: string
  readonly description: string
  readonly secret_fields: readonly (Asked & { readonly type: 'string' })[]
  readonly config_fields: readonly (Asked & { readonly type: 'string' })[]
}

export interface ProviderConfig {
  readonly auth_modes: readonly AuthMode[]
  readonly default_mode: string
}

/** Names as LiteLLM gives them, which MLflow's clients use. */
const PROVIDERS = [
  'ai21',
  'anthropic',
  'anyscale',
  'azure',
  'azure_ai',
  'baseten',
  'bedrock',
  'cerebras',
  'cloudflare',
  'codestral',
  'cohere',
  'dashscope',
  'databricks',
  'deepinfra',
  'deepseek',
  'fireworks_ai',
  'friendliai',
  'gemini',
  'groq',
  'hyperbolic',
  'lambda_ai',
  'meta_llama',
  'mistral',
  'moonshot',
  'nebius',
  'novita',
  'nscale',
  'ollama',
  'openai',
  'openrouter',
  'ovhcloud',
  'perplexity',
  'portkey',
  'replicate',
  'sagemaker',
  'sambanova',
  'snowflake',
  'together_ai',
  'vertex_ai',
  'volcengine',
  'voyage',
  'watsonx',
  'xai',
] as const

/** `name`, `name?` for one that may be left out, `name=default`; `*` before a secret. */
type Words = string

const MODES: Readonly<Record<string, Readonly<Record<string, readonly [title: string, text: string, fields: Words]>>>> =
  {
    azure: { api_key: ['API key', 'A key of Azure OpenAI', '*api_key api_base api_version'] },
    bedrock: {
      api_key: ['API key', 'A key of Amazon Bedrock, sent as a bearer token', '*api_key aws_region_name'],
      access_keys: [
        'Access keys',
        'Key id and secret key of AWS',
        '*aws_access_key_id *aws_secret_access_key aws_region_name?',
      ],
      iam_role: [
        'IAM role',
        'A role that is assumed with the credentials of the machine',
        'aws_role_name aws_region_name?',
      ],
      default_chain: [
        'Credentials of the machine',
        'What AWS gives the machine',
        'aws_role_name? aws_session_name? aws_region_name?',
      ],
    },
    databricks: {
      pat_token: ['Personal access token', 'A token of a user of Databricks', '*api_key api_base'],
      oauth_m2m: ['OAuth', 'A service principal of Databricks', '*client_secret api_base client_id'],
    },
    portkey: {
      api_key: [
        'API key',
        'A key of Portkey, and where it routes',
        '*api_key portkey_provider? *portkey_config? *provider_api_key? api_base?',
      ],
    },
    sagemaker: {
      access_keys: [
        'Access keys',
        'Key id and secret key of AWS',
        '*aws_access_key_id *aws_secret_access_key aws_region_name',
      ],
      iam_role: [
        'IAM role',
        'A role that is assumed with keys of AWS',
        '*aws_access_key_id *aws_secret_access_key aws_role_name aws_session_name? aws_region_name',
      ],
      default_chain: [
        'Credentials of the machine',
        'What AWS gives the machine',
        'aws_role_name? aws_session_name? aws_region_name?',
      ],
    },
    vertex_ai: {
      service_account_json: [
        'Service account',
        'The JSON of the key file of a service account of Google Cloud',
        '*vertex_credentials vertex_project vertex_location=us-central1',
      ],
      default_chain: [
        'Credentials of the machine',
        'What Google Cloud gives the machine',
        'vertex_project vertex_location=us-central1',
      ],
    },
  }

const DESCRIBED: Readonly<Record<string, string>> = {
  api_base: 'Address of the API',
  api_key: 'Key of the API',
  api_version: 'Version of the API',
}

/** Every provider that is known, by name. */
export function knownProviders(): string[] {
  return [...PROVIDERS]
}

/** The models that are known of a provider, or of all, as MLflow shows them; what of a model is not known is null. */
export function knownModels(at: number, provider?: string): object[] {
  const names = provider ? [provider] : PROVIDERS
  return names.flatMap((name) =>
    modelsOf(name, at).map(({ model, window, price }) => ({
      model,
      provider: name,
      mode: price?.output === 0 ? 'embedding' : 'chat',
      supports_function_calling: null,
      supports_vision: null,
      supports_reasoning: null,
      supports_prompt_caching: price === null ? null : price.cache_read !== null,
      supports_response_schema: null,
      max_input_tokens: window,
      max_output_tokens: null,
      input_cost_per_token: price === null ? null : price.input / PICO,
      output_cost_per_token: price === null ? null : price.output / PICO,
      deprecation_date: null,
    })),
  )
}

/** Picodollars of a dollar. */
const PICO = 1e12

/** What to ask for so that a provider can be called; one that is not known has a key and an address. */
export function providerConfig(provider: string): ProviderConfig {
  if (provider.trim() === '') throw invalid('Provider parameter is required')
  const name = provider.toLowerCase()
  const known = Object.hasOwn(MODES, name) ? MODES[name] : undefined
  const modes = known ?? { api_key: ['API key', 'A key of the provider', '*api_key api_base?'] as const }
  const auth_modes = Object.entries(modes).map(([mode, [display_name, description, words]]) => {
    const asked = words.split(' ').map(field)
    return {
      mode,
      display_name,
      description,
      secret_fields: asked.filter((one) => one.secret).map((one) => one.shown),
      config_fields: asked.filter((one) => !one.secret).map((one) => one.shown),
    }
  })
  return { auth_modes, default_mode: auth_modes[0]?.mode ?? 'api_key' }
}

function field(word: string): { secret: boolean; shown: Asked & { type: 'string' } } {
  const [, star, name = '', optional, standard] = /^(\*?)(\w+)(\?)?(?:=(.+))?$/.exec(word) ?? []
  const required = optional === undefined && standard === undefined
  const description = DESCRIBED[name] ?? sentence(name)
  const shown = { name, type: 'string' as const, description, required }
  return { secret: star === '*', shown: standard === undefined ? shown : { ...shown, default: standard } }
}

function sentence(name: string): string {
  const words = name.replaceAll('_', ' ').replace(/^aws\b/, 'AWS')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
