/** A pipeline as it is kept and run: the project file's meaning with the code that each step depends on. */
import type { Plan } from '../../contract/rollout/plan.ts'
import { Problem } from '../../contract/errors.ts'
import type { DriverName } from '../../contract/values/drivers.ts'
import { isBare, requestOf, sourceWarnings, type EnvRequest, type ReadFile } from '../../envs/request.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import type { SearchPlan } from '../../contract/pipelines/studies.ts'
import type { Declared } from '../../contract/values/params.ts'
import { hashOf } from './canonical.ts'
import { closureOf, moduleFile, moduleOf, type Closure, type Code } from './closure.ts'
import { stepsNamed } from './conditions/written.ts'
import { defaultOf, takenBy } from './declared.ts'
import { splitInputs } from './external/inputs.ts'
import { compileSource, type SourceSpec } from './external/source.ts'
import { forEachOf, type ForEach } from './fan-out/items.ts'
import { readCode, textIn, type ReadCode } from './code.ts'
import { partitionsSpec } from './partitions/check.ts'
import { takenOfPartition, type Taken } from './partitions/params.ts'
import type { PartitionsSpec } from './partitions/partitions.ts'
import { triggerSpec, type TriggersSpec } from './triggers/triggers.ts'
import { needsOf, optionalOf, sourcesTaken, splitReference } from './meaning.ts'
import { dotted, faulty, type Fault } from './parse.ts'
import { readProjectApart, type Located } from './read-apart.ts'
import { rolloutPlan, type Project, type ProjectStep } from './project.ts'
import { planOf } from './search.ts'
import { STANDARD_LIBRARY } from './python/standard-library.ts'
import { parseBytes, parseDuration } from './values/units.ts'

export interface StepSpec {
  readonly name: string
  readonly entry: string | readonly (string | number)[]
  /** Argument → where the file or folder comes from. */
  readonly inputs: Readonly<Record<string, { readonly step: string; readonly output: string }>>
  /** Argument → the declared source that gives it; absent where none does. */
  readonly sources?: Readonly<Record<string, string>>
  /** Of those that the pipeline gives, the values where a run gives none. */
  readonly params: Readonly<Record<string, unknown>>
  /** Its params that the pipeline gives: each → the pipeline's; absent where there are none. */
  readonly takes?: Readonly<Record<string, string>>
  /** Its params that its partition gives; absent where there are none. */
  readonly of_partition?: Readonly<Record<string, Taken>>
  readonly outputs: readonly string[]
  readonly needs: readonly string[]
  /** Of those the ones that may be skipped; absent where there are none. */
  readonly optional?: readonly string[]
  /** Its condition and the steps that it names; absent where it has none. */
  readonly when?: { readonly text: string; readonly steps: readonly string[] }
  readonly env: Readonly<Record<string, string>>
  readonly secrets: readonly string[]
  readonly cache: ProjectStep['cache']
  readonly seed: number
  readonly timeout_ms: number | null
  readonly silent_timeout_ms: number | null
  /** Longest wait for a place, and longest start, ms; absent where none is named. */
  readonly queued_timeout_ms?: number
  readonly starting_timeout_ms?: number
  /** The pool of which it takes a place; absent where it names none. */
  readonly pool?: string
  readonly retries: ProjectStep['retries']
  /** Where it runs; absent for this machine. */
  readonly on?: DriverName
  readonly cpus: number | null
  /** Absent where it names none. */
  readonly gpus?: number | undefined
  readonly image?: string
  readonly memory_bytes: number | null
  /** How it keeps checkpoints, as far as the project says it; absent where it says nothing. */
  readonly checkpoints?: {
    readonly keep?: number
    readonly largest?: number
    readonly every_ms?: number
    readonly between_ms?: number
    readonly resume?: false
  }
  /** It may run on machines that can be taken away, until so many were; absent where it may not. */
  readonly spot?: { readonly losses?: number }
  /** What it runs for; absent where it runs once. */
  readonly for_each?: ForEach
  readonly code: Closure
}

/** Of the reading of code that finds which files count. A version that was read by older ones is read anew before it runs. */
export const CODE_RULES = 3

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
  /** Params of the whole pipeline; absent where it declares none. */
  readonly params?: Readonly<Record<string, Declared>>
  /** Declared sources that steps take; absent where none does. */
  readonly sources?: Readonly<Record<string, SourceSpec>>
  readonly steps: readonly StepSpec[]
  /** Absent where it has none. */
  readonly partitions?: PartitionsSpec
  /** What starts it by itself; absent where nothing does. */
  readonly triggers?: TriggersSpec
  readonly salt: string
  /** Longest time of a run, ms; absent where none is named. */
  readonly timeout_ms?: number
  /** Of its runs where they name none; absent = 0. */
  readonly priority?: number
  /** A read that the key of a step does not hold is a failure; else absent. */
  readonly reads?: 'strict'
  readonly schedule: Project['pipeline']['schedule'] | null
  readonly model: {
    readonly name: string
    readonly step: string
    readonly output: string
    readonly gates: readonly unknown[]
  } | null
  readonly endpoint: { readonly name: string; readonly rollout: Plan; readonly features?: string } | null
  readonly monitor: Project['monitor'] | null
  /** Outputs that become versions of data sets; absent where none does. */
  readonly data_sets?: readonly { readonly name: string; readonly step: string; readonly output: string }[]
  /** Absent where the project file has none. */
  readonly search?: SearchPlan
}

