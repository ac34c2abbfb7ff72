/** `slipway llm keys`: virtual keys of programs, with what each may call and how much. */
import { llmKeysApi, type LlmKey } from '../../contract/llm/keys.ts'
import { text } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { count, many, named, ofProject, oneOf } from './act.ts'
import type { Act } from './act.ts'

export const KEYS: Readonly<Record<string, Act>> = { list, add, remove }

async function list(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const { items } = await client.call(llmKeysApi.listLlmKeys, { query: ofProject(invocation) })
  invocation.out.data(items)
  if (items.length === 0) invocation.out.line('there is no virtual key; slipway llm keys add NAME makes one')
  else
    invocation.out.table(
      ['id', 'name', 'project', 'endpoints', 'limits', 'user', 'team', 'state'],
      items.map((one) => [
        one.id,
        one.name,
        one.project,
        one.models?.join(', ') ?? 'all',
        limitsText(one),
        one.user ?? '',
        one.team ?? '',
        stateText(one, Date.now()),
      ]),
    )
  return 0
}

/** `now` in ms. */
function stateText({ revoked, expires_at }: LlmKey, now: number): string {
  if (revoked) return 'revoked'
  if (expires_at === null) return ''
  return Date.parse(expires_at) <= now ? 'expired' : `until ${expires_at.slice(0, 10)}`
}

function limitsText({ rpm, tpm, concurrency }: LlmKey): string {
  return [
    ...(rpm === null ? [] : [`${rpm} calls/min`]),
    ...(tpm === null ? [] : [`${tpm} tokens/min`]),
    ...(concurrency === null ? [] : [`${concurrency} at once`]),
  ].join(', ')
}

async function add(invocation: Invocation, given: string | undefined): Promise<number> {
  const name = named(given, 'keys add', 'a NAME')
  const numbers = {
    rpm: count(invocation, 'rpm'),
    tpm: count(invocation, 'tpm'),
    concurrency: count(invocation, 'concurrency'),
    expires_in_days: count(invocation, 'days'),
  }
  const models = many(invocation, 'endpoint')
  const body = {
    name,
    ...ofProject(invocation),
    ...(models.length > 0 && { models: [...models] }),
    ...numbers,
    user: text(invocation, 'user'),
    team: text(invocation, 'team'),
    tags: [...many(invocation, 'tag')],
    content: invocation.flags['no-content'] !== true,
  }
  const { client } = await connect(invocation)
  const made = await client.call(llmKeysApi.createLlmKey, { body })
  invocation.out.data(made)
  invocation.out.line(made.token)
  invocation.out.line('It is shown this once.')
  return 0
}

async function remove(invocation: Invocation, given: string | undefined): Promise<number> {
  const name = named(given, 'keys remove', 'a NAME or an id')
  const { client } = await connect(invocation)
  const { items } = await client.call(llmKeysApi.listLlmKeys, { query: ofProject(invocation) })
  const { id } = oneOf(items, name, 'key')
  await client.call(llmKeysApi.removeLlmKey, { params: { id } })
  invocation.out.data({ removed: id })
  invocation.out.line(`${name} is revoked.`)
  return 0
}
