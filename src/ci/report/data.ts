/** What differs between two tables that are kept by content: rows, columns, kinds, and how far each column moved. */
import type { DataChange } from '../../contract/changes/report.ts'
import { psi } from '../../stats/drift.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { treeFiles } from '../../store/blobs/trees.ts'
import { csvRows } from '../../store/csv.ts'

type Difference = Omit<DataChange, 'name' | 'against'>

/** A larger table is not read for a report, bytes. */
const MOST_BYTES = 64 * 1024 * 1024
/** Quantiles of the table before that a number is counted by. */
const BINS = 10
/** Values of a text column that are counted one by one; the rest is counted together. */
const MOST_VALUES = 50

const NOTHING = { rows: null, added: [], removed: [], retyped: [], drift: [] }

/** Two trees by their digests. Equal digests are equal tables, and nothing is read. */
export async function compareData(blobs: Blobs, before: string, after: string): Promise<Difference> {
  if (before === after) return { same: true, compared: true, ...NOTHING }
  const [a, b] = [await tableOf(blobs, before), await tableOf(blobs, after)]
  if (a === undefined || b === undefined) return { same: false, compared: false, ...NOTHING }
  return { same: false, compared: true, ...compareTables(a, b) }
}

type Kind = 'number' | 'text' | 'empty'

interface Table {
  readonly rows: number
  readonly columns: ReadonlyMap<string, readonly string[]>
}

/** Undefined where the tree has no CSV, is gone, or is too large. */
async function tableOf(blobs: Blobs, tree: string): Promise<Table | undefined> {
  if (!(await blobs.has(tree))) return undefined
  const file = (await treeFiles(blobs, tree)).find(({ path }) => path === '' || path.endsWith('.csv'))
  if (file === undefined || file.size > MOST_BYTES) return undefined
  const bytes = await blobs.bytes(file.digest)
  // a table in another format: parquet, for example
  if (bytes.subarray(0, 4096).includes(0)) return undefined
  return parse(bytes.toString('utf8'))
}

function parse(text: string): Table | undefined {
  const columns = new Map<string, string[]>()
  let head: readonly string[] | undefined
  let rows = 0
  for (const row of csvRows(text)) {
    if (head === undefined) {
      head = row
      for (const name of row) columns.set(name, [])
      continue
    }
    rows++
    for (const [i, name] of head.entries()) columns.get(name)?.push(row[i] ?? '')
  }
  return head === undefined || head.length !== columns.size ? undefined : { rows, columns }
}

function compareTables(a: Table, b: Table): Omit<Difference, 'same' | 'compared'> {
  const both = [...b.columns.keys()].filter((name) => a.columns.has(name))
  const pairs = both.map((column) => {
    const [before, after] = [a.columns.get(column) ?? [], b.columns.get(column) ?? []]
    return { column, before, after, kinds: [kindOf(before), kindOf(after)] as const }
  })
  return {
    rows: { before: a.rows, after: b.rows },
    added: [...b.columns.keys()].filter((name) => !a.columns.has(name)),
    removed: [...a.columns.keys()].filter((name) => !b.columns.has(name)),
    retyped: pairs
      .filter(({ kinds: [before, after] }) => before !== after)
      .map(({ column, kinds: [before, after] }) => ({ column, before, after })),
    drift: pairs
      .map(({ column, before, after, kinds }) => ({
        column,
        psi: distance(before, after, kinds[0] === 'number' && kinds[1] === 'number'),
        nulls_before: nullShare(before),
        nulls_after: nullShare(after),
      }))
      .filter((one) => Number.isFinite(one.psi))
      .toSorted((x, y) => y.psi - x.psi),
  }
}

function kindOf(cells: readonly string[]): Kind {
  const given = cells.filter((cell) => cell !== '')
  if (given.length === 0) return 'empty'
  return given.every((cell) => cell.trim() !== '' && Number.isFinite(Number(cell))) ? 'number' : 'text'
}

function nullShare(cells: readonly string[]): number {
  return cells.length === 0 ? 0 : cells.filter((cell) => cell === '').length / cells.length
}

/** Missing values have a bin of their own on both sides. */
function distance(before: readonly string[], after: readonly string[], numbers: boolean): number {
  const bin = numbers ? byQuantile(before) : byValue(before)
  const count = (cells: readonly string[]): Float64Array => {
    const counts = new Float64Array(bin.size + 1)
    for (const cell of cells) {
      const at = cell === '' ? bin.size : bin.of(cell)
      counts[at] = (counts[at] ?? 0) + 1
    }
    return counts
  }
  return psi(count(before), count(after))
}

interface Bins {
  readonly size: number
  readonly of: (cell: string) => number
}

function byQuantile(cells: readonly string[]): Bins {
  const sorted = Float64Array.from(
    cells.filter((cell) => cell !== ''),
    Number,
  ).sort()
  const edges = [
    ...new Set(Array.from({ length: BINS - 1 }, (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / BINS)] ?? 0)),
  ]
  return {
    size: edges.length + 1,
    of: (cell) => edges.filter((edge) => Number(cell) > edge).length,
  }
}

function byValue(cells: readonly string[]): Bins {
  const counts = new Map<string, number>()
  for (const cell of cells) if (cell !== '') counts.set(cell, (counts.get(cell) ?? 0) + 1)
  const top = [...counts].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, MOST_VALUES)
  const places = new Map(top.map(([value], i) => [value, i]))
  return { size: top.length + 1, of: (cell) => places.get(cell) ?? top.length }
}
