/** `slipway explain`: why a step ran or was taken from the cache, component by component. */
import { pipelinesApi } from '../../contract/pipelines.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { readLines } from './follow.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [id, only] = invocation.args
  if (id === undefined) throw new UsageError('explain needs a run: slipway explain RUN [STEP]')
  const { client } = await connect(invocation)
  const { steps } = await client.call(pipelinesApi.getPipelineRun, { params: { id } })
  const names = only === undefined ? steps.filter((step) => step.cache !== null).map((step) => step.name) : [only]
  const told = await Promise.all(names.map((step) => client.call(pipelinesApi.explainStep, { params: { id, step } })))
  invocation.out.data(told)
  for (const { name, skipped } of steps.filter((step) => only === undefined && step.skipped !== undefined))
    invocation.out.line(`${name}: skipped: ${skipped}`)
  for (const one of told) {
    invocation.out.line(`${one.step}: ${one.hit ? 'hit' : 'miss'}: ${one.reason}`)
    for (const change of one.changes) {
      invocation.out.line(`  ${change.what}: ${change.before ?? 'nothing'} -> ${change.after ?? 'nothing'}`)
    }
    for (const line of readLines(one.reads)) invocation.out.line(`  warning: ${line}`)
    for (const warning of one.warnings) invocation.out.line(`  note: ${warning}`)
    if (only === undefined) continue
    for (const [component, value] of Object.entries(one.components)) invocation.out.line(`  ${component} = ${value}`)
    if (one.reads === null) invocation.out.line('  nobody watched what it read')
    invocation.out.line(`  left out = ${one.left_out.join(', ')}`)
  }
  return 0
}
