/**
 * Expressions of on-demand features with their types, as functions. The same functions compute what is joined for training and what is
 * served, so that the two cannot differ.
 *
 * As in SQL a null makes what is reckoned with it null, and truth has three values. What would be no number at all is null too: a
 * division by zero, a root of −1, a whole number that 64 bits do not hold, a text that is no number in a CAST.
 */
import { VALUE_TYPES, type ValueType } from '../../contract/features/section.ts'
import { compareValues, type Value } from '../as-of/windows.ts'
import { FUNCTIONS, wholeOf, type FunctionOf, type Taken, joinTexts } from './functions.ts'
import { ExpressionError, parseExpression, type Expression, type Operator } from './grammar.ts'

/** Computes from the inputs, in the order in which they were declared. */
export type Compute = (inputs: readonly Value[]) => Value

/** `null` is the type of a bare NULL, which goes with every other. */
type Type = ValueType | 'null'

interface Typed {
  readonly type: Type
  readonly run: Compute
}

/** Compiles an expression that is to give `type`. Throws `ExpressionError` with the column at which something does not fit. */
export function compileExpression(
  text: string,
  inputs: readonly (readonly [name: string, type: ValueType])[],
  type: ValueType,
): Compute {
  const tree = parseExpression(text)
  if (stepsOf(tree) > MOST_STEPS)
    throw new ExpressionError(
      tree.column,
      `it takes more than ${MOST_STEPS} steps; BETWEEN and CASE x WHEN compute their left side once for each comparison`,
    )
  const places = new Map(inputs.map(([name, of], at) => [name, { of, at }]))
  const compiled = compile(tree, places)
  if (compiled.type === type || compiled.type === 'null') return compiled.run
  if (compiled.type === 'int' && type === 'float') return asFloat(compiled).run
  throw new ExpressionError(tree.column, `it gives ${compiled.type}, and ${type} is declared`)
}

const MOST_STEPS = 10_000

/** Parts that are computed; one that stands below two others counts for both, as it is computed twice. */
function stepsOf(tree: object, known = new Map<object, number>()): number {
  const before = known.get(tree)
  if (before !== undefined) return before
  const parts = Object.values(tree).filter((one): one is object => typeof one === 'object' && one !== null)
  const steps = parts.reduce((sum, part) => sum + stepsOf(part, known), 1)
  known.set(tree, steps)
  return steps
}

type Places = ReadonlyMap<string, { readonly of: ValueType; readonly at: number }>

function compile(tree: Expression, places: Places): Typed {
  const inner = (part: Expression): Typed => compile(part, places)
  switch (tree.kind) {
    case 'literal':
      return literal(tree.value)
    case 'name': {
      const place = places.get(tree.name)
      if (place === undefined)
        throw new ExpressionError(tree.column, `"${tree.name}" is no input; there are ${said([...places.keys()])}`)
      const { at } = place
      return { type: place.of, run: (inputs) => inputs[at] ?? null }
    }
    case 'is_null': {
      const { run } = inner(tree.of)
      return { type: 'bool', run: (inputs) => run(inputs) === null }
    }
    case 'not': {
      const { run } = needs(inner(tree.of), 'bool', tree.of)
      return { type: 'bool', run: strict([run], (value) => !(value as boolean)) }
    }
    case 'minus': {
      const of = needs(inner(tree.of), 'number', tree.of)
      return { type: of.type, run: strict([of.run], (value) => negated(value)) }
    }
    case 'operator':
      return operate(tree.operator, [inner(tree.left), inner(tree.right)], tree)
    case 'in':
      return isIn(inner(tree.of), tree.items.map(inner), tree)
    case 'cast':
      return cast(inner(tree.of), tree.type, tree)
    case 'case':
      return decide(tree, inner)
    case 'call':
      return call(tree.name, tree.given.map(inner), tree)
  }
}

function literal(value: number | bigint | string | boolean | null): Typed {
  const small = typeof value === 'bigint' ? wholeOf(value) : value
  const run = (): Value => small
  if (value === null) return { type: 'null', run }
  if (typeof value === 'string') return { type: 'text', run }
  if (typeof value === 'boolean') return { type: 'bool', run }
  return { type: typeof value === 'bigint' ? 'int' : 'float', run }
}

function negated(value: NonNullable<Value>): Value {
  return typeof value === 'bigint' ? wholeOf(-value) : -Number(value)
}

/** Null where an argument is. */
function strict(parts: readonly Compute[], reckon: (...given: NonNullable<Value>[]) => Value): Compute {
  return (inputs) => {
    const given: NonNullable<Value>[] = []
    for (const part of parts) {
      const value = part(inputs)
      if (value === null) return null
      given.push(value)
    }
    return reckon(...given)
  }
}

function said(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.map((name) => `"${name}"`).join(', ')
}

