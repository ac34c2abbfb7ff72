/** What of the language models does not work as it is set up, in sentences. */
import type { LlmState } from '../../../src/contract/llm/state.ts'
import { partTitle, stateTroubles } from '../../../src/contract/llm/state-words.ts'
import { exact, fullSentence, plural } from '../../../src/contract/text/format.ts'
import type { LlmEndpoint, LlmProvider, PricedModel } from './queries.ts'

export interface SetUp {
  readonly providers: readonly LlmProvider[]
  readonly endpoints: readonly LlmEndpoint[]
  readonly prices: readonly PricedModel[]
}

/** One sentence for each thing that is off; none where all is well. */
export function faultsOf({ providers, endpoints, prices }: SetUp): string[] {
  const unpriced = prices.filter(({ status }) => status === 'unknown').map(({ model }) => model)
  const disputed = prices.filter(({ conflict }) => conflict).map(({ model }) => model)
  return [
    ...endpoints.flatMap(({ name, fault }) => (fault === null ? [] : [`Endpoint ${name} is not answered: ${fault}.`])),
    ...providers.flatMap(({ name, fault }) => (fault === null ? [] : [`Provider ${name} is not called: ${fault}.`])),
    ...(unpriced.length > 0
      ? [
          `The price of ${listed(unpriced)} is not known: calls of ${unpriced.length === 1 ? 'it' : 'them'} cost what nobody counts, and are refused where a hard budget holds.`,
        ]
      : []),
    ...(disputed.length > 0 ? [`The sources of prices differ over ${listed(disputed)}.`] : []),
  ]
}

/** More names than these are counted. */
const NAMED = 3

function listed(names: readonly string[]): string {
  const [first, rest] = [names.slice(0, NAMED).join(', '), names.length - NAMED]
  return rest > 0 ? `${first} and ${plural(rest, 'more model')}` : first
}

/** A time as the API writes it. */
const TIME = /\d{4}-\d\d-\d\dT[\d:.]+Z/g

/** One sentence for each thing on the server that somebody should know of, with times in the reader's zone; none where all is well. */
export function troublesOf(state: LlmState): string[] {
  return stateTroubles(state).map(({ part, text }) =>
    fullSentence(`${partTitle(part)}: ${text.replaceAll(TIME, (time) => exact(time))}`),
  )
}

/** A step towards the first call: what it is for, its command, and whether it is done. */
export interface SetUpStep {
  readonly title: string
  readonly command: string
  readonly done: boolean
}

export interface SetUpNames extends Pick<SetUp, 'providers' | 'endpoints'> {
  /** How many keys there are. */
  readonly keys: number
  /** Address of the gateway; empty = there is none. */
  readonly gateway: string
}

/** The way to the first call, with the names that are there already. */
export function stepsOf({ providers, endpoints, keys, gateway }: SetUpNames): SetUpStep[] {
  const provider = providers[0]
  const model = provider === undefined || provider.provider === 'openai' ? 'gpt-4o-mini' : 'MODEL'
  const endpoint = endpoints[0]?.name ?? 'chat'
  return [
    {
      title: 'Name a provider; its key is read from your environment and sealed',
      command: 'slipway llm providers add openai --key-env OPENAI_API_KEY',
      done: providers.length > 0,
    },
    {
      title: 'Give a model a name that programs call',
      command: `slipway llm endpoints add chat --model ${provider?.name ?? 'openai'}/${model}`,
      done: endpoints.length > 0,
    },
    {
      title: 'Make a key for a program; it is shown this once',
      command: `slipway llm keys add my-app --endpoint ${endpoint}`,
      done: keys > 0,
    },
    { title: 'Call it, as every client of OpenAI does', command: curlOf(gateway, endpoint), done: false },
  ]
}

function curlOf(gateway: string, endpoint: string): string {
  const body = JSON.stringify({ model: endpoint, messages: [{ role: 'user', content: 'Hello' }] })
  return `curl ${gateway === '' ? 'GATEWAY' : gateway}/v1/chat/completions -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d '${body.replaceAll("'", String.raw`'\''`)}'`
}
