/** Checks of a project file that no schema can say: references, cycles, names that collide, schedules. */
import { Cron } from 'croner'
import { BAD_ROWS, UNTIL } from '../../contract/values/retraining.ts'
import { conditionFaults, stepsNamed } from './conditions/written.ts'
import { checkDeclared, misfitOf, takenBy } from './declared.ts'
import { forEachFaults } from './fan-out/check.ts'
import type { Sources } from './fan-out/from-source.ts'
import { forEachOf, pathInItem, sourcesOfStep } from './fan-out/items.ts'
import { sortSteps } from './graph.ts'
import { valueAt } from './describe.ts'
import { sourceFault, splitInputs } from './external/inputs.ts'
import { entitiesFault, kindOfSource, sourcesInQuery } from './external/source.ts'
import { partitionFaults } from './partitions/check.ts'
import { triggerFaults } from './triggers/triggers.ts'
import { filled, PLACEHOLDER, ungiven, ungivenTogether } from '../../contract/values/handed.ts'
import { misfit } from './names/kinds.ts'
import { namesOf } from './names/left-names.ts'
import type { Names, Section } from './names/left-names.ts'
import { nearest } from './names/nearest.ts'
import { checkSearch } from './search.ts'
import { STEP_NAME } from './project.ts'
import type { Project, ProjectStep } from './project.ts'

