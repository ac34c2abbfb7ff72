/** Fills the inputs that a request leaves out with the features of its entities, read in this process. */
import type { FeatureRow } from '../../contract/features/online.ts'
import { planRead, serviceWithout, type ReadPlan } from '../../features/serve/plan.ts'
import {
  READ_AT_ONCE,
  readEntities,
  readInTurns,
  type Entity,
  type Read,
  type Reading,
  type ReadRow,
} from '../../features/serve/read.ts'
import { reasonsOf } from '../../features/serve/told.ts'
import { momentText } from '../../contract/text/moments.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import { rowsFrom, type Rows } from '../../scoring/rows/rows.ts'
import type { ValueType } from '../../contract/features/section.ts'
import { broughtBy } from './brought.ts'
import type { FeaturesRoute } from '../table/table.ts'

/** What is told of the features of a row. */
export type RowReasons = Pick<FeatureRow, 'missing' | 'events'>

export interface Filled {
  readonly rows: Rows
  /** One a row, in order. */
  readonly reasons: () => RowReasons[]
}

export interface Asked {
  /** The online store; undefined while nothing was ever stored on this machine. */
  readonly reader: () => Reading['reader'] | undefined
  /** ms. */
  readonly now: () => number
}

export class EndpointFeatures {
  readonly #project: string
  readonly #route: FeaturesRoute
  readonly #asked: Asked
  readonly #columns: readonly string[]
  /** Plans by the columns that requests bring. */
  readonly #plans = new Map<string, ReadPlan>()

  constructor(project: string, route: FeaturesRoute, asked: Asked) {
    this.#project = project
    this.#route = route
    this.#asked = asked
    this.#columns = route.definition.columns.map(({ name }) => name)
    this.#plan([])
  }

  /** What a request has to bring for a model with these inputs: keys, fields, and inputs that no feature gives. */
  asked(inputs: readonly InputField[]): InputField[] {
    const { views, needs } = this.#plan([])
    const own = inputs.filter(({ name }) => !this.#columns.includes(name))
    const keys = views.flatMap((view) => view.asked.map((name, i) => fieldOf(name, view.keys[i]?.type ?? 'text')))
    const fields = needs.flatMap((need) => ('field' in need ? [fieldOf(need.field, need.type)] : []))
    return [...new Map([...keys, ...fields, ...own].map((field) => [field.name, field])).values()]
  }

  /**
   * Rows in which every column of the service that the request does not have itself is the feature. What all rows bring is not looked up,
   * and keys that nothing else needs are not asked for. Many rows are a promise, so that others need not wait for them. Throws `invalid_field` for a key that is missing or of another type, and
   * `unprocessable` for an expired value where the service refuses it.
   */
  fill(given: Rows): Filled | Promise<Filled> {
    const plan = this.#plan(broughtBy(given, this.#columns))
    const now = BigInt(this.#asked.now()) * 1_000_000n
    const reading: Reading = {
      reader: this.#asked.reader() ?? NO_STORE,
      now,
      on_expired: plan.on_expired,
      fieldOf: (at) => (given.count === 1 ? 'inputs' : `inputs.${at}`),
      others: true,
    }
    const filled = ({ rows }: Read): Filled => ({
      rows: withFeatures(given, plan, rows),
      reasons: () => rows.map((row) => reasonsOf(plan, row, now)),
    })
    const entities = entitiesOf(plan, given)
    return given.count > READ_AT_ONCE
      ? readInTurns(plan, entities, reading).then(filled)
      : filled(readEntities(plan, entities, reading))
  }

  /** Of what is not brought. Throws `unprocessable` for views that want one key as different types. */
  #plan(brought: readonly string[]): ReadPlan {
    const key = brought.join('\n')
    const kept = this.#plans.get(key)
    if (kept !== undefined) return kept
    const { definition, views } = this.#route
    const plan = planRead(this.#project, serviceWithout(definition, new Set(brought)), views)
    // a caller may bring any choice of columns
    if (this.#plans.size >= MOST_PLANS) this.#plans.clear()
    this.#plans.set(key, plan)
    return plan
  }
}

const MOST_PLANS = 100

function entitiesOf({ taken }: ReadPlan, given: Rows): Entity[] {
  const names = [...taken]
  const cell = given.cells(names)
  return Array.from({ length: given.count }, (_, i) => {
    // without a prototype, whatever a column is called
    const entity = Object.create(null) as Record<string, unknown>
    for (const [j, name] of names.entries()) {
      const value = cell(i, j)
      if (value !== undefined) entity[name] = value
    }
    return entity
  })
}

const KINDS: Readonly<Record<ValueType, Pick<InputField, 'kind' | 'dtype'>>> = {
  int: { kind: 'integer', dtype: 'long' },
  float: { kind: 'number', dtype: 'double' },
  bool: { kind: 'boolean', dtype: 'boolean' },
  text: { kind: 'string', dtype: 'string' },
  time: { kind: 'string', dtype: 'datetime' },
}

function fieldOf(name: string, type: ValueType): InputField {
  return { name, required: true, ...KINDS[type] }
}

const NO_STORE: Reading['reader'] = { read: () => undefined }

function withFeatures(given: Rows, { columns }: ReadPlan, read: readonly ReadRow[]): Rows {
  return rowsFrom(given.count, (names) => {
    const own = given.cells(names)
    const places = names.map((name) => columns.findIndex((column) => column.name === name))
    return (i, j) => {
      const value = own(i, j)
      const place = places[j] ?? -1
      if (value !== undefined || place < 0) return value
      const feature = read[i]?.values[place] ?? null
      // a time is the text that replies and files have
      return typeof feature === 'bigint' && columns[place]?.type === 'time' ? momentText(feature) : feature
    }
  })
}
