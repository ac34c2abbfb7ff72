/** Rows of the rounds of reproductions. */
import type { Reader, Tx } from '../../store/db.ts'

export interface EntryRow {
  readonly round: string
  readonly position: number
  readonly model: string
  readonly version: string
  readonly of_run: string | null
  readonly state: 'waiting' | 'running' | 'graded' | 'skipped'
  readonly run_id: string | null
  readonly grade_before: string | null
  readonly grade: string | null
  readonly detail: string
  readonly created_at: number
  readonly ended_at: number | null
}

/** The first model of a round that is not done; undefined where all are. */
export function nextEntry(reader: Reader, round: string): Promise<EntryRow | undefined> {
  return reader.get<EntryRow>(
    "SELECT * FROM pipeline_reproductions WHERE round = ? AND state IN ('waiting', 'running') ORDER BY position LIMIT 1",
    [round],
  )
}

export async function hasBegun(reader: Reader, round: string): Promise<boolean> {
  const row = await reader.get('SELECT position FROM pipeline_reproductions WHERE round = ? LIMIT 1', [round])
  return row !== undefined
}

/** What the last round said of a model; undefined where none has looked at it. */
export function lastEntry(reader: Reader, model: string): Promise<EntryRow | undefined> {
  return reader.get<EntryRow>(
    'SELECT * FROM pipeline_reproductions WHERE model = ? ORDER BY created_at DESC, round DESC LIMIT 1',
    [model],
  )
}

export async function addEntries(
  t: Tx,
  { round, now }: { readonly round: string; readonly now: number },
  entries: readonly Pick<EntryRow, 'model' | 'version' | 'of_run' | 'grade_before'>[],
): Promise<void> {
  for (const [position, { model, version, of_run, grade_before }] of entries.entries()) {
    await t.run(
      `INSERT INTO pipeline_reproductions (round, position, model, version, of_run, state, grade_before, detail, created_at)
       VALUES (?, ?, ?, ?, ?, 'waiting', ?, '', ?) ON CONFLICT (round, position) DO NOTHING`,
      [round, position, model, version, of_run, grade_before, now],
    )
  }
}

export async function setEntry(
  t: Tx,
  { round, position }: EntryRow,
  to: Pick<EntryRow, 'state' | 'detail' | 'run_id' | 'grade' | 'ended_at'>,
): Promise<void> {
  await t.run(
    'UPDATE pipeline_reproductions SET state = ?, detail = ?, run_id = ?, grade = ?, ended_at = ? WHERE round = ? AND position = ?',
    [to.state, to.detail, to.run_id, to.grade, to.ended_at, round, position],
  )
}

/** Rounds that began before a time are forgotten. */
export async function forgetRounds(t: Tx, before: number): Promise<void> {
  await t.run('DELETE FROM pipeline_reproductions WHERE created_at < ?', [before])
}
