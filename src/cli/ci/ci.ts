/** `slipway ci`: reports what a change did to the model. */
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { report } from './report.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [verb] = invocation.args
  if (verb === 'report') return report(invocation)
  throw new UsageError(
    `slipway ci does ${verb === undefined ? 'one thing' : `not know "${verb}"`}; expected report RUN`,
  )
}
