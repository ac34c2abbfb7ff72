/** Writes the online store: rows of pushes and of materialisations, switches of sets, and what time takes away. */
import { seenFrom, type Stamp } from '../as-of/as-of.ts'
import type { Value } from '../as-of/windows.ts'
import type { View } from '../definitions/definitions.ts'
import { pack } from './pack.ts'
import type { SourceRow, SourceTile } from './source-rows.ts'
import { packTiles } from './tile-pack.ts'
import { openForWriting, type Connection, type Statement } from './schema.ts'

/** A version of a view of a project. */
export interface ViewVersion {
  readonly project: string
  readonly view: string
  readonly version: number
}

/** A row to be written; its values are in the order of the features of the view. */
export interface NewRow {
  readonly entity: string
  readonly event: bigint
  readonly created: bigint
  readonly values: readonly Value[]
}

/** Pushed rows come after all rows of a source of the same times. */
const PUSHED = 2n ** 62n

const NEWER = '(excluded.event, excluded.created, excluded.arrival) > (rows.event, rows.created, rows.arrival)'
const UPSERT = `
INSERT INTO rows (set_id, entity, event, created, arrival, packed) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (set_id, entity) DO UPDATE SET event = excluded.event, created = excluded.created, arrival = excluded.arrival, packed = excluded.packed
WHERE ${NEWER}`

/** Rows that are removed in one transaction, so that nobody waits long for the next. */
const MOST_REMOVED = 2000

export class OnlineStore {
  readonly #connection: Connection
  readonly #statements = new Map<string, Statement>()

  constructor(path: string) {
    this.#connection = openForWriting(path)
  }

  close(): void {
    this.#connection.close()
  }

