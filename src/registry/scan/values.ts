/** What the walk over a pickle knows of the values that it would make: names, texts, numbers and shapes, and nothing else. */

/** A value on the pickle machine's stack. `undefined` is any value that is not known, null is None. */
export type Value = undefined | null | number | string | readonly Value[] | Thing

export type Thing =
  | { readonly kind: 'mark' }
  | { readonly kind: 'global'; readonly module: string; readonly name: string }
  | { readonly kind: 'instance'; readonly of: string }
  /** Known to be no text, number, tuple or dict. */
  | { readonly kind: 'other' }
  | Dtype
  | { readonly kind: 'dict'; readonly entries: Map<string, Value> }
  | { readonly kind: 'bytes'; readonly start: number; readonly end: number }

/** A NumPy type; its state is set later, also where it was remembered before. `width` is bytes; undefined = not known. */
interface Dtype {
  readonly kind: 'dtype'
  readonly text: string
  objects: boolean | undefined
  width: number | undefined
}

export const MARK: Thing = { kind: 'mark' }
export const OTHER: Thing = { kind: 'other' }

/** Dicts hold no more entries than this: only small ones tell how an array is written. */
const MOST_ENTRIES = 32

/** True for a value of this kind. */
export function isThing<K extends Thing['kind']>(value: Value, kind: K): value is Extract<Thing, { kind: K }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind
}

/** True for a tuple. */
export function isTuple(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

/** Keeps the entries of a dict that have text keys; `items` are keys and values in turn. */
export function putEntries(target: Value, items: readonly Value[]): void {
  if (!isThing(target, 'dict')) return
  const { entries } = target
  for (let i = 0; i + 1 < items.length; i += 2) {
    const key = items[i]
    if (typeof key === 'string' && (entries.size < MOST_ENTRIES || entries.has(key))) entries.set(key, items[i + 1])
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
  if (!isThing(dtype, 'dtype') || !isTuple(shape) || dtype.objects === undefined) return undefined
  if (dtype.objects) return { kind: 'pickle' }
  const { width } = dtype
  if (width === undefined || !shape.every((side) => typeof side === 'number' && side >= 0)) return undefined
  const length = (shape as readonly number[]).reduce((product, side) => product * side, width)
  // readers go by whether this is None: what is not known could be either
  const name = 'numpy_array_alignment_bytes'
  const alignment = entries.has(name) ? entries.get(name) : null
  if (!Number.isSafeInteger(length) || (alignment !== null && typeof alignment !== 'number')) return undefined
  return { kind: 'bytes', length, padded: alignment !== null }
}

/** Bytes of one element of a NumPy type by its text, for example `f8`, `<i4`, `V64`, `U10`. */
function widthOf(text: string): number | undefined {
  const [, kind, count] = /^[<>=|]?([a-zA-Z?])(\d*)(?:\[\w+\])?$/.exec(text) ?? []
  if (kind === undefined) return undefined
  if (kind === '?') return 1
  if (count === undefined || count === '') return undefined
  return Number(count) * (kind === 'U' ? 4 : 1)
}

/** A NumPy type from the arguments that make it. */
export function dtypeOf(args: Value): Value {
  const text = isTuple(args) ? args[0] : undefined
  if (typeof text !== 'string') return undefined
  return { kind: 'dtype', text, objects: /^[<>=|]?O/.test(text), width: widthOf(text) }
}

/** Set in the flags of a structured type that holds Python objects. */
const HAS_OBJECTS = 1
/** Texts, bytes and structures are as wide as their state says. */
const FLEXIBLE = /^[<>=|]?[SaUV]/

/** Sets the state of a NumPy type: the eighth part of it says whether it holds objects, the sixth how wide it is. */
export function setDtype(dtype: Extract<Thing, { kind: 'dtype' }>, state: Value): void {
  const [flags, size] = isTuple(state) ? [state[7], state[5]] : []
  dtype.objects = typeof flags === 'number' ? dtype.objects === true || (flags & HAS_OBJECTS) !== 0 : undefined
  if (FLEXIBLE.test(dtype.text)) dtype.width = typeof size === 'number' && size >= 0 ? size : undefined
}
