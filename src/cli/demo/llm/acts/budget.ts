/** Act 3: a hard budget under many calls at once: none passes it, those that do not fit are told so. */
import { llmBudgetsApi } from '../../../../contract/llm/budgets.ts'
import { llmKeysApi } from '../../../../contract/llm/keys.ts'
import type { LlmCallDetail } from '../../../../contract/llm-calls.ts'
import type { Notebook } from '../../stage/world.ts'
import { callsSince, chatBody, detailOf, dollarsText, ENDPOINT, through } from '../stage/llm-world.ts'
import type { LlmWorld } from '../stage/llm-world.ts'

const AT_ONCE = 20
/** How many calls the budget has room for at once. */
const ROOM = 3
/** A call more than could be answered from what is left, at the tokens that the question has at least. */
const MOST_AFTER = 60
const body = chatBody('Say hello.', 8)

export async function budget(world: LlmWorld, notes: Notebook): Promise<void> {
  const { token, key } = await world.client.call(llmKeysApi.createLlmKey, {
    body: { name: 'intern', models: [ENDPOINT] },
  })
  const made = await world.client.call(llmBudgetsApi.createLlmBudget, {
    body: { scope: 'key', of: key.id, window: 'total', limit: '1', hard: true, alert_at: [0.8] },
  })
  const first = await firstCall(world, token)
  const reserve = first.reserved_nanodollars
  const limit = (first.cost_nanodollars ?? Number.NaN) + ROOM * reserve
  await world.client.call(llmBudgetsApi.changeLlmBudget, {
    params: { id: made.id },
    body: { limit: dollarsText(limit).slice(1) },
  })
  notes.tell('hard budget', `${dollarsText(limit)}: room for ${ROOM} calls that may cost ${dollarsText(reserve)} each`)
  const since = new Date().toISOString()
  const results = await Promise.all(Array.from({ length: AT_ONCE }, () => ask(world, token)))
  const [answered, refused] = [count(results, 'answered'), count(results, 'refused')]
  notes.check(
    `${AT_ONCE} calls at once`,
    `${answered} answered, ${refused} refused with 429 insufficient_quota`,
    answered >= ROOM && refused > 0 && answered + refused === AT_ONCE,
  )
  let more = 0
  let last = 'answered'
  while (last === 'answered' && more < MOST_AFTER) {
    last = await ask(world, token)
    if (last === 'answered') more++
  }
  notes.check('one after another', `${more} more answered, then ${last}`, last === 'refused')
  const calls = await callsSince(world, since, answered + more, (one) => one.key === key.id && one.outcome === 'ok')
  const sum = [first, ...calls].reduce((all, one) => all + (one.cost_nanodollars ?? Number.NaN), 0)
  const spent = await spentOf(world, made.id)
  notes.check('spent', `${dollarsText(spent)}, the sum of ${1 + calls.length} calls`, spent === sum)
  notes.check(
    'stops exactly',
    `${dollarsText(limit - spent)} are left, less than a call may cost`,
    spent <= limit && limit - spent < reserve,
  )
  notes.link(`${world.client.url}/llm/keys`)
}

/** A call while there is room: what the gateway sets aside for one stands in its record. */
async function firstCall(world: LlmWorld, token: string): Promise<LlmCallDetail> {
  const since = new Date().toISOString()
  await through(world, token).chat.completions.create(body)
  const [call] = await callsSince(world, since, 1)
  if (call === undefined) throw new Error('the first call is not in the log')
  return detailOf(world, call)
}

async function ask(world: LlmWorld, token: string): Promise<string> {
  try {
    await through(world, token).chat.completions.create(body)
    return 'answered'
  } catch (error) {
    const { status, code } = error as { status?: number; code?: string }
    if (status === 429 && code === 'insufficient_quota') return 'refused'
    throw error
  }
}

function count(results: readonly string[], what: string): number {
  return results.filter((one) => one === what).length
}

async function spentOf(world: LlmWorld, id: string): Promise<number> {
  const { items } = await world.client.call(llmBudgetsApi.listLlmBudgets, { query: {} })
  const spent = items.find((one) => one.id === id)?.spent ?? ''
  return Math.round(Number(spent) * 1e9)
}