  /**
   * Writes rows to what answers, and to what is being made to answer next. An older event never replaces a newer one, whatever the order in
   * which they come; a row that is not to be seen yet waits. When this returns, every reader of this machine sees them.
   */
  push(of: ViewVersion, definition: View, rows: readonly NewRow[], now: bigint): void {
    this.#connection
      .transaction(() => {
        if (this.#live(of) === undefined) this.#make(of, definition, 'live', now)
        for (const set of this.#written(of)) this.#write(set, rows, now)
      })
      .immediate()
  }

  /**
   * Begins a set that does not answer yet, with the pushed rows of the one that does: all others come from the source again, so that what was
   * removed there is gone here too. One that was begun before is given up.
   */
  begin(of: ViewVersion, definition: View, now: bigint): number {
    return this.#connection
      .transaction(() => {
        this.#drop(of, 'shadow')
        const id = this.#make(of, definition, 'shadow', now)
        const live = this.#live(of)
        if (live !== undefined) {
          const pushed = 'SELECT ?, entity, event, created, arrival, packed FROM rows WHERE set_id = ? AND arrival > ?'
          this.#run(`INSERT INTO rows ${pushed}`, [id, live, PUSHED])
          this.#run('INSERT INTO ahead SELECT ?, entity, arrival, event, created, packed FROM ahead WHERE set_id = ?', [
            id,
            live,
          ])
          this.#run(
            'UPDATE sets SET (arrival, has_ahead) = (SELECT arrival, has_ahead FROM sets WHERE id = ?) WHERE id = ?',
            [live, id],
          )
        }
        return id
      })
      .immediate()
  }

  /** Writes rows of a source to a set that is being made. Doing it once more, after a crash, changes nothing. */
  fill(id: number, rows: readonly SourceRow[]): void {
    this.#connection
      .transaction(() => {
        for (const { entity, event, created, arrival, values } of rows)
          this.#run(UPSERT, [id, entity, event, created, arrival, pack(values)])
      })
      .immediate()
  }

  /** Writes tiles to a set that is being made, in place of those that it has. */
  fillTiles(id: number, tiles: readonly SourceTile[]): void {
    this.#connection
      .transaction(() => {
        for (const { entity, step, tile, tiles: windows } of tiles)
          this.#run('INSERT OR REPLACE INTO tiles (set_id, entity, step, tile, packed) VALUES (?, ?, ?, ?, ?)', [
            id,
            entity,
            step,
            tile,
            packTiles(windows),
          ])
      })
      .immediate()
  }

  /** Has a set answer in place of the one that did, which is removed bit by bit. Throws where it is not being made any more. */
  switchTo(id: number, of: ViewVersion, at: { readonly horizon: bigint; readonly now: bigint }): void {
    this.#connection
      .transaction(() => {
        this.#run("UPDATE sets SET state = 'old' WHERE state = 'live' AND project = ? AND view = ? AND version = ?", [
          of.project,
          of.view,
          of.version,
        ])
        const { changes } = this.#run(
          "UPDATE sets SET state = 'live', horizon = ?, written_at = ? WHERE id = ? AND state = 'shadow'",
          [at.horizon, at.now, id],
        )
        if (changes !== 1) throw new Error(`the set ${id} is not being made any more`)
      })
      .immediate()
  }

  /** Removes a version of a view, whatever of it there is. */
  remove(of: ViewVersion): void {
    this.#connection
      .transaction(() => {
        this.#drop(of, 'live')
        this.#drop(of, 'shadow')
      })
      .immediate()
  }

  /** Removes some rows of sets that answer no more; true while there are others. */
  clean(): boolean {
    return this.#connection
      .transaction(() => {
        const id = this.#connection.prepare("SELECT id FROM sets WHERE state = 'old' LIMIT 1").pluck().get() as
          | number
          | undefined
        if (id === undefined) return false
        for (const table of ['rows', 'ahead', 'tiles']) {
          const { changes } = this.#run(
            `DELETE FROM ${table} WHERE set_id = ? AND entity IN (SELECT DISTINCT entity FROM ${table} WHERE set_id = ? LIMIT ${MOST_REMOVED})`,
            [id, id],
          )
          if (changes > 0) return true
        }
        this.#run('DELETE FROM sets WHERE id = ?', [id])
        return true
      })
      .immediate()
  }

  /**
   * Lets time pass: rows that waited are written where they are seen by now, values of rows that happened before `expired` are removed, and
   * rows that happened before `forgotten` as a whole. At most so many at a time; true while there are others.
   */
  settle(
    id: number,
    {
      now,
      expired,
      forgotten,
    }: { readonly now: bigint; readonly expired: bigint | null; readonly forgotten: bigint | null },
  ): boolean {
    return this.#connection
      .transaction(() => {
        const due = this.#connection
          .prepare(
            `SELECT entity, arrival, event, created, packed FROM ahead WHERE set_id = ? AND max(event, created) <= ? LIMIT ${MOST_REMOVED}`,
          )
          .safeIntegers()
          .all(id, now) as (Stamp & { readonly entity: string; readonly packed: string | null })[]
        for (const { entity, arrival, event, created, packed } of due) {
          this.#run(UPSERT, [id, entity, event, created, arrival, packed])
          this.#run('DELETE FROM ahead WHERE set_id = ? AND entity = ? AND arrival = ?', [id, entity, arrival])
        }
        if (due.length > 0)
          this.#run('UPDATE sets SET has_ahead = EXISTS (SELECT 1 FROM ahead WHERE set_id = ?) WHERE id = ?', [id, id])
        const some = (where: string) =>
          `entity IN (SELECT entity FROM rows WHERE set_id = ? AND ${where} LIMIT ${MOST_REMOVED})`
        const emptied =
          expired === null
            ? 0
            : this.#run(
                `UPDATE rows SET packed = NULL WHERE set_id = ? AND ${some('event < ? AND packed IS NOT NULL')}`,
                [id, id, expired],
              ).changes
        const removed =
          forgotten === null
            ? 0
            : this.#run(`DELETE FROM rows WHERE set_id = ? AND ${some('event < ?')}`, [id, id, forgotten]).changes
        return [due.length, emptied, removed].some((count) => count >= MOST_REMOVED)
      })
      .immediate()
  }

  #write(id: number, rows: readonly NewRow[], now: bigint): void {
    let arrival = this.#connection
      .prepare('SELECT arrival FROM sets WHERE id = ?')
      .pluck()
      .safeIntegers()
      .get(id) as bigint
    let isAhead = false
    for (const { entity, event, created, values } of rows) {
      arrival += 1n
      const stamp = { event, created, arrival: PUSHED + arrival }
      const packed = pack(values)
      if (seenFrom(stamp, false) <= now) this.#run(UPSERT, [id, entity, event, created, stamp.arrival, packed])
      else {
        isAhead = true
        this.#run('INSERT INTO ahead (set_id, entity, arrival, event, created, packed) VALUES (?, ?, ?, ?, ?, ?)', [
          id,
          entity,
          stamp.arrival,
          event,
          created,
          packed,
        ])
      }
    }
    this.#run('UPDATE sets SET arrival = ?, has_ahead = max(has_ahead, ?), written_at = ? WHERE id = ?', [
      arrival,
      isAhead ? 1 : 0,
      now,
      id,
    ])
  }

  #live({ project, view, version }: ViewVersion): number | undefined {
    return this.#connection
      .prepare("SELECT id FROM sets WHERE state = 'live' AND project = ? AND view = ? AND version = ?")
      .pluck()
      .get(project, view, version) as number | undefined
  }

  #written({ project, view, version }: ViewVersion): number[] {
    return this.#connection
      .prepare("SELECT id FROM sets WHERE state <> 'old' AND project = ? AND view = ? AND version = ?")
      .pluck()
      .all(project, view, version) as number[]
  }

  #make({ project, view, version }: ViewVersion, definition: View, state: 'live' | 'shadow', now: bigint): number {
    const { lastInsertRowid } = this.#run(
      'INSERT INTO sets (project, view, version, state, definition, written_at) VALUES (?, ?, ?, ?, ?, ?)',
      [project, view, version, state, JSON.stringify(definition), now],
    )
    return Number(lastInsertRowid)
  }

  #drop({ project, view, version }: ViewVersion, state: 'live' | 'shadow'): void {
    this.#run("UPDATE sets SET state = 'old' WHERE state = ? AND project = ? AND view = ? AND version = ?", [
      state,
      project,
      view,
      version,
    ])
  }

  #run(sql: string, given: readonly (string | number | bigint | null)[]) {
    const statement = this.#statements.get(sql) ?? this.#connection.prepare(sql)
    this.#statements.set(sql, statement)
    return statement.run(...given)
  }
}
