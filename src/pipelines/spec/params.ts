/** Params that a run gives in place of the project file's: known ones, of the kind that the project file declares. */
import { problem } from '../../contract/errors.ts'
import { floatOf } from '../../contract/values/numerals.ts'
import { kindOf, misfit } from './kinds.ts'
import type { PipelineSpec } from './spec.ts'

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
      if (known.includes(param)) return [param, fit(field, step.params[param], value)]
      const expected = known.length === 0 ? `no params: step "${name}" declares none` : `one of ${known.join(', ')}`
      throw refuse(field, param, expected)
    })
    return [name, Object.fromEntries(values)]
  })
  return Object.fromEntries(checked) as Params
}

function fit(field: string, declared: unknown, value: unknown): unknown {
  const expected = misfit(declared, value)
  if (expected !== undefined) throw refuse(field, value, expected)
  return kindOf(declared) === 'a number' && typeof value === 'number' ? floatOf(value) : value
}

function refuse(field: string, value: unknown, expected: string): Error {
  return problem('invalid_field', { field, value, expected })
}
