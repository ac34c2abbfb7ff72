/** Reads the online store: what a moment sees of entities, by the same rules as the offline join. Any number of processes may read. */
import { lookUp, statusOf, compareStamps, type AsOfStatus, type Stamp } from '../as-of/as-of.ts'
import { finishWindow, mergeAll, windowStart, type Tile, type Value } from '../as-of/windows.ts'
import type { View, WindowFeature } from '../definitions/definitions.ts'
import { unpack } from './pack.ts'
import { openForReading, type Connection, type Statement } from './schema.ts'
import type { ViewVersion } from './store.ts'
import { unpackTiles } from './tile-pack.ts'

/** What is seen of one entity in one view. */
export interface SeenEntity {
  readonly status: 'live' | 'expired' | 'not_found' | 'future_only' | 'late_suppressed'
  /** When the row happened, ns; null where none is seen. */
  readonly event: bigint | null
  /** In the order of the features of the view, then of its windows. Of an expired row they are there as long as the store keeps them. */
  readonly values: readonly Value[]
}

/** A set that answers, as it was read last. */
interface LiveSet {
  readonly id: number
  readonly view: View
  readonly types: readonly ('int' | 'float' | 'bool' | 'text' | 'time')[]
  readonly ttl: bigint | null
  readonly hasAhead: boolean
  readonly horizon: bigint | null
  /** Windows by their step, ns; a number of each is its place among the windows of the view. */
  readonly steps: readonly {
    readonly step: bigint
    readonly windows: readonly (readonly [number, WindowFeature])[]
    readonly over: bigint
  }[]
}

interface StoredRow extends Stamp {
  readonly packed: string | null
}

const MS = 1_000_000n
const NO_LATE = false

export class OnlineReader {
  readonly #connection: Connection
  readonly #sets = new Map<string, LiveSet | undefined>()
  readonly #version: Statement
  readonly #row: Statement
  readonly #ahead: Statement
  readonly #tiles: Statement
  readonly #set: Statement
  readonly #begin: Statement
  readonly #end: Statement
  #seen = -1

  /** Throws where the file is missing. */
  constructor(path: string) {
    this.#connection = openForReading(path)
    this.#begin = this.#connection.prepare('BEGIN')
    this.#end = this.#connection.prepare('COMMIT')
    this.#version = this.#connection.prepare('PRAGMA data_version').pluck()
    this.#row = this.#connection
      .prepare('SELECT event, created, arrival, packed FROM rows WHERE set_id = ? AND entity = ?')
      .safeIntegers()
    this.#ahead = this.#connection
      .prepare('SELECT event, created, arrival, packed FROM ahead WHERE set_id = ? AND entity = ?')
      .safeIntegers()
    this.#tiles = this.#connection
      .prepare(
        'SELECT packed FROM tiles WHERE set_id = ? AND entity = ? AND step = ? AND tile >= ? AND tile <= ? ORDER BY tile',
      )
      .pluck()
    this.#set = this.#connection
      .prepare(
        "SELECT id, definition, has_ahead, horizon FROM sets WHERE state = 'live' AND project = ? AND view = ? AND version = ?",
      )
      .safeIntegers()
  }

  close(): void {
    this.#connection.close()
  }

  /** The definition by which a version is stored and the time until which its source was read, ns; undefined where nothing is stored of it. */
  describe(of: ViewVersion): { readonly view: View; readonly horizon: bigint | null } | undefined {
    return this.#atOnce(() => this.#live(of))
  }

  /** Reads one state of the store, whatever is written meanwhile. */
  #atOnce<T>(read: () => T): T {
    this.#begin.run()
    try {
      return read()
    } finally {
      this.#end.run()
    }
  }

  /**
   * What `now` sees of entities, each by its text; null is one whose key is null. Undefined where nothing was ever stored of the view. All
   * of them are read from one set: a switch comes before or after.
   */
  read(of: ViewVersion, entities: readonly (string | null)[], now: bigint): SeenEntity[] | undefined {
    return this.#atOnce(() => {
      const set = this.#live(of)
      return set && entities.map((entity) => (entity === null ? NOTHING : this.#one(set, entity, now)))
    })
  }

  #one(set: LiveSet, entity: string, now: bigint): SeenEntity {
    const row = this.#row.get(set.id, entity) as StoredRow | undefined
    const waiting = set.hasAhead ? (this.#ahead.all(set.id, entity) as StoredRow[]) : []
    if (row === undefined && waiting.length === 0) return NOTHING
    const history = [...(row === undefined ? [] : [row]), ...waiting].toSorted(compareStamps)
    const seen = lookUp(history, now, { ttl: set.ttl, includeLateData: NO_LATE })
    if (seen.row === undefined) return { ...NOTHING, status: seen.status }
    const { packed, event } = seen.row
    const values = packed === null ? set.types.map(() => null) : unpack(packed, set.types)
    if (set.steps.length === 0 || seen.status !== 'live') return { status: seen.status, event, values }
    return { status: seen.status, event, values: [...values, ...this.#windows(set, entity, now)] }
  }

  #windows(set: LiveSet, entity: string, now: bigint): Value[] {
    const found: Value[] = set.view.windows.map(() => null)
    for (const { step, windows, over } of set.steps) {
      const from = windowStart(now, { over, step })
      const packed = this.#tiles.all(set.id, entity, step, from, now) as string[]
      const tiles = packed.map((text) =>
        unpackTiles(
          text,
          windows.map(([, { of: type }]) => type),
        ),
      )
      // tiles of a step follow each other, so that a shorter window is the end of the longest
      for (const [i, [at, window]] of windows.entries()) {
        const own = { over: BigInt(window.over_ms) * MS, step }
        const first = windowStart(now, own)
        const within = tiles.flatMap((tile): Tile[] => {
          const one = tile[i]
          return one === undefined || one.last === null || one.last.event < first ? [] : [one]
        })
        found[at] = finishWindow(window, mergeAll(within))
      }
    }
    return found
  }

  #live(of: ViewVersion): LiveSet | undefined {
    const version = this.#version.get() as number
    if (version !== this.#seen) {
      this.#sets.clear()
      this.#seen = version
    }
    const name = `${of.project}/${of.view}@${of.version}`
    if (this.#sets.has(name)) return this.#sets.get(name)
    const set = setOf(this.#set.get(of.project, of.view, of.version) as SetRow | undefined)
    this.#sets.set(name, set)
    return set
  }
}

const NOTHING: SeenEntity = { status: 'not_found', event: null, values: [] }

interface SetRow {
  readonly id: bigint
  readonly definition: string
  readonly has_ahead: bigint
  readonly horizon: bigint | null
}

function setOf(row: SetRow | undefined): LiveSet | undefined {
  if (row === undefined) return undefined
  const view = JSON.parse(row.definition) as View
  const steps = [...Map.groupBy(view.windows.entries(), ([, { step_ms }]) => step_ms)].map(([step, windows]) => ({
    step: BigInt(step) * MS,
    windows,
    over: BigInt(Math.max(...windows.map(([, { over_ms }]) => over_ms))) * MS,
  }))
  return {
    id: Number(row.id),
    view,
    types: view.features.map(({ type }) => type),
    ttl: view.ttl_ms === null ? null : BigInt(view.ttl_ms) * MS,
    hasAhead: row.has_ahead === 1n,
    horizon: row.horizon,
    steps,
  }
}

/** The status of each value of what was seen, windows included. */
export function statusesOf({ status, values }: SeenEntity, count: number): AsOfStatus[] {
  return Array.from({ length: count }, (_, i) => statusOf(status, (values[i] ?? null) === null))
}
