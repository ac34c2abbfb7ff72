/** Scores the version in place on the candidate's own hold-out, so that both are judged on the same rows. */
import { csvRows } from '../../store/csv.ts'
import { layOutNative } from '../context/native.ts'
import type { Cell, Registry, ScoreNative, VersionRow } from '../context/context.ts'
import { apart } from './apart.ts'
import { Kept } from './kept.ts'
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

/** The tables of a candidate, and the folder of the native form that is to score them. */
export interface ScoreTask {
  readonly dir: string
  readonly holdout: Uint8Array
  readonly predictions: Uint8Array
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

/** A hold-out, and for each row of its predictions the row of it; undefined where they are not of the same rows. */
export interface Aligned {
  readonly holdout: Table
  readonly order: readonly number[] | undefined
}

/** Two CSV texts as tables of the same rows. */
export function alignTables(holdout: string, predictions: string): Aligned {
  const table = csvTable(holdout)
  return { holdout: table, order: align(table, csvTable(predictions)) }
}

/** Scores of the rows in the order of the predictions; null where the rows lack an input or are not the same. */
export function scoreAligned(
  { holdout, order }: Aligned,
  dir: string,
  scoreNative: ScoreNative,
): Float64Array<ArrayBuffer> | null {
  if (order === undefined) return null
  const scores = scoreNative(dir, (input, kind) => column(holdout, input, kind), holdout.rows.length)
  return scores === undefined ? null : Float64Array.from(order, (row) => scores[row] ?? Number.NaN)
}

interface Table {
  readonly header: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

function csvTable(text: string): Table {
  const [header = [], ...rows] = csvRows(text)
  return { header, rows }
}

/** For each row of the predictions the row of the hold-out: by id where both have one, else by place. */
function align(holdout: Table, predictions: Table): number[] | undefined {
  const [left, right] = [holdout.header.indexOf('id'), predictions.header.indexOf('id')]
  if (left < 0 || right < 0)
    return holdout.rows.length === predictions.rows.length ? predictions.rows.map((_, i) => i) : undefined
  const places = new Map(holdout.rows.map((row, i) => [row[left] ?? '', i]))
  const order = predictions.rows.map((row) => places.get(row[right] ?? '') ?? -1)
  return order.includes(-1) ? undefined : order
}

function column(table: Table, input: string, kind: 'number' | 'string'): Cell[] | undefined {
  const at = table.header.indexOf(input)
  if (at < 0) return undefined
  return table.rows.map((row) => {
    const cell = row[at] ?? ''
    if (cell === '') return null
    return kind === 'number' ? Number(cell) : cell
  })
}
