/** `slipway llm budgets`: what language models may cost. */
import { llmBudgetsApi } from '../../contract/llm/budgets.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { many, named, ofProject } from './act.ts'
import type { Act } from './act.ts'

export const BUDGETS: Readonly<Record<string, Act>> = { list, add, remove }

const SCOPES = ['key', 'user', 'team', 'project', 'tag'] as const
const WINDOWS = ['day', 'week', 'month', 'total'] as const

async function list(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const { items } = await client.call(llmBudgetsApi.listLlmBudgets, { query: ofProject(invocation) })
  invocation.out.data(items)
  if (items.length === 0) invocation.out.line('there is no budget; slipway llm budgets add DOLLARS makes one')
  else
    invocation.out.table(
      ['id', 'project', 'of', 'window', 'limit $', 'spent $', 'at the limit'],
      items.map((one) => [
        one.id,
        one.project,
        `${one.scope} ${one.of}`,
        one.window,
        one.limit,
        one.spent ?? 'not known',
        one.hard ? 'refuse' : 'tell',
      ]),
    )
  return 0
}

async function add(invocation: Invocation, given: string | undefined): Promise<number> {
  const limit = named(given, 'budgets add', 'DOLLARS')
  const scope = choice(invocation, 'scope', SCOPES) ?? 'project'
  const of = text(invocation, 'of')
  if (scope !== 'project' && of === undefined) throw new UsageError(`a budget of a ${scope} needs --of`)
  const alerts = many(invocation, 'alert').map(part)
  const body = {
    ...ofProject(invocation),
    scope,
    ...(of !== undefined && { of }),
    window: choice(invocation, 'window', WINDOWS) ?? 'month',
    limit,
    hard: invocation.flags['soft'] !== true,
    ...(alerts.length > 0 && { alert_at: alerts }),
  }
  const { client } = await connect(invocation)
  const made = await client.call(llmBudgetsApi.createLlmBudget, { body })
  invocation.out.data(made)
  const per = made.window === 'total' ? 'in all' : `a ${made.window}`
  invocation.out.line(`${made.id}: ${made.scope} ${made.of} may spend $${made.limit} ${per}.`)
  return 0
}

async function remove(invocation: Invocation, given: string | undefined): Promise<number> {
  const id = named(given, 'budgets remove', 'the id of a budget')
  const { client } = await connect(invocation)
  await client.call(llmBudgetsApi.removeLlmBudget, { params: { id } })
  invocation.out.data({ removed: id })
  invocation.out.line(`${id} is removed; what was spent stays in the ledger.`)
  return 0
}

function choice<T extends string>(invocation: Invocation, flag: string, known: readonly T[]): T | undefined {
  const given = text(invocation, flag)
  const found = known.find((one) => one === given)
  if (given !== undefined && found === undefined)
    throw new UsageError(`--${flag} is "${given}"; expected one of ${known.join(', ')}`)
  return found
}

function part(given: string): number {
  const value = Number(given)
  if (value > 0 && value <= 1) return value
  throw new UsageError(`--alert is "${given}"; expected a part of the limit, above 0 and at most 1`)
}
