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

/** Every fault, in no order. Empty for a project that can run. */
export function checkMeaning(project: Project): Meaning[] {
  const { steps, schedule } = project.pipeline
  const faults = Object.entries(steps).flatMap(([name, step]) => checkStep(name, step, steps))
  if (faults.length === 0) faults.push(...checkCycle(steps))
  faults.push(...checkModel(project))
  if (schedule !== undefined) faults.push(...checkSchedule(schedule, ['pipeline', 'schedule']))
  for (const [i, window] of (project.endpoint?.rollout.freeze ?? []).entries())
    faults.push(...checkSchedule(window, ['endpoint', 'rollout', 'freeze', i]))
  return faults
}

/** The steps that must succeed before this one, each once, in the order written. */
export function needsOf(step: ProjectStep): string[] {
  return [...new Set([...Object.values(step.inputs).map((reference) => splitReference(reference).step), ...step.after])]
}

export function splitReference(reference: string): { step: string; output: string } {
  const at = reference.indexOf('.')
  return { step: reference.slice(0, at), output: reference.slice(at + 1) }
}

function checkStep(name: string, step: ProjectStep, steps: Project['pipeline']['steps']): Meaning[] {
  const here = ['pipeline', 'steps', name]
  const inputs = Object.entries(step.inputs).flatMap(([input, reference]) =>
    checkReference([...here, 'inputs', input], reference, steps),
  )
  const after = step.after.flatMap((need, i) =>
    need in steps ? [] : [{ path: [...here, 'after', i], message: missingStep(need, steps) }],
  )
  return [...inputs, ...after, ...checkArguments(here, step), ...checkPlaceholders(here, step)]
}

function checkReference(path: PropertyKey[], reference: string, steps: Project['pipeline']['steps']): Meaning[] {
  if (!reference.includes('.'))
    return [{ path, message: `got "${reference}", expected STEP.OUTPUT, for example features.train` }]
  const { step, output } = splitReference(reference)
  const maker = steps[step]
  if (maker === undefined) return [{ path, message: missingStep(step, steps) }]
  if (maker.outputs.includes(output)) return []
  const close = nearest(output, maker.outputs)
  const hint = close === undefined ? '' : `; did you mean "${step}.${close}"?`
  const has = maker.outputs.length === 0 ? 'it declares no outputs' : `its outputs are ${maker.outputs.join(', ')}`
  return [{ path, message: `step "${step}" has no output "${output}": ${has}${hint}` }]
}

function missingStep(step: string, steps: Project['pipeline']['steps']): string {
  const close = nearest(step, Object.keys(steps))
  return `there is no step "${step}"${close === undefined ? `; the steps are ${Object.keys(steps).join(', ')}` : `; did you mean "${close}"?`}`
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

function checkCycle(steps: Project['pipeline']['steps']): Meaning[] {
  const nodes = Object.entries(steps).map(([name, step]) => ({ name, needs: needsOf(step) }))
  const { cycle } = sortSteps(nodes)
  if (cycle === undefined) return []
  return [{ path: ['pipeline', 'steps', cycle[0] ?? ''], message: `the steps need each other: ${cycle.join(' → ')}` }]
}

function checkModel(project: Project): Meaning[] {
  const faults: Meaning[] = []
  if (project.model !== undefined) {
    faults.push(...checkReference(['model', 'from'], project.model.from, project.pipeline.steps))
  }
  if (project.endpoint !== undefined && project.model === undefined) {
    faults.push({ path: ['endpoint'], message: 'an endpoint needs a model; expected the key "model" too' })
  }
  if (project.monitor !== undefined && project.endpoint === undefined) {
    faults.push({ path: ['monitor'], message: 'a monitor watches an endpoint; expected the key "endpoint" too' })
  }
  return [...faults, ...checkMonitor(project)]
}

/** Names in `monitor` that the file itself has: outputs, steps and their params. */
function checkMonitor({ monitor, pipeline: { steps } }: Project): Meaning[] {
  const { reference, retrain = {} } = monitor ?? {}
  const here = ['monitor', 'retrain']
  const asked = Object.entries(retrain).flatMap(([name, params]): Meaning[] => {
    const step = steps[name]
    if (step === undefined) return [{ path: [...here, name], message: missingStep(name, steps) }]
    return Object.entries(params).flatMap(([param, value]) => checkParam([...here, name, param], [name, step], value))
  })
  if (reference === undefined) return asked
  return [...checkReference(['monitor', 'reference'], reference, steps), ...asked]
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
  try {
    Intl.DateTimeFormat('en', { timeZone: schedule.timezone })
  } catch {
    const message = `got "${schedule.timezone}", expected a time zone such as Europe/Berlin or America/New_York`
    return [{ path: [...here, 'timezone'], message }]
  }
  try {
    const next = new Cron(schedule.cron, { timezone: schedule.timezone, paused: true }).nextRun()
    return next === null ? [{ path: [...here, 'cron'], message: `"${schedule.cron}" never comes` }] : []
  } catch {
    return [{ path: [...here, 'cron'], message: `got "${schedule.cron}", expected five fields such as "0 4 * * *"` }]
  }
}
