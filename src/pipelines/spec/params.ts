/** Params that a run gives in place of the project file's: known ones, of the kind that the project file declares. */
import { problem } from '../../contract/errors.ts'
import { floatOf, Numeral } from '../../contract/values/numerals.ts'
import type { PipelineSpec } from './spec.ts'

type Params = Readonly<Record<string, Readonly<Record<string, unknown>>>>

type Kind = 'nothing' | 'a text' | 'true or false' | 'a whole number' | 'a number' | 'a list' | 'keys with values'

/** Longest value that a message repeats. */
const SHOWN = 80

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
  const [wanted, got] = [kindOf(declared), kindOf(value)]
  if (wanted === 'nothing' || wanted === got) return value
  if (wanted === 'a number' && typeof value === 'number') return floatOf(value)
  const asText = wanted === 'a text' ? `; a text that looks like something else has quotes: "${String(value)}"` : ''
  throw refuse(field, value, `${wanted}, as the project file declares it (${shown(declared)})${asText}`)
}

function kindOf(value: unknown): Kind {
  if (value === null || value === undefined) return 'nothing'
  if (value instanceof Numeral) return value.kind === 'int' ? 'a whole number' : 'a number'
  if (typeof value === 'string') return 'a text'
  if (typeof value === 'boolean') return 'true or false'
  if (typeof value === 'number') return Number.isInteger(value) ? 'a whole number' : 'a number'
  return Array.isArray(value) ? 'a list' : 'keys with values'
}

function shown(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}

function refuse(field: string, value: unknown, expected: string): Error {
  return problem('invalid_field', { field, value, expected })
}
