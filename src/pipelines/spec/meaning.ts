/** Checks of a project file that no schema can say: references, cycles, names that collide, schedules. */
import { Cron } from 'croner'
import { BAD_ROWS, UNTIL } from '../../contract/values/retraining.ts'
import { sortSteps } from './graph.ts'
import { misfit } from './kinds.ts'
import { nearest } from './nearest.ts'
import type { Project, ProjectStep } from './project.ts'

/** A fault at a key of the project file. */
export interface Meaning {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** `{inputs.NAME}`, `{outputs.NAME}`, `{params.NAME}` in a list of arguments. */
export const PLACEHOLDER = /\{(inputs|outputs|params)\.([A-Za-z_]\w*)\}/g

type Steps = Project['pipeline']['steps']

/** Steps that a message lists. */
const NAMED = 20

/** What is known of a project: its steps, and those of which names were left out, of which nothing can be said. */
interface Known {
  readonly steps: Steps
  readonly doubtful: ReadonlySet<string>
  /** True where steps themselves were left out. */
  readonly partial: boolean
}

/** Every fault, in no order. Empty for a project that can run. `left` is where something was left out of it because it was wrong. */
export function checkMeaning(project: Project, left: readonly (readonly PropertyKey[])[] = []): Meaning[] {
  const { steps, schedule } = project.pipeline
  const below = left.filter(([top, of]) => top === 'pipeline' && (of === undefined || of === 'steps'))
  const known: Known = {
    steps,
    doubtful: new Set(below.flatMap(([, , step, key]) => (step !== undefined && isNaming(key) ? [String(step)] : []))),
    partial: below.some((path) => path.length < 3),
  }
  const faults = Object.entries(steps).flatMap(([name, step]) => checkStep(name, step, known))
  faults.push(...checkCycle(steps), ...checkModel(project, known, left))
  if (schedule !== undefined) faults.push(...checkSchedule(schedule, ['pipeline', 'schedule']))
  for (const [i, window] of (project.endpoint?.rollout.freeze ?? []).entries())
    faults.push(...checkSchedule(window, ['endpoint', 'rollout', 'freeze', i]))
  return faults
}

/** Whether names hang on a key of a step; without a key the step itself was left out. */
function isNaming(key: PropertyKey | undefined): boolean {
  return key === undefined || ['inputs', 'params', 'outputs'].includes(String(key))
}

/** The steps that must succeed before this one, each once, in the order written. */
export function needsOf(step: ProjectStep): string[] {
  return [...new Set([...Object.values(step.inputs).map((reference) => splitReference(reference).step), ...step.after])]
}

export function splitReference(reference: string): { step: string; output: string } {
  const at = reference.indexOf('.')
  return { step: reference.slice(0, at), output: reference.slice(at + 1) }
}

function checkStep(name: string, step: ProjectStep, known: Known): Meaning[] {
  const here = ['pipeline', 'steps', name]
  const inputs = Object.entries(step.inputs).flatMap(([input, reference]) =>
    checkReference([...here, 'inputs', input], reference, known),
  )
  const after = step.after.flatMap((need, i) => missingStep([...here, 'after', i], need, known))
  // its inputs, params or outputs may be what was left out
  if (known.doubtful.has(name)) return [...inputs, ...after]
  return [...inputs, ...after, ...checkArguments(here, step), ...checkPlaceholders(here, step)]
}

function checkReference(path: PropertyKey[], reference: string, known: Known): Meaning[] {
  if (!reference.includes('.'))
    return [{ path, message: `got "${reference}", expected STEP.OUTPUT, for example features.train` }]
  const { step, output } = splitReference(reference)
  const maker = Object.hasOwn(known.steps, step) ? known.steps[step] : undefined
  if (maker === undefined) return missingStep(path, step, known)
  if (maker.outputs.includes(output) || known.doubtful.has(step)) return []
  const close = nearest(output, maker.outputs)
  const hint = close === undefined ? '' : `; did you mean "${step}.${close}"?`
  const has = maker.outputs.length === 0 ? 'it declares no outputs' : `its outputs are ${maker.outputs.join(', ')}`
  return [{ path, message: `step "${step}" has no output "${output}": ${has}${hint}` }]
}

/** Says that there is no such step, unless it may be one that was left out. */
function missingStep(path: PropertyKey[], step: string, { steps, doubtful, partial }: Known): Meaning[] {
  if (Object.hasOwn(steps, step) || doubtful.has(step) || partial) return []
  const close = nearest(step, Object.keys(steps))
  const names = Object.keys(steps)
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : ''
  const hint =
    close === undefined ? `; the steps are ${names.slice(0, NAMED).join(', ')}${more}` : `; did you mean "${close}"?`
  return [{ path, message: `there is no step "${step}"${hint}` }]
}

/** Inputs, params and outputs share one list of keyword arguments. */
function checkArguments(here: string[], step: ProjectStep): Meaning[] {
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
  for (const name of Object.keys(step.inputs)) add('an input', name, [...here, 'inputs', name])
  for (const name of Object.keys(step.params)) add('a param', name, [...here, 'params', name])
  for (const [i, name] of step.outputs.entries()) add('an output', name, [...here, 'outputs', i])
  return faults
}

function checkPlaceholders(here: string[], step: ProjectStep): Meaning[] {
  if (typeof step.run === 'string') return []
  const known = { inputs: Object.keys(step.inputs), outputs: step.outputs, params: Object.keys(step.params) }
  return step.run.flatMap((argument, i) =>
    [...String(argument).matchAll(PLACEHOLDER)].flatMap(([text, kind, name]) =>
      known[kind as keyof typeof known].includes(name ?? '')
        ? []
        : [{ path: [...here, 'run', i], message: `${text} names no ${kind?.replace(/s$/, '')} of this step` }],
    ),
  )
}

function checkCycle(steps: Steps): Meaning[] {
  const nodes = Object.entries(steps).map(([name, step]) => ({
    name,
    needs: needsOf(step).filter((need) => Object.hasOwn(steps, need)),
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
function checkMonitor({ monitor }: Project, known: Known): Meaning[] {
  const { reference, retrain = {} } = monitor ?? {}
  const here = ['monitor', 'retrain']
  const asked = Object.entries(retrain).flatMap(([name, params]): Meaning[] => {
    const step = known.steps[name]
    if (step === undefined) return missingStep([...here, name], name, known)
    if (known.doubtful.has(name)) return []
    return Object.entries(params).flatMap(([param, value]) => checkParam([...here, name, param], [name, step], value))
  })
  if (reference === undefined) return asked
  return [...checkReference(['monitor', 'reference'], reference, known), ...asked]
}

/** A param that a retraining gives: one that the step has, of its kind once the placeholders are filled. */
function checkParam(path: PropertyKey[], [name, step]: [string, ProjectStep], value: unknown): Meaning[] {
  const [param, known] = [String(path.at(-1)), Object.keys(step.params)]
  if (!known.includes(param)) {
    const close = nearest(param, known)
    const has = known.length === 0 ? 'it declares no params' : `its params are ${known.join(', ')}`
    const hint = close === undefined ? '' : `; did you mean "${close}"?`
    return [{ path, message: `step "${name}" has no param "${param}": ${has}${hint}` }]
  }
  if (typeof value === 'string' && /^\{\w+[^{}]*\}$/.test(value) && value !== BAD_ROWS && !UNTIL.test(value)) {
    const expected = `"{until}", "{until-30d}", "${BAD_ROWS}" or a value without braces around it`
    return [{ path, message: `got "${value}", expected ${expected}` }]
  }
  const expected = misfit(step.params[param], value === BAD_ROWS ? [] : value)
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
