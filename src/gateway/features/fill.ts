/** Fills the inputs that a request leaves out with the features of its entities, read in this process. */
import type { FeatureRow } from '../../contract/features/online.ts'
import { planRead, type ReadPlan } from '../../features/serve/plan.ts'
import { readEntities, type Entity, type Reading, type ReadRow } from '../../features/serve/read.ts'
import { reasonsOf } from '../../features/serve/told.ts'
import { momentText } from '../../features/serve/moments.ts'
import { rowsFrom, type Rows } from '../../scoring/rows/rows.ts'
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
  readonly plan: ReadPlan
  readonly #asked: Asked
  readonly #names: readonly string[]

  constructor(project: string, { definition, views }: FeaturesRoute, asked: Asked) {
    this.plan = planRead(project, definition, views)
    this.#asked = asked
    this.#names = [...this.plan.taken]
  }

  /**
   * Rows in which every column of the service that the request does not have itself is the feature. Throws `invalid_field` for a key that is
   * missing or of another type, and `unprocessable` for an expired value where the service refuses it.
   */
  fill(given: Rows): Filled {
    const { plan } = this
    const now = BigInt(this.#asked.now()) * 1_000_000n
    const { rows } = readEntities(plan, this.#entities(given), {
      reader: this.#asked.reader() ?? NO_STORE,
      now,
      on_expired: plan.on_expired,
      fieldOf: (at) => (given.count === 1 ? 'inputs' : `inputs.${at}`),
      others: true,
    })
    return { rows: withFeatures(given, plan, rows), reasons: () => rows.map((row) => reasonsOf(plan, row, now)) }
  }

  #entities(given: Rows): Entity[] {
    const cell = given.cells(this.#names)
    return Array.from({ length: given.count }, (_, i) => {
      // without a prototype, whatever a column is called
      const entity = Object.create(null) as Record<string, unknown>
      for (const [j, name] of this.#names.entries()) {
        const value = cell(i, j)
        if (value !== undefined) entity[name] = value
      }
      return entity
    })
  }
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
