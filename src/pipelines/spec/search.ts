/** The section `search` of a project file: whether it goes with the rest, and the plan that is made of it. */
import { METRIC, ruleOf, type Search } from '../../contract/pipelines/search-section.ts'
import { StopRule, type Dimension, type SearchPlan } from '../../contract/pipelines/studies.ts'
import { expectedOf, fitted, type Declared } from '../../contract/values/params.ts'
import { conditionFaults, paramsNamed, stepsNamed } from './conditions/written.ts'
import { gridSize, MOST_POINTS } from '../search/sampling/grid.ts'
import type { Said } from './describe.ts'
import { nearest } from './names/nearest.ts'
import { parseDuration } from './values/units.ts'

/** What the search is checked against. */
interface Around {
  readonly params: Readonly<Record<string, Declared>>
  readonly steps: readonly string[]
  /** Of these the ones that run once for each item of a list. */
  readonly fanned: readonly string[]
  /** True where params or steps were left out, so that nothing is said of what is missing. */
  readonly partial: boolean
}

/** Every fault of a search that its schema cannot say. */
export function checkSearch(search: Search, around: Around): Said[] {
  const { params, partial } = around
  const faults = [
    ...checkMetric(['search', 'objective'], search.objective, around),
    ...checkTime(search),
    ...(search.stop?.metric === undefined ? [] : checkMetric(['search', 'stop', 'metric'], search.stop.metric, around)),
    ...search.constraints.flatMap((text, i) => checkConstraint(['search', 'constraints', i], text, around)),
    ...Object.entries(search.holdout ?? {}).flatMap(([name, value]) => {
      const path = ['search', 'holdout', name]
      const one = Object.hasOwn(params, name) ? params[name] : undefined
      if (one === undefined) return partial ? [] : [unknownParam(path, name, params)]
      if (fitted(one, value) !== undefined) return []
      return [{ path, message: `got ${JSON.stringify(value)}, expected ${expectedOf(one)}` }]
    }),
  ]
  const own = Object.entries(search.params).flatMap(([name, given]): Said[] => {
    const path = ['search', 'params', name]
    const one = Object.hasOwn(params, name) ? params[name] : undefined
    if (one === undefined) return partial ? [] : [unknownParam(path, name, params)]
    const made = dimensionOf(one, given)
    return 'faults' in made ? made.faults.map(({ key, message }) => ({ path: [...path, key], message })) : []
  })
  return [...faults, ...own, ...(own.length > 0 ? [] : checkGrid(search, params))]
}

function checkTime({ time }: Search): Said[] {
  if (time === undefined || parseDuration(time) !== undefined) return []
  const expected = 'a duration, for example 90s, 10m, 2h or 1d'
  return [{ path: ['search', 'time'], message: `got ${JSON.stringify(time)}, expected ${expected}` }]
}

function unknownParam(path: string[], name: string, params: Around['params']): Said {
  const known = Object.keys(params)
  const close = nearest(name, known)
  const are = known.length === 0 ? 'there are none' : `they are ${known.join(', ')}`
  const hint = close === undefined ? are : `did you mean "${close}"?`
  return { path, message: `there is no param "${name}" in pipeline.params; ${hint}` }
}

function checkMetric(path: string[], text: string, { steps, fanned, partial }: Around): Said[] {
  const { step } = metricOf(text)
  if (fanned.includes(step)) {
    const expected = 'a step without, for example one that joins them'
    return [{ path, message: `step "${step}" has for_each, and each item metrics of its own; expected ${expected}` }]
  }
  if (partial || steps.includes(step)) return []
  const close = nearest(step, steps)
  const hint = close === undefined ? `; the steps are ${steps.slice(0, 20).join(', ')}` : `; did you mean "${close}"?`
  return [{ path, message: `there is no step "${step}"${hint}` }]
}

function checkConstraint(path: PropertyKey[], text: string, { params, partial }: Around): Said[] {
  const names = { params, steps: new Map<string, string[]>(), doubtful: () => partial }
  const steps = stepsNamed(text)
  if (steps.length > 0)
    return [{ path, message: `names step "${steps[0]}"; a constraint names params alone, for nothing has run` }]
  const faults = conditionFaults(text, names)
  if (faults.length > 0 || paramsNamed(text).length > 0) return faults.map((message) => ({ path, message }))
  return [{ path, message: 'names no param; expected one, for example "params.low < params.high"' }]
}

