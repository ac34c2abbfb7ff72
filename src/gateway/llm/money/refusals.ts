/** How the money store refuses: a budget without room, a model without a price, a disk that fails. */
import { problem } from '../../../contract/errors.ts'
import type { Problem } from '../../../contract/errors.ts'
import { engineCode, isBusy, isDamaged, isStorageFull } from '../../../store/failures.ts'
import type { BudgetRoute } from '../../table/llm.ts'
import { windowEnd } from './windows.ts'

/** How a budget stands, nanodollars. */
export interface Standing {
  readonly spent: number
  /** By calls under way. */
  readonly reserved: number
}

/** Seconds after which calls under way may have given room back, or a disk may answer again. */
const RETRY_AFTER_S = 1

/** What a call has no room in; the share of this server in nanodollars, where several divide the budget. */
export interface Full {
  readonly budget: BudgetRoute
  readonly share: number | undefined
}

/**
 * The refusal of a call that may cost `amount` nanodollars; it says to try again only where calls under way could give enough back, or other servers
 * a part of their share.
 */
export function budgetExceeded(
  { budget, share }: Full,
  { spent, reserved }: Standing,
  amount: number,
  now: number,
): Problem {
  const end = windowEnd(budget.window, now)
  return problem('budget_exceeded', {
    budget: budget.id,
    scope: budget.scope,
    window: budget.window,
    limit: dollars(budget.limit) + (share === undefined ? '' : ` (the share of this server is ${dollars(share)})`),
    spent: dollars(spent),
    reserved: dollars(reserved),
    amount: dollars(amount),
    ...(end !== Infinity && { until: new Date(end).toISOString() }),
    ...(spent + amount <= budget.limit && { retry_after: RETRY_AFTER_S }),
  })
}

/** The refusal of a call that nobody can say the cost of, while a budget that must hold applies. */
export function unknownPrice(budget: BudgetRoute): Problem {
  const detail = `the price of a model that may answer is not known, and budget "${budget.id}" cannot be held without one; slipway llm prices tells which model it is, and slipway llm prices add gives it one`
  return problem('unprocessable', { detail, budget: budget.id })
}

/** A fault of the money store, told by what SQLite or the disk says. */
export function moneyUnavailable(error: unknown): Problem {
  return problem('unavailable', { what: 'the money store', detail: detailOf(error), retry_after: RETRY_AFTER_S }, error)
}

function detailOf(error: unknown): string {
  if (isBusy(error)) return 'another process holds its lock'
  if (isStorageFull(error)) return 'its disk is full'
  if (isDamaged(error))
    return `its file is damaged (${engineCode(error)}); stop the gateways and remove llm/money.db of the data folder: they begin with what the ledger knows`
  const code = engineCode(error)
  const said = error instanceof Error ? error.message : String(error)
  return code === '' ? said : `${said} (${code})`
}

/** Nanodollars as text: at least two digits of a dollar, and as many as it needs. */
function dollars(nano: number): string {
  const digits = String(nano).padStart(10, '0')
  const fraction = digits.slice(-9).replace(/0{1,7}$/, '')
  return `$${digits.slice(0, -9)}.${fraction}`
}
