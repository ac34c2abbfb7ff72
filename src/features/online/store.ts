/** Writes the online store: rows of pushes and of materialisations, switches of sets, and what time takes away. */
import { problem } from '../../contract/errors.ts'
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

/** A set with the definition by which it is stored. */
export interface StoredSet {
  readonly id: number
  readonly of: ViewVersion
  readonly definition: View
}

/** Pushed rows come after all rows of a source of the same times. */
const PUSHED = 2n ** 62n

const NEWER = '(excluded.event, excluded.created, excluded.arrival) > (rows.event, rows.created, rows.arrival)'
const UNLESS_NEWER = `
ON CONFLICT (set_id, entity) DO UPDATE SET event = excluded.event, created = excluded.created, arrival = excluded.arrival, packed = excluded.packed
WHERE ${NEWER}`
const UPSERT = `INSERT INTO rows (set_id, entity, event, created, arrival, packed) VALUES (?, ?, ?, ?, ?, ?) ${UNLESS_NEWER}`

/** Rows that are removed, looked at or carried over in one transaction, so that nobody waits long for the next. */
const MOST_AT_ONCE = 2000

/** Rows of one entity that wait for their time: each read of it looks at them. */
const MOST_AHEAD = 1000
const IS_FULL = `SELECT 1 FROM ahead WHERE set_id = ? AND entity = ? LIMIT 1 OFFSET ${MOST_AHEAD - 1}`

/** Tables of what a set holds, by their keys. */
const KEYS = [
  ['rows', 'set_id, entity'],
  ['ahead', 'set_id, entity, arrival'],
  ['tiles', 'set_id, entity, step, tile'],
] as const

export class OnlineStore {
  readonly #connection: Connection
  readonly #statements = new Map<string, Statement>()
  /** Where looking through rows goes on: of a set that answers for what has expired, of one that is made for what is carried over. */
  readonly #next = new Map<number, string>()

  constructor(path: string) {
    this.#connection = openForWriting(path)
  }

  close(): void {
    this.#connection.close()
  }

