/** Params that a run gives in place of the project file's: known ones, of the kind, type and range that the project file declares. */
import { problem } from '../../contract/errors.ts'
import { floatOf } from '../../contract/values/numerals.ts'
import { expectedOf, fitted, type Declared } from '../../contract/values/params.ts'
import { defaultOf } from './declared.ts'
import { filled, ungiven, ungivenTogether, unreadIn } from '../../contract/values/handed.ts'
import { kindOf, misfit } from './names/kinds.ts'
import { tooMany, ungivenItem } from './fan-out/check.ts'
import { itemParams } from './fan-out/items.ts'
import type { PipelineSpec, StepSpec } from './spec.ts'

type Params = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/**
 * The params, a whole number in place of a float as a float. Throws `invalid_field` for a step or param that is not declared, and for a
 * value of another kind than the declared one; a param that is declared as null takes any.
 */
export function checkParams(spec: PipelineSpec, given: Params): Params {
  const steps = new Map(spec.steps.map((step) => [step.name, step]))
  const checked = Object.entries(given).map(([name, params]) => {
    const step = steps.get(name)
    if (step === undefined) throw refuse(`params.${name}`, name, `one of the steps ${[...steps.keys()].join(', ')}`)
    const known = Object.keys(step.params)
    const values = Object.entries(params).map(([param, value]) => {
      const field = `params.${name}.${param}`
      const declared = spec.params?.[step.takes?.[param] ?? '']
      if (Object.hasOwn(step.for_each?.takes ?? {}, param))
        throw refuse(field, value, `none: each item of step "${name}" gives its own ${param}`)
      if (declared !== undefined) return [param, fitDeclared(field, declared, value)]
      if (known.includes(param)) return [param, fit(field, step.params[param], value)]
      const expected = known.length === 0 ? `no params: step "${name}" declares none` : `one of ${known.join(', ')}`
      throw refuse(field, param, expected)
    })
    return [name, Object.fromEntries(values)]
  })
  return Object.fromEntries(checked) as Params
}

/** Params of the pipeline that a run sets. Throws `invalid_field` for one that is not declared, and for a value that is not allowed. */
export function checkSet(spec: PipelineSpec, given: Params[string]): Params[string] {
  const { params = {} } = spec
  const values = Object.entries(given).map(([name, value]) => {
    const declared = Object.hasOwn(params, name) ? params[name] : undefined
    if (declared !== undefined) return [name, fitItems(spec, name, fitDeclared(`set.${name}`, declared, value))]
    const known = Object.keys(params)
    const expected =
      known.length === 0 ? 'no params: the project file has no pipeline.params' : `one of ${known.join(', ')}`
    throw refuse(`set.${name}`, name, expected)
  })
  return Object.fromEntries(values) as Params[string]
}

/**
 * The params of steps with those that a run sets for the pipeline; what is given to a step itself counts before them. Throws `invalid_field`
 * for what no command could be given.
 */
export function withSet(spec: PipelineSpec, set: Params[string], given: Params): Params {
  const { steps } = spec
  const taking = steps.flatMap(({ name, takes = {} }) => {
    const own = Object.entries(takes).filter(([, from]) => Object.hasOwn(set, from))
    return own.length === 0 ? [] : [[name, Object.fromEntries(own.map(([param, from]) => [param, set[from]]))] as const]
  })
  const names = new Set([...taking.map(([name]) => name), ...Object.keys(given)])
  const taken = new Map(taking)
  const all = Object.fromEntries([...names].map((name) => [name, { ...taken.get(name), ...given[name] }]))
  checkCommands(spec, all)
  return all
}

/** The value of each param of the pipeline in a run. */
export function valuesOf({ params = {} }: PipelineSpec, set: Params[string] = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(params).map(([name, one]) => [name, Object.hasOwn(set, name) ? set[name] : defaultOf(one)]),
  )
}

/** A list for which a step runs: not too long, and each item of a command is one that a program can be given. */
function fitItems({ steps }: PipelineSpec, name: string, value: unknown): unknown {
  const takers = steps.filter((step) => step.for_each?.param === name)
  if (takers.length === 0 || !Array.isArray(value)) return value
  const expected = tooMany(value.length) ?? takers.flatMap((step) => ungivenItems(step, value)).at(0)
  if (expected !== undefined) throw refuse(`set.${name}`, short(value), expected)
  return value
}

function ungivenItems(step: StepSpec, items: readonly unknown[]): string[] {
  const { entry, params, env } = step
  if (typeof entry === 'string') return []
  return items.flatMap((item) => ungivenItem(entry, { ...params, ...itemParams(step, item) }, env) ?? [])
}

function fitDeclared(field: string, declared: Declared, value: unknown): unknown {
  checkRead(field, value)
  const fit = fitted(declared, value)
  if (fit === undefined) throw refuse(field, value, expectedOf(declared))
  return fit.value
}

function fit(field: string, declared: unknown, value: unknown): unknown {
  checkRead(field, value)
  const expected = misfit(declared, value)
  if (expected !== undefined) throw refuse(field, value, expected)
  return kindOf(declared) === 'a number' && typeof value === 'number' ? floatOf(value) : value
}

/** Throws `invalid_field` for a value that Python does not read. */
function checkRead(field: string, value: unknown): void {
  const unread = unreadIn(value)
  if (unread === undefined) return
  throw refuse([field, ...unread.path.map(String)].join('.'), short(unread.value), unread.expected)
}

/** Throws `invalid_field` where what a run gives fills an argument of a step's command with what no program can be given. */
function checkCommands(spec: PipelineSpec, given: Params): void {
  for (const { name, entry, params, env } of spec.steps) {
    const own = given[name]
    if (own === undefined || typeof entry === 'string') continue
    const all = { ...params, ...own }
    for (const argument of entry) {
      const expected = ungiven(filled(String(argument), all))
      const param = Object.keys(own).find((one) => String(argument).includes(`{params.${one}}`))
      if (expected === undefined || param === undefined) continue
      throw refuse(`params.${name}.${param}`, short(own[param]), `${expected}, for it is an argument of a command`)
    }
    const texts = entry.map((argument) => filled(String(argument), all))
    const expected = ungivenTogether(texts, env)
    const largest = largestOf(own, entry.map(String))
    if (expected !== undefined && largest !== undefined)
      throw refuse(`params.${name}.${largest}`, short(own[largest]), expected)
  }
}

/** The longest of the params that stand in arguments; undefined where none does. */
function largestOf(params: Params[string], entry: readonly string[]): string | undefined {
  const used = Object.keys(params).filter((name) => entry.some((argument) => argument.includes(`{params.${name}}`)))
  return used.toSorted((a, b) => lengthOf(params[b]) - lengthOf(params[a]))[0]
}

function lengthOf(value: unknown): number {
  return (typeof value === 'string' ? value : JSON.stringify(value)).length
}

/** Longest value that a refusal repeats, characters. */
const SHOWN = 80

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}

function refuse(field: string, value: unknown, expected: string): Error {
  return problem('invalid_field', { field, value, expected })
}
