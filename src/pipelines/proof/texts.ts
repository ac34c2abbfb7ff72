/** What a file says, as text: texts themselves, what gzip has packed, and the rows of parquet. */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { onThread } from '../../jobs/thread.ts'
import type { Rows } from './parquet-thread.ts'

/** Most bytes that a packed file may become. */
const UNPACKED = 64 * 1024 * 1024
const BOUNDS = { ms: 60_000, heap: 512 }
const GZIP = Buffer.from([0x1f, 0x8b])
const PARQUET = Buffer.from('PAR1')

/** Undefined where nothing here can read the bytes. */
export async function textOf(bytes: Buffer): Promise<string | undefined> {
  if (bytes.subarray(0, GZIP.length).equals(GZIP)) {
    const unpacked = await gunzipped(bytes)
    return unpacked === undefined ? undefined : plainOrRows(unpacked)
  }
  return plainOrRows(bytes)
}

async function plainOrRows(bytes: Buffer): Promise<string | undefined> {
  if (!bytes.subarray(0, PARQUET.length).equals(PARQUET)) return plain(bytes)
  const task = new Uint8Array(bytes)
  try {
    const file = new URL('./parquet-thread.ts', import.meta.url)
    const { text } = await onThread<Rows>({ file, task, what: 'reads parquet', bounds: BOUNDS })
    return text ?? undefined
  } catch (error) {
    // a table that asks for more than the bounds is one that cannot be read
    if (error instanceof Error && /ended with|memory limit/.test(error.message)) return undefined
    throw error
  }
}

async function gunzipped(bytes: Buffer): Promise<Buffer | undefined> {
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: UNPACKED })
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (/^Z_|^ERR_BUFFER_TOO_LARGE$/.test(code)) return undefined
    throw error
  }
}

function plain(bytes: Buffer): string | undefined {
  if (bytes.includes(0)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}
