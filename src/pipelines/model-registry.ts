/** What pipelines ask of the registry: models registered, proofs graded, aliases read. */
import { SYSTEM } from '../auth/tokens.ts'
import type { Gate } from '../contract/registry.ts'
import { aliasedVersions } from '../registry/aliases/aliased.ts'
import { aliasVersion } from '../registry/aliases/aliases.ts'
import { askDeployment } from '../registry/versions/deployments.ts'
import { gradeVersions } from '../registry/versions/read.ts'
import { registerVersion } from '../registry/versions/register.ts'
import { attestReproduction } from '../registry/signing/attestations.ts'
import type { Registry } from '../registry/context/context.ts'
import type { Tx } from '../store/db.ts'
import type { PipelinesDeps } from './context/deps.ts'
import type { Proof } from './proof/grade.ts'

/** The ports of pipelines, carried out by the registry. A registration says in one sentence what the gates said. */
export function modelRegistry(
  registry: Registry,
): Required<
  Pick<PipelinesDeps, 'registerModel' | 'askDeployment' | 'proved' | 'attest' | 'aliasVersion' | 'aliasedVersions'>
> {
  return {
    registerModel: registerModel(registry),
    askDeployment: (t, wish) => askDeployment(t, wish),
    proved: (run, grade) => gradeVersions(registry, run, grade),
    attest: (t, run, proof) => attestProof(registry, t, { ...proof, run }),
    aliasVersion: (model, alias) => aliasVersion(registry.db, model, alias),
    aliasedVersions: (who, of) => aliasedVersions(registry.db, who, of),
  }
}

/** A proof that has no grade says nothing yet. */
async function attestProof(registry: Registry, t: Tx, proof: Proof & { readonly run: string }): Promise<void> {
  const { run, of_run, grade, detail, first_divergent_step, missing, tolerance, rules = 1, steps } = proof
  if (grade === null) return
  const compared = steps.map(({ step, outputs, differing }) => ({ step, outputs, ...(differing && { differing }) }))
  const verdict = { run, of_run, grade, detail, first_divergent_step, missing, tolerance, rules, compared }
  await attestReproduction(registry, t, verdict)
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
