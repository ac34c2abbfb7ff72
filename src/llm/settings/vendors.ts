/** How providers are spoken to and where they are called, by the names that LiteLLM and MLflow's clients give them. */
import type { ProviderKind } from '../../gateway/table/llm.ts'

export type Texts = Readonly<Record<string, string>>

/** Where a provider is called, or why it is not. */
export type Address =
  | { readonly kind: ProviderKind; readonly base_url: string; readonly fault: null }
  | { readonly kind: ProviderKind | null; readonly base_url: null; readonly fault: string }

/** Vendors and servers with OpenAI's API: what is before `/chat/completions`. */
const COMPATIBLE: Readonly<Record<string, string>> = {
  ai21: 'https://api.ai21.com/studio/v1',
  anyscale: 'https://api.endpoints.anyscale.com/v1',
  baseten: 'https://inference.baseten.co/v1',
  cerebras: 'https://api.cerebras.ai/v1',
  codestral: 'https://codestral.mistral.ai/v1',
  cohere: 'https://api.cohere.ai/compatibility/v1',
  dashscope: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
  deepinfra: 'https://api.deepinfra.com/v1/openai',
  deepseek: 'https://api.deepseek.com/v1',
  fireworks_ai: 'https://api.fireworks.ai/inference/v1',
  friendliai: 'https://api.friendli.ai/serverless/v1',
  groq: 'https://api.groq.com/openai/v1',
  hyperbolic: 'https://api.hyperbolic.xyz/v1',
  lambda_ai: 'https://api.lambda.ai/v1',
  llamafile: 'http://127.0.0.1:8080/v1',
  lm_studio: 'http://127.0.0.1:1234/v1',
  meta_llama: 'https://api.llama.com/compat/v1',
  mistral: 'https://api.mistral.ai/v1',
  moonshot: 'https://api.moonshot.ai/v1',
  nebius: 'https://api.studio.nebius.ai/v1',
  novita: 'https://api.novita.ai/v3/openai',
  nscale: 'https://inference.api.nscale.com/v1',
  nvidia_nim: 'https://integrate.api.nvidia.com/v1',
  ollama: 'http://127.0.0.1:11434/v1',
  openai: 'https://api.openai.com/v1',
  openrouter: 'https://openrouter.ai/api/v1',
  ovhcloud: 'https://oai.endpoints.kepler.ai.cloud.ovh.net/v1',
  perplexity: 'https://api.perplexity.ai',
  sambanova: 'https://api.sambanova.ai/v1',
  together_ai: 'https://api.together.xyz/v1',
  volcengine: 'https://ark.cn-beijing.volces.com/api/v3',
  voyage: 'https://api.voyageai.com/v1',
  xai: 'https://api.x.ai/v1',
}

/** Vendors with an API of their own. */
const OWN: Readonly<Record<string, readonly [ProviderKind, string]>> = {
  anthropic: ['anthropic', 'https://api.anthropic.com'],
  gemini: ['gemini', 'https://generativelanguage.googleapis.com/v1beta'],
}

/** Vendors whose credentials or API no gateway of ours knows. */
const UNKNOWN: ReadonlySet<string> = new Set([
  'vertex_ai',
  'sagemaker',
  'snowflake',
  'watsonx',
  'replicate',
  'cloudflare',
  'portkey',
])

/** Software that is named as a vendor and runs anywhere. */
const SERVERS: ReadonlySet<string> = new Set(['vllm', 'hosted_vllm', 'sglang', 'tensorrt_llm', 'llama_cpp', 'tgi'])

/** Whether a vendor or a server of models is called so, in small letters. */
export function isVendor(name: string): boolean {
  const own = ['azure', 'azure_ai', 'bedrock'].includes(name) || Object.hasOwn(OWN, name)
  return own || Object.hasOwn(COMPATIBLE, name) || UNKNOWN.has(name) || SERVERS.has(name)
}

/** Settings that say where a provider is, in the order in which they count. */
const ADDRESSES = ['api_base', 'base_url'] as const

/** Where a provider of that name is called, by its settings; `sealed` is an address that lies among its secrets. */
export function addressOf(provider: string, settings: Texts, sealed?: string): Address {
  const name = provider.trim().toLowerCase()
  const given = addressGiven(settings)?.address ?? (sealed === '' ? undefined : sealed)
  if (UNKNOWN.has(name)) return { kind: null, base_url: null, fault: `${name} has an API that is not called yet` }
  if (name === 'bedrock') return at('bedrock', given ?? ofRegion(settings), 'give its setting aws_region_name')
  if (name === 'azure' || name === 'azure_ai') return at('azure', given, 'give the address of its resource as api_base')
  const own = Object.hasOwn(OWN, name) ? OWN[name] : undefined
  if (own !== undefined) return at(own[0], given ?? own[1], '')
  const known = Object.hasOwn(COMPATIBLE, name) ? COMPATIBLE[name] : undefined
  return at(
    'openai',
    given ?? known,
    `where ${name === '' ? 'it' : name} is called is not known; give its address as api_base`,
  )
}

/** The setting that says where a provider is, with its value; undefined where none does. */
export function addressGiven(settings: Texts): { readonly name: string; readonly address: string } | undefined {
  const name = ADDRESSES.find((key) => settings[key] !== undefined && settings[key] !== '')
  const address = name === undefined ? undefined : settings[name]
  return name === undefined || address === undefined ? undefined : { name, address }
}

/** An address without what may be a password. */
export function withoutPassword(address: string): string {
  return address.replace(/\/\/[^/]*@/, '//…@')
}

/** Settings without those that say where the provider is. */
export function settingsOf(settings: Texts): Texts {
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !ADDRESSES.some((one) => one === key)))
}

function ofRegion({ aws_region_name: region }: Texts): string | undefined {
  return region !== undefined && /^[a-z0-9-]{1,40}$/.test(region)
    ? `https://bedrock-runtime.${region}.amazonaws.com`
    : undefined
}

function at(kind: ProviderKind, address: string | undefined, help: string): Address {
  if (address === undefined) return { kind, base_url: null, fault: help }
  const fault = faultOf(address)
  return fault === null
    ? { kind, base_url: address.trim().replace(/\/+$/, ''), fault: null }
    : { kind, base_url: null, fault }
}

/** Why a text is no address of a provider; null = it is one. The text is not repeated where it has a password. */
export function faultOf(address: string): string | null {
  const url = URL.parse(address.trim())
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    return 'its address is none: expected http:// or https:// with a host'
  if (url.username !== '' || url.password !== '')
    return 'its address has a name or a password in it; keep these as its key'
  if (url.search !== '' || url.hash !== '') return 'its address has a query or a fragment; expected none'
  return null
}
