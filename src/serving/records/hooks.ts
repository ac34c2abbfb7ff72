/** Joins what several rooms do with ingested records: one after the other, in the same transaction. */
import type { Tx } from '../../store/db.ts'
import type { IngestHooks } from './rows.ts'

/** The hooks of rooms that are built later; asked for at each call. */
export function ingestHooks(rooms: () => readonly IngestHooks[]): IngestHooks {
  const each = async (call: (hooks: IngestHooks) => Promise<void> | undefined): Promise<void> => {
    for (const hooks of rooms()) await call(hooks)
  }
  return {
    onPredictions: (t: Tx, rows) => each((hooks) => hooks.onPredictions?.(t, rows)),
    onShadows: (t: Tx, rows) => each((hooks) => hooks.onShadows?.(t, rows)),
    onBreakers: (t: Tx, rows) => each((hooks) => hooks.onBreakers?.(t, rows)),
  }
}
