/** `slipway run`: runs the project's pipeline; what did not change comes from the cache. */
import type { Client } from '../../client/client.ts'
import { NumberTooLarge, parseNumerals } from '../../contract/values/numerals.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import { DRIVERS, type DriverName } from '../../contract/values/drivers.ts'
import type { Reply } from '../../contract/route.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { mergeOf } from './merge.ts'
import { refuseForks } from '../invocation/place.ts'
import { conclude, follow } from './follow.ts'
import type { PipelineRun } from './follow.ts'
import { readPriority } from '../invocation/priority.ts'
import { submitProject } from './files.ts'
import { proofNotes } from './since.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  return conclude(await runProject(client, invocation, false), invocation.out)
}

/** Submits the folder of the first argument and follows the run; with `deploy` an accepted model goes to its endpoint. */
export async function runProject(client: Client, invocation: Invocation, deploy: boolean): Promise<PipelineRun> {
  await refuseForks('trains nothing')
  const folder = invocation.args[0] ?? '.'
  const priority = readPriority(text(invocation, 'priority'))
  invocation.out.progress('uploading the project')
  const version = await submitProject(client, folder, text(invocation, 'file'))
  for (const warning of version.warnings) invocation.out.line(`note: ${warning}`)
  for (const one of version.not_granted ?? []) invocation.out.line(`Not taken over: ${one}.`)
  for (const one of await proofNotes(folder)) invocation.out.line(`note: ${one}`)
  const started = await client.call(pipelinesApi.createPipelineRun, {
    body: {
      pipeline_version: version.id,
      ...askedOf(invocation, version.params ?? []),
      deploy,
      ...(priority !== undefined && { priority }),
      ...(invocation.flags['merge'] === true && {
        trigger: 'merge' as const,
        ...(await mergeOf(folder, invocation.out)),
      }),
    },
  })
  for (const one of started.not_granted ?? [])
    if (!(version.not_granted ?? []).includes(one)) invocation.out.line(`Not taken over: ${one}.`)
  invocation.out.line(`Run ${started.id} of ${started.project}: ${client.url}/pipelines/${started.id}`)
  return follow(client, started.id, invocation.out)
}

/** A declared param, as far as reading a value hangs on it. */
export type Typed = Pick<
  NonNullable<Reply<typeof pipelinesApi.createPipelineVersion>['params']>[number],
  'name' | 'type'
>

/** What the flags of a command ask of a run of a pipeline that declares these params. */
export function askedOf(invocation: Invocation, declared: readonly Typed[]) {
  const { flags } = invocation
  const from = text(invocation, 'from')
  const on = readDriver(text(invocation, 'on'))
  const partition = text(invocation, 'partition')
  const set = readSet((flags['set'] as readonly string[] | undefined) ?? [], declared)
  return {
    params: readParams((flags['param'] as readonly string[] | undefined) ?? []),
    ...(Object.keys(set).length > 0 && { set }),
    force: flags['force'] === true,
    ...(flags['strict'] === true && { strict: true }),
    ...(from !== undefined && { from }),
    ...(on !== undefined && { on }),
    ...(partition !== undefined && { partition }),
  }
}

function readDriver(given: string | undefined): DriverName | undefined {
  const found = DRIVERS.find((driver) => driver === given)
  if (given !== undefined && found === undefined)
    throw new UsageError(`--on is "${given}"; expected one of ${DRIVERS.join(', ')}`)
  return found
}

/** `param=value` texts as param → value; a value is JSON where it parses, and a text where the project file declares one. */
export function readSet(given: readonly string[], declared: readonly Typed[]): Record<string, unknown> {
  const pairs = given.map((one) => {
    const match = /^([^=]+)=(.*)$/s.exec(one)
    if (match?.[1] === undefined) throw new UsageError(`--set is "${one}"; expected PARAM=VALUE, for example lr=0.1`)
    const [, name, written = ''] = match
    const value = readValue('set', one, written)
    const isText = declared.some((param) => param.name === name && param.type === 'string')
    return [name, isText && typeof value !== 'string' ? written : value] as const
  })
  return Object.fromEntries(pairs)
}

/** `step.param=value` texts as step → param → value; a value is JSON where it parses, text otherwise. */
export function readParams(given: readonly string[]): Record<string, Record<string, unknown>> {
  const params: Record<string, Record<string, unknown>> = {}
  for (const one of given) {
    const match = /^([^.=]+)\.([^=]+)=(.*)$/s.exec(one)
    if (match?.[1] === undefined || match[2] === undefined) {
      throw new UsageError(`--param is "${one}"; expected STEP.PARAM=VALUE, for example train.max_iter=300`)
    }
    const step = (params[match[1]] ??= {})
    step[match[2]] = readValue('param', one, match[3] ?? '')
  }
  return params
}

function readValue(flag: string, given: string, text: string): unknown {
  try {
    return parseNumerals(text)
  } catch (error) {
    if (error instanceof NumberTooLarge) throw new UsageError(`--${flag} is "${given}": ${error.message}`)
    return text
  }
}
