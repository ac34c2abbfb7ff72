/** The gateway's prediction log: records into a segment, replies released once their records are with the operating system. */
import { SegmentWriter } from '../../store/segments/segments.ts'
import { halves } from './packed.ts'
import type { LogRecord } from './records.ts'
import { toJson } from '../../scoring/rows/json.ts'

/** Characters from which several predictions become two records: what is read at once stays bounded, whatever texts they hold. */
const LARGE = 512 * 1024

export interface LogOptions {
  readonly folder: string
  readonly writerId: string
  readonly maxBytes?: number
}

/**
 * Appends records. `release` is called after the write that carries all records appended before it, so whatever was acknowledged
 * survives a kill of the process. When the disk refuses, predictions go on: the loss is counted and the replies are released.
 */
export class PredictionLog {
  readonly #writer: SegmentWriter
  #waiting: (() => void)[] = []
  #scheduled = false
  /** While work goes on that is followed by a write. */
  #held = false
  /** Predictions, and other records, that could not be written, and why the last one could not. A call of many rows counts each. */
  lost = 0
  lastError: string | null = null
  /** Predictions, row by row, and other records that were appended, as `lost` counts them. */
  records = 0

  /** Names this log among those of all gateways, those before this one included. */
  get writer(): string {
    return this.#writer.writerId
  }

  constructor(options: LogOptions) {
    this.#writer = new SegmentWriter(options.folder, {
      writerId: options.writerId,
      maxBytes: options.maxBytes ?? 64 * 1024 * 1024,
      manual: true,
      onError: (error, lost) => {
        this.lost += lost
        this.lastError = error.message
      },
    })
  }

  append(record: LogRecord): void {
    const text = toJson(record)
    if (record.t === 'm' && record.ids.length > 1 && text.length > LARGE)
      for (const half of halves(record)) this.append(half)
    else this.#appendText(text, record.t === 'm' ? record.ids.length : 1)
  }

  #appendText(record: string, rows: number): void {
    try {
      this.#writer.append(record, rows)
      this.records += rows
      this.#schedule()
    } catch (error) {
      this.lost += rows
      this.lastError = (error as Error).message
    }
  }

  /** Calls `release` once everything appended so far is written. Calls of one turn of the loop share a write. */
  afterWrite(release: () => void): void {
    this.#waiting.push(release)
    this.#schedule()
  }

  /** Does work whose records, and those before it, are written at once behind it. */
  together(work: () => void): void {
    this.#held = true
    try {
      work()
    } finally {
      this.#held = false
    }
    this.#write()
  }

  /** Resolves when everything appended is on the disk and the file is closed. */
  async close(): Promise<void> {
    await this.#writer.close()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    if (!this.#held) setImmediate(() => this.#write())
  }

  #write(): void {
    // what was scheduled may have been written together with other work
    if (!this.#scheduled) return
    this.#scheduled = false
    const released = this.#waiting
    this.#waiting = []
    if (this.#writer.flushNow()) this.#release(released)
    else void this.#writer.flush().then(() => this.#release(released))
  }

  #release(waiting: readonly (() => void)[]): void {
    for (const release of waiting) release()
  }
}
