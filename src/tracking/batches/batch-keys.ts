/** Idempotency keys of batches: a batch that comes again, its answer having been lost, is written once. */
import { createHash } from 'node:crypto'
import type { Tx } from '../../store/db.ts'
import type { Tracking } from '../context/context.ts'
import { invalid } from '../../mlflow/wire.ts'
import { insertRow } from '../../store/sql/rows.ts'

/** How long a key is known, ms; a client has given up long before. */
const KNOWN_MS = 24 * 3600 * 1000
const LONGEST = 255

/** The key of a request's `Idempotency-Key` header; undefined without one. INVALID_PARAMETER_VALUE for one of more than 255 characters. */
export function batchKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined || header === '') return undefined
  const key = String(header)
  if (key.length > LONGEST)
    throw invalid(`The Idempotency-Key has ${key.length} characters; at most ${LONGEST} are allowed.`)
  return key
}

/**
 * Takes a key for a batch of a run, in the transaction that writes the batch: false when the run has had this batch by this key.
 * INVALID_PARAMETER_VALUE when the key was used for another batch.
 */
export async function takeKey(
  t: Tx,
  room: Tracking,
  of: { runId: string; key: string; batch: object },
): Promise<boolean> {
  const now = room.clock()
  const hash = createHash('sha256').update(JSON.stringify(of.batch)).digest('hex')
  await t.run('DELETE FROM batch_keys WHERE run_id = ? AND created_at < ?', [of.runId, now - KNOWN_MS])
  const row = { run_id: of.runId, key: of.key, hash, created_at: now }
  if ((await insertRow(t, 'batch_keys', row, 'ON CONFLICT DO NOTHING')) === 1) return true
  const before = await t.get<{ hash: string }>('SELECT hash FROM batch_keys WHERE run_id = ? AND key = ?', [
    of.runId,
    of.key,
  ])
  if (before?.hash === hash) return false
  throw invalid(`The Idempotency-Key '${of.key}' was used for another batch of run ${of.runId}.`)
}
