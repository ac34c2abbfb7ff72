/** Tells whether the store takes writes: a full disk or a read-only database answers reads as if nothing were wrong. */
import type { Db } from './db.ts'

/** Makes a durable write that changes nothing a reader sees; false when it is refused, whatever the reason. */
export async function isWritable(db: Db): Promise<boolean> {
  try {
    await db.tx((t) =>
      t.run(
        "INSERT INTO store_facts (name, value) VALUES ('write_probe', '1') ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      ),
    )
    return true
  } catch {
    return false
  }
}
