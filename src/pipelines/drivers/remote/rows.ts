/** The rows of attempts that nodes run: any process of the control side reads from them how an attempt goes. */
import type { CheckpointState } from '../../../contract/runs/checkpoints.ts'
import type { Digest } from '../../../store/blobs/blobs.ts'
import type { NeededTree } from '../../../store/blobs/reach.ts'
import type { TreeInfo } from '../../../store/blobs/trees.ts'
import type { Reader, SqlValue, Tx } from '../../../store/db.ts'
import type { StoredCheckpoint } from '../kept.ts'
import type { WrittenBeat, WrittenExit } from '../exit.ts'

export interface NodeRow {
  readonly attempt: string
  readonly fence: string
  readonly driver: string
  readonly work: string
  readonly submitted_at: number
  readonly claimant: string | null
  readonly host: string | null
  readonly claimed_at: number | null
  readonly beat_at: number | null
  readonly beat: WrittenBeat | null
  readonly log_size: number
  readonly log_limit: number
  readonly stop: 'cancel' | 'kill' | null
  readonly ended: WrittenExit | null
  readonly outputs: Readonly<Record<string, TreeInfo>> | null
  readonly checkpoint_state: CheckpointState | null
  /** The last good ones that were sent, the newest first. */
  readonly checkpoints: readonly StoredCheckpoint[] | null
  /** What it waits for that nobody has taken up yet, as its cluster says. */
  readonly waits: string | null
  /** JSON of what its cluster is asked for, until that has its job. */
  readonly unsent: string | null
}

/** What attempts of a run wait for, by step or item, in the words of their clusters. */
export async function clusterWaits(reader: Reader, run: string): Promise<ReadonlyMap<string, string>> {
  const rows = await reader.all<{ step: string; waits: string }>(
    `SELECT a.step, n.waits FROM pipeline_attempts a JOIN pipeline_nodes n ON n.attempt = a.id
     WHERE a.run_id = ? AND a.state IN ('submitting', 'running') AND n.claimed_at IS NULL AND n.waits IS NOT NULL
     ORDER BY a.queued_at, a.id`,
    [run],
  )
  return new Map(rows.map(({ step, waits }) => [step, waits]))
}

/** What a node says of an attempt is heard: it was taken up, has not ended, and nobody has ended it from outside. */
export const HEARD =
  "attempt = ? AND fence = ? AND claimed_at IS NOT NULL AND ended IS NULL AND coalesce(stop, '') <> 'kill'"

export async function nodeRow(reader: Reader, attempt: string): Promise<NodeRow | undefined> {
  const row = await reader.get<Record<string, SqlValue>>('SELECT * FROM pipeline_nodes WHERE attempt = ?', [attempt])
  if (row === undefined) return undefined
  const parsed = ['beat', 'ended', 'outputs', 'checkpoint_state', 'checkpoints'].map((name) => [
    name,
    parsedJson(row[name]),
  ])
  return { ...row, ...Object.fromEntries(parsed) } as NodeRow
}

function parsedJson(value: SqlValue | undefined): unknown {
  return typeof value === 'string' ? JSON.parse(value) : null
}

/** A piece of a log: where it begins, and the blob with its bytes. */
export interface Piece {
  readonly at: number
  readonly size: number
  readonly digest: string
}

/** The pieces of a log from the one that holds a byte, in their order. */
export function piecesFrom(reader: Reader, attempt: string, from: number): Promise<Piece[]> {
  return reader.all<Piece>(
    'SELECT at, size, digest FROM pipeline_node_pieces WHERE attempt = ? AND at + size > ? ORDER BY at',
    [attempt, from],
  )
}

/** Forgets an attempt. */
export async function dropNode(t: Tx, attempt: string): Promise<void> {
  for (const table of ['pipeline_node_pieces', 'pipeline_node_files', 'pipeline_nodes'])
    await t.run(`DELETE FROM ${table} WHERE attempt = ?`, [attempt])
}

/** Blobs that attempts under way need: pieces of logs, files and trees of outputs. */
export async function* nodeDigests(db: Pick<Reader, 'all'>): AsyncGenerator<Digest | NeededTree> {
  const rows = await db.all<{ digest: string }>(
    'SELECT digest FROM pipeline_node_pieces UNION ALL SELECT digest FROM pipeline_node_files',
  )
  for (const { digest } of rows) yield digest
  const ended = await db.all<{ outputs: string }>('SELECT outputs FROM pipeline_nodes WHERE outputs IS NOT NULL')
  for (const { outputs } of ended)
    for (const { digest } of Object.values(JSON.parse(outputs) as Record<string, TreeInfo>)) yield digest
  const kept = await db.all<{ checkpoints: string }>(
    'SELECT checkpoints FROM pipeline_nodes WHERE checkpoints IS NOT NULL',
  )
  for (const { checkpoints } of kept)
    for (const { tree } of JSON.parse(checkpoints) as StoredCheckpoint[]) yield { tree }
}
