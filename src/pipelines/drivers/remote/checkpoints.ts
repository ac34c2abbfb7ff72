/** What a node says of checkpoints, as the server keeps it: times by its own clock, the last good ones with their trees. */
import type { CheckpointState } from '../../../contract/runs/checkpoints.ts'
import type { TreeInfo } from '../../../store/blobs/trees.ts'
import type { Tx } from '../../../store/db.ts'
import { STORED, type StoredCheckpoint } from '../kept.ts'
import type { Listed } from './files.ts'

export interface ToldCheckpoint {
  /** Now by the clock of the node, seconds since 1970. */
  readonly at: number
  readonly state: CheckpointState
  /** Null where the newest was kept before, or is gone. */
  readonly files: Listed | null
}

/** The word of a node with its times by the server's clock: that of the node may be set as it likes. */
export function ownState({ at, state }: ToldCheckpoint, now: number): CheckpointState {
  const off = now / 1000 - at
  const moved = (time: number): number => Math.max(0, time + off)
  const { last, failed } = state
  return {
    ...state,
    last: last === null ? null : { ...last, at: moved(last.at) },
    failed: failed === null ? null : { ...failed, at: moved(failed.at) },
  }
}

/** Those that are kept from now on, the newest first. */
export async function keptCheckpoints(
  told: ToldCheckpoint,
  before: readonly StoredCheckpoint[],
  now: number,
  keep: (files: Listed) => Promise<TreeInfo>,
): Promise<StoredCheckpoint[]> {
  const { last } = ownState(told, now)
  if (told.files === null || last === null) return [...before]
  const { digest, size } = await keep(told.files)
  const { number, step, at } = last
  const rest = before.filter((one) => one.number < number)
  return [{ number, step, at: Math.round(at * 1000), size, tree: digest }, ...rest].slice(0, STORED)
}

/** Forgets files that a node has sent and no checkpoint holds any more; outputs are sent when all of these are. */
export async function dropFiles(t: Tx, attempt: string, needed: ReadonlySet<string>): Promise<void> {
  const sent = await t.all<{ digest: string }>('SELECT digest FROM pipeline_node_files WHERE attempt = ?', [attempt])
  for (const { digest } of sent) {
    if (!needed.has(digest))
      await t.run('DELETE FROM pipeline_node_files WHERE attempt = ? AND digest = ?', [attempt, digest])
  }
}
