/** `slipway reproduce`: runs the pipeline of a model version again from raw data and grades how equal the result is. */
import type { Client } from '../../../client/client.ts'
import { pipelinesApi } from '../../../contract/pipelines.ts'
import type { Reply } from '../../../contract/route.ts'
import { PRODUCTION, registryApi } from '../../../contract/registry.ts'
import { UsageError } from '../../invocation/command.ts'
import type { Invocation } from '../../invocation/command.ts'
import { connect } from '../../invocation/server.ts'
import { follow } from '../follow.ts'
import { reproduceAll } from './all.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [model] = invocation.args
  const { all, alias, schedule } = invocation.flags
  if (all === true) {
    if (model === undefined) return reproduceAll(invocation)
    throw new UsageError(`--all takes every model, and "${model}" is one: leave out one of the two`)
  }
  if (alias !== undefined) throw new UsageError('--alias goes with --all; of one model it is MODEL@ALIAS')
  if (schedule !== undefined) throw new UsageError('--schedule goes with --all: it is of every model')
  if (model === undefined)
    throw new UsageError('reproduce needs a model: slipway reproduce MODEL[@VERSION], or --all for those in production')
  return reproduceOne(invocation, model)
}

async function reproduceOne(invocation: Invocation, model: string): Promise<number> {
  const { client } = await connect(invocation)
  const id = await runOf(client, model)
  const dry = invocation.flags['dry-run'] === true
  const started = await client.call(pipelinesApi.reproducePipelineRun, { params: { id }, body: { dry_run: dry } })
  const finished = started.run === null ? null : await follow(client, started.run.id, invocation.out)
  const result = finished?.reproduction ?? started.reproduction
  invocation.out.data({ run: finished?.id ?? null, reproduction: result })
  for (const line of findings(result)) invocation.out.line(`  ${line}`)
  invocation.out.line(result.grade === null ? result.detail : `grade ${result.grade}: ${result.detail}`)
  return result.grade === 'A' || result.grade === 'B' || (dry && result.missing.length === 0) ? 0 : 1
}

function findings({
  steps,
  sources = [],
  missing,
}: Reply<typeof pipelinesApi.reproducePipelineRun>['reproduction']): string[] {
  return [
    ...steps.map(({ step, outputs }) => `${step}: outputs ${outputs}`),
    ...sources.map(({ step, source }) => `${step}: ${source}`),
    ...missing.map((what) => `missing: ${what}`),
  ]
}

/** The pipeline run that made a model's version; the production one when no version is named. */
export async function runOf(client: Client, text: string): Promise<string> {
  const [name = '', wanted] = text.split('@', 2)
  const model = await client.call(registryApi.getModel, { params: { name } })
  const version =
    wanted === undefined ? (model.aliases[PRODUCTION] ?? model.latest_version) : (model.aliases[wanted] ?? wanted)
  if (version === null || version === undefined) throw new UsageError(`model ${name} has no version yet`)
  const found = await client.call(registryApi.getVersion, { params: { name, version } })
  if (found.pipeline_run_id === null)
    throw new UsageError(`${name} version ${version} was not made by a pipeline run, so it cannot be made again`)
  return found.pipeline_run_id
}
