/** A pipeline as it is kept and run: the project file's meaning with the code that each step depends on. */
import type { Plan } from '../../contract/rollout-plan.ts'
import { Problem } from '../../contract/errors.ts'
import { isBare, requestOf, sourceWarnings, type EnvRequest, type ReadFile } from '../../envs/request.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { hashOf } from './canonical.ts'
import { closureOf, moduleFile, moduleOf, type Closure, type Code } from './closure.ts'
import { readCode, textIn, type ReadCode } from './code.ts'
import { needsOf, splitReference } from './meaning.ts'
import { dotted, faulty, linesIn, readProject, type Fault } from './parse.ts'
import { rolloutPlan, type Project, type ProjectStep } from './project.ts'
import { STANDARD_LIBRARY } from './standard-library.ts'
import { parseBytes, parseDuration } from './units.ts'

export interface StepSpec {
  readonly name: string
  readonly entry: string | readonly (string | number)[]
  /** Argument → where the file or folder comes from. */
  readonly inputs: Readonly<Record<string, { readonly step: string; readonly output: string }>>
  readonly params: Readonly<Record<string, unknown>>
  readonly outputs: readonly string[]
  readonly needs: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly secrets: readonly string[]
  readonly cache: ProjectStep['cache']
  readonly seed: number
  readonly timeout_ms: number | null
  readonly silent_timeout_ms: number | null
  readonly retries: ProjectStep['retries']
  readonly cpus: number | null
  readonly memory_bytes: number | null
  readonly code: Closure
}

/** Of the reading of code that finds which files count. A version that was read by older ones is read anew before it runs. */
export const CODE_RULES = 2

/** Immutable; two specs with equal content have the same digest. */
export interface PipelineSpec {
  /** Number of the rules by which its code was read; older versions have none. */
  readonly rules?: number
  readonly project: string
  /** The files that steps get: those that were given without those that are left out. */
  readonly tree: string
  /** The rules by which files are left out, as in .slipwayignore; older versions have none. */
  readonly left_out?: readonly string[]
  readonly environment: EnvRequest
  /** Of the files from which packages come, or do not; older versions have none. */
  readonly warnings?: readonly string[]
  readonly steps: readonly StepSpec[]
  readonly salt: string
  /** A read that the key of a step does not hold is a failure; else absent. */
  readonly reads?: 'strict'
  readonly schedule: Project['pipeline']['schedule'] | null
  readonly model: {
    readonly name: string
    readonly step: string
    readonly output: string
    readonly gates: readonly unknown[]
  } | null
  readonly endpoint: { readonly name: string; readonly rollout: Plan } | null
  readonly monitor: Project['monitor'] | null
}

/**
 * Compiles a project file and its tree. Throws `unprocessable` with the lines of all its faults: of the file, of modules and functions
 * that the tree does not have, and of environments that name missing files.
 */
export async function compileSpec(blobs: Blobs, text: string, tree: string, file: string): Promise<PipelineSpec> {
  const { project, faults, left } = readProject(text)
  if (project === undefined) throw faulty(file, faults)
  const code = await readCode(blobs, tree, file)
  const steps = Object.entries(project.pipeline.steps)
  const byPath = new Map(code.files.map((file) => [file.path, file]))
  const read = async (path: string): Promise<string | undefined> => {
    const found = byPath.get(path)
    return found === undefined ? undefined : textIn(path, await blobs.bytes(found.digest))
  }
  const lineOf = linesIn(text)
  const asked = await environmentOf(project, lineOf, read)
  // where the section was left out nobody knows what it asks for
  const bare = asked.environment !== undefined && isBare(asked.environment) && left.every(([key]) => key !== 'python')
  const entries = steps.flatMap(([name, step]) => checkEntry({ lineOf, name, step, code, bare }))
  const all = [...faults, ...entries, ...asked.faults]
  const { environment } = asked
  if (all.length > 0 || environment === undefined)
    throw faulty(
      file,
      all.toSorted((a, b) => a.line - b.line),
    )
  const { model, endpoint } = project
  const plan = rolloutPlan(project)
  return {
    rules: CODE_RULES,
    project: project.project,
    tree: code.tree,
    left_out: code.rules,
    environment,
    warnings: sourceWarnings(project.python, environment, [...byPath.keys()]),
    steps: steps.map(([name, step]) => compileStep(name, step, code)),
    salt: project.pipeline.salt,
    ...(project.pipeline.reads === 'strict' && { reads: 'strict' as const }),
    schedule: project.pipeline.schedule ?? null,
    model: model === undefined ? null : { name: model.name, ...splitReference(model.from), gates: model.gates },
    endpoint: endpoint === undefined || plan === undefined ? null : { name: endpoint.name, rollout: plan },
    monitor: project.monitor ?? null,
  }
}

