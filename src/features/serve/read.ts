/** Reads the features of a plan from the online store: for each entity its values, and why one is missing. */
import { problem } from '../../contract/errors.ts'
import type { OnExpired } from '../../contract/features/section.ts'
import { statusOf, type AsOfStatus } from '../as-of/as-of.ts'
import type { Value } from '../as-of/windows.ts'
import { entityText, KeyError } from '../online/keys.ts'
import type { OnlineReader, SeenEntity } from '../online/reader.ts'
import type { PlannedView, ReadPlan } from './plan.ts'
import { readValue, toldValue, withoutNumeral } from './values.ts'

/** What is read of one entity. */
export interface ReadRow {
  /** In the order of the plan's columns. */
  readonly values: readonly Value[]
  readonly statuses: readonly AsOfStatus[]
  /** In the order of the plan's views: when the row that is seen happened, ns; null where none is seen. */
  readonly events: readonly (bigint | null)[]
}

export interface Read {
  readonly rows: readonly ReadRow[]
  /** In the order of the plan's views: false where nothing of its version was ever stored. */
  readonly stored: readonly boolean[]
}

export interface Reading {
  readonly reader: Pick<OnlineReader, 'read'>
  /** ns. */
  readonly now: bigint
  readonly on_expired: OnExpired
  /** How a refusal names an entity; default `entities[at]`. */
  readonly fieldOf?: (at: number) => string
  /** Monotonic, ms; default that of the process. */
  readonly clock?: () => number
  /** Where fields that nothing takes are no fault: a model may take them. */
  readonly others?: true
}

export type Entity = Readonly<Record<string, unknown>>

/**
 * Reads entities, each by its keys and the fields of the request, as JSON brings them. Throws `invalid_field` for a key or field that is
 * missing, of another type, or not of this plan, and `unprocessable` for an expired value where the policy is to refuse it.
 */
export function readEntities(plan: ReadPlan, entities: readonly Entity[], reading: Reading): Read {
  const call = new ReadCall(plan, entities, reading)
  call.read(entities.length)
  return call.done
}

/** Entities of which more are read in turns. */
export const READ_AT_ONCE = 32
/** Longest turn of the loop, ms, but for the entities that are read together. */
const TURN_MS = 4

/**
 * The same for many entities, a few at a time: other work of the process comes between. What is switched meanwhile may be seen by the later
 * ones alone, each of which is read from one set.
 */
export async function readInTurns(plan: ReadPlan, entities: readonly Entity[], reading: Reading): Promise<Read> {
  const { clock = () => performance.now() } = reading
  const call = new ReadCall(plan, entities, reading)
  while (!call.isOver) {
    const end = clock() + TURN_MS
    do call.read(READ_AT_ONCE)
    while (!call.isOver && clock() < end)
    await new Promise(setImmediate)
  }
  return call.done
}

/** Most that is answered at once: values, and characters of text. */
const MOST_VALUES = 500_000
const LARGEST = 16_000_000

/** A call whose entities are read bit by bit. One that is named again is not read again. */
class ReadCall {
  readonly #plan: ReadPlan
  readonly #entities: readonly Entity[]
  readonly #reading: Reading
  readonly #fieldOf: (at: number) => string
  readonly #rows: ReadRow[] = []
  /** What was seen in each view, by the text of the entity. */
  readonly #seen: readonly Map<string, SeenEntity>[]
  readonly #stored: boolean[]
  #size = 0

