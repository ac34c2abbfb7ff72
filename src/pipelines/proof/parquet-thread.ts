/** The thread on which a parquet file becomes text: its columns in the first line, then a line for each row. */
import { parentPort, workerData } from 'node:worker_threads'
import { parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

/** The text, or null for what is no parquet file or has too many cells to be compared. */
export interface Rows {
  readonly text: string | null
}

const MOST_CELLS = 5_000_000

async function rowsOf(bytes: Uint8Array): Promise<string | null> {
  try {
    const file = bytes.buffer as ArrayBuffer
    const metadata = parquetMetadata(file)
    const columns = parquetSchema(metadata).children.map(({ element }) => `${element.name} ${element.type ?? 'group'}`)
    if (Number(metadata.num_rows) * Math.max(1, columns.length) > MOST_CELLS) return null
    const rows = await parquetReadObjects({ file, metadata, compressors })
    return [columns.join(','), ...rows.map((row) => JSON.stringify(row, cell))].join('\n')
  } catch (error) {
    // the reader throws whatever a broken file makes of it
    if (error instanceof Error) return null
    throw error
  }
}

/** JSON knows no such numbers and no bytes. */
function cell(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return String(value)
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
}

const answer: Rows = { text: await rowsOf(workerData as Uint8Array) }
// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(answer)
