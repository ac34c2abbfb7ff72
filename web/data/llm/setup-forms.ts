/** What the forms of providers and endpoints are filled with, as the server takes it, and what of them is wrong. */
import { CallError } from '../../../src/client/client.ts'
import type { llmProvidersApi } from '../../../src/contract/llm/providers.ts'
import type { Request } from '../../../src/contract/route.ts'
import { said } from './forms.ts'

/** A vendor that is offered: what it is called, and what it needs beside a key. */
export interface Vendor {
  readonly word: string
  /** Whether its address must be given; else that of the vendor is known. */
  readonly address: 'given' | 'known'
  /** Fields of its own, each among the settings or, where it is secret, among the credentials. */
  readonly fields?: readonly VendorField[]
  /** False where its credentials are those fields. */
  readonly hasKey?: boolean
}

interface VendorField {
  readonly name: string
  readonly label: string
  readonly secret?: boolean
  readonly required?: boolean
}

/** Vendors by the names that the server knows them by; `other` is one whose name is typed. */
export const VENDORS: Readonly<Record<string, Vendor>> = {
  openai: { word: 'OpenAI', address: 'known' },
  anthropic: { word: 'Anthropic', address: 'known' },
  azure: {
    word: 'Azure OpenAI',
    address: 'given',
    fields: [{ name: 'api_version', label: 'API version' }],
  },
  gemini: { word: 'Google Gemini', address: 'known' },
  bedrock: {
    word: 'Amazon Bedrock',
    address: 'known',
    hasKey: false,
    fields: [
      { name: 'aws_region_name', label: 'Region', required: true },
      { name: 'aws_access_key_id', label: 'Access key id', secret: true, required: true },
      { name: 'aws_secret_access_key', label: 'Secret access key', secret: true, required: true },
    ],
  },
  mistral: { word: 'Mistral', address: 'known' },
  groq: { word: 'Groq', address: 'known' },
  deepseek: { word: 'DeepSeek', address: 'known' },
  openrouter: { word: 'OpenRouter', address: 'known' },
  together_ai: { word: 'Together AI', address: 'known' },
  vllm: { word: 'vLLM, own server', address: 'given' },
  ollama: { word: 'Ollama, own server', address: 'known' },
  other: { word: 'another with the API of OpenAI', address: 'given' },
}

/** Fields of a new provider as they were typed. */
export interface ProviderForm {
  readonly name: string
  readonly project: string
  /** A key of `VENDORS`. */
  readonly vendor: string
  readonly address: string
  readonly key: string
  /** Fields of the vendor, by their names. */
  readonly own: Readonly<Record<string, string>>
}

export const EMPTY_PROVIDER: ProviderForm = { name: '', project: '', vendor: 'openai', address: '', key: '', own: {} }

/** What is wrong, by field; a field that is only empty is not wrong yet. */
export type Faults = Readonly<Record<string, string>>

const LONGEST_NAME = 255
const NAME_HINT = `at most ${LONGEST_NAME} characters`

/** What of a form the server would refuse, in words after “Expected”. */
export function providerFaults({ name, address }: ProviderForm): Faults {
  return {
    ...(name.trim().length > LONGEST_NAME && { name: NAME_HINT }),
    ...(address.trim() !== '' && !isAddress(address) && { base_url: 'http:// or https:// with a host' }),
  }
}

function isAddress(text: string): boolean {
  const url = URL.parse(text.trim())
  return url !== null && ['http:', 'https:'].includes(url.protocol)
}

type NewProvider = NonNullable<Request<typeof llmProvidersApi.createLlmProvider>['body']>

