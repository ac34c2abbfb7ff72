/** Params that a pipeline declares with types and ranges, and whether a value is one of them. */
import { floatOf, Numeral } from './numerals.ts'

export const PARAM_TYPES = ['string', 'int', 'float', 'bool', 'choice', 'list'] as const
export const ITEM_TYPES = ['string', 'int', 'float', 'bool', 'choice'] as const

/** A param as a project file declares it. Whether its parts go together says `declarationFaults`. */
export interface Declared {
  readonly type: (typeof PARAM_TYPES)[number]
  /** The value where a run gives none. */
  readonly default?: unknown
  /** Of an int or a float, or of each in a list. */
  readonly min?: number | undefined
  readonly max?: number | undefined
  /** The values of a choice. */
  readonly choices?: unknown[] | undefined
  /** What each value in a list is. */
  readonly of?: (typeof ITEM_TYPES)[number] | undefined
  /** What it is for, shown beside it. */
  readonly help?: string | undefined
}

/** A fault of a declaration, at one of its keys. */
interface DeclarationFault {
  readonly key: keyof Declared
  readonly message: string
}

/** What of a declaration does not go together; empty where it can be used. */
export function declarationFaults(declared: Declared): DeclarationFault[] {
  const faults = [...kindFaults(declared), ...rangeFaults(declared), ...choiceFaults(declared)]
  if (faults.length > 0) return faults
  const value = declared.default
  if (value !== undefined && fitted(declared, value) !== undefined) return []
  const got = value === undefined ? 'missing;' : `got ${JSON.stringify(value)},`
  return [{ key: 'default', message: `${got} expected ${expectedOf(declared)}` }]
}

/** What values are, or each in a list; undefined where a list does not say it. */
function kindOf({ type, of }: Declared): Declared['type'] | undefined {
  return type === 'list' ? of : type
}

function kindFaults({ type, of }: Declared): DeclarationFault[] {
  if ((type === 'list') === (of !== undefined)) return []
  const missing = `missing; expected one of ${quoted(ITEM_TYPES)}, which each value in the list is`
  return [{ key: 'of', message: type === 'list' ? missing : `goes with the type "list", not "${type}"` }]
}

function rangeFaults(declared: Declared): DeclarationFault[] {
  const { min, max } = declared
  const kind = kindOf(declared)
  if (kind !== undefined && kind !== 'int' && kind !== 'float') {
    const message = `goes with "int" and "float", not "${kind}"`
    return (['min', 'max'] as const).flatMap((key) => (declared[key] === undefined ? [] : [{ key, message }]))
  }
  if (min === undefined || max === undefined || min <= max) return []
  return [{ key: 'min', message: `got ${min}, expected at most the max, ${max}` }]
}

function choiceFaults(declared: Declared): DeclarationFault[] {
  const kind = kindOf(declared)
  if (kind === undefined || (kind === 'choice') === (declared.choices !== undefined)) return []
  const missing = 'missing; expected a list of values'
  return [{ key: 'choices', message: kind === 'choice' ? missing : `goes with the type "choice", not "${kind}"` }]
}

/** The value as steps get it, a whole number in place of a float as a float; undefined for one that the declaration does not allow. */
export function fitted(declared: Declared, value: unknown): { readonly value: unknown } | undefined {
  if (declared.type === 'string') return typeof value === 'string' ? { value } : undefined
  if (declared.type === 'bool') return typeof value === 'boolean' ? { value } : undefined
  if (declared.type === 'list') return fittedList(declared, value)
  if (declared.type === 'choice') {
    const found = declared.choices?.find((one) => isSame(one, value))
    return found === undefined ? undefined : { value: found }
  }
  const number = declared.type === 'int' ? wholeOf(value) : realOf(value)
  return number !== undefined && isWithin(declared, number) ? { value: number } : undefined
}

/** What values a declaration allows, in words. */
export function expectedOf(declared: Declared): string {
  const { type, min, max, choices = [] } = declared
  if (type === 'string') return 'a text'
  if (type === 'bool') return 'true or false'
  if (type === 'choice') return `one of ${quoted(choices)}`
  if (type === 'list') return `a list, and in it each ${expectedOf(itemOf(declared))}`
  const what = type === 'int' ? 'a whole number' : 'a number'
  if (min !== undefined && max !== undefined) return `${what} from ${min} to ${max}`
  if (min !== undefined) return `${what} of at least ${min}`
  return max === undefined ? what : `${what} of at most ${max}`
}

function itemOf({ of = 'string', ...declared }: Declared): Declared {
  return { ...declared, type: of }
}

function fittedList(declared: Declared, value: unknown): { readonly value: unknown } | undefined {
  if (!Array.isArray(value)) return undefined
  const items = value.map((item) => fitted(itemOf(declared), item))
  return items.every((item) => item !== undefined) ? { value: items.map((item) => item.value) } : undefined
}

function wholeOf(value: unknown): number | Numeral | undefined {
  if (value instanceof Numeral) return value.kind === 'int' ? value : undefined
  return Number.isInteger(value) ? (value as number) : undefined
}

function realOf(value: unknown): number | Numeral | undefined {
  if (value instanceof Numeral) return value.kind === 'float' ? value : undefined
  return Number.isFinite(value) ? floatOf(value as number) : undefined
}

function isWithin({ min, max }: Declared, value: number | Numeral): boolean {
  const number = value instanceof Numeral && value.kind === 'int' ? BigInt(value.text) : Number(value)
  return (min === undefined || number >= min) && (max === undefined || number <= max)
}

/** Whether a value is this choice; a whole number may stand for a float. */
function isSame(choice: unknown, value: unknown): boolean {
  if (JSON.stringify(choice) === JSON.stringify(value)) return true
  return (
    choice instanceof Numeral && choice.kind === 'float' && Number.isInteger(value) && Number(choice.text) === value
  )
}

function quoted(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(', ')
}