  /**
   * Writes rows to what answers, and to what is being made to answer next. An older event never replaces a newer one, whatever the order in
   * which they come; a row that is not to be seen yet waits. When this returns, every reader of this machine sees them. Throws `unprocessable`
   * where more rows of one entity would wait than it may have; then nothing is written.
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
    const id = this.prepare(of, definition, now)
    while (this.carry(id));
    return id
  }

  /** Begins a set as `begin` does, but its pushed rows are there only when `carry` says that there are no others. */
  prepare(of: ViewVersion, definition: View, now: bigint): number {
    return this.#connection
      .transaction(() => {
        this.#drop(of, 'shadow')
        const id = this.#make(of, definition, 'shadow', now)
        const live = this.#live(of)
        if (live !== undefined) {
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

  /**
   * Takes some pushed rows of the set that answers over into one that was begun; true while there are others. What is pushed meanwhile is
   * written to both. Throws where it is not being made any more.
   */
  carry(id: number): boolean {
    return this.#connection
      .transaction(() => {
        this.#requireShadow(id)
        const live = this.#connection
          .prepare(
            `SELECT l.id FROM sets s JOIN sets l ON l.project = s.project AND l.view = s.view AND l.version = s.version
             WHERE s.id = ? AND l.state = 'live'`,
          )
          .pluck()
          .get(id) as number | undefined
        if (live === undefined) return false
        const { within, given, isLast } = this.#nextRows(id, live)
        this.#run(
          `INSERT INTO rows SELECT ?, entity, event, created, arrival, packed FROM rows WHERE ${within} AND arrival > ? ${UNLESS_NEWER}`,
          [id, ...given, PUSHED],
        )
        return !isLast
      })
      .immediate()
  }

  /** Writes rows of a source to a set. Doing it once more, after a crash, changes nothing. Throws where it is not being made any more. */
  fill(id: number, rows: readonly SourceRow[]): void {
    this.#connection
      .transaction(() => {
        this.#requireShadow(id)
        for (const { entity, event, created, arrival, values } of rows)
          this.#run(UPSERT, [id, entity, event, created, arrival, pack(values)])
      })
      .immediate()
  }

  /** Writes tiles to a set, in place of those that it has. Throws where it is not being made any more. */
  fillTiles(id: number, tiles: readonly SourceTile[]): void {
    this.#connection
      .transaction(() => {
        this.#requireShadow(id)
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
        if (changes !== 1) throw notMade(id)
      })
      .immediate()
  }

  /** Gives up a set that is being made, or all such; what of it there is is removed bit by bit. */
  giveUp(id?: number): void {
    const chosen = id === undefined ? [] : [id]
    const where = id === undefined ? '' : ' AND id = ?'
    this.#run(`UPDATE sets SET state = 'old' WHERE state = 'shadow'${where}`, chosen)
  }

  /** The sets that answer. */
  answering(): StoredSet[] {
    const rows = this.#connection
      .prepare("SELECT id, project, view, version, definition FROM sets WHERE state = 'live' ORDER BY id")
      .all() as (ViewVersion & { readonly id: number; readonly definition: string })[]
    return rows.map(({ id, definition, ...of }) => ({ id, of, definition: JSON.parse(definition) as View }))
  }

  /** Gives all of a project to another, which must have none of these. */
  give(project: string, to: string): void {
    this.#run('UPDATE sets SET project = ? WHERE project = ?', [to, project])
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
        for (const [table, key] of KEYS) {
          const some = `SELECT ${key} FROM ${table} WHERE set_id = ? LIMIT ${MOST_AT_ONCE}`
          if (this.#run(`DELETE FROM ${table} WHERE (${key}) IN (${some})`, [id]).changes > 0) return true
        }
        this.#run('DELETE FROM sets WHERE id = ?', [id])
        return true
      })
      .immediate()
  }

  /**
   * Lets time pass: rows that waited are written where they are seen by now, values of rows that happened before `expired` are removed, and
   * rows that happened before `forgotten` as a whole. So many at a time, one after the other; true while there are others to look at.
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
            `SELECT entity, arrival, event, created, packed FROM ahead WHERE set_id = ? AND max(event, created) <= ? LIMIT ${MOST_AT_ONCE}`,
          )
          .safeIntegers()
          .all(id, now) as (Stamp & { readonly entity: string; readonly packed: string | null })[]
        for (const { entity, arrival, event, created, packed } of due) {
          this.#run(UPSERT, [id, entity, event, created, arrival, packed])
          this.#run('DELETE FROM ahead WHERE set_id = ? AND entity = ? AND arrival = ?', [id, entity, arrival])
        }
        if (due.length > 0)
          this.#run('UPDATE sets SET has_ahead = EXISTS (SELECT 1 FROM ahead WHERE set_id = ?) WHERE id = ?', [id, id])
        const isDone = expired === null && forgotten === null ? true : this.#expire(id, { expired, forgotten })
        return due.length >= MOST_AT_ONCE || !isDone
      })
      .immediate()
  }

  /** Looks at the next rows of a set; true where these were the last. */
  #expire(id: number, { expired, forgotten }: { readonly expired: bigint | null; readonly forgotten: bigint | null }) {
    const { within, given, isLast } = this.#nextRows(id, id)
    if (forgotten !== null) this.#run(`DELETE FROM rows WHERE ${within} AND event < ?`, [...given, forgotten])
    if (expired !== null)
      this.#run(`UPDATE rows SET packed = NULL WHERE ${within} AND event < ? AND packed IS NOT NULL`, [
        ...given,
        expired,
      ])
    return isLast
  }

  /** The next rows of a set in the order of their entities, as a condition. Where a walk goes on is kept under the set that it is for. */
  #nextRows(walk: number, set: number) {
    const from = this.#next.get(walk) ?? ''
    const next = this.#connection
      .prepare(
        `SELECT entity FROM rows WHERE set_id = ? AND entity >= ? ORDER BY entity LIMIT 1 OFFSET ${MOST_AT_ONCE}`,
      )
      .pluck()
      .get(set, from) as string | undefined
    if (next === undefined) {
      this.#next.delete(walk)
      return { within: 'set_id = ? AND entity >= ?', given: [set, from], isLast: true }
    }
    this.#next.set(walk, next)
    return { within: 'set_id = ? AND entity >= ? AND entity < ?', given: [set, from, next], isLast: false }
  }

  #requireShadow(id: number): void {
    const state = this.#connection.prepare('SELECT state FROM sets WHERE id = ?').pluck().get(id)
    if (state !== 'shadow') throw notMade(id)
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
        if (this.#connection.prepare(IS_FULL).get(id, entity) !== undefined) throw tooManyAhead(entity)
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

function tooManyAhead(entity: string): Error {
  return problem('unprocessable', {
    detail: `${MOST_AHEAD} rows of entity ${entity} wait already that happen, or become known, later than now, and no more were expected`,
  })
}

function notMade(id: number): Error {
  return new Error(`the set ${id} is not being made any more`)
}
