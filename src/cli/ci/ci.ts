/** `slipway ci`: writes workflows, trusts machines, exchanges tokens of jobs, and reports what a change did to the model. */
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { init } from './init.ts'
import { report } from './report.ts'
import { token } from './token.ts'
import { trust } from './trust.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [verb] = invocation.args
  if (verb === 'report') return report(invocation)
  if (verb === 'init') return init(invocation)
  if (verb === 'token') return token(invocation)
  if (verb === 'trust') return trust(invocation)
  throw new UsageError(
    `slipway ci ${verb === undefined ? 'needs to know what to do' : `does not know "${verb}"`}; expected init, trust, token or report`,
  )
}
