/** A row of values as one text: JSON, in the order of the columns, with a way to say what JSON cannot. */
import type { ValueType } from '../../contract/features/section.ts'
import type { Value } from '../as-of/windows.ts'

/** Longest text that the store takes, characters: every read of the entity brings it. */
export const MOST_TEXT = 65_536

/** Packs values; whole numbers beyond 2^53 become texts of digits, and minus zero, NaN and infinities their names. */
export function pack(values: readonly Value[]): string {
  return JSON.stringify(values.map(packed))
}

function packed(value: Value): string | number | boolean | null {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value
  return value === 0 ? '-0' : String(value)
}

/** Reads what `pack` made of values of these types. */
export function unpack(text: string, types: readonly ValueType[]): Value[] {
  const values = JSON.parse(text) as Packed[]
  for (let i = 0; i < values.length; i++) (values as Value[])[i] = unpackValue(values[i] ?? null, types[i] ?? 'float')
  return values
}

/** A value as JSON has it. */
export type Packed = string | number | boolean | null

/** Reads one of the values. */
export function unpackValue(value: Packed, type: ValueType): Value {
  if (typeof value === 'number') return type === 'time' ? BigInt(value) : value
  if (typeof value !== 'string' || type === 'text') return value
  return type === 'float' ? Number(value) : BigInt(value)
}