/**
 * Compiles a project file and its tree. Throws `unprocessable` with the lines of all its faults: of the file, of modules and functions
 * that the tree does not have, and of environments that name missing files.
 */
export async function compileSpec(blobs: Blobs, text: string, tree: string, file: string): Promise<PipelineSpec> {
  const { project, faults, left, lineOf } = await readProjectApart(text, file)
  if (project === undefined) throw faulty(file, faults)
  const code = await readCode(blobs, tree, file)
  const steps = Object.entries(project.pipeline.steps)
  const byPath = new Map(code.files.map((file) => [file.path, file]))
  const texts = new Map<string, string>()
  const read = async (path: string): Promise<string | undefined> => {
    const found = byPath.get(path)
    if (found === undefined) return undefined
    const text = textIn(path, await blobs.bytes(found.digest))
    texts.set(path, text)
    return text
  }
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
  const environmentFiles = sourcesOf(environment, texts)
  return {
    rules: CODE_RULES,
    project: project.project,
    tree: code.tree,
    left_out: code.rules,
    environment,
    warnings: sourceWarnings(project.python, environment, [...byPath.keys()]),
    ...(project.pipeline.params !== undefined && { params: project.pipeline.params }),
    ...takenSources(project),
    steps: steps.map(([name, step]) =>
      compileStep(name, step, {
        code: { ...code, environmentFiles },
        declared: project.pipeline.params,
        sources: project.sources,
        on: project.pipeline.on,
        isPartitioned: project.pipeline.partitions !== undefined,
      }),
    ),
    ...dividedBy(project),
    ...startedBy(project),
    salt: project.pipeline.salt,
    ...named('timeout_ms', durationOf(project.pipeline.timeout)),
    ...named('priority', project.pipeline.priority),
    ...(project.pipeline.reads === 'strict' && { reads: 'strict' as const }),
    schedule: project.pipeline.schedule ?? null,
    model: model === undefined ? null : { name: model.name, ...splitReference(model.from), gates: model.gates },
    endpoint: endpoint === undefined || plan === undefined ? null : endpointOf(endpoint, plan),
    monitor: project.monitor ?? null,
    ...madeSets(project),
    ...(project.search !== undefined && { search: planOf(project.search, project.pipeline.params ?? {}) }),
  }
}

/** The files from which an environment is made, of those that were read for it, path → text. */
function sourcesOf({ kind, files }: EnvRequest, texts: ReadonlyMap<string, string>): string[] {
  const sources = new Set(kind === 'packages' ? [] : Object.values(files))
  return [...texts].flatMap(([path, text]) => (sources.has(text) ? [path] : []))
}

type LineOf = Located['lineOf']

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

interface Around {
  readonly code: Code
  readonly declared: Project['pipeline']['params']
  readonly sources: Project['sources']
  readonly on: DriverName | undefined
  readonly isPartitioned: boolean
}

/** The sources that some step takes: others are not read. */
function takenSources({ sources, pipeline }: Project): Pick<PipelineSpec, 'sources'> {
  const taken = new Set(Object.values(pipeline.steps).flatMap((step) => sourcesTaken(step, sources)))
  const kept = Object.entries(sources ?? {}).filter(([name]) => taken.has(name))
  if (kept.length === 0) return {}
  return { sources: Object.fromEntries(kept.map(([name, source]) => [name, compileSource(source, sources)])) }
}

function endpointOf({ name, features }: NonNullable<Project['endpoint']>, rollout: Plan): PipelineSpec['endpoint'] {
  return { name, rollout, ...(features !== undefined && { features }) }
}

/** The outputs that become versions of data sets. */
function madeSets({ data_sets }: Project): Pick<PipelineSpec, 'data_sets'> {
  const made = Object.entries(data_sets ?? {}).map(([name, output]) => ({ name, ...splitReference(output) }))
  return made.length === 0 ? {} : { data_sets: made }
}

/** How it is divided. */
function dividedBy({ pipeline: { partitions } }: Project): Pick<PipelineSpec, 'partitions'> {
  return partitions === undefined ? {} : { partitions: partitionsSpec(partitions) }
}

