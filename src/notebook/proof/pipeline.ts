/** The step of the project file that trains, as `slipway run` would run it: the proof takes its settings from there and from nowhere else. */
import { readUserText } from '../../contract/absence/user-file.ts'
import { join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import type { ProvedStep } from '../../contract/packages/proof.ts'
import { readProject } from '../../pipelines/spec/parse.ts'
import type { Project } from '../../pipelines/spec/project.ts'

/** The project file of a package. */
export const PROJECT_FILE = 'slipway.yaml'

export interface PackageStep {
  /** Undefined where no step runs `main` of the package. */
  readonly step: ProvedStep | undefined
  /** Why a proof of `main` is none of what the project runs; empty where it is. */
  readonly why: string
}

/** The step of a project that runs `main` of the package. */
export async function packageStep(project: string, name: string): Promise<PackageStep> {
  const text = await ifMissing(readUserText(join(project, PROJECT_FILE)))
  if (text === undefined) return { step: undefined, why: `there is no ${PROJECT_FILE}` }
  const { project: found, faults } = readProject(text)
  const [fault] = faults
  if (found === undefined || fault !== undefined)
    return {
      step: undefined,
      why: `${PROJECT_FILE}:${fault?.line ?? 1}: ${fault?.key ?? ''}: ${fault?.message ?? 'it cannot be read'}`,
    }
  return stepIn(found, `${name}.train:main`)
}

function stepIn(project: Project, main: string): PackageStep {
  const steps = Object.entries(project.pipeline.steps)
  const own = steps.filter(([, { run }]) => run === main)
  const [first] = own
  if (first === undefined) {
    const runs = steps.map(([name, { run }]) => `${name}: ${typeof run === 'string' ? run : run.join(' ')}`)
    return {
      step: undefined,
      why: `no step of ${PROJECT_FILE} runs ${main}, which the proof is of; it has ${runs.join(', ')}`,
    }
  }
  const from = project.model?.from ?? ''
  const [name, given] = own.find(([one]) => from === `${one}.model`) ?? first
  const step: ProvedStep = {
    name,
    run: main,
    params: Object.fromEntries(Object.entries(given.params).map(([key, value]) => [key, JSON.stringify(value)])),
    env: given.env,
    secrets: given.secrets,
    seed: given.seed,
    inputs: given.inputs,
    model: from,
    python: JSON.stringify(project.python ?? {}),
  }
  return { step, why: faultOf(step) }
}

/** What the proof does not run, and the project does. */
function faultOf({ name, inputs, model }: ProvedStep): string {
  const [input] = Object.entries(inputs)
  if (input !== undefined)
    return `${PROJECT_FILE}: step ${name} gets ${input[0]} from ${input[1]}, and the proof runs no other step`
  if (model !== '' && model !== `${name}.model`)
    return `${PROJECT_FILE}: the model comes from ${model}, and the proof is of ${name}.model`
  return ''
}
