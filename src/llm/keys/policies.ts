/** MLflow's calls about budget policies of its gateway: the budgets of a project or a user in a day, a week or a month. */
import type { Principal } from '../../contract/access.ts'
import type { LlmBudget } from '../../contract/llm/budgets.ts'
import { dollars } from '../../contract/llm/dollars.ts'
import { done } from '../../mlflow/fields.ts'
import { double, int, need, object, oneOf, text } from '../../mlflow/input.ts'
import { callsOf } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { invalid, missing } from '../../mlflow/wire.ts'
import type { Llm } from '../context/context.ts'
import { changeBudget, createBudget, listBudgets, removeBudget } from './budgets.ts'

const { read } = callsOf('cost', '3.0')
const { manage } = callsOf('tokens', '3.0')

const UNITS = { USD: 1 } as const
const DURATIONS = { MINUTES: 1, HOURS: 2, DAYS: 3, WEEKS: 4, MONTHS: 5 } as const
const SCOPES = { GLOBAL: 1, WORKSPACE: 2, ENDPOINT: 3, USER: 4 } as const
const ACTIONS = { ALERT: 1, REJECT: 2 } as const

/** Windows of the calendar by MLflow's units, each once. */
const WINDOWS = { DAYS: 'day', WEEKS: 'week', MONTHS: 'month' } as const
type Unit = keyof typeof DURATIONS
type Window = (typeof WINDOWS)[keyof typeof WINDOWS]

const DAY_MS = 86_400_000

const id = () => need(text())
const duration = object({ unit: need(oneOf(DURATIONS)), value: need(int()) })

export function policyCalls(room: Llm): Rpc[] {
  return [
    manage.post('gateway/budgets/create', 'Limit what calls of language models may cost', {
      fields: {
        budget_unit: need(oneOf(UNITS)),
        budget_amount: need(double()),
        duration: need(duration),
        target_scope: need(oneOf(SCOPES)),
        budget_action: need(oneOf(ACTIONS)),
        target_value: text(),
      },
      handle: async (given, who) => {
        const made = await createBudget(room, who, {
          ...subjectOf(given.target_scope, given.target_value),
          window: windowOf(given.duration),
          limit: amountOf(given.budget_amount),
          hard: given.budget_action === 'REJECT',
          alert_at: given.budget_action === 'ALERT' ? [1] : [],
        })
        return { budget_policy: policyOf(made) }
      },
    }),
    manage.post('gateway/budgets/update', 'Change the amount of a budget, or what happens at it', {
      fields: {
        budget_policy_id: id(),
        budget_unit: oneOf(UNITS),
        budget_amount: double(),
        duration,
        target_scope: oneOf(SCOPES),
        budget_action: oneOf(ACTIONS),
        target_value: text(),
      },
      handle: async ({ budget_policy_id, ...given }, who) => {
        const old = await requirePolicy(room, who, budget_policy_id)
        refuseMoved(old, given)
        const changed = await changeBudget(room, who, budget_policy_id, {
          limit: given.budget_amount === undefined ? undefined : amountOf(given.budget_amount),
          hard: given.budget_action === undefined ? undefined : given.budget_action === 'REJECT',
        })
        return { budget_policy: policyOf(changed) }
      },
    }),
    read.get('gateway/budgets/get', 'Get a budget', {
      fields: { budget_policy_id: id() },
      handle: async (given, who) => ({
        budget_policy: policyOf(await requirePolicy(room, who, given.budget_policy_id)),
      }),
    }),
    read.get('gateway/budgets/list', 'List budgets', {
      fields: { max_results: int(), page_token: text() },
      handle: async (_given, who) => ({ budget_policies: (await policies(room, who)).map(policyOf) }),
    }),
    read.get('gateway/budgets/windows', 'What was spent of budgets in their present windows', {
      fields: {},
      handle: async (_given, who) => ({ windows: (await policies(room, who)).flatMap(windowShown) }),
    }),
    manage.delete('gateway/budgets/delete', 'Remove a budget', {
      fields: { budget_policy_id: id() },
      handle: async ({ budget_policy_id }, who) => {
        await requirePolicy(room, who, budget_policy_id)
        return done(removeBudget(room, who, budget_policy_id))
      },
    }),
  ]
}

