/** What the walk over a pickle knows of the values that it would make: names, texts, numbers and shapes, and nothing else. */

/** A value on the pickle machine's stack. `undefined` is any value that does not matter. */
export type Value = undefined | number | string | readonly Value[] | Thing

export type Thing =
  | { readonly kind: 'mark' }
  | { readonly kind: 'global'; readonly module: string; readonly name: string }
  | { readonly kind: 'instance'; readonly of: string }
  | { readonly kind: 'dtype'; readonly text: string; readonly objects: boolean }
  | { readonly kind: 'dict'; readonly entries: Map<string, Value> }
  | { readonly kind: 'bytes'; readonly start: number; readonly end: number }

export const MARK: Thing = { kind: 'mark' }

/** Dicts hold no more entries than this: only small ones tell how an array is written. */
const MOST_ENTRIES = 32

/** True for a value of this kind. */
export function isThing<K extends Thing['kind']>(value: Value, kind: K): value is Extract<Thing, { kind: K }> {
  return typeof value === 'object' && 'kind' in value && value.kind === kind
}

/** True for a tuple. */
export function isTuple(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

/** Keeps the entries of a dict that have text keys; `items` are keys and values in turn. */
export function putEntries(target: Value, items: readonly Value[]): void {
  if (!isThing(target, 'dict')) return
  for (let i = 0; i + 1 < items.length && target.entries.size < MOST_ENTRIES; i += 2) {
    const key = items[i]
    if (typeof key === 'string') target.entries.set(key, items[i + 1])
  }
}

/** How raw bytes of an array follow its wrapper: as bytes, or as another pickle because it holds objects. */
export type Following =
  | { readonly kind: 'bytes'; readonly length: number; readonly padded: boolean }
  | { readonly kind: 'pickle' }

/** Reads what joblib's array wrapper says of the bytes after it; undefined when it does not say it in a known way. */
export function followingOf(state: Value): Following | undefined {
  if (!isThing(state, 'dict')) return undefined
  const { entries } = state
  const dtype = entries.get('dtype')
  const shape = entries.get('shape')
  if (!isThing(dtype, 'dtype') || !isTuple(shape)) return undefined
  if (dtype.objects) return { kind: 'pickle' }
  const width = widthOf(dtype.text)
  if (width === undefined || !shape.every((side) => typeof side === 'number' && side >= 0)) return undefined
  const length = (shape as readonly number[]).reduce((product, side) => product * side, width)
  if (!Number.isSafeInteger(length)) return undefined
  return { kind: 'bytes', length, padded: typeof entries.get('numpy_array_alignment_bytes') === 'number' }
}

/** Bytes of one element of a NumPy type by its text, for example `f8`, `<i4`, `V64`, `U10`. */
function widthOf(text: string): number | undefined {
  const [, kind, count] = /^[<>=|]?([a-zA-Z?])(\d*)/.exec(text) ?? []
  if (kind === undefined) return undefined
  if (kind === '?') return 1
  if (count === undefined || count === '') return undefined
  return Number(count) * (kind === 'U' ? 4 : 1)
}

/** A NumPy type from the arguments that make it. */
export function dtypeOf(args: Value): Value {
  const text = isTuple(args) ? args[0] : undefined
  if (typeof text !== 'string') return undefined
  return { kind: 'dtype', text, objects: /^[<>=|]?O/.test(text) }
}

/** Set in the flags of a structured type that holds Python objects. */
const HAS_OBJECTS = 1

/** A NumPy type after its state is set: the eighth part of it says whether it holds objects, the sixth how wide it is. */
export function dtypeWithState(dtype: Extract<Thing, { kind: 'dtype' }>, state: Value): Thing {
  const flags = isTuple(state) ? state[7] : undefined
  return typeof flags === 'number' && (flags & HAS_OBJECTS) !== 0 ? { ...dtype, objects: true } : dtype
}
