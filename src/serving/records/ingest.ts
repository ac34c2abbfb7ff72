/** Ingests the prediction log exactly once: rows and the offset up to which they were read share a transaction. */
import type { Clock } from '../../contract/ids.ts'
import type { RowRecord } from '../../gateway/records/records.ts'
import type { Db } from '../../store/db.ts'
import { faultPoint } from '../../store/fault.ts'
import { Follower } from '../../store/segments/follower.ts'
import type { IngestHooks } from './rows.ts'
import { parseRecord, writeRecords } from './rows.ts'

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

/** Reads the prediction log as it grows. */
export class Ingest extends Follower<RowRecord, string[]> {
  constructor({ hooks, onIngested, ...options }: IngestOptions) {
    super({
      ...options,
      offsets: 'ingest_offsets',
      parse: parseRecord,
      async write(t, rows) {
        const tripped = await writeRecords(t, rows, hooks)
        faultPoint('serving.ingest')
        return tripped
      },
      onWritten: (rows, tripped) => onIngested(new Set(rows.map((row) => row.ep)), tripped),
    })
  }
}
