/** The log of calls of language models: one record a call in segment files, from which control keeps tables, ledger and traces. */
import { join } from 'node:path'
import { listSegments, readSegment, SegmentWriter } from '../../../store/segments/segments.ts'
import { Counters } from './counters.ts'
import type { LlmCallRecord } from './record.ts'

/** Where the calls of a data folder are logged. */
export function callSegments(dataDir: string): string {
  return join(dataDir, 'llm', 'segments')
}

export class Journal {
  readonly #writer: SegmentWriter
  readonly counters = new Counters()
  #waiting: (() => void)[] = []
  /** Calls that could not be logged, and why the last one could not. */
  lost = 0
  lastError: string | null = null

  constructor(dataDir: string, writerId: string) {
    this.#writer = new SegmentWriter(callSegments(dataDir), {
      writerId,
      manual: true,
      onError: (error, lost) => {
        this.lost += lost
        this.lastError = error.message
      },
    })
  }

  /** Appends a record and calls back once it is with the operating system, or lost for a reason that is told. Calls of one turn share a write. */
  append(record: LlmCallRecord, written: () => void): void {
    this.counters.add(record)
    try {
      this.#writer.append(JSON.stringify(record))
    } catch (error) {
      this.lost++
      this.lastError = (error as Error).message
    }
    if (this.#waiting.push(written) === 1) setImmediate(() => this.#write())
  }

  #write(): void {
    const written = this.#waiting
    this.#waiting = []
    const release = (): void => written.forEach((each) => each())
    if (this.#writer.flushNow()) release()
    else void this.#writer.flush().then(release)
  }

  /** Resolves when everything appended is on the disk. */
  async close(): Promise<void> {
    await this.#writer.close()
  }
}

const CHUNK_BYTES = 1024 * 1024

/** What the calls of these ids cost by the log of a writer, nanodollars; those that it does not have are absent. A price that is not known is 0: nothing was reserved. */
export function costsIn(dataDir: string, writer: string, ids: readonly string[]): Map<string, number> {
  const wanted = new Set(ids)
  const found = new Map<string, number>()
  // calls that were under way stand at its end
  for (const segment of listSegments(callSegments(dataDir)).toReversed()) {
    if (segment.writer !== writer) continue
    if (found.size === wanted.size) break
    for (let at = 0; ;) {
      const { records, next } = readSegment(segment.path, at, CHUNK_BYTES, true)
      for (const { payload } of records) {
        const { id, cost } = JSON.parse(payload.toString('utf8')) as LlmCallRecord
        if (wanted.has(id)) found.set(id, cost ?? 0)
      }
      if (next === at) break
      at = next
    }
  }
  return found
}
