/** What of a Feast repository is carried over word by word: names, types, and what people say of a thing. */
import { columnName, type KeyType, type ValueType } from '../../contract/features/section.ts'
import type { FeastField } from './repository.ts'

/** What was not carried over, or not as it was: of which object, and why, with what to do where something can be done. */
export interface Left {
  readonly what: string
  readonly why: string
}

export type Leave = (what: string, why: string) => void

export type Keyed = Record<string, unknown>

const TYPES: Readonly<Record<string, ValueType>> = {
  Int32: 'int',
  Int64: 'int',
  Float32: 'float',
  Float64: 'float',
  Bool: 'bool',
  String: 'text',
  UnixTimestamp: 'time',
}

/** Texts in the files and on the wire, of which Feast says what they hold. */
const TEXTS: readonly string[] = ['Json', 'Uuid', 'TimeUuid']

/** The type of a feature, or why there is none. */
export function typeOf({ type }: FeastField): { readonly type: ValueType; readonly note?: string } | { fault: string } {
  const known = TYPES[type]
  if (known !== undefined) return { type: known }
  if (TEXTS.includes(type)) return { type: 'text', note: `its type is ${type}; it is a text here` }
  return { fault: `its type is ${type}, and features here are int, float, bool, text or time` }
}

/** Arrow's types as ours; undefined for lists, structs, bytes and the like. */
export function typeOfColumn(arrow: string): ValueType | undefined {
  if (/^u?int(8|16|32|64)$/.test(arrow)) return 'int'
  if (/^(halffloat|float|double|decimal.*)$/.test(arrow)) return 'float'
  if (arrow === 'bool') return 'bool'
  if (/^(large_)?string(_view)?$/.test(arrow)) return 'text'
  return /^(timestamp|date32|date64)/.test(arrow) ? 'time' : undefined
}

/** The type of a join key by Feast's name of a value type; undefined where it declares none, null where no key here can be that. */
export function keyTypeOf(type: string): KeyType | null | undefined {
  const name = type.toUpperCase()
  if (name === 'UNKNOWN' || name === '') return undefined
  if (name === 'INT32' || name === 'INT64') return 'int'
  return ['STRING', 'UUID', 'TIME_UUID', 'TIMEUUID'].includes(name) ? 'text' : null
}

/** Why a name cannot be one here; undefined where it can. */
export function nameFault(name: string): string | undefined {
  return columnName.safeParse(name).success
    ? undefined
    : `its name is "${name}", and names here are letters, digits and "_", not beginning with a digit, at most 64`
}

const MOST = { description: 2000, owner: 200, tag: 1000 }

/** Description, owner and tags, without what is empty. Longer texts are cut, and told. */
export function aboutOf(
  what: string,
  given: { readonly description: string; readonly owner: string; readonly tags: Readonly<Record<string, string>> },
  leave: Leave,
): Keyed {
  const cut = (text: string, most: number, of: string): string => {
    if (text.length > most) leave(what, `its ${of} has ${text.length} characters and was cut to ${most}`)
    return text.slice(0, most)
  }
  const tags = Object.entries(given.tags).filter(([name]) => name.length > 0 && name.length <= 128)
  if (tags.length < Object.keys(given.tags).length) leave(what, 'a tag has no name, or one of more than 128 characters')
  if (tags.length > 50) leave(what, `of its ${tags.length} tags the first 50 were taken`)
  const kept = tags.slice(0, 50).map(([name, value]) => [name, cut(value, MOST.tag, `tag "${name}"`)] as const)
  return {
    ...(given.description !== '' && { description: cut(given.description, MOST.description, 'description') }),
    ...(given.owner !== '' && { owner: cut(given.owner, MOST.owner, 'owner') }),
    ...(kept.length > 0 && { tags: Object.fromEntries(kept) }),
  }
}

/** A time to live as people write it. */
export function durationText(seconds: number): string {
  const ms = Math.max(1, Math.round(seconds * 1000))
  for (const [unit, size] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const)
    if (ms % size === 0) return `${ms / size}${unit}`
  return `${ms}ms`
}
