/** Follows a folder of segments and takes in each record exactly once: what is written and the offset up to which was read share a transaction. */
import { mkdirSync, rmSync, statSync, watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { DAY_MS } from '../../contract/ids.ts'
import type { Clock } from '../../contract/ids.ts'
import type { Db, Tx } from '../db.ts'
import { Rounds } from '../rounds.ts'
import type { RoundState } from '../rounds.ts'
import { listSegments, readSegment } from './segments.ts'
import type { SegmentChunk, SegmentFile } from './segments.ts'

/** What is followed, by whom, and what becomes of it. `R` is a row that a record holds, `W` what writing rows tells. */
export interface FollowerOptions<R, W> {
  readonly db: Db
  readonly folder: string
  readonly clock: Clock
  /** Table of the room's own for what was read: `segment` (its key), `next`, `damaged` and `updated_at`. */
  readonly offsets: string
  /** The rows of a record, also none; undefined for what is no record of this log, which is counted as damaged. Must not throw. */
  readonly parse: (payload: Buffer) => readonly R[] | undefined
  /** Writes rows, in the transaction that moves the offset. May run again when that is rolled back. */
  readonly write: (t: Tx, rows: readonly R[]) => Promise<W>
  /** Told after the commit that took rows in. */
  readonly onWritten: (rows: readonly R[], written: W) => void
  readonly onError: (error: unknown) => void
  /** Bytes read and written in one transaction: bounds how long one turn of the loop takes. Default 128 KiB. */
  readonly chunkBytes?: number | undefined
  /** Age after which a segment that is taken in and finished is deleted, ms. Default a day. */
  readonly keepMs?: number | undefined
}

const POLL_MS = 200
/** Rows of one transaction, about, whatever bytes they take. */
const CHUNK_ROWS = 1000
const SWEEP_MS = 60_000
/** A file whose writer has not touched it for this long will not grow: its writer is dead. */
const ABANDONED_MS = 10 * 60_000

/** What is in the log and not taken in yet. `R` is a row that a record holds. */
export interface Waiting<R> {
  /** Bytes behind the offsets, in segments of which more can be read. */
  readonly bytes: number
  /** The first rows that wait, of each segment. */
  readonly first: readonly R[]
}

interface Known {
  next: number
  /** Size, and whether it was finished, when nothing more was to be read; nothing is new while they stay. */
  seen: string
}

/** Reads every segment of the folder as it grows. One follower at a time; a second one changes nothing, for the offset is its fence. */
export class Follower<R, W> {
  readonly #options: FollowerOptions<R, W>
  readonly #chunkBytes: number
  readonly #keepMs: number
  readonly #known = new Map<string, Known>()
  readonly #rounds: Rounds
  #watcher: FSWatcher | undefined
  #wake: (() => void) | undefined
  #loop: Promise<void> | undefined
  #draining: Promise<unknown> = Promise.resolve()
  #stopping = false
  #swept = 0

  constructor(options: FollowerOptions<R, W>) {
    this.#options = options
    this.#chunkBytes = options.chunkBytes ?? 128 * 1024
    this.#keepMs = options.keepMs ?? DAY_MS
    this.#rounds = new Rounds(options.clock)
  }

  /** How it goes: a round is one look at all segments, to the end of each. */
  get rounds(): RoundState {
    return this.#rounds.state
  }

  /** What waits now; a record of which only a part is written does not. Reads a chunk of each segment of which more can be read. */
  async waiting(): Promise<Waiting<R>> {
    const { db, folder, offsets, parse } = this.#options
    let bytes = 0
    const first: R[] = []
    for (const { name, path, finished } of listSegments(folder)) {
      const next = this.#known.get(name)?.next ?? (await nextOf(db, offsets, name))
      const size = sizeOf(path)
      if (size === undefined || size <= next) continue
      const chunk = readSegment(path, next, this.#chunkBytes, finished)
      if (chunk.next === next) continue
      bytes += size - next
      first.push(...rowsOf(chunk, parse).rows.slice(0, 1))
    }
    return { bytes, first }
  }

  start(): void {
    mkdirSync(this.#options.folder, { recursive: true })
    this.#watcher = watch(this.#options.folder, () => this.#wake?.())
    // Polling goes on where watching does not work.
    this.#watcher.on('error', () => undefined)
    this.#loop = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#watcher?.close()
    this.#wake?.()
    await this.#loop
  }

  /** Takes in what is in the log now; returns the number of rows. One call runs at a time. */
  drain(): Promise<number> {
    const result = this.#draining.then(() => this.#drain())
    this.#draining = result.then(
      () => this.#rounds.went(),
      (error: unknown) => this.#rounds.failed(error),
    )
    return result
  }

  async #drain(): Promise<number> {
    let count = 0
    for (const segment of listSegments(this.#options.folder)) {
      for (let got = -1; got !== 0;) {
        got = await this.#step(segment)
        count += got
      }
    }
    return count
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      try {
        const count = await this.drain()
        if (count === 0) this.#sweep()
      } catch (error) {
        this.#options.onError(error)
        await this.#rest(1000)
      }
      if (!this.#stopping) await this.#rest(POLL_MS)
    }
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        // A burst of appends is one wake-up.
        setTimeout(resolve, 5)
      }
    })
  }

  /** One chunk of one segment: returns the rows taken in, 0 at its present end. */
  async #step(segment: SegmentFile): Promise<number> {
    const { db, clock, offsets, parse, write, onWritten } = this.#options
    const size = sizeOf(segment.path)
    const known = this.#known.get(segment.name) ?? (await this.#offset(segment.name))
    const seen = `${size} ${segment.finished}`
    if (size === undefined || known.seen === seen) return 0
    const from = known.next
    const chunk = rowsOf(readSegment(segment.path, from, this.#chunkBytes, segment.finished), parse)
    if (chunk.next === from) {
      known.seen = seen
      return 0
    }
    const { rows, next, damaged } = chunk
    const won = await db.tx(async (t) => {
      const to = { next, damaged, now: clock() }
      if (!(await advance(t, { table: offsets, segment: segment.name, from }, to))) return undefined
      return { written: await write(t, rows) }
    })
    if (won === undefined) {
      this.#known.delete(segment.name)
      return 0
    }
    known.next = next
    if (rows.length > 0) onWritten(rows, won.written)
    return Math.max(1, rows.length)
  }

  async #offset(segment: string): Promise<Known> {
    const { db, offsets } = this.#options
    const known = { next: await nextOf(db, offsets, segment), seen: '' }
    this.#known.set(segment, known)
    return known
  }

  /** Deletes segments that are taken in to the end, will not grow and are old enough. */
  #sweep(): void {
    const now = this.#options.clock()
    if (now - this.#swept < SWEEP_MS) return
    this.#swept = now
    for (const segment of listSegments(this.#options.folder)) {
      const known = this.#known.get(segment.name)
      const stat = statSync(segment.path, { throwIfNoEntry: false })
      if (stat === undefined || known === undefined || known.next < stat.size) continue
      const still = segment.finished || now - stat.mtimeMs > ABANDONED_MS
      if (still && now - stat.mtimeMs > this.#keepMs) rmSync(segment.path, { force: true })
    }
  }
}

interface Chunk<R> {
  readonly rows: readonly R[]
  readonly next: number
  /** Bytes that are no record, and records that cannot be read. */
  readonly damaged: number
}

/** The rows of a chunk, up to the record that makes them many. */
function rowsOf<R>(chunk: SegmentChunk, parse: FollowerOptions<R, unknown>['parse']): Chunk<R> {
  const rows: R[] = []
  let unread = 0
  let next: number | undefined
  for (const record of chunk.records) {
    const read = parse(record.payload)
    if (read === undefined) unread++
    else rows.push(...read)
    if (rows.length < CHUNK_ROWS) continue
    next = record.next
    break
  }
  const passed = chunk.damaged.filter(({ offset }) => next === undefined || offset < next)
  return { rows, next: next ?? chunk.next, damaged: passed.reduce((sum, { bytes }) => sum + bytes, unread) }
}

interface Place {
  readonly table: string
  readonly segment: string
  readonly from: number
}

/** Moves the offset if it still is where this follower believes it; false when another one was here. */
async function advance(
  t: Tx,
  { table, segment, from }: Place,
  to: { readonly next: number; readonly damaged: number; readonly now: number },
): Promise<boolean> {
  if (from === 0) {
    const made = await t.run(
      `INSERT INTO ${table} (segment, next, damaged, updated_at) VALUES (?,?,?,?) ON CONFLICT (segment) DO NOTHING`,
      [segment, to.next, to.damaged, to.now],
    )
    return made === 1
  }
  const moved = await t.run(
    `UPDATE ${table} SET next = ?, damaged = damaged + ?, updated_at = ? WHERE segment = ? AND next = ?`,
    [to.next, to.damaged, to.now, segment, from],
  )
  return moved === 1
}

/** The offset up to which a segment was read. */
async function nextOf(db: Db, offsets: string, segment: string): Promise<number> {
  const row = await db.get<{ next: number }>(`SELECT next FROM ${offsets} WHERE segment = ?`, [segment])
  return row?.next ?? 0
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size
}