  constructor(plan: ReadPlan, entities: readonly Entity[], reading: Reading) {
    this.#plan = plan
    this.#entities = entities
    this.#reading = reading
    this.#fieldOf = reading.fieldOf ?? entityField
    this.#seen = plan.views.map(() => new Map())
    this.#stored = plan.views.map(() => false)
    const values = entities.length * plan.columns.length
    if (values > MOST_VALUES)
      throw problem('unprocessable', {
        detail: `${entities.length} entities of ${plan.columns.length} columns are ${values} values, more than ${MOST_VALUES}; read fewer entities at once`,
      })
    if (reading.others === undefined)
      for (const [at, entity] of entities.entries()) refuseUnknown(plan, entity, this.#fieldOf(at))
  }

  get isOver(): boolean {
    return this.#rows.length >= this.#entities.length
  }

  get done(): Read {
    return { rows: this.#rows, stored: this.#stored }
  }

  /** Reads so many of the next ones. */
  read(count: number): void {
    const { views } = this.#plan
    const from = this.#rows.length
    const some = this.#entities.slice(from, from + count)
    const found = views.map((view, i) => this.#readView(view, i, { some, from }))
    for (const [j, entity] of some.entries()) {
      const field = this.#fieldOf(from + j)
      const own = views.map((view, i) => judge(view, found[i]?.[j] ?? NOTHING, { ...this.#reading, field }))
      const row = rowOf(this.#plan, own, entity, field)
      for (const value of row.values) if (typeof value === 'string') this.#size += value.length
      if (this.#size > LARGEST)
        throw problem('unprocessable', {
          detail: `the values are more than ${LARGEST / 1e6} MB together; read fewer entities at once`,
        })
      this.#rows.push(row)
    }
  }

  #readView(
    view: PlannedView,
    i: number,
    { some, from }: { readonly some: readonly Entity[]; readonly from: number },
  ): SeenEntity[] {
    const known = this.#seen[i] ?? new Map<string, SeenEntity>()
    const texts = some.map((entity, j) => textOf(view, entity, this.#fieldOf(from + j)))
    const wanted = [...new Set(texts)].filter((text) => text !== null && !known.has(text))
    const { reader, now } = this.#reading
    const read = reader.read(view.of, wanted, now)
    if (read !== undefined) this.#stored[i] = true
    for (const [at, text] of wanted.entries()) known.set(text ?? '', read?.[at] ?? NOTHING)
    return texts.map((text) => (text === null ? NOTHING : (known.get(text) ?? NOTHING)))
  }
}

function entityField(at: number): string {
  return `entities[${at}]`
}

const NOTHING: SeenEntity = { status: 'not_found', event: null, values: [] }

/** A field that nothing takes is most often a misspelled one. */
function refuseUnknown({ taken }: ReadPlan, entity: Entity, field: string): void {
  for (const name of Object.keys(entity)) {
    if (taken.has(name)) continue
    const expected = taken.size === 0 ? 'no keys' : [...taken].map((one) => `"${one}"`).join(', ')
    throw problem('invalid_field', {
      field: `${field}.${name}`,
      value: toldValue(entity[name]),
      expected: `one of ${expected}`,
    })
  }
}

/** The text of an entity; null where a part of its key is null, which nothing matches. */
function textOf({ name, keys, asked }: PlannedView, entity: Entity, field: string): string | null {
  for (const [i, column] of asked.entries())
    if (!Object.hasOwn(entity, column))
      throw problem('invalid_field', {
        field: `${field}.${column}`,
        value: undefined,
        expected: `the key of view "${name}", ${keys[i]?.type === 'int' ? 'a whole number' : 'a text'} or null`,
      })
  try {
    return entityText(
      keys,
      asked.map((column) => withoutNumeral(entity[column])),
    )
  } catch (error) {
    if (!(error instanceof KeyError)) throw error
    const column = asked[keys.findIndex((key) => key.name === error.key)] ?? error.key
    throw problem('invalid_field', { field: `${field}.${column}`, value: error.value, expected: error.expected })
  }
}

/** What is taken of a row by the policy for values that are too old. */
function judge(
  view: PlannedView,
  seen: SeenEntity,
  { on_expired, field, now }: Pick<Reading, 'on_expired' | 'now'> & { readonly field: string },
): SeenEntity {
  if (seen.status !== 'expired' || on_expired === 'value') return seen
  if (on_expired === 'null') return { ...seen, values: [] }
  const age = seen.event === null ? '' : `happened ${(now - seen.event) / 1_000_000_000n} s ago and `
  throw problem('unprocessable', {
    detail: `${field}: the row of view "${view.name}" ${age}lives ${(view.ttl_ms ?? 0) / 1000} s, and this service refuses expired values`,
    reason: 'expired',
  })
}

function rowOf(plan: ReadPlan, seen: readonly SeenEntity[], entity: Entity, field: string): ReadRow {
  const valueOf = ({ view, feature }: { readonly view: number; readonly feature: number }): Value =>
    seen[view]?.values[feature] ?? null
  const given = plan.needs.map((need) =>
    'field' in need ? fieldOf(entity, need.field, need.type, field) : valueOf(need),
  )
  const computed = plan.onDemand.compute(given)
  const values = plan.found.map((one) => ('view' in one ? valueOf(one) : (computed[one.on_demand] ?? null)))
  const statuses = plan.found.map((one, i) =>
    statusOf('view' in one ? (seen[one.view]?.status ?? 'not_found') : 'live', values[i] === null),
  )
  return { values, statuses, events: seen.map(({ event }) => event) }
}

function fieldOf(entity: Entity, name: string, type: 'int' | 'float' | 'bool' | 'text' | 'time', field: string): Value {
  if (Object.hasOwn(entity, name)) return readValue(type, entity[name], `${field}.${name}`)
  const expected = `the field that an on-demand feature takes from the request: ${type} or null`
  throw problem('invalid_field', { field: `${field}.${name}`, value: undefined, expected })
}
