/** Follows the prediction log and ingests it exactly once: rows and the offset up to which they were read share a transaction. */
import { mkdirSync, rmSync, statSync, watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { DAY_MS } from '../../contract/ids.ts'
import type { Clock } from '../../contract/ids.ts'
import type { Db, Tx } from '../../store/db.ts'
import { faultPoint } from '../../store/fault.ts'
import { listSegments, readSegment } from '../../store/segments/segments.ts'
import type { SegmentChunk, SegmentFile } from '../../store/segments/segments.ts'
import type { IngestHooks } from './rows.ts'
import { parseRecord, writeRecords } from './rows.ts'
import type { RowRecord } from '../../gateway/records/records.ts'

export interface IngestOptions {
  readonly db: Db
  readonly folder: string
  readonly clock: Clock
  readonly hooks: IngestHooks
  /** Told after the commit that ingested something: the endpoints concerned, and those whose breaker tripped. */
  readonly onIngested: (endpoints: ReadonlySet<string>, tripped: readonly string[]) => void
  readonly onError: (error: unknown) => void
  /** Bytes read and written in one transaction: bounds how long one turn of the loop takes. */
  readonly chunkBytes?: number
  /** Age after which a segment that is ingested and finished is deleted, ms. */
  readonly keepMs?: number
}

const POLL_MS = 200
/** Rows of one transaction, about, whatever bytes they take. */
const CHUNK_ROWS = 1000
const SWEEP_MS = 60_000
/** A file whose writer has not touched it for this long will not grow: its writer is dead. */
const ABANDONED_MS = 10 * 60_000

interface Known {
  next: number
  /** Size, and whether it was finished, when nothing more was to be read; nothing is new while they stay. */
  seen: string
}

/** Reads every segment of the folder as it grows. One ingester at a time; a second one changes nothing, for the offset is its fence. */
export class Ingest {
  readonly #options: Required<IngestOptions>
  readonly #known = new Map<string, Known>()
  #watcher: FSWatcher | undefined
  #wake: (() => void) | undefined
  #loop: Promise<void> | undefined
  #draining: Promise<unknown> = Promise.resolve()
  #stopping = false
  #swept = 0

  constructor(options: IngestOptions) {
    this.#options = { chunkBytes: 128 * 1024, keepMs: DAY_MS, ...options }
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

  /** Ingests what is in the log now; returns the number of records. One call runs at a time. */
  drain(): Promise<number> {
    const result = this.#draining.then(() => this.#drain())
    this.#draining = result.catch(() => undefined)
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

  /** One chunk of one segment: returns the records ingested, 0 at its present end. */
  async #step(segment: SegmentFile): Promise<number> {
    const { chunkBytes, db, clock, hooks } = this.#options
    const size = sizeOf(segment.path)
    const known = this.#known.get(segment.name) ?? (await this.#offset(segment.name))
    const seen = `${size} ${segment.finished}`
    if (size === undefined || known.seen === seen) return 0
    const from = known.next
    const chunk = rowsOf(readSegment(segment.path, from, chunkBytes, segment.finished))
    if (chunk.next === from) {
      known.seen = seen
      return 0
    }
    const { rows: good, damaged } = chunk
    let tripped: string[] = []
    const won = await db.tx(async (t) => {
      tripped = []
      if (!(await advance(t, segment.name, from, { next: chunk.next, damaged, now: clock() }))) return false
      tripped = await writeRecords(t, good, hooks)
      faultPoint('serving.ingest')
      return true
    })
    if (!won) {
      this.#known.delete(segment.name)
      return 0
    }
    known.next = chunk.next
    if (good.length > 0) this.#options.onIngested(new Set(good.map((record) => record.ep)), tripped)
    return Math.max(1, good.length)
  }

  async #offset(segment: string): Promise<Known> {
    const row = await this.#options.db.get<{ next: number }>('SELECT next FROM ingest_offsets WHERE segment = ?', [
      segment,
    ])
    const known = { next: row?.next ?? 0, seen: '' }
    this.#known.set(segment, known)
    return known
  }

  /** Deletes segments that are ingested to the end, will not grow and are old enough. */
  #sweep(): void {
    const now = this.#options.clock()
    if (now - this.#swept < SWEEP_MS) return
    this.#swept = now
    for (const segment of listSegments(this.#options.folder)) {
      const known = this.#known.get(segment.name)
      const stat = statSync(segment.path, { throwIfNoEntry: false })
      if (stat === undefined || known === undefined || known.next < stat.size) continue
      const still = segment.finished || now - stat.mtimeMs > ABANDONED_MS
      if (still && now - stat.mtimeMs > this.#options.keepMs) rmSync(segment.path, { force: true })
    }
  }
}

interface Chunk {
  readonly rows: readonly RowRecord[]
  readonly next: number
  /** Bytes that are no record, and records that cannot be read. */
  readonly damaged: number
}

/** The rows of a chunk, up to the record that makes them many. */
function rowsOf(chunk: SegmentChunk): Chunk {
  const rows: RowRecord[] = []
  let unread = 0
  let next: number | undefined
  for (const record of chunk.records) {
    const read = parseRecord(record.payload)
    if (read === undefined) unread++
    else rows.push(...read)
    if (rows.length < CHUNK_ROWS) continue
    next = record.next
    break
  }
  const passed = chunk.damaged.filter(({ offset }) => next === undefined || offset < next)
  return { rows, next: next ?? chunk.next, damaged: passed.reduce((sum, { bytes }) => sum + bytes, unread) }
}

/** Moves the offset if it still is where this ingester believes it; false when another one was here. */
async function advance(
  t: Tx,
  segment: string,
  from: number,
  to: { next: number; damaged: number; now: number },
): Promise<boolean> {
  if (from === 0) {
    const made = await t.run(
      'INSERT INTO ingest_offsets (segment, next, damaged, updated_at) VALUES (?,?,?,?) ON CONFLICT (segment) DO NOTHING',
      [segment, to.next, to.damaged, to.now],
    )
    return made === 1
  }
  const moved = await t.run(
    'UPDATE ingest_offsets SET next = ?, damaged = damaged + ?, updated_at = ? WHERE segment = ? AND next = ?',
    [to.next, to.damaged, to.now, segment, from],
  )
  return moved === 1
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size
}
