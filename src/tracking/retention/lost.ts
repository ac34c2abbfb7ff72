/** Lost runs: those that say RUNNING and gave no sign of life for long are taken for failed, with the reason and the last log lines. */
import { buffer } from 'node:stream/consumers'
import { SYSTEM } from '../../auth/tokens.ts'
import type { Reader } from '../../store/db.ts'
import { placeOfUri } from '../context/paths.ts'
import { LOST_TAGS } from '../runs/heartbeat.ts'
import type { Tracking } from '../context/context.ts'
import { writeTags } from '../runs/runs.ts'
import type { RunRow } from '../runs/runs.ts'
import { insertRow } from '../../store/sql/rows.ts'

export interface LostRules {
  /** Silence after which a run is lost, ms. */
  readonly silentMs: number
  /** When this server began to listen, or its clock was set last, ms: silence before that proves nothing. */
  readonly startedAt: () => number
  /** Runs that something else watches, such as those of steps under way. */
  readonly watched: () => Promise<ReadonlySet<string>>
  /** Digest of the log that is kept of a run elsewhere; undefined where there is none. */
  readonly logOf: (runId: string) => Promise<string | undefined>
}

/** A time that a run was lost; times in ms, `resumed_at` null while it has not written again. */
export interface Loss {
  readonly run_id: string
  readonly lost_at: number
  readonly silent_since: number
  readonly reason: string
  readonly log: string
  readonly resumed_at: number | null
}

/** Runs of one look at most. */
const MOST = 500

/** What is kept of a log: its last bytes and, of these, its last lines. */
const LOG_BYTES = 8192
const LOG_LINES = 20

/** Artifacts in which a run keeps what it printed. */
const CONSOLES = "('console.log', 'output.log', 'logs/console.log', 'logs/output.log', 'stdout.log')"

/**
 * Takes every silent run for lost and returns their ids. MLflow's clients see FAILED, ended at the last sign of life, with the
 * tags of LOST_TAGS; a later write opens the run again.
 */
export async function markLost(room: Tracking, rules: LostRules): Promise<string[]> {
  const now = room.clock()
  const before = now - rules.silentMs
  if (before < rules.startedAt()) return []
  const silent = await room.db.all<RunRow>(
    "SELECT * FROM runs WHERE status = 'RUNNING' AND heartbeat_at < ? ORDER BY heartbeat_at LIMIT ?",
    [before, MOST],
  )
  if (silent.length === 0) return []
  const watched = await rules.watched()
  const lost: string[] = []
  for (const run of silent) {
    if (watched.has(run.run_id)) continue
    if (await markOne(room, run, await lastLines(room, run, rules))) lost.push(run.run_id)
  }
  return lost
}

/** Every loss of a run, the newest first. */
export function lossesOf(reader: Reader, runId: string): Promise<Loss[]> {
  return reader.all<Loss>('SELECT * FROM run_losses WHERE run_id = ? ORDER BY lost_at DESC', [runId])
}

function markOne(room: Tracking, run: RunRow, log: string): Promise<boolean> {
  const now = room.clock()
  const reason = `no sign of life since ${new Date(run.heartbeat_at).toISOString()}`
  return room.db.tx(async (t) => {
    const changed = await t.run(
      "UPDATE runs SET status = 'FAILED', end_time = ?, lost_at = ? WHERE run_id = ? AND status = 'RUNNING' AND heartbeat_at = ?",
      [run.heartbeat_at, now, run.run_id, run.heartbeat_at],
    )
    if (changed === 0) return false
    const { run_id, heartbeat_at: silent_since } = run
    await insertRow(t, 'run_losses', { run_id, lost_at: now, silent_since, reason, log })
    const values = ['true', reason, log]
    const tags = LOST_TAGS.map((key, index) => ({ key, value: values[index] ?? '' }))
    await writeTags(
      t,
      run.run_id,
      tags.filter((tag) => tag.value !== ''),
    )
    const detail = { run: run.run_name, lost: reason }
    await room.record(t, SYSTEM, { verb: 'write', resource: 'runs', id: run.run_id, detail })
    return true
  })
}

async function lastLines(room: Tracking, run: RunRow, rules: LostRules): Promise<string> {
  const owner = placeOfUri(run.artifact_uri)?.owner ?? ''
  const digest =
    (await rules.logOf(run.run_id)) ??
    (
      await room.db.get<{ digest: string }>(
        `SELECT digest FROM artifacts WHERE owner = ? AND path IN ${CONSOLES} ORDER BY updated_at DESC LIMIT 1`,
        [owner],
      )
    )?.digest
  if (digest === undefined || !(await room.blobs.has(digest))) return ''
  const { size, stream } = await room.blobs.read(digest, { start: 0, end: 0 })
  stream.destroy()
  const tail = await room.blobs.read(digest, { start: Math.max(0, size - LOG_BYTES), end: size - 1 })
  const text = (await buffer(tail.stream)).toString('utf8')
  return text.trimEnd().split('\n').slice(-LOG_LINES).join('\n').replaceAll('\0', '')
}
