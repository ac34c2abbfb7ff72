/** The functions of on-demand expressions: what they take, what they give, and what they do with values that are there. */
import type { ValueType } from '../../contract/features/section.ts'
import { smallest, type Value } from '../as-of/windows.ts'

/** What a parameter accepts: a type, `number` for int and float, `any` for a type that all of them share. */
export type Taken = ValueType | 'number' | 'any'

export interface FunctionOf {
  readonly takes: readonly Taken[]
  /** How many of `takes` are needed; the last one may be repeated where `repeats` says so. */
  readonly needs: number
  readonly repeats?: true
  /** `same`: the type of its arguments, float where int and float meet. */
  readonly gives: ValueType | 'same'
  /** Called where no argument is null. What has no value (a root of −1) is null. */
  readonly run: (...given: NonNullable<Value>[]) => Value
}

const NANOSECOND = 1_000_000n

function ofNumber(reckon: (x: number) => number): FunctionOf {
  return { takes: ['number'], needs: 1, gives: 'float', run: (x) => orNull(reckon(Number(x)), Number(x)) }
}

/** NaN that no argument brought has no value. */
function orNull(result: number, ...given: readonly number[]): number | null {
  return Number.isNaN(result) && !given.some(Number.isNaN) ? null : result
}

function ofTime(read: (date: Date) => number): FunctionOf {
  return { takes: ['time'], needs: 1, gives: 'int', run: (at) => read(dateOf(at as bigint)) }
}

/** The millisecond in which a moment lies, before 1970 too. */
function dateOf(at: bigint): Date {
  const rest = at % NANOSECOND
  return new Date(Number((at - (rest < 0n ? rest + NANOSECOND : rest)) / NANOSECOND))
}

function ofText(change: (text: string) => string): FunctionOf {
  return { takes: ['text'], needs: 1, gives: 'text', run: (text) => change(text as string) }
}

/** Half goes away from zero. */
function round(x: number, places: number): number {
  const scale = 10 ** places
  const scaled = Math.abs(x) * scale
  if (!Number.isFinite(scaled) || Number.isInteger(scaled)) return x
  return (Math.sign(x) * Math.round(scaled)) / scale
}

/** A whole number of 64 bits as small as it can be said; null where it does not fit. */
export function wholeOf(value: number | bigint): Value {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : null
  return value >= -(2n ** 63n) && value < 2n ** 63n ? smallest(value) : null
}

const magnitude = (x: NonNullable<Value>): Value =>
  typeof x === 'bigint' ? wholeOf(x < 0n ? -x : x) : Math.abs(Number(x))

/** All of them, by name. `coalesce`, `least`, `greatest` and `nullif` treat nulls in their own way and are in `compile.ts`. */
export const FUNCTIONS: ReadonlyMap<string, FunctionOf> = new Map<string, FunctionOf>([
  ['abs', { takes: ['number'], needs: 1, gives: 'same', run: magnitude }],
  ['sign', { takes: ['number'], needs: 1, gives: 'int', run: (x) => Math.sign(Number(x)) || 0 }],
  ['floor', ofNumber(Math.floor)],
  ['ceil', ofNumber(Math.ceil)],
  [
    'round',
    { takes: ['number', 'int'], needs: 1, gives: 'float', run: (x, places = 0) => round(Number(x), Number(places)) },
  ],
  ['sqrt', ofNumber(Math.sqrt)],
  ['exp', ofNumber(Math.exp)],
  ['ln', ofNumber((x) => (x > 0 || Number.isNaN(x) ? Math.log(x) : Number.NaN))],
  ['log10', ofNumber((x) => (x > 0 || Number.isNaN(x) ? Math.log10(x) : Number.NaN))],
  [
    'pow',
    {
      takes: ['number', 'number'],
      needs: 2,
      gives: 'float',
      run: (x, y) => orNull(Number(x) ** Number(y), Number(x), Number(y)),
    },
  ],
  ['sin', ofNumber(Math.sin)],
  ['cos', ofNumber(Math.cos)],
  ['tan', ofNumber(Math.tan)],
  ['asin', ofNumber(Math.asin)],
  ['acos', ofNumber(Math.acos)],
  ['atan', ofNumber(Math.atan)],
  ['atan2', { takes: ['number', 'number'], needs: 2, gives: 'float', run: (y, x) => Math.atan2(Number(y), Number(x)) }],
  ['radians', ofNumber((x) => (x * Math.PI) / 180)],
  ['degrees', ofNumber((x) => (x * 180) / Math.PI)],
  ['pi', { takes: [], needs: 0, gives: 'float', run: () => Math.PI }],
  ['lower', ofText((text) => text.toLowerCase())],
  ['upper', ofText((text) => text.toUpperCase())],
  ['trim', ofText(trimmed)],
  ['length', { takes: ['text'], needs: 1, gives: 'int', run: (text) => Array.from(text as string).length }],
  [
    'substr',
    {
      takes: ['text', 'int', 'int'],
      needs: 2,
      gives: 'text',
      run: (text, from, count) => part(text as string, Number(from), count === undefined ? undefined : Number(count)),
    },
  ],
  [
    'concat',
    { takes: ['text'], needs: 1, repeats: true, gives: 'text', run: (...texts) => joinTexts(texts as string[]) },
  ],
  ['year', ofTime((date) => date.getUTCFullYear())],
  ['month', ofTime((date) => date.getUTCMonth() + 1)],
  ['day', ofTime((date) => date.getUTCDate())],
  ['hour', ofTime((date) => date.getUTCHours())],
  ['minute', ofTime((date) => date.getUTCMinutes())],
  ['isodow', ofTime((date) => date.getUTCDay() || 7)],
  ['epoch', { takes: ['time'], needs: 1, gives: 'float', run: (at) => Number(at) / 1e9 }],
])

/** Without the spaces at both ends, in one walk: a search by a pattern begins anew at each of a million spaces. */
function trimmed(text: string): string {
  let [from, to] = [0, text.length]
  while (from < to && text[from] === ' ') from++
  while (to > from && text[to - 1] === ' ') to--
  return text.slice(from, to)
}

/** Texts that double by each feature would take all memory. */
const LONGEST_TEXT = 1_000_000

/** One behind the other; one of more than a million characters has no value. */
export function joinTexts(texts: readonly string[]): string | null {
  return texts.reduce((sum, { length }) => sum + length, 0) > LONGEST_TEXT ? null : texts.join('')
}

/** Characters from the one with the number `from`, which counts from 1; none where it is below that. */
function part(text: string, from: number, count: number | undefined): Value {
  if (from < 1 || (count !== undefined && count < 0)) return null
  return Array.from(text)
    .slice(from - 1, count === undefined ? undefined : from - 1 + count)
    .join('')
}
