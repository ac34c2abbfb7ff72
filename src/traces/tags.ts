/** Tags of a trace: set, removed. The name is a tag too; where its spans and files lie is not the caller's to say. */
import type { Principal } from '../contract/access.ts'
import { checkKey, cut } from '../mlflow/limits.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { invalid, missing } from '../mlflow/wire.ts'
import { insertRow, updateRows } from '../store/sql/rows.ts'
import { sql } from '../store/sql/sql.ts'
import { FAILURE_TAG, NAME_TAG, requireTrace, SERVER_TAGS } from './context/rows.ts'
import { LONGEST_VALUE } from './spans/rows.ts'

export interface TraceTag {
  readonly key: string
  readonly value: string
}

/** Sets a tag; the last write wins, a long value is cut. */
export async function setTraceTag(room: Tracking, who: Principal, traceId: string, tag: TraceTag): Promise<void> {
  checkKey(tag.key, 'key', 'key')
  refuseFixed(tag.key, 'set')
  const value = cut(tag.value, LONGEST_VALUE)
  await room.db.tx(async (t) => {
    await requireTrace(t, who, traceId)
    if (tag.key === NAME_TAG) await updateRows(t, 'traces', { name: value }, sql`trace_id = ${traceId}`)
    else {
      const over = 'ON CONFLICT (trace_id, key) DO UPDATE SET value = excluded.value'
      await insertRow(t, 'trace_tags', { trace_id: traceId, key: tag.key, value }, over)
    }
  })
}

/** Removes a tag, also the one that says why a trace could not be archived. RESOURCE_DOES_NOT_EXIST when it is not set. */
export async function deleteTraceTag(room: Tracking, who: Principal, traceId: string, key: string): Promise<void> {
  if (key !== FAILURE_TAG) refuseFixed(key, 'deleted')
  await room.db.tx(async (t) => {
    await requireTrace(t, who, traceId)
    const gone =
      key === NAME_TAG
        ? await t.run('UPDATE traces SET name = NULL WHERE trace_id = ? AND name IS NOT NULL', [traceId])
        : await t.run('DELETE FROM trace_tags WHERE trace_id = ? AND key = ?', [traceId, key])
    if (gone === 0) throw missing(`No trace tag with key '${key}' for trace with ID '${traceId}'`, 'tag', key)
  })
}

function refuseFixed(key: string, operation: string): void {
  if (SERVER_TAGS.includes(key)) throw invalid(`Tag '${key}' is immutable and cannot be ${operation} on a trace.`)
}