/** What a filled-in form asks for; undefined while it is not complete, or wrong. */
export function providerAsked(form: ProviderForm): NewProvider | undefined {
  const { vendor, own } = form
  const known = VENDORS[vendor]
  const name = form.name.trim()
  if (known === undefined || name === '' || Object.keys(providerFaults(form)).length > 0) return undefined
  if (known.address === 'given' && form.address.trim() === '') return undefined
  const fields = known.fields ?? []
  if (fields.some(({ name: field, required }) => required === true && (own[field] ?? '').trim() === ''))
    return undefined
  const filled = (isSecret: boolean): Record<string, string> =>
    Object.fromEntries(
      fields
        .filter(({ secret = false }) => secret === isSecret)
        .flatMap(({ name: field }) => Object.entries(said(field, own[field] ?? '')) as [string, string][]),
    )
  const [settings, credentials] = [filled(false), filled(true)]
  return {
    name,
    ...said('project', form.project),
    // a server of no known vendor is one that speaks as OpenAI does
    provider: vendor === 'other' ? 'custom' : vendor,
    ...said('base_url', form.address),
    ...(known.hasKey !== false && said('api_key', form.key)),
    ...(Object.keys(settings).length > 0 && { settings }),
    ...(Object.keys(credentials).length > 0 && { credentials }),
  }
}

/** A model of a new endpoint as it was typed. */
export interface ModelForm {
  /** Tells rows apart while they come and go. */
  readonly row: number
  readonly provider: string
  readonly model: string
  readonly isFallback: boolean
  /** Share of the calls among the primary ones. */
  readonly weight: string
}

/** Fields of a new endpoint as they were typed. */
export interface EndpointForm {
  readonly name: string
  readonly project: string
  /** Fallbacks are tried in their order. */
  readonly models: readonly ModelForm[]
  readonly trace: boolean
}

export const EMPTY_ENDPOINT: EndpointForm = {
  name: '',
  project: '',
  models: [{ row: 0, provider: '', model: '', isFallback: false, weight: '' }],
  trace: true,
}

/** As `providerFaults`; fields of models are called `models.0.weight`. */
export function endpointFaults({ name, models }: EndpointForm): Faults {
  const primary = models.filter(({ isFallback }) => !isFallback)
  return {
    ...(name.trim().length > LONGEST_NAME && { name: NAME_HINT }),
    ...Object.fromEntries(
      models.flatMap(({ weight, isFallback }, at) =>
        isFallback || weightOf(weight) !== undefined ? [] : [[`models.${at}.weight`, 'a number from 0 to 1,000,000']],
      ),
    ),
    ...(primary.length === 0 && { models: 'one model that is no fallback' }),
  }
}

/** Of an empty field 1; undefined for what is no weight. */
function weightOf(text: string): number | undefined {
  if (text.trim() === '') return 1
  const value = Number(text)
  return value >= 0 && value <= 1_000_000 ? value : undefined
}

type NewEndpoint = NonNullable<Request<typeof llmProvidersApi.createLlmEndpoint>['body']>

/** What a filled-in form asks for; undefined while it is not complete, or wrong. */
export function endpointAsked(form: EndpointForm): NewEndpoint | undefined {
  const name = form.name.trim()
  if (name === '' || Object.keys(endpointFaults(form)).length > 0) return undefined
  if (form.models.some(({ provider, model }) => provider === '' || model.trim() === '')) return undefined
  let place = 0
  return {
    name,
    ...said('project', form.project),
    models: form.models.map(({ provider, model, isFallback, weight }) => ({
      provider,
      model: model.trim(),
      ...(isFallback ? { fallback: place++ } : { weight: weightOf(weight) ?? 1 }),
    })),
    trace: form.trace,
  }
}

/** What the server refused of a form, at its field; nothing where it names none. */
export function faultsTold(error: unknown): Faults {
  if (!(error instanceof CallError)) return {}
  const { field, expected, what, id } = error.details
  if (error.code === 'invalid_field' && typeof field === 'string')
    return { [field.replace(/^body\./, '')]: String(expected) }
  if (error.code === 'conflict') return { name: 'a name that the project does not have yet' }
  const [, at] = /^provider of models\[(\d+)\]$/.exec(typeof what === 'string' ? what : '') ?? []
  return at === undefined ? {} : { [`models.${at}.provider`]: `a provider of the project; there is no ${String(id)}` }
}
