/** Faults of conditions that can be told before anything runs: names that are not there, kinds that are not compared, what never holds. */
import { Numeral } from '../../../contract/values/numerals.ts'
import type { Declared } from '../../../contract/values/params.ts'
import { ConditionError, operandsOf, type Condition, type Operand, type Reference } from './grammar.ts'

/** What a condition may name. */
export interface Names {
  readonly params: Readonly<Record<string, Declared>>
  /** Each step → its outputs. */
  readonly steps: ReadonlyMap<string, readonly string[]>
  /** Steps that run for each item; they have no metrics of their own. */
  readonly forEach?: ReadonlySet<string>
  /** True of a step that was left out, or of an output of it that may be meant by something wrong; '' for steps and params themselves. */
  readonly doubtful: (step: string, output?: string) => boolean
}

type Kind = 'a text' | 'a number' | 'true or false' | 'a list'

/** Faults with their columns; empty for a condition that can be decided. */
export function checkCondition(condition: Condition, names: Names): ConditionError[] {
  const unknown = operandsOf(condition).flatMap((operand) => checkName(operand, names) ?? [])
  return unknown.length > 0 ? unknown : checkKinds(condition, names)
}

function checkName({ column, ...operand }: Operand, names: Names): ConditionError | undefined {
  const { params, steps, doubtful } = names
  if (operand.type === 'literal') return undefined
  const { of } = operand
  const fault = (what: string, known: readonly string[]): ConditionError =>
    new ConditionError(
      column,
      `there is no ${what}; ${known.length === 0 ? 'there are none' : `expected one of ${known.join(', ')}`}`,
    )
  if (of.kind === 'param') {
    if (Object.hasOwn(params, of.name) || doubtful('')) return undefined
    return fault(`param "${of.name}" in pipeline.params`, Object.keys(params))
  }
  const outputs = steps.get(of.step)
  if (outputs === undefined)
    return doubtful('') || doubtful(of.step) ? undefined : fault(`step "${of.step}"`, [...steps.keys()])
  if (of.kind === 'metric' && names.forEach?.has(of.step) === true)
    return new ConditionError(
      column,
      `step "${of.step}" runs for each item, and each has metrics of its own; expected a step that runs once, such as one that takes all of them`,
    )
  if (of.kind === 'metric' || outputs.includes(of.name) || doubtful(of.step, of.name)) return undefined
  return fault(`output "${of.name}" of step "${of.step}"`, outputs)
}

function checkKinds(condition: Condition, names: Names): ConditionError[] {
  if (condition.type === 'and' || condition.type === 'or')
    return condition.parts.flatMap((part) => checkKinds(part, names))
  if (condition.type === 'not') return checkKinds(condition.part, names)
  if (condition.type === 'truth') {
    const { operand } = condition
    const kinds = kindsOf(operand, names)
    if (kinds === undefined || kinds.includes('true or false')) return []
    return [
      new ConditionError(
        operand.column,
        `is ${kinds.join(' or ')}, expected a comparison, or a param that is true or false`,
      ),
    ]
  }
  return checkComparison(condition, names)
}

function checkComparison(condition: Extract<Condition, { type: 'compare' }>, names: Names): ConditionError[] {
  const { operator, left, right, column } = condition
  const own = kindsOf(left, names)
  return right.flatMap((operand): ConditionError[] => {
    const other = kindsOf(operand, names)
    if (own === undefined || other === undefined) return []
    const shared = own.filter((kind) => other.includes(kind))
    if (shared.length === 0)
      return [new ConditionError(operand.column, `compares ${own.join(' or ')} with ${other.join(' or ')}`)]
    if (/^[<>]/.test(operator) && !shared.includes('a number'))
      return [new ConditionError(column, `got "${operator}", which compares numbers; expected ==, != or in`)]
    return neverEqual(left, operand, names) ?? neverEqual(operand, left, names) ?? []
  })
}

/** A choice that is compared with what it can never be. */
function neverEqual(param: Operand, literal: Operand, { params }: Names): ConditionError[] | undefined {
  if (param.type !== 'reference' || param.of.kind !== 'param' || literal.type !== 'literal') return undefined
  const declared = Object.hasOwn(params, param.of.name) ? params[param.of.name] : undefined
  if (declared?.type !== 'choice' || declared.choices === undefined) return undefined
  const choices = declared.choices.map(plain)
  if (isNumber(literal.value) || choices.includes(literal.value)) return undefined
  const known = declared.choices.map((one) => JSON.stringify(one)).join(', ')
  return [
    new ConditionError(
      literal.column,
      `${param.text} is never ${JSON.stringify(literal.value)}; its choices are ${known}`,
    ),
  ]
}

/** Of both kinds: JavaScript compares them with each other exactly. */
export function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

/** What a value may be; undefined where nothing is known of it. */
function kindsOf(operand: Operand, { params }: Names): Kind[] | undefined {
  if (operand.type === 'literal') return [kindOf(operand.value)]
  return kindsOfReference(operand.of, params)
}

function kindsOfReference(of: Reference, params: Names['params']): Kind[] | undefined {
  if (of.kind !== 'param') return ['a number']
  const declared = Object.hasOwn(params, of.name) ? params[of.name] : undefined
  if (declared === undefined) return undefined
  if (declared.type === 'list') return ['a list']
  if (declared.type === 'choice') return [...new Set((declared.choices ?? []).map(plain).map(kindOf))]
  if (declared.type === 'string') return ['a text']
  return [declared.type === 'bool' ? 'true or false' : 'a number']
}

function kindOf(value: unknown): Kind {
  if (typeof value === 'string') return 'a text'
  return typeof value === 'boolean' ? 'true or false' : 'a number'
}

/** A value as conditions compare it: whole numbers that no double holds as bigints, all other numbers as doubles. */
export function plain(value: unknown): unknown {
  if (!(value instanceof Numeral)) return value
  return value.kind === 'int' ? BigInt(value.text) : Number(value.text)
}