/** A grid needs an end, and one that is not too far. */
function checkGrid({ method, params }: Search, declared: Around['params']): Said[] {
  if (method !== 'grid') return []
  const endless = Object.entries(params).filter(([name, { points }]) => {
    return declared[name]?.type === 'float' && points === undefined
  })
  if (endless.length > 0) {
    const message = 'a grid over a float needs "points", how many values it tries'
    return endless.map(([name]) => ({ path: ['search', 'params', name], message }))
  }
  const space = Object.entries(params).flatMap(([name, given]) => {
    const one = declared[name]
    const made = one === undefined ? undefined : dimensionOf(one, given)
    return made === undefined || 'faults' in made ? [] : [made]
  })
  const size = gridSize(space)
  if (size <= MOST_POINTS) return []
  const message = `is a grid of ${size} points, expected at most ${MOST_POINTS}; an int or a float may say fewer "points"`
  return [{ path: ['search', 'method'], message }]
}

interface Fault {
  readonly key: string
  readonly message: string
}

/** What a param is drawn from, or what does not go together. */
function dimensionOf(declared: Declared, given: Search['params'][string]): Dimension | { readonly faults: Fault[] } {
  const { type, choices = [] } = declared
  if (given.choices !== undefined || type === 'bool' || type === 'choice') {
    const all = given.choices ?? (type === 'bool' ? [false, true] : choices)
    const odd = all.findIndex((value) => fitted(declared, value) === undefined)
    const ranged = (['min', 'max', 'points'] as const).filter((key) => given[key] !== undefined)
    const faults = [
      ...ranged.map((key) => ({ key, message: 'goes with an int or a float of which no choices are given' })),
      ...(given.log ? [{ key: 'log', message: 'goes with an int or a float of which no choices are given' }] : []),
      ...(odd < 0
        ? []
        : [{ key: 'choices', message: `got ${JSON.stringify(all[odd])}, expected ${expectedOf(declared)}` }]),
    ]
    return faults.length > 0
      ? { faults }
      : { kind: 'choice', choices: all.map((value) => fitted(declared, value)?.value) }
  }
  if (type !== 'int' && type !== 'float')
    return { faults: [{ key: 'choices', message: `missing; a param of type "${type}" is searched by its choices` }] }
  return rangeOf({ ...declared, type }, given)
}

function rangeOf(
  declared: Declared & { readonly type: 'int' | 'float' },
  given: Search['params'][string],
): Dimension | { readonly faults: Fault[] } {
  const faults: Fault[] = []
  const bounds = (['min', 'max'] as const).map((key) => {
    const value = given[key] ?? declared[key]
    if (value === undefined) faults.push({ key, message: 'missing here and in pipeline.params; expected a number' })
    else if (fitted(declared, value) === undefined)
      faults.push({ key, message: `got ${value}, expected ${expectedOf(declared)}` })
    return value ?? 0
  })
  const [min = 0, max = 0] = bounds
  if (faults.length === 0 && min > max)
    faults.push({ key: 'min', message: `got ${min}, expected at most the max, ${max}` })
  if (faults.length === 0 && given.log && min <= 0)
    faults.push({ key: 'log', message: `needs a min above 0, and it is ${min}` })
  if (faults.length > 0) return { faults }
  return { kind: declared.type, min, max, log: given.log, points: given.points ?? null }
}

function metricOf(text: string): { step: string; metric: string } {
  const [, step = '', name = ''] = METRIC.exec(text) ?? []
  return { step, metric: name }
}

/** The plan of a search that has no faults. */
export function planOf(search: Search, params: Around['params']): SearchPlan {
  const { stop, time } = search
  const space = Object.entries(search.params).map(([name, given]) => {
    const made = dimensionOf(params[name] as Declared, given)
    if ('faults' in made) throw new Error(`search.params.${name} has faults`)
    return [name, made] as const
  })
  return {
    objective: metricOf(search.objective),
    direction: search.direction,
    space: Object.fromEntries(space),
    constraints: search.constraints,
    method: search.method,
    trials: search.trials,
    at_once: search.at_once,
    seed: search.seed,
    time_ms: time === undefined ? null : (parseDuration(time) ?? null),
    failures: search.failures,
    stop:
      stop === undefined
        ? null
        : {
            by: StopRule.parse(ruleOf(stop)),
            metric: metricOf(stop.metric ?? search.objective),
            direction: stop.direction ?? search.direction,
          },
    holdout: search.holdout ?? null,
  }
}
