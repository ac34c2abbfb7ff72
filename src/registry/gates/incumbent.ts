/** Scores the version in place on the candidate's own hold-out, so that both are judged on the same rows. */
import { layOutNative } from '../context/native.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { apart } from './apart.ts'
import { Kept } from './kept.ts'
import { alignTables, scoreAligned } from './scores.ts'
import type { ScoreTask } from './scores.ts'
import { areSmall, tableOf, textOf } from './tables.ts'

/**
 * The digest of a blob with the incumbent's scores (little-endian doubles) in the order of the predictions' rows; null when it cannot be
 * scored here: it is served by Python, the hold-out is not known, or its rows lack an input.
 */
export async function scoreIncumbent(
  room: Registry,
  candidate: VersionRow,
  incumbent: VersionRow,
): Promise<string | null> {
  if (room.scoreNative === undefined || candidate.holdout === null || candidate.evaluation === null) return null
  const dir = await layOutNative(room, incumbent)
  if (dir === null) return null
  const found = await scoresOn(room, { dir, holdout: candidate.holdout, evaluation: candidate.evaluation })
  return found === null ? null : (await room.blobs.put(new Uint8Array(found.buffer))).digest
}

type Scores = Float64Array<ArrayBuffer> | null

/** Scores that were computed on threads, by the trees that decide them: a version is judged again and again. */
const kept = new WeakMap<Registry['blobs'], Kept<Scores>>()
const MOST_KEPT = 20

interface Rows {
  readonly dir: string
  readonly holdout: string
  readonly evaluation: string
}

async function scoresOn(room: Registry, of: Rows): Promise<Scores> {
  const { scoreNative, scorer } = room
  if (scorer === undefined || (await areSmall(room, [of.holdout, of.evaluation]))) {
    const score = await scoreTask(room, of)
    if (score === null || scoreNative === undefined) return null
    return scoreAligned(alignTables(textOf(score.holdout), textOf(score.predictions)), of.dir, scoreNative)
  }
  const known = kept.get(room.blobs) ?? new Kept<Scores>(MOST_KEPT)
  kept.set(room.blobs, known)
  return known.of(JSON.stringify(of), async () => {
    const score = await scoreTask(room, of)
    return score === null ? null : apart({ score, scorer }, 'scores a hold-out')
  })
}

async function scoreTask(room: Registry, { dir, holdout, evaluation }: Rows): Promise<ScoreTask | null> {
  const [rows, predictions] = await Promise.all([tableOf(room, holdout), tableOf(room, evaluation)])
  return rows === null || predictions === null ? null : { dir, holdout: rows, predictions }
}
