/** Events of triggers that are kept no longer: they have ended, are old, and no look can come upon their cause again. */
import { DAY_MS } from '../../contract/ids.ts'
import type { EventState } from '../../contract/pipelines/triggers.ts'
import type { Db, Reader } from '../../store/db.ts'
import { readTrigger, type Named } from './rows.ts'

/** Events are kept for so long; calls that may come again are younger, ms. */
const KEPT_MS = 30 * DAY_MS
/** Events that one transaction drops: others write between. */
const AT_ONCE = 1000

/** Drops what is old, also of triggers that are gone; of each the newest that started a run stays. How many. */
export async function dropOldEvents(db: Db, now: number): Promise<number> {
  let dropped = 0
  for (let of = await nextNamed(db); of !== undefined; of = await nextNamed(db, of))
    dropped += await dropOf(db, of, now)
  return dropped
}

/** The triggers that have events, one after the other by an index: to ask for all of them would read every event. */
function nextNamed(reader: Reader, { project, name }: Named = { project: '', name: '' }): Promise<Named | undefined> {
  return reader.get<Named>(
    `SELECT project, name FROM pipeline_trigger_events WHERE (project, name) > (?, ?) ORDER BY project, name LIMIT 1`,
    [project, name],
  )
}

async function dropOf(db: Db, named: Named, now: number): Promise<number> {
  const looked = (await readTrigger(db, named))?.looked_at ?? now
  const { project, name } = named
  const newest = (await newestOf(db, named, 'started')) ?? (await newestOf(db, named, 'failed')) ?? 0
  // one that could not look for weeks looks back to where it stopped, a little further even
  const before = Math.min(now - KEPT_MS, looked - DAY_MS, newest)
  let dropped = 0
  for (let last = AT_ONCE; last === AT_ONCE; dropped += last)
    last = await db.tx((t) =>
      t.run(
        `DELETE FROM pipeline_trigger_events WHERE id IN (SELECT id FROM pipeline_trigger_events
           WHERE project = ? AND name = ? AND created_at < ? AND state IN ('started', 'failed') LIMIT ?)`,
        [project, name, before, AT_ONCE],
      ),
    )
  return dropped
}

async function newestOf(reader: Reader, { project, name }: Named, state: EventState): Promise<number | undefined> {
  const row = await reader.get<{ created_at: number }>(
    `SELECT created_at FROM pipeline_trigger_events WHERE project = ? AND name = ? AND state = ? ORDER BY created_at DESC LIMIT 1`,
    [project, name, state],
  )
  return row?.created_at
}