function isOf(type: Type, wanted: Taken): boolean {
  if (type === 'null' || wanted === 'any' || type === wanted) return true
  return (wanted === 'number' || wanted === 'float') && (type === 'int' || type === 'float')
}

function needs(part: Typed, wanted: Taken, { column }: Expression): Typed {
  if (isOf(part.type, wanted)) return part
  throw new ExpressionError(column, `${wanted === 'number' ? 'int or float' : wanted} was expected, got ${part.type}`)
}

function asFloat(part: Typed): Typed {
  return part.type === 'int' ? { type: 'float', run: strict([part.run], Number) } : part
}

/** Parts of one type: int becomes float where both are met. */
function together(parts: readonly Typed[], { column }: Expression): { readonly type: Type; readonly runs: Compute[] } {
  const types = new Set(parts.map(({ type }) => type).filter((type) => type !== 'null'))
  const isMixed = types.size === 2 && types.has('int') && types.has('float')
  if (types.size > 1 && !isMixed) throw new ExpressionError(column, `${[...types].join(' and ')} do not go together`)
  const [type = 'null'] = types
  const all = isMixed ? parts.map(asFloat) : parts
  return { type: isMixed ? 'float' : type, runs: all.map(({ run }) => run) }
}

const COMPARED: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
}

function operate(operator: Operator, [left, right]: readonly [Typed, Typed], tree: Expression): Typed {
  if (operator === 'and' || operator === 'or') return logic(operator, [left, right], tree)
  if (operator === '||') {
    const runs = [needs(left, 'text', tree), needs(right, 'text', tree)].map(({ run }) => run)
    return { type: 'text', run: strict(runs, (a, b) => joinTexts([a as string, b as string])) }
  }
  const holds = COMPARED[operator]
  if (holds !== undefined) {
    const { runs } = together([left, right], tree)
    return { type: 'bool', run: strict(runs, (a, b) => holds(compareValues(a, b))) }
  }
  return arithmetic(operator, [needs(left, 'number', tree), needs(right, 'number', tree)], tree)
}

/** False AND null is false, true OR null is true; all else with a null is null. */
function logic(operator: 'and' | 'or', parts: readonly Typed[], tree: Expression): Typed {
  const [left, right] = parts.map((part) => needs(part, 'bool', tree).run)
  const decisive = operator === 'or'
  const run: Compute = (inputs) => {
    const first = left?.(inputs) ?? null
    if (first === decisive) return decisive
    const second = right?.(inputs) ?? null
    if (second === decisive) return decisive
    return first === null || second === null ? null : !decisive
  }
  return { type: 'bool', run }
}

/** Of whole numbers `+ - * // %` give whole ones; `/` gives a float always. `%` has the sign of its left side. */
function arithmetic(operator: Operator, parts: readonly Typed[], tree: Expression): Typed {
  const { type, runs } = together(parts, tree)
  if (type === 'float' || operator === '/')
    return { type: 'float', run: strict(runs, (a, b) => floating(operator, Number(a), Number(b))) }
  return {
    type: type === 'null' ? 'int' : type,
    run: strict(runs, (a, b) => whole(operator, a as number | bigint, b as number | bigint)),
  }
}

function floating(operator: Operator, a: number, b: number): Value {
  if (operator === '+') return a + b
  if (operator === '-') return a - b
  if (operator === '*') return a * b
  if (b === 0) return null
  if (operator === '%') return a % b
  return operator === '//' ? Math.trunc(a / b) : a / b
}

function whole(operator: Operator, a: number | bigint, b: number | bigint): Value {
  if (typeof a === 'number' && typeof b === 'number') {
    const result = operator === '//' || operator === '%' ? undefined : (floating(operator, a, b) as number)
    if (result !== undefined && Number.isSafeInteger(result)) return result
  }
  const [x, y] = [BigInt(a), BigInt(b)]
  if (operator === '+') return wholeOf(x + y)
  if (operator === '-') return wholeOf(x - y)
  if (operator === '*') return wholeOf(x * y)
  if (y === 0n) return null
  return wholeOf(operator === '%' ? x % y : x / y)
}

/** As in SQL: null where nothing equals and something is null. */
function isIn(of: Typed, items: readonly Typed[], tree: Expression): Typed {
  if (items.length === 0) throw new ExpressionError(tree.column, 'at least one value in parentheses was expected')
  const { runs } = together([of, ...items], tree)
  const [asked, ...others] = runs
  const run: Compute = (inputs) => {
    const value = asked?.(inputs) ?? null
    if (value === null) return null
    const all = others.map((other) => other(inputs))
    if (all.some((one) => one !== null && compareValues(one, value) === 0)) return true
    return all.includes(null) ? null : false
  }
  return { type: 'bool', run }
}

const TYPE_NAMES: Readonly<Record<string, ValueType>> = {
  bigint: 'int',
  integer: 'int',
  double: 'float',
  real: 'float',
  boolean: 'bool',
  varchar: 'text',
}

