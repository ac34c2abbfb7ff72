/** Scores the version in place on the candidate's own hold-out, so that both are judged on the same rows. */
import { csvRows } from '../../store/csv.ts'
import { treeTable } from '../../store/blobs/trees.ts'
import { layOutNative } from '../context/native.ts'
import type { Cell, Registry, ScoreNative, VersionRow } from '../context/context.ts'

/**
 * The digest of a blob with the incumbent's scores (little-endian doubles) in the order of the predictions' rows; null when it cannot be
 * scored here: it is served by Python, the hold-out is not known, or its rows lack an input.
 */
export async function scoreIncumbent(
  room: Registry,
  candidate: VersionRow,
  incumbent: VersionRow,
): Promise<string | null> {
  const { scoreNative } = room
  if (scoreNative === undefined || candidate.holdout === null || candidate.evaluation === null) return null
  const dir = await layOutNative(room, incumbent)
  const [holdout, predictions] = await Promise.all([
    readText(room, candidate.holdout),
    readText(room, candidate.evaluation),
  ])
  if (dir === null || holdout === undefined || predictions === undefined) return null
  const scores = scoreAligned(alignTables(holdout, predictions), dir, scoreNative)
  return scores === null ? null : (await room.blobs.put(new Uint8Array(scores.buffer))).digest
}

/** A hold-out, and for each row of its predictions the row of it; undefined where they are not of the same rows. */
export interface Aligned {
  readonly holdout: Table
  readonly order: readonly number[] | undefined
}

/** Two CSV texts as tables of the same rows. */
export function alignTables(holdout: string, predictions: string): Aligned {
  const table = tableOf(holdout)
  return { holdout: table, order: align(table, tableOf(predictions)) }
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

async function readText(room: Registry, tree: string): Promise<string | undefined> {
  return (await treeTable(room.blobs, tree))?.toString('utf8')
}

function tableOf(text: string): Table {
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

/** The scores of a blob that `scoreIncumbent` wrote. */
export async function readScores(room: Registry, digest: string): Promise<Float64Array> {
  const bytes = await room.blobs.bytes(digest)
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}
