/** What every part of the llm room works with. */
import type { Tokens } from '../../auth/tokens.ts'
import type { BudgetRoute } from '../../gateway/table/llm.ts'
import type { Tracking } from '../../tracking/context/context.ts'

/** What was spent of a budget in its present window. */
export interface Spent {
  /** Nanodollars. */
  readonly spent: number
  /** Beginning of the window, ms; 0 for `total`. */
  readonly since: number
}

/** Port: what was spent of budgets at a time (ms), by their ids; one that is not there has spent nothing that is known. */
export type SpentOf = (
  budgets: readonly Omit<BudgetRoute, 'spent' | 'since'>[],
  now: number,
) => Promise<ReadonlyMap<string, Spent>>

/** What tracking works with, how secrets are sealed, and the ports of the room. */
export interface Llm extends Tracking {
  /** Makes a text unreadable in the database, bound to what it is for; without it no secret of the gateway is kept. */
  readonly seal?: (text: string, of: string) => string
  /** Reads what `seal` made. Throws `unprocessable` for what another key has sealed. */
  readonly open?: (sealed: string, of: string) => string
  /** The tokens that virtual keys are; without them none is made. */
  readonly tokens?: Pick<Tokens, 'createIn' | 'list' | 'revoke' | 'isRevoked' | 'forget'>
  /** Private hosts that providers may be reached at. */
  readonly egressAllow?: readonly string[]
  readonly spentOf?: SpentOf
  /** Told after each change of a setting, before it is answered: gateways get it then. Must not reject. */
  readonly settled?: () => Promise<void>
}