/** What starts it by itself besides its schedule. */
function startedBy({ pipeline: { triggers } }: Project): Pick<PipelineSpec, 'triggers'> {
  const made = Object.entries(triggers ?? {}).map(([name, trigger]) => [name, triggerSpec(trigger)] as const)
  return made.length === 0 ? {} : { triggers: Object.fromEntries(made) }
}

/** Nothing for this machine, so that the digest of a version says nothing that was always so. */
function placeOf(on: DriverName | undefined): Pick<StepSpec, 'on'> {
  return on === undefined || on === 'local' ? {} : { on }
}

/** Nothing for one that asks for nothing. */
function askedOf({ resources: { gpus = 0 }, image }: ProjectStep): Pick<StepSpec, 'gpus' | 'image'> {
  return { ...(gpus > 0 && { gpus }), ...(image !== undefined && { image }) }
}

function compileStep(name: string, given: ProjectStep, around: Around): StepSpec {
  const { code, declared, sources } = around
  const from = splitInputs(given.inputs, sources)
  const step = { ...given, inputs: from.own }
  const optional = optionalOf(step)
  const takes = takenBy(step.params, declared)
  const taken = Object.entries(takes).flatMap(([param, from]) => {
    const one = declared?.[from]
    return one === undefined ? [] : [[param, one] as const]
  })
  const params = { ...step.params, ...Object.fromEntries(taken.map(([param, one]) => [param, defaultOf(one)])) }
  // a value may name a module, and so may any that a run can choose in its place
  const choices = Object.fromEntries(taken.map(([param, one]) => [`${param} choices`, one.choices]))
  const each = forEachOf(given)
  const ofPartition = around.isPartitioned ? takenOfPartition(step.params) : {}
  return {
    name,
    entry: step.run,
    inputs: Object.fromEntries(Object.entries(step.inputs).map(([input, maker]) => [input, splitReference(maker)])),
    ...(Object.keys(from.sources).length > 0 && { sources: from.sources }),
    params,
    ...(taken.length > 0 && { takes }),
    ...(Object.keys(ofPartition).length > 0 && { of_partition: ofPartition }),
    outputs: step.outputs,
    needs: needsOf(step),
    ...(optional.length > 0 && { optional }),
    ...(step.when !== undefined && { when: { text: step.when, steps: stepsNamed(step.when) } }),
    env: step.env,
    secrets: step.secrets,
    cache: step.cache,
    seed: step.seed,
    timeout_ms: durationOf(step.timeout) ?? null,
    silent_timeout_ms: durationOf(step.silent_timeout) ?? null,
    ...named('queued_timeout_ms', durationOf(step.queued_timeout)),
    ...named('starting_timeout_ms', durationOf(step.starting_timeout)),
    ...named('pool', step.pool),
    retries: step.retries,
    ...placeOf(given.on ?? around.on),
    ...askedOf(given),
    cpus: step.resources.cpus ?? null,
    memory_bytes: step.resources.memory === undefined ? null : (parseBytes(step.resources.memory) ?? null),
    ...checkpointsOf(step),
    ...spotOf(step),
    ...(each !== undefined && { for_each: each }),
    code: closureOf({ ...step, params: { ...params, ...choices, ...itemTexts(each, declared) } }, code),
  }
}

function spotOf({ resources: { spot, spot_losses: losses } }: ProjectStep): Pick<StepSpec, 'spot'> {
  return spot === 'allowed' ? { spot: losses === undefined ? {} : { losses } } : {}
}

/** Nothing where nothing is said, so that the digest of a version stays. */
function checkpointsOf({ checkpoints: given }: ProjectStep): Pick<StepSpec, 'checkpoints'> {
  if (given === undefined) return {}
  const [every, between] = [given.every, given.interruptions].map((text) =>
    text === undefined ? undefined : parseDuration(text),
  )
  const largest = given.largest === undefined ? undefined : parseBytes(given.largest)
  return {
    checkpoints: {
      ...(given.keep !== undefined && { keep: given.keep }),
      ...(largest !== undefined && { largest }),
      ...(every !== undefined && { every_ms: every }),
      ...(between !== undefined && { between_ms: between }),
      ...(given.resume === false && { resume: false as const }),
    },
  }
}

function durationOf(text: string | number | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text)
}

/** What is not given is absent, so that the digest of a version says nothing that was always so. */
function named<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V }
}

/** An item may name a module as a value may; so do those of a list that a run can set, as far as they are known. */
function itemTexts(each: ForEach | undefined, declared: Project['pipeline']['params']): Record<string, unknown> {
  const list = each?.param === undefined ? undefined : declared?.[each.param]
  return { '{item}': [each?.list ?? [], list === undefined ? [] : [defaultOf(list), list.choices ?? []]] }
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
