/** `slipway plan`: what a run would do, step by step, without running anything. */
import { planApi } from '../../contract/pipelines/plan.ts'
import type { Reply } from '../../contract/route.ts'
import { readProject } from '../../pipelines/spec/parse.ts'
import { text } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import type { Output } from '../invocation/output.ts'
import { connect } from '../invocation/server.ts'
import { withPlaces } from './file/project-file.ts'
import { uploadProject } from './files.ts'
import { askedOf } from './run.ts'

type Plan = Reply<typeof planApi.planPipelineRun>

const SAID: Readonly<Record<Plan['steps'][number]['decision'], string>> = {
  cached: 'hit',
  run: 'miss',
  skipped: 'skipped',
  unknown: 'decided at run time',
}

export async function run(invocation: Invocation): Promise<number> {
  const { out } = invocation
  const { client } = await connect(invocation)
  out.progress('uploading the project')
  const { project, body } = await uploadProject(client, invocation.args[0] ?? '.', text(invocation, 'file'))
  const params = Object.entries(readProject(body.text).project?.pipeline.params ?? {})
  const declared = params.map(([name, one]) => ({ name, ...one }))
  const asked = { ...body, ...askedOf(invocation, declared) }
  const plan = await withPlaces(project, () => client.call(planApi.planPipelineRun, { body: asked }))
  out.data(plan)
  tell(plan, declared, out)
  return 0
}

function tell(plan: Plan, declared: readonly { name: string; help?: string | undefined }[], out: Output): void {
  for (const warning of plan.warnings) out.line(`note: ${warning}`)
  for (const { name, help = '' } of declared)
    out.line(`${name} = ${JSON.stringify(plan.set?.[name])}${help === '' ? '' : `: ${help}`}`)
  for (const step of plan.steps) {
    const time =
      step.decision === 'cached' || step.decision === 'skipped' || step.estimate_ms === null
        ? ''
        : `, about ${seconds(step.estimate_ms)}`
    out.line(`${step.name}: ${SAID[step.decision]}${time}: ${step.reason}`)
    for (const { what, before, after } of step.changes)
      out.line(`  ${what}: ${before ?? 'nothing'} -> ${after ?? 'nothing'}`)
  }
  out.line(totalOf(plan))
}

function totalOf({ steps, estimate_ms }: Plan): string {
  const count = (decision: string): number => steps.filter((step) => step.decision === decision).length
  const time = estimate_ms === null ? 'how long is not known yet' : `at most about ${seconds(estimate_ms)}`
  const more = [`${count('skipped')} skipped`, `${count('unknown')} decided at run time`].filter(
    (one) => !one.startsWith('0 '),
  )
  return `${[`${count('cached')} from the cache`, `${count('run')} to run`, ...more].join(', ')}; ${time}`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
