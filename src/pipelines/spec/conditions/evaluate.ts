/** Decides a condition from what is known: also where some of it is not, as long as the rest settles it. */
import { isNumber, plain } from './check.ts'
import { operandsOf, type Condition, type Operand, type Reference } from './grammar.ts'

/** The value of what a condition names; undefined while it is not known. */
export type Lookup = (of: Reference) => unknown

/** True or false; undefined while that hangs on what is not known. */
export function evaluate(condition: Condition, lookup: Lookup): boolean | undefined {
  if (condition.type === 'not') {
    const inner = evaluate(condition.part, lookup)
    return inner === undefined ? undefined : !inner
  }
  if (condition.type === 'truth') {
    const value = valueOf(condition.operand, lookup)
    return value === undefined ? undefined : value === true
  }
  if (condition.type === 'compare') {
    const left = valueOf(condition.left, lookup)
    const right = condition.right.map((one) => valueOf(one, lookup))
    if (left === undefined || right.includes(undefined)) return undefined
    return condition.operator === 'in'
      ? right.some((one) => isEqual(left, one))
      : compare(condition.operator, left, right[0])
  }
  const decisive = condition.type === 'or'
  const parts = condition.parts.map((part) => evaluate(part, lookup))
  if (parts.includes(decisive)) return decisive
  return parts.includes(undefined) ? undefined : !decisive
}

/** The values of all that a condition names, in words; what is not known is said so. */
export function valuesSaid(condition: Condition, lookup: Lookup): string {
  const said = operandsOf(condition).flatMap((operand) => {
    if (operand.type === 'literal') return []
    const value = plain(lookup(operand.of))
    return [`${operand.text} is ${value === undefined ? 'not known' : written(value)}`]
  })
  return [...new Set(said)].join(', ')
}

/** With all digits that were compared; JSON has no word for what is no number, or endless. */
function written(value: unknown): string {
  return isNumber(value) ? String(value) : JSON.stringify(value)
}

function isEqual(left: unknown, right: unknown): boolean {
  if (typeof left === 'number' && typeof right === 'bigint') return isEqual(right, left)
  // they are never identical, and equal where they are the same number
  if (typeof left === 'bigint' && typeof right === 'number') return Number.isInteger(right) && BigInt(right) === left
  return left === right
}

function valueOf(operand: Operand, lookup: Lookup): unknown {
  return operand.type === 'literal' ? operand.value : plain(lookup(operand.of))
}

function compare(operator: string, left: unknown, right: unknown): boolean {
  if (operator === '==') return isEqual(left, right)
  if (operator === '!=') return !isEqual(left, right)
  if (!isNumber(left) || !isNumber(right)) return false
  if (operator === '<') return left < right
  if (operator === '<=') return left <= right
  return operator === '>' ? left > right : left >= right
}
