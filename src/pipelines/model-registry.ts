/** What pipelines ask of the registry: models registered, proofs graded, aliases read. */
import { SYSTEM } from '../auth/tokens.ts'
import type { Gate } from '../contract/registry.ts'
import { aliasVersion } from '../registry/aliases/aliases.ts'
import { askDeployment } from '../registry/versions/deployments.ts'
import { gradeVersions } from '../registry/versions/read.ts'
import { registerVersion } from '../registry/versions/register.ts'
import type { Registry } from '../registry/context/context.ts'
import type { PipelinesDeps } from './context/deps.ts'

/** The ports of pipelines, carried out by the registry. A registration says in one sentence what the gates said. */
export function modelRegistry(
  registry: Registry,
): Required<Pick<PipelinesDeps, 'registerModel' | 'askDeployment' | 'proved' | 'aliasVersion'>> {
  return {
    registerModel: registerModel(registry),
    askDeployment: (t, wish) => askDeployment(t, wish),
    proved: (run, grade) => gradeVersions(registry, run, grade),
    aliasVersion: (model, alias) => aliasVersion(registry.db, model, alias),
  }
}

function registerModel(registry: Registry): PipelinesDeps['registerModel'] {
  return async (request) => {
    const who = { ...SYSTEM, name: request.created_by }
    const { version, passed, results, weaker } = await registerVersion(registry, who, {
      ...request,
      gates: request.gates as readonly Gate[],
    })
    const failed = results.filter((one) => one.outcome !== 'passed')
    const detail = passed ? passedText(results.length) : failed.map((one) => `${one.name}: ${one.reason}`).join('; ')
    return { version, passed, detail: [detail, ...weakerText(request.model, weaker)].join('; ') }
  }
}

/** That gates which were asked for are not in force, and how they come to be. */
function weakerText(model: string, weaker: readonly string[]): string[] {
  if (weaker.length === 0) return []
  return [
    `the project file asks for weaker gates than "${model}" is held to (${weaker.join(', ')}): the stricter hold until an admin accepts the others with slipway models gates ${model} --accept --reason TEXT`,
  ]
}

function passedText(gates: number): string {
  if (gates === 0) return 'it has no gates'
  return gates === 1 ? 'its gate is passed' : `all ${gates} gates are passed`
}
