/** What checkpoints say of the audit chain: which rows they certify, where the chain became that of a backup, and what was done to them. */
import type { Certified } from './audit.ts'
import type { ReadCheckpoint } from './checkpoint-record.ts'

/** The chain became that of an older backup. */
export interface Restored {
  readonly at: string
  /** Rows that the backup had. */
  readonly rows: number
  /** Rows that had been signed by then and are not part of this chain. */
  readonly forgone: number
  readonly note: string
}

export interface Judged {
  /** In the order of their rows, without those that a restore has set aside. */
  readonly certified: readonly Certified[]
  readonly restored: Restored[]
}

/** What copies of other keys' checkpoints certify: each key's for itself, without what a restore of this folder has given up since. */
export function judgeOthers(copies: readonly ReadCheckpoint[], restored: readonly Restored[]): readonly Certified[] {
  const keys = [...new Set(copies.map(({ key }) => key))]
  const all = keys.flatMap((key) => judge(copies.filter((copy) => copy.key === key)).certified)
  return all.filter(({ at, rows }) => !restored.some((one) => one.at > at && one.rows < rows))
}

/** Where the rows lie in the data folder itself, checkpoints of other keys can only be of a file that was taken away. */
export function otherFaults(held: readonly Certified[]): readonly string[] {
  const newest = held.at(-1)
  if (newest === undefined) return []
  return [
    `copies of ${held.length} checkpoints that another key has signed are kept, the newest of ${newest.at}, and the file has none of them`,
  ]
}

/** Judges checkpoints in the order of their lines. */
export function judge(points: readonly ReadCheckpoint[]): Judged {
  const restored: Restored[] = []
  let valid: ReadCheckpoint[] = []
  for (const point of points) {
    if (point.kind === 'restored') {
      const most = Math.max(0, ...valid.map(({ rows }) => rows))
      const { at, rows, note } = point
      restored.push({ at, rows, note, forgone: Math.max(0, most - rows) })
      valid = valid.filter((one) => one.rows <= point.rows)
    }
    valid.push(point)
  }
  const certified = valid.filter(({ rows }) => rows > 0).toSorted((a, b) => a.rows - b.rows)
  return { certified, restored }
}

/**
 * Lines that the folder has not signed itself. A restored folder has those of the one before up to the line that tells of the restore,
 * and none after it; anybody can make a key and sign with it.
 */
export function foreignFaults(points: readonly ReadCheckpoint[], own: string): readonly string[] {
  const since = points.slice(
    Math.max(
      0,
      points.findLastIndex(({ kind }) => kind === 'restored'),
    ),
  )
  return since
    .filter(({ key }) => key !== own)
    .map(({ n, at }) => `line ${n} of ${at} was not signed with the key of this data folder`)
}

/** Joins the lines of the file with copies from elsewhere, by number. What only a copy has was taken out of the file. */
export function joinCopies(
  points: readonly ReadCheckpoint[],
  copies: readonly ReadCheckpoint[],
): { readonly points: readonly ReadCheckpoint[]; readonly faults: readonly string[] } {
  const here = new Set(points.map(({ hash }) => hash))
  const only = copies.filter(({ hash }) => !here.has(hash))
  const all = [...points, ...only].toSorted((a, b) => a.n - b.n)
  return {
    points: all,
    faults: only.map(({ n, at }) => `line ${n} of ${at} is not in the file, but a copy of it is kept`),
  }
}
