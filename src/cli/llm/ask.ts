/** `slipway llm ask`: one question to an endpoint of language models, its answer printed as it comes. */
import { text as readAll } from 'node:stream/consumers'
import { eventsOf } from '../../client/events.ts'
import { dollarsText } from '../../contract/llm/dollars.ts'
import { llmPlaygroundApi, PlaygroundEvent } from '../../contract/llm/playground.ts'
import type { PlaygroundEnd } from '../../contract/llm/playground.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { count, named, ofProject } from './act.ts'

/** Asks; the text comes from the arguments, or from standard input. Returns 1 where a budget, a limit or a guardrail refuses, 2 for a request that cannot be answered, 3 where a provider fails. */
export async function ask(invocation: Invocation): Promise<number> {
  const { out } = invocation
  const [, name, given] = invocation.args
  const endpoint = named(name, 'ask', 'the name of an endpoint')
  const system = text(invocation, 'system')
  const temperature = temperatureOf(invocation)
  const max_tokens = count(invocation, 'max-tokens')
  const question = given ?? (await readAll(process.stdin))
  if (question.trim() === '') throw new UsageError('slipway llm ask needs a text, as an argument or on standard input')
  const body = {
    endpoint,
    ...ofProject(invocation),
    messages: [
      ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
      { role: 'user' as const, content: question },
    ],
    ...(temperature !== undefined && { temperature }),
    ...(max_tokens !== undefined && { max_tokens }),
  }
  const { client } = await connect(invocation)
  const response = await client.open(llmPlaygroundApi.askPlayground, { body })
  const { answer, end } = await told(response, (piece) => void (out.json || process.stdout.write(piece)))
  if (!out.json && answer !== '' && !answer.endsWith('\n')) process.stdout.write('\n')
  out.data({ ...end, text: answer })
  process.stderr.write(`${sentence(end)}\n`)
  return codeOf(end)
}

function temperatureOf(invocation: Invocation): number | undefined {
  const given = text(invocation, 'temperature')
  if (given === undefined) return undefined
  const value = given.trim() === '' ? NaN : Number(given)
  if (value >= 0 && value <= 2) return value
  throw new UsageError(`--temperature is "${given}"; expected a number from 0 to 2`)
}

/** The whole answer, each piece of it said as it comes. Throws where the server breaks it off. */
async function told(
  response: Response,
  say: (piece: string) => void,
): Promise<{ readonly answer: string; readonly end: PlaygroundEnd }> {
  let answer = ''
  for await (const { event, data } of eventsOf(response)) {
    const one = PlaygroundEvent.parse({ event, data: JSON.parse(data) as unknown })
    if (one.event === 'end') return { answer, end: one.data }
    if (one.event !== 'text') continue
    answer += one.data.text
    say(one.data.text)
  }
  throw new Error('the server broke the answer off; see its log')
}

function sentence({ model, tokens, cost_nanodollars: cost, cost_status, cache, ms, refusal }: PlaygroundEnd): string {
  const said = [
    ...(model === null ? [] : [model]),
    ...(tokens === null ? [] : [`${tokens.input} tokens in, ${tokens.output} out`]),
    ...(cost === null ? [] : [`$${dollarsText(cost)}${cost_status === 'estimated' ? ' (estimated)' : ''}`]),
    ...(cost === null && refusal === null ? ['cost not known'] : []),
    ...(cache === 'hit' ? ['from the cache'] : []),
    `${Math.round(ms)} ms`,
  ]
  return refusal === null
    ? said.join(', ')
    : `slipway: ${REFUSED[refusal.kind]}: ${refusal.message} (${said.join(', ')})`
}

const REFUSED = {
  budget: 'refused by a budget',
  limit: 'refused by a limit',
  guardrail: 'refused by a guardrail',
  provider: 'the provider failed',
  request: 'refused',
} as const satisfies Record<NonNullable<PlaygroundEnd['refusal']>['kind'], string>

function codeOf({ refusal }: PlaygroundEnd): number {
  if (refusal === null) return 0
  if (refusal.kind === 'provider') return 3
  return refusal.kind === 'request' ? 2 : 1
}
