/** `slipway run`: runs the project's pipeline; what did not change comes from the cache. */
import type { Client } from '../../client/client.ts'
import { NumberTooLarge, parseNumerals } from '../../contract/values/numerals.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { mergeOf } from './merge.ts'
import { refuseForks } from './place.ts'
import { conclude, follow } from './follow.ts'
import type { PipelineRun } from './follow.ts'
import { PROJECT_FILE, submitProject } from './files.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  return conclude(await runProject(client, invocation, false), invocation.out)
}

/** Submits the folder of the first argument and follows the run; with `deploy` an accepted model goes to its endpoint. */
export async function runProject(client: Client, invocation: Invocation, deploy: boolean): Promise<PipelineRun> {
  await refuseForks('trains nothing')
  const folder = invocation.args[0] ?? '.'
  invocation.out.progress('uploading the project')
  const version = await submitProject(client, folder, text(invocation, 'file') ?? PROJECT_FILE)
  for (const warning of version.warnings) invocation.out.line(`note: ${warning}`)
  for (const one of version.not_granted ?? []) invocation.out.line(`Not taken over: ${one}.`)
  const from = text(invocation, 'from')
  const started = await client.call(pipelinesApi.createPipelineRun, {
    body: {
      pipeline_version: version.id,
      params: readParams((invocation.flags['param'] as readonly string[] | undefined) ?? []),
      force: invocation.flags['force'] === true,
      ...(invocation.flags['strict'] === true && { strict: true }),
      deploy,
      ...(from !== undefined && { from }),
      ...(invocation.flags['merge'] === true && {
        trigger: 'merge' as const,
        ...(await mergeOf(folder, invocation.out)),
      }),
    },
  })
  invocation.out.line(`Run ${started.id} of ${started.project}: ${client.url}/pipelines/${started.id}`)
  return follow(client, started.id, invocation.out)
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
    step[match[2]] = readValue(one, match[3] ?? '')
  }
  return params
}

function readValue(given: string, text: string): unknown {
  try {
    return parseNumerals(text)
  } catch (error) {
    if (error instanceof NumberTooLarge) throw new UsageError(`--param is "${given}": ${error.message}`)
    return text
  }
}