/** A fault at a key of the project file. */
export interface Meaning {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

type Steps = Project['pipeline']['steps']

/** Steps that a message lists. */
const NAMED = 20

/** What is known of a project: its steps, the names that they have as they are written, and steps that were left out whole. */
interface Known {
  readonly steps: Steps
  readonly names: Names
  readonly gone: ReadonlySet<string>
  /** Names of declared sources; undefined where none is declared. */
  readonly sources: readonly string[] | undefined
  readonly kinds: Sources['kinds']
  /** Sources that were left out, of which nothing can be said. */
  readonly unread: (source: string) => boolean
  /** True where steps themselves were left out. */
  readonly partial: boolean
  readonly params: Project['pipeline']['params']
  readonly isParamsLeft: boolean
  /** True of a step whose items were left out, of which nothing can be said. */
  readonly isItemsCut: (step: string) => boolean
}

/** Every fault, in no order. Empty for a project that can run. `left` is where something was left out of what is written because it was wrong. */
export function checkMeaning(
  project: Project,
  left: readonly (readonly PropertyKey[])[] = [],
  written: unknown = project,
): Meaning[] {
  const { steps, schedule } = project.pipeline
  const known = knownOf(project, left, written)
  const faults = Object.entries(steps).flatMap(([name, step]) => [
    ...checkStep(name, step, known),
    ...checkWhen(['pipeline', 'steps', name, 'when'], step, { project, known }),
  ])
  // a list with one wrong name is left out whole, and its other names may be wrong too
  const lists = left.filter(([, of, , key]) => of === 'steps' && key === 'after')
  for (const path of new Map(lists.map((path) => [String(path[2]), path])).values()) {
    const names = valueAt(written, path)
    for (const [i, name] of Array.isArray(names) ? names.entries() : [])
      if (typeof name === 'string' && STEP_NAME.test(name)) faults.push(...missingStep([...path, i], name, known))
  }
  faults.push(
    ...checkName(known),
    ...checkDataSets(project, known),
    ...checkEntities(project, left),
    ...checkCycle(steps),
    ...checkDeclared(project, left),
    ...checkModel(project, known, left),
  )
  const hasSearch = project.search !== undefined
  faults.push(...partitionFaults({ ...project.pipeline, hasSearch, isZone: isTimeZone }))
  faults.push(...checkTriggers(project, known))
  if (schedule !== undefined) faults.push(...checkSchedule(schedule, ['pipeline', 'schedule']))
  if (project.search !== undefined) {
    const partial = known.partial || left.some(([top, of]) => top === 'pipeline' && of !== 'schedule')
    const names = Object.keys(steps)
    const fanned = names.filter((name) => steps[name]?.for_each !== undefined)
    const around = { params: project.pipeline.params ?? {}, steps: names, fanned, partial }
    faults.push(...checkSearch(project.search, around))
  }
  for (const [i, window] of (project.endpoint?.rollout.freeze ?? []).entries())
    faults.push(...checkSchedule(window, ['endpoint', 'rollout', 'freeze', i]))
  return faults
}

/** Triggers watch what there is, and set params that there are. */
function checkTriggers(project: Project, known: Known): Meaning[] {
  const { triggers = {}, params = {}, partitions, steps } = project.pipeline
  const taken = Object.values(steps).flatMap((step) => sourcesTaken(step, known.sources))
  return triggerFaults({
    project: project.project,
    triggers,
    sources: [...new Set(taken.map((source) => source.replace(/\?$/, '')))],
    unset: (name, value) => {
      const declared = Object.hasOwn(params, name) ? params[name] : undefined
      if (declared !== undefined) return misfitOf(declared, value)
      return known.isParamsLeft
        ? undefined
        : `a param of pipeline.params; they are ${Object.keys(params).join(', ') || 'none'}`
    },
    makes: { data_sets: Object.keys(project.data_sets ?? {}), model: project.model?.name },
    hasList: partitions?.values !== undefined,
  })
}

/** The sources that a step of the project file takes, also those whose rows or files it runs for. */
export function sourcesTaken(step: ProjectStep, sources: object | undefined): string[] {
  const each = forEachOf(step)
  return sourcesOfStep({ ...splitInputs(step.inputs, sources), ...(each !== undefined && { for_each: each }) })
}

/** Data sets get versions of outputs that there are. */
function checkDataSets({ data_sets = {} }: Project, known: Known): Meaning[] {
  return Object.entries(data_sets).flatMap(([name, output]) => checkReference(['data_sets', name], output, known))
}

/** What features are joined to is a table that is declared too, or a query over some. */
function checkEntities({ sources = {} }: Project, left: readonly (readonly PropertyKey[])[]): Meaning[] {
  const gone = left.flatMap(([top, of]) => (top === 'sources' && of !== undefined ? [String(of)] : []))
  return Object.entries(sources).flatMap(([name, source]) => {
    const { entities = '', query = '' } = source.features ?? {}
    // of one that was left out nothing can be said
    if (gone.includes(entities) || sourcesInQuery(query, gone).length > 0) return []
    const fault = entitiesFault(source, sources)
    return fault === undefined ? [] : [{ path: ['sources', name, 'features', fault.key], message: fault.message }]
  })
}

function knownOf(project: Project, left: readonly (readonly PropertyKey[])[], written: unknown): Known {
  const { steps } = project.pipeline
  const isDeclared = project.sources !== undefined || left.some(([top]) => top === 'sources')
  const below = left.filter(([top, of]) => top === 'pipeline' && (of === undefined || of === 'steps'))
  return {
    steps,
    names: namesOf(steps, left, (path) => valueAt(written, path)),
    gone: new Set(below.flatMap(([, , step, key]) => (step !== undefined && key === undefined ? [String(step)] : []))),
    sources: isDeclared ? Object.keys(project.sources ?? {}) : undefined,
    kinds: Object.fromEntries(Object.entries(project.sources ?? {}).map(([name, one]) => [name, kindOfSource(one)])),
    unread: (source) => left.some(([top, of]) => top === 'sources' && (of === undefined || of === source)),
    partial: below.some((path) => path.length < 3),
    params: project.pipeline.params,
    isParamsLeft: left.some(([top, of]) => top === 'pipeline' && of === 'params'),
    isItemsCut: (step) => below.some(([, , name, key]) => name === step && key === 'for_each'),
  }
}

/** Inputs name sources by the word that such a step would have. */
function checkName({ sources, steps }: Known): Meaning[] {
  if (sources === undefined || !Object.hasOwn(steps, 'sources')) return []
  return [{ path: ['pipeline', 'steps', 'sources'], message: SOURCES_TWICE }]
}

const SOURCES_TWICE = 'a step cannot be called "sources" where sources are declared: inputs name those by it'

/** The steps that must succeed before this one, each once, in the order written. */
export function needsOf(step: ProjectStep): string[] {
  return [...new Set([...Object.values(step.inputs).map((reference) => splitReference(reference).step), ...step.after])]
}

/** The steps of inputs that are all optional, which may be skipped. */
export function optionalOf(step: ProjectStep): string[] {
  const wanted = new Set(
    Object.values(step.inputs).flatMap((one) => (one.endsWith('?') ? [] : [splitReference(one).step])),
  )
  const optional = Object.values(step.inputs).flatMap((one) => (one.endsWith('?') ? [splitReference(one).step] : []))
  return [...new Set(optional)].filter((name) => !wanted.has(name) && !step.after.includes(name))
}

/** What a reference names; the signs of an optional input and of all items are none of it. */
export function splitReference(reference: string): { step: string; output: string } {
  const at = reference.indexOf('.')
  return { step: reference.slice(0, at), output: reference.slice(at + 1).replace(/(\[(\*|item)\])?\??$/, '') }
}

function checkStep(name: string, step: ProjectStep, known: Known): Meaning[] {
  const here = ['pipeline', 'steps', name]
  const from = splitInputs(step.inputs, known.sources)
  const inputs = [
    ...Object.entries(from.own).flatMap(([input, reference]) =>
      checkReference([...here, 'inputs', input], reference, known),
    ),
    ...Object.entries(from.sources).flatMap(([input, source]) => {
      const message = known.unread(source.replace(/\?$/, '')) ? undefined : sourceFault(source, known.sources ?? [])
      return message === undefined ? [] : [{ path: [...here, 'inputs', input], message }]
    }),
  ]
  const after = step.after.flatMap((need, i) => missingStep([...here, 'after', i], need, known))
  const handed = [...checkPlaceholders(name, step, known), ...checkEnv(here, step)]
  return [...inputs, ...after, ...checkArguments(name, step, known), ...handed, ...checkForEach(name, step, known)]
}

function checkForEach(name: string, step: ProjectStep, known: Known): Meaning[] {
  if (known.isItemsCut(name)) return []
  const isCut = known.names.usable(name, 'params').length > Object.keys(step.params).length
  const around = { declared: known.params, isLeft: known.isParamsLeft, isCut, sources: known }
  return forEachFaults(['pipeline', 'steps', name], step, around)
}

function checkReference(path: PropertyKey[], reference: string, known: Known): Meaning[] {
  if (!reference.includes('.'))
    return [{ path, message: `got "${reference}", expected STEP.OUTPUT, for example features.train` }]
  const { step, output } = splitReference(reference)
  const maker = Object.hasOwn(known.steps, step) ? known.steps[step] : undefined
  if (maker === undefined) return missingStep(path, step, known)
  if (maker.outputs.includes(output) && !known.isItemsCut(step)) return forAllFaults(path, reference, maker)
  if (known.names.mayBe(step, 'outputs', output)) return []
  const outputs = known.names.usable(step, 'outputs')
  const close = nearest(output, outputs)
  const hint = close === undefined ? '' : `; did you mean "${step}.${close}"?`
  const has = outputs.length === 0 ? 'it declares no outputs' : `its outputs are ${outputs.join(', ')}`
  return [{ path, message: `step "${step}" has no output "${output}": ${has}${hint}` }]
}

/** What a step makes for each item is taken as the folder of all, and only that. */
function forAllFaults(path: PropertyKey[], reference: string, { for_each: each }: ProjectStep): Meaning[] {
  if (reference.includes('[item]')) return [{ path, message: `got "${reference}", and only a source has items` }]
  const { step, output } = splitReference(reference)
  const isAll = reference.includes('[*]')
  if (isAll === (each !== undefined)) return []
  const all = `"${step}.${output}[*]", the folder of all`
  if (isAll) return [{ path, message: `step "${step}" has no for_each; expected "${step}.${output}"` }]
  const expected = path[0] === 'pipeline' ? all : 'an output that is made once'
  return [{ path, message: `step "${step}" makes "${output}" for each item; expected ${expected}` }]
}

/** Says that there is no such step, unless it may be one that was left out. */
function missingStep(path: PropertyKey[], step: string, { steps, gone, partial }: Known): Meaning[] {
  if (Object.hasOwn(steps, step) || gone.has(step) || partial) return []
  const close = nearest(step, Object.keys(steps))
  const names = Object.keys(steps)
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : ''
  const hint =
    close === undefined ? `; the steps are ${names.slice(0, NAMED).join(', ')}${more}` : `; did you mean "${close}"?`
  return [{ path, message: `there is no step "${step}"${hint}` }]
}

interface Around {
  readonly project: Project
  readonly known: Known
}

function checkWhen(path: string[], { when }: ProjectStep, { project, known }: Around): Meaning[] {
  if (when === undefined) return []
  const isPartial = known.partial || known.isParamsLeft
  const names = {
    params: project.pipeline.params ?? {},
    steps: new Map(Object.keys(known.steps).map((name) => [name, known.names.usable(name, 'outputs')])),
    forEach: new Set(
      Object.entries(known.steps).flatMap(([name, step]) => (step.for_each === undefined ? [] : [name])),
    ),
    doubtful: (step: string, output?: string) =>
      step === ''
        ? isPartial
        : known.gone.has(step) || (output !== undefined && known.names.mayBe(step, 'outputs', output)),
  }
  return conditionFaults(when, names).map((message) => ({ path, message }))
}

/** Inputs, params and outputs share one list of keyword arguments. */
function checkArguments(of: string, { outputs }: ProjectStep, { names }: Known): Meaning[] {
  const here = ['pipeline', 'steps', of]
  const seen = new Map<string, string>()
  const faults: Meaning[] = []
  const add = (kind: string, name: string, path: PropertyKey[]): void => {
    const before = seen.get(name)
    if (before !== undefined) {
      const message = `"${name}" is already ${before}; each input, param and output needs a name of its own`
      faults.push({ path, message: kind === before ? `"${name}" is there twice; expected each name once` : message })
    }
    seen.set(name, kind)
  }
  for (const name of names.usable(of, 'inputs')) add('an input', name, [...here, 'inputs', name])
  for (const name of names.usable(of, 'params')) add('a param', name, [...here, 'params', name])
  // of a list with something wrong in it places are not known
  const isWhole = outputs.length > 0
  for (const [i, name] of (isWhole ? outputs : names.usable(of, 'outputs')).entries())
    add('an output', name, isWhole ? [...here, 'outputs', i] : [...here, 'outputs'])
  return faults
}

function checkPlaceholders(name: string, step: ProjectStep, { names }: Known): Meaning[] {
  const here = ['pipeline', 'steps', name]
  if (typeof step.run === 'string') return []
  const odd = step.run.flatMap((argument, i): Meaning[] => {
    const expected = ungiven(filled(String(argument), step.params))
    return expected === undefined ? [] : [{ path: [...here, 'run', i], message: `expected ${expected}` }]
  })
  if (odd.length > 0) return odd
  return step.run.flatMap((argument, i) =>
    [...String(argument).matchAll(PLACEHOLDER)].flatMap(([text, kind, of]) =>
      names.mayBe(name, kind as Section, of ?? '')
        ? []
        : [{ path: [...here, 'run', i], message: `${text} names no ${kind?.replace(/s$/, '')} of this step` }],
    ),
  )
}

/** What a program is given: each variable with its name, and all of it together. */
function checkEnv(here: string[], { run, params, env }: ProjectStep): Meaning[] {
  const odd = Object.entries(env).flatMap(([name, value]): Meaning[] => {
    const expected = ungiven(value, `${name}=`)
    return expected === undefined ? [] : [{ path: [...here, 'env', name], message: `expected ${expected}` }]
  })
  if (odd.length > 0) return odd
  const given = typeof run === 'string' ? [] : run.map((argument) => filled(String(argument), params))
  const expected = ungivenTogether(given, env)
  const path = [...here, given.length === 0 ? 'env' : 'run']
  return expected === undefined ? [] : [{ path, message: `expected ${expected}` }]
}

function checkCycle(steps: Steps): Meaning[] {
  const nodes = Object.entries(steps).map(([name, step]) => ({
    name,
    needs: [...needsOf(step), ...stepsNamed(step.when)].filter((need) => Object.hasOwn(steps, need)),
  }))
  const { cycle } = sortSteps(nodes)
  if (cycle === undefined) return []
  return [{ path: ['pipeline', 'steps', cycle[0] ?? ''], message: `the steps need each other: ${cycle.join(' → ')}` }]
}

function checkModel(project: Project, known: Known, left: readonly (readonly PropertyKey[])[]): Meaning[] {
  const faults: Meaning[] = []
  const isGone = (key: string): boolean => left.some((path) => path.length === 1 && path[0] === key)
  if (project.model !== undefined) faults.push(...checkReference(['model', 'from'], project.model.from, known))
  if (project.endpoint !== undefined && project.model === undefined && !isGone('model')) {
    faults.push({ path: ['endpoint'], message: 'an endpoint needs a model; expected the key "model" too' })
  }
  if (project.monitor !== undefined && project.endpoint === undefined && !isGone('endpoint')) {
    faults.push({ path: ['monitor'], message: 'a monitor watches an endpoint; expected the key "endpoint" too' })
  }
  return [...faults, ...checkMonitor(project, known)]
}

/** Names in `monitor` that the file itself has: outputs, steps and their params. */
function checkMonitor({ monitor, pipeline }: Project, known: Known): Meaning[] {
  const { reference, retrain = {} } = monitor ?? {}
  const here = ['monitor', 'retrain']
  const asked = Object.entries(retrain).flatMap(([name, params]): Meaning[] => {
    const step = Object.hasOwn(known.steps, name) ? known.steps[name] : undefined
    if (step === undefined) return missingStep([...here, name], name, known)
    return Object.entries(params).flatMap(([param, value]) =>
      // what a param is that was left out is told where it stands
      !Object.hasOwn(step.params, param) && known.names.mayBe(name, 'params', param)
        ? []
        : checkParam([...here, name, param], [name, step, pipeline.params], value),
    )
  })
  if (reference === undefined) return asked
  return [...checkReference(['monitor', 'reference'], reference, known), ...asked]
}

/** A param that a retraining gives: one that the step has, of its kind once the placeholders are filled. */
function checkParam(
  path: PropertyKey[],
  [name, step, pipelines]: [string, ProjectStep, Project['pipeline']['params']],
  value: unknown,
): Meaning[] {
  const [param, known] = [String(path.at(-1)), Object.keys(step.params)]
  if (!known.includes(param)) {
    const close = nearest(param, known)
    const has = known.length === 0 ? 'it declares no params' : `its params are ${known.join(', ')}`
    const hint = close === undefined ? '' : `; did you mean "${close}"?`
    return [{ path, message: `step "${name}" has no param "${param}": ${has}${hint}` }]
  }
  if (step.for_each !== undefined && pathInItem(step.params[param]) !== undefined)
    return [{ path, message: `each item of step "${name}" gives its own ${param}; expected another param` }]
  if (typeof value === 'string' && /^\{\w+[^{}]*\}$/.test(value) && value !== BAD_ROWS && !UNTIL.test(value)) {
    const expected = `"{until}", "{until-30d}", "${BAD_ROWS}" or a value without braces around it`
    return [{ path, message: `got "${value}", expected ${expected}` }]
  }
  const filled = value === BAD_ROWS ? [] : value
  const declared = pipelines?.[takenBy(step.params, pipelines)[param] ?? '']
  const expected = declared === undefined ? misfit(step.params[param], filled) : misfitOf(declared, filled)
  return expected === undefined ? [] : [{ path, message: `got ${JSON.stringify(value)}, expected ${expected}` }]
}

function checkSchedule(schedule: { readonly cron: string; readonly timezone: string }, here: PropertyKey[]): Meaning[] {
  const isZone = isTimeZone(schedule.timezone)
  const expected = 'a time zone such as Europe/Berlin or America/New_York'
  const zone = { path: [...here, 'timezone'], message: `got "${schedule.timezone}", expected ${expected}` }
  const cron = checkCron(schedule.cron, isZone ? schedule.timezone : 'UTC')
  return [...(isZone ? [] : [zone]), ...(cron === undefined ? [] : [{ path: [...here, 'cron'], message: cron }])]
}

function isTimeZone(timeZone: string): boolean {
  try {
    Intl.DateTimeFormat('en', { timeZone })
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** What is wrong with it; undefined when nothing is. */
function checkCron(cron: string, timezone: string): string | undefined {
  try {
    const next = new Cron(cron, { timezone, paused: true }).nextRun()
    return next === null ? `got "${cron}", which never comes; expected a time that does` : undefined
  } catch {
    return `got "${cron}", expected five fields such as "0 4 * * *"`
  }
}