function cast(of: Typed, wanted: string, { column }: Expression): Typed {
  const lower = wanted.toLowerCase()
  const type =
    (Object.hasOwn(TYPE_NAMES, lower) ? TYPE_NAMES[lower] : undefined) ?? VALUE_TYPES.find((one) => one === lower)
  if (type === undefined) throw new ExpressionError(column, `"${wanted}" is no type; there are ${said(VALUE_TYPES)}`)
  if (type === 'time' && of.type !== 'time' && of.type !== 'null')
    throw new ExpressionError(column, 'a time cannot be made of something else')
  if (of.type === 'time' && type !== 'time')
    throw new ExpressionError(column, `a time cannot become ${type}; epoch(…) gives its seconds`)
  return { type, run: strict([of.run], (value) => converted(value, type)) }
}

function converted(value: NonNullable<Value>, type: ValueType): Value {
  if (type === 'text') return String(value)
  if (type === 'bool') return asBool(value)
  if (type === 'time') return value
  if (typeof value === 'bigint') return type === 'int' ? value : Number(value)
  const number = typeof value === 'string' ? numberIn(value) : Number(value)
  if (number === null || type === 'float') return number
  return typeof value === 'string' && /^\s*[-+]?\d+\s*$/.test(value)
    ? wholeOf(BigInt(value.trim().replace('+', '')))
    : wholeOf(evenly(number))
}

/** The nearest whole number, of two the even one. */
function evenly(x: number): number {
  const low = Math.floor(x)
  if (x - low !== 0.5) return Math.round(x)
  return low % 2 === 0 ? low : low + 1
}

function numberIn(text: string): number | null {
  return /^\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*$/.test(text) ? Number(text) : null
}

function asBool(value: NonNullable<Value>): Value {
  if (typeof value !== 'string') return Number(value) !== 0
  const lower = value.toLowerCase()
  if (lower === 'true' || lower === 'false') return lower === 'true'
  return null
}

function decide(tree: Extract<Expression, { kind: 'case' }>, inner: (part: Expression) => Typed): Typed {
  const tests = tree.when.map(([test]) => needs(inner(test), 'bool', test).run)
  const { type, runs } = together([...tree.when.map(([, then]) => inner(then)), inner(tree.otherwise)], tree)
  const run: Compute = (inputs) => {
    const at = tests.findIndex((test) => test(inputs) === true)
    return runs[at === -1 ? runs.length - 1 : at]?.(inputs) ?? null
  }
  return { type, run }
}

/** Those to which a null is no reason to give null. */
const ABOUT_NULLS: Readonly<Record<string, (values: readonly Value[]) => Value>> = {
  coalesce: (values) => values.find((value) => value !== null) ?? null,
  least: (values) => extreme(values, -1),
  greatest: (values) => extreme(values, 1),
  nullif: ([a = null, b = null]) => (a !== null && b !== null && compareValues(a, b) === 0 ? null : a),
}

function extreme(values: readonly Value[], sign: number): Value {
  return values.reduce((best, value) => {
    if (best === null || value === null) return best ?? value
    return compareValues(value, best) * sign > 0 ? value : best
  }, null)
}

function call(name: string, given: readonly Typed[], tree: Expression): Typed {
  const aboutNulls = Object.hasOwn(ABOUT_NULLS, name) ? ABOUT_NULLS[name] : undefined
  if (aboutNulls !== undefined) {
    const isRight = name === 'nullif' ? given.length === 2 : given.length > 0
    if (!isRight)
      throw new ExpressionError(
        tree.column,
        `${name} takes ${name === 'nullif' ? '2 values' : '1 value or more'}, got ${given.length}`,
      )
    const { type, runs } = together(given, tree)
    return { type, run: (inputs) => aboutNulls(runs.map((run) => run(inputs))) }
  }
  const found = FUNCTIONS.get(name)
  if (found === undefined)
    throw new ExpressionError(
      tree.column,
      `there is no function "${name}"; there are ${[...FUNCTIONS.keys(), ...Object.keys(ABOUT_NULLS)].join(', ')}`,
    )
  const most = found.repeats === true ? Infinity : found.takes.length
  if (given.length < found.needs || given.length > most)
    throw new ExpressionError(tree.column, `${name} takes ${counted(found)}, got ${given.length}`)
  const checked = given.map((part, i) => needs(part, found.takes[Math.min(i, found.takes.length - 1)] ?? 'any', tree))
  const type = found.gives === 'same' ? (checked[0]?.type ?? 'null') : found.gives
  return {
    type,
    run: strict(
      checked.map(({ run }) => run),
      found.run,
    ),
  }
}

function counted({ needs: least, takes, repeats }: FunctionOf): string {
  if (repeats === true) return `${least} or more`
  return least === takes.length ? `${least}` : `${least} to ${takes.length}`
}
