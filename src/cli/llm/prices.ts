/** `slipway llm prices`: what tokens cost, by whose word; an operator's prices, and those of a map in the form of LiteLLM. */
import { ifJson } from '../../contract/absence/absent.ts'
import { readUserText } from '../../contract/absence/user-file.ts'
import { llmPricesApi } from '../../contract/llm/prices.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { count, named } from './act.ts'
import type { Act } from './act.ts'

export const PRICES: Readonly<Record<string, Act>> = { list, add, import: importFile }

/** Most that is read of a map of prices, bytes: the route takes 32 MiB. */
const LARGEST = 31 * 1024 * 1024

async function list(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const { items } = await client.call(llmPricesApi.listLlmPrices)
  invocation.out.data(items)
  if (items.length === 0) invocation.out.line('no model is in use; slipway llm endpoints add NAME makes an endpoint')
  else
    invocation.out.table(
      ['provider', 'model', '$ per 1M in', '$ per 1M out', 'source', 'conflict', 'endpoints'],
      items.map((one) => [
        one.provider,
        one.model,
        one.price?.input ?? 'unknown',
        one.price?.output ?? 'unknown',
        one.price?.source ?? '',
        one.conflict
          ? one.others.map((other) => `${other.source}: ${other.input} in, ${other.output} out`).join('; ')
          : '',
        one.endpoints.join(', '),
      ]),
    )
  return 0
}

async function add(invocation: Invocation, given: string | undefined): Promise<number> {
  const name = named(given, 'prices add', 'PROVIDER/MODEL')
  const at = name.indexOf('/')
  if (at < 1 || at === name.length - 1)
    throw new UsageError(`"${name}" names no model; expected PROVIDER/MODEL, for example openai/gpt-4o-mini`)
  const from = text(invocation, 'from')
  const max_output = text(invocation, 'max-output') === 'none' ? null : count(invocation, 'max-output')
  const provider = name.slice(0, at)
  const body = {
    provider,
    model: name.slice(at + 1),
    input: needed(invocation, 'input'),
    output: needed(invocation, 'output'),
    cache_read: text(invocation, 'cache-read'),
    cache_write: text(invocation, 'cache-write'),
    request: text(invocation, 'request'),
    ...(from !== undefined && { from }),
    ...(max_output !== undefined && { max_output }),
    note: text(invocation, 'note') ?? '',
  }
  const { client } = await connect(invocation)
  const kept = await client.call(llmPricesApi.setLlmPrice, { body })
  invocation.out.data(kept)
  // it holds for the model at each provider of that vendor
  const by = kept.provider === provider.toLowerCase() ? '' : `, as which ${provider} is called,`
  invocation.out.line(
    `${kept.model} of ${kept.provider}${by} costs $${kept.input} a million input tokens and $${kept.output} a million output tokens from ${kept.from} on.`,
  )
  return 0
}

async function importFile(invocation: Invocation, given: string | undefined): Promise<number> {
  const file = named(given, 'prices import', 'a FILE: model_prices_and_context_window.json of LiteLLM')
  const prices = mapOf(await readUserText(file, { most: LARGEST, pipes: true }), file)
  const { client } = await connect(invocation)
  const done = await client.call(llmPricesApi.importLlmPrices, { body: { prices } })
  invocation.out.data(done)
  invocation.out.line(`new or changed prices: ${done.added}; as before: ${done.same}; skipped: ${done.skipped_count}`)
  if (done.skipped.length > 0)
    invocation.out.table(
      ['skipped', 'why'],
      done.skipped.map(({ model, why }) => [model, why]),
    )
  return 0
}

function mapOf(given: string, file: string): Record<string, unknown> {
  const value = ifJson(given)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`${file} is no JSON object of models`)
  return value as Record<string, unknown>
}

function needed(invocation: Invocation, flag: string): string {
  const given = text(invocation, flag)
  if (given === undefined) throw new UsageError(`slipway llm prices add needs --${flag} DOLLARS, of a million tokens`)
  return given
}
