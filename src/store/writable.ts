/** Tells whether the store takes writes: a full disk or a read-only database answers reads as if nothing were wrong. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Db } from './db.ts'

/** Makes a durable write that changes nothing a reader sees; false when it is refused, whatever the reason. */
export async function isWritable(db: Db, patienceMs = PATIENCE_MS): Promise<boolean> {
  const written = db.tx((t) =>
    t.run(
      "INSERT INTO store_facts (name, value) VALUES ('write_probe', '1') ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    ),
  )
  const over = new AbortController()
  try {
    await Promise.race([
      written,
      delay(patienceMs, undefined, { signal: over.signal }).then(() => Promise.reject(LATE)),
    ])
    return true
  } catch {
    return false
  } finally {
    over.abort()
  }
}

/** A write that takes longer is none that a caller could count on, ms. */
const PATIENCE_MS = 5000
const LATE = new Error('the write takes too long')