/** Budgets that MLflow has words for. */
async function policies(room: Llm, who: Principal): Promise<LlmBudget[]> {
  return (await listBudgets(room, who)).filter(
    ({ scope, window }) => (scope === 'project' || scope === 'user') && window !== 'total',
  )
}

async function requirePolicy(room: Llm, who: Principal, given: string): Promise<LlmBudget> {
  const found = (await policies(room, who)).find((one) => one.id === given)
  if (found === undefined) throw missing(`Budget policy not found (budget_policy_id='${given}')`, 'budget', given)
  return found
}

function subjectOf(scope: keyof typeof SCOPES, target: string | undefined): { scope: 'project' | 'user'; of?: string } {
  if (scope === 'USER') {
    if (!target) throw invalid('target_value is required when target_scope is USER.')
    return { scope: 'user', of: target }
  }
  if (scope !== 'WORKSPACE') {
    throw invalid(
      `Invalid target_scope: ${scope}. Budgets of this server are of a workspace or a user: expected WORKSPACE or USER.`,
    )
  }
  if (target) throw invalid('target_value can only be set when target_scope is USER.')
  return { scope: 'project' }
}

function windowOf({ unit, value }: { readonly unit: Unit; readonly value: number }): Window {
  const window = unit === 'DAYS' || unit === 'WEEKS' || unit === 'MONTHS' ? WINDOWS[unit] : undefined
  if (window !== undefined && value === 1) return window
  throw invalid(
    `Invalid duration: ${value} ${unit}. Windows of this server are those of the calendar: expected 1 of DAYS, WEEKS or MONTHS.`,
  )
}

function amountOf(given: number): number {
  const { success, data, error } = dollars.safeParse(given)
  if (success) return data
  throw invalid(`Invalid budget_amount: ${given}. Expected ${error.issues[0]?.message ?? 'dollars'}.`)
}

interface Moved {
  readonly duration: { readonly unit: Unit; readonly value: number } | undefined
  readonly target_scope: keyof typeof SCOPES | undefined
  readonly target_value: string | undefined
}

/** What was spent is of one window and one subject. */
function refuseMoved(old: LlmBudget, { duration: wanted, target_scope, target_value }: Moved): void {
  const is = policyOf(old)
  if (wanted !== undefined && windowOf(wanted) !== old.window)
    throw invalid('The duration of a budget policy cannot be changed; make another.')
  const isOther = target_scope !== undefined && target_scope !== is.target_scope
  if (isOther || (target_value && target_value !== is.target_value))
    throw invalid('The target of a budget policy cannot be changed; make another.')
}

function policyOf({ id: budget_policy_id, scope, of, window, limit, hard, created_at, created_by }: LlmBudget) {
  const [unit = 'MONTHS'] = (Object.keys(WINDOWS) as (keyof typeof WINDOWS)[]).filter((one) => WINDOWS[one] === window)
  return {
    budget_policy_id,
    budget_unit: 'USD',
    budget_amount: Number(limit),
    duration: { unit, value: 1 },
    target_scope: scope === 'user' ? 'USER' : 'WORKSPACE',
    budget_action: hard ? 'REJECT' : 'ALERT',
    created_at: Date.parse(created_at),
    last_updated_at: Date.parse(created_at),
    created_by,
    last_updated_by: created_by,
    ...(scope === 'user' && { target_value: of }),
  }
}

/** Nothing where what was spent is not known. */
function windowShown({ id: budget_policy_id, spent, since, window }: LlmBudget): object[] {
  if (spent === null || since === null) return []
  const start = Date.parse(since)
  return [
    {
      budget_policy_id,
      window_start_ms: start,
      window_end_ms: endOf(start, window),
      current_spend: Number(spent),
    },
  ]
}

function endOf(start: number, window: LlmBudget['window']): number {
  if (window !== 'month') return start + (window === 'week' ? 7 : 1) * DAY_MS
  const begun = new Date(start)
  return Date.UTC(begun.getUTCFullYear(), begun.getUTCMonth() + 1, 1)
}
