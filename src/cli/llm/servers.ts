/** `slipway llm servers`: the servers that divide hard budgets; `slipway llm state`: how that goes, and what else nobody waits for. */
import { llmServersApi } from '../../contract/llm/servers.ts'
import type { LlmServer } from '../../contract/llm/servers.ts'
import { llmStateApi } from '../../contract/llm/state.ts'
import { partTitle, stateLines } from '../../contract/llm/state-words.ts'
import type { StateLine } from '../../contract/llm/state-words.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { paint } from '../invocation/output.ts'
import { connect } from '../invocation/server.ts'
import { named } from './act.ts'
import type { Act } from './act.ts'

export const SERVERS: Readonly<Record<string, Act>> = { list, remove }

async function list(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const { items } = await client.call(llmServersApi.listLlmServers, { query: {} })
  invocation.out.data(items)
  if (items.length === 0) invocation.out.line('no budget is divided: this database has one server, or no hard budget')
  else table(invocation, items)
  return 0
}

function table(invocation: Invocation, servers: readonly LlmServer[]): void {
  invocation.out.table(
    ['id', 'server', 'seen', 'budgets', 'may spend $'],
    servers.map((one) => [one.id, one.name, one.live ? 'now' : one.seen_at, String(one.budgets), one.held]),
  )
}

const MARKS: Readonly<Record<StateLine['level'], string>> = {
  ok: paint('green', 'ok  '),
  off: paint('yellow', 'off '),
  warn: paint('yellow', 'warn'),
  wrong: paint('red', 'FAIL'),
}

/** How budgets are divided, settings come to gateways, old calls go and new ones are taken in, on the server that answers. */
export async function state(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const found = await client.call(llmStateApi.llmState)
  invocation.out.data(found)
  for (const { part, level, text } of stateLines(found))
    invocation.out.line(`${MARKS[level]} ${partTitle(part)}: ${text}`)
  if (found.division.servers.length > 0) table(invocation, found.division.servers)
  return 0
}

async function remove(invocation: Invocation, given: string | undefined): Promise<number> {
  const wanted = named(given, 'servers remove', 'a server that is gone, with all its gateways')
  const { client } = await connect(invocation)
  const { items } = await client.call(llmServersApi.listLlmServers, { query: {} })
  const id = items.find((one) => one.id === wanted || one.name === wanted)?.id
  if (id === undefined) throw new UsageError(`there is no server "${wanted}"; slipway llm servers lists them`)
  await client.call(llmServersApi.removeLlmServer, { params: { id } })
  invocation.out.data({ removed: id })
  invocation.out.line(`${wanted} is forgotten; what it had not spent is divided among the others.`)
  return 0
}
