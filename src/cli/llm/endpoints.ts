/** `slipway llm endpoints`: the names that clients call, and the models behind them. */
import { llmProvidersApi, type LlmEndpoint, type NewEndpoint } from '../../contract/llm/providers.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { count, many, named, ofProject, oneOf } from './act.ts'
import type { Act } from './act.ts'
import { optionsAsked, optionsText } from './endpoint-options.ts'

export const ENDPOINTS: Readonly<Record<string, Act>> = { list, add, change, remove }

async function list(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const { items } = await client.call(llmProvidersApi.listLlmEndpoints, { query: ofProject(invocation) })
  invocation.out.data(items)
  if (items.length === 0)
    invocation.out.line('there is no endpoint of language models; slipway llm endpoints add NAME makes one')
  else
    invocation.out.table(
      ['name', 'project', 'model', 'share', '$ per 1M in', '$ per 1M out', 'options', 'fault'],
      items.flatMap((one) => one.models.map((model, at) => rowOf(one, model, at === 0))),
    )
  return 0
}

function rowOf(one: LlmEndpoint, model: LlmEndpoint['models'][number], first: boolean): string[] {
  return [
    first ? one.name : '',
    first ? one.project : '',
    `${model.provider ?? '?'}/${model.model}`,
    model.fallback === null ? String(model.weight) : `fallback ${model.fallback + 1}`,
    model.price?.input ?? 'unknown',
    model.price?.output ?? 'unknown',
    first ? optionsText(one) : '',
    model.fault ?? (first ? (one.fault ?? '') : ''),
  ]
}

async function add(invocation: Invocation, given: string | undefined): Promise<number> {
  const name = named(given, 'endpoints add', 'a NAME')
  const models = modelsAsked(invocation)
  if (models.length === 0 || many(invocation, 'model').length === 0)
    throw new UsageError('slipway llm endpoints add needs --model PROVIDER/MODEL')
  const body = {
    name,
    ...ofProject(invocation),
    models,
    ...attemptsAsked(invocation),
    ...(await optionsAsked(invocation)),
    trace: traceAsked(invocation).trace ?? true,
  }
  const { client } = await connect(invocation)
  const made = await client.call(llmProvidersApi.createLlmEndpoint, { body })
  tell(invocation, made)
  return 0
}

async function change(invocation: Invocation, given: string | undefined): Promise<number> {
  const name = named(given, 'endpoints change', 'a NAME')
  const models = modelsAsked(invocation)
  if (models.length > 0 && many(invocation, 'model').length === 0)
    throw new UsageError('--fallback needs --model: models that are given replace all that the endpoint has')
  const body = {
    ...(models.length > 0 && { models }),
    ...attemptsAsked(invocation),
    ...(await optionsAsked(invocation)),
    ...traceAsked(invocation),
  }
  if (Object.keys(body).length === 0)
    throw new UsageError('slipway llm endpoints change needs what is to change, for example --routing latency')
  const { client } = await connect(invocation)
  const { items } = await client.call(llmProvidersApi.listLlmEndpoints, { query: ofProject(invocation) })
  const { id } = oneOf(items, name, 'endpoint')
  tell(invocation, await client.call(llmProvidersApi.changeLlmEndpoint, { params: { id }, body }))
  return 0
}

function tell({ out }: Invocation, of: LlmEndpoint): void {
  out.data(of)
  const options = optionsText(of)
  const unknown = of.models.filter(({ price }) => price === null).map(({ model }) => model)
  const note =
    unknown.length === 0 ? '' : ` The price of ${unknown.join(', ')} is unknown; slipway llm prices add sets one.`
  const models = of.models.map(({ model }) => model).join(', ')
  out.line(`${of.name} answers with ${models}${options === '' ? '' : `; ${options}`}.${note}`)
}

/** The models of the flags: primary ones, then fallbacks in their order. */
function modelsAsked(invocation: Invocation): NewEndpoint['models'] {
  const primary = many(invocation, 'model').map(weighted)
  const fallbacks = many(invocation, 'fallback').map((one, fallback) => ({ ...placed(one, 'fallback'), fallback }))
  return [...primary, ...fallbacks]
}

function attemptsAsked(invocation: Invocation): { readonly attempts?: number } {
  const attempts = count(invocation, 'attempts')
  return attempts === undefined ? {} : { attempts }
}

function traceAsked({ flags }: Invocation): { readonly trace?: boolean } {
  const [on, off] = ['trace', 'no-trace'].map((flag) => flags[flag] === true)
  if (on === true && off === true) throw new UsageError('say one of --trace and --no-trace')
  return on === off ? {} : { trace: on === true }
}

async function remove(invocation: Invocation, given: string | undefined): Promise<number> {
  const name = named(given, 'endpoints remove', 'a NAME')
  const { client } = await connect(invocation)
  const { items } = await client.call(llmProvidersApi.listLlmEndpoints, { query: ofProject(invocation) })
  const { id } = oneOf(items, name, 'endpoint')
  await client.call(llmProvidersApi.removeLlmEndpoint, { params: { id } })
  invocation.out.data({ removed: id })
  invocation.out.line(`${name} is removed.`)
  return 0
}

/** Of PROVIDER/MODEL=3 or PROVIDER/MODEL; what stands behind the last `=` is no part of the model's name. */
function weighted(given: string): { readonly provider: string; readonly model: string; readonly weight?: number } {
  const at = given.lastIndexOf('=')
  if (at === -1) return placed(given, 'model')
  const share = given.slice(at + 1)
  if (!/^\d+(?:\.\d+)?$/.test(share))
    throw new UsageError(`--model is "${given}"; expected PROVIDER/MODEL=WEIGHT with a weight of 0 or more`)
  return { ...placed(given.slice(0, at), 'model'), weight: Number(share) }
}

/** The name of a model may have a slash of its own. */
function placed(given: string, flag: string): { readonly provider: string; readonly model: string } {
  const at = given.indexOf('/')
  if (at < 1 || at === given.length - 1)
    throw new UsageError(`--${flag} is "${given}"; expected PROVIDER/MODEL, for example openai/gpt-4o-mini`)
  return { provider: given.slice(0, at), model: given.slice(at + 1) }
}
