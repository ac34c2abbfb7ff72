/** A row of values as one text: JSON, in the order of the columns, with a way to say what JSON cannot. */
import type { ValueType } from '../../contract/features/section.ts'
import type { Value } from '../as-of/windows.ts'

/** Packs values; whole numbers beyond 2^53 become texts of digits, and NaN and infinities their names. */
export function pack(values: readonly Value[]): string {
  return JSON.stringify(values.map(packed))
}

function packed(value: Value): string | number | boolean | null {
  if (typeof value === 'bigint') return String(value)
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

/** Reads what `pack` made of values of these types. */
export function unpack(text: string, types: readonly ValueType[]): Value[] {
  const values = JSON.parse(text) as (string | number | boolean | null)[]
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value === 'string' && types[i] !== 'text') (values as Value[])[i] = unpacked(value, types[i] ?? 'float')
    else if (typeof value === 'number' && types[i] === 'time') (values as Value[])[i] = BigInt(value)
  }
  return values
}

function unpacked(text: string, type: ValueType): Value {
  return type === 'float' ? Number(text) : BigInt(text)
}