type LineOf = ReturnType<typeof linesIn>

/** What the packages are taken from, or why they cannot be. */
async function environmentOf(
  { python }: Project,
  lineOf: LineOf,
  read: ReadFile,
): Promise<{ readonly environment?: EnvRequest; readonly faults: readonly Fault[] }> {
  try {
    return { environment: await requestOf(python, read), faults: [] }
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'unprocessable') throw error
    const [, key = '', message = error.message] = /^(python(?:\.\w+)?): (.*)$/s.exec(error.message) ?? []
    return { faults: [{ line: lineOf(key === '' ? [] : key.split('.')), key, message }] }
  }
}

/** True when the code was read by older rules, which missed files that count. */
export function isOutdated({ rules = 1 }: PipelineSpec): boolean {
  return rules < CODE_RULES
}

/** The digest of a spec. */
export function specDigest(spec: PipelineSpec): string {
  return hashOf(spec)
}

function compileStep(name: string, step: ProjectStep, code: Code): StepSpec {
  return {
    name,
    entry: step.run,
    inputs: Object.fromEntries(Object.entries(step.inputs).map(([input, from]) => [input, splitReference(from)])),
    params: step.params,
    outputs: step.outputs,
    needs: needsOf(step),
    env: step.env,
    secrets: step.secrets,
    cache: step.cache,
    seed: step.seed,
    timeout_ms: step.timeout === undefined ? null : (parseDuration(step.timeout) ?? null),
    silent_timeout_ms: step.silent_timeout === undefined ? null : (parseDuration(step.silent_timeout) ?? null),
    retries: step.retries,
    cpus: step.resources.cpus ?? null,
    memory_bytes: step.resources.memory === undefined ? null : (parseBytes(step.resources.memory) ?? null),
    code: closureOf(step, code),
  }
}

interface Entered {
  readonly lineOf: LineOf
  readonly name: string
  readonly step: ProjectStep
  readonly code: ReadCode
  /** True when no package is asked for. */
  readonly bare: boolean
}

/** A module that the project does not have may come from a package where there are some, unless the project has its first part, or from Python. */
function checkEntry({ lineOf, name, step, code: { sources }, bare }: Entered): Fault[] {
  if (typeof step.run !== 'string') return []
  const path = ['pipeline', 'steps', name, 'run']
  const fault = (message: string): Fault[] => [{ line: lineOf(path), key: dotted(path), message }]
  const module = moduleOf(step.run)
  const called = step.run.slice(module.length + 1)
  const file = moduleFile(module, sources)
  if (file !== undefined) {
    const defined = sources.get(file)?.defined
    if (defined?.has(called) === true || defined?.has('*') === true) return []
    return fault(`got "${step.run}", and ${file} defines no "${called}"; expected module:function`)
  }
  const why = notThere(module, step, { sources, bare })
  return why === undefined ? [] : fault(`got "${step.run}", and the project has no ${why}`)
}

/** Why a module that is no file of the project is nowhere; undefined where it may be elsewhere. */
function notThere(
  module: string,
  { env }: ProjectStep,
  { sources, bare }: Pick<Entered['code'], 'sources'> & Pick<Entered, 'bare'>,
): string | undefined {
  const first = module.split('.')[0] ?? ''
  const known = [...sources.keys()].some((source) => new RegExp(`^(src/)?${first}(/|\\.py$)`).test(source))
  const expected = `${module.replaceAll('.', '/')}.py`
  if (known || sources.size === 0) return expected
  const isElsewhere = !bare || STANDARD_LIBRARY.has(first) || first === 'slipway' || env['PYTHONPATH'] !== undefined
  return isElsewhere ? undefined : `${expected}, asks for no packages, and Python brings none of that name`
}
