/**
 * The lowering matrix: each estimator on each version of its library, lowered in that library's own environment and replayed here.
 *
 * `node test/lowering/matrix.ts [TITLE...] [--only PATTERN]` runs the columns (all without a title), or their rows that match, and writes
 * docs/reference/lowering.md.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { BOOSTED, EXPORTED } from '../clients/packages.ts'
import { testEnv } from '../python-env.ts'
import { verifyNative } from '../../src/scoring/native/verify.ts'
import { exportAll } from './exports.ts'
import { PLAIN_PROCESSOR } from './processor.ts'

const root = join(import.meta.dirname, '../..')
const PAGE = join(root, 'docs/reference/lowering.md')
/** Rows that each cell is replayed on; a registration takes 10,000. */
const PROBES = 200
const MLFLOW = 'mlflow-skinny==3.17.2'

/** One version of a library: its section of the table, its packages, the module in python/tests that has its rows. */
export interface Column {
  readonly section: string
  readonly title: string
  readonly packages: readonly string[]
  readonly cases: string
  /** The cell of a model that Python does not serve. */
  readonly word: 'native' | 'ONNX'
}

/** Why the matrix is not run here, or false. */
export const SKIP =
  process.arch === 'x64' ? false : 'the table is that of x86-64 processors; other ones add in other orders'

/** Why a library of several gigabytes is not tested here, or false. */
export const HEAVY =
  process.env['SLIPWAY_TEST_HEAVY'] === '1'
    ? SKIP
    : 'its packages take gigabytes; set SLIPWAY_TEST_HEAVY=1 to install and test it'

/** A cell: undefined where the model is native, else why Python serves it. */
type Cells = ReadonlyMap<string, string | undefined>

function scikit(version: string, others: readonly string[]): Column {
  const packages = [`scikit-learn==${version}`, MLFLOW, ...others]
  return { section: 'scikit-learn', title: version, packages, cases: 'lowering_cases', word: 'native' }
}

/** The newest and an older version of both libraries, which are installed together. */
function boosted(title: string, packages: readonly string[]): Column {
  return { section: 'XGBoost and LightGBM', title, packages, cases: 'matrix_boost', word: 'native' }
}

/** A library whose models are exported to ONNX. */
function exported(title: string, packages: readonly string[]): Column {
  return { section: 'Exported to ONNX', title, packages, cases: 'matrix_export', word: 'ONNX' }
}

/** The columns of the matrix, oldest first. */
export const COLUMNS: readonly Column[] = [
  scikit('1.5.2', ['numpy==1.26.4', 'scipy==1.13.1', 'pandas==2.2.3']),
  scikit('1.6.1', ['numpy==2.2.6', 'scipy==1.15.3', 'pandas==2.2.3']),
  scikit('1.7.2', ['numpy==2.3.5', 'scipy==1.16.3', 'pandas==2.3.3']),
  scikit('1.8.0', ['numpy==2.4.6', 'scipy==1.17.1', 'pandas==2.3.3']),
  scikit('1.9.1', ['numpy==2.4.6', 'scipy==1.17.1', 'pandas==3.1.1']),
  boosted('2.1.4 and 4.3.0', BOOSTED.older),
  boosted('3.2.0 and 4.7.0', BOOSTED.newest),
  exported('CatBoost 1.2.10', EXPORTED.catboost),
  exported('PyTorch 2.15.0', EXPORTED.pytorch),
  exported('TensorFlow 2.21.0', EXPORTED.tensorflow),
]

/** Half of the rows of a column, so that a test takes half the time; `all` is both. */
export type Part = 'first' | 'second' | 'all'

const PARTS = { first: '0/2', second: '1/2', all: '0/1' } as const

/** Lowers and replays the rows of a column. Throws when a lowered model does not replay. */
async function runColumn(column: Column, part: Part, only = ''): Promise<Cells> {
  const python = await testEnv(column.packages, 'once')
  const folder = mkdtempSync(join(tmpdir(), 'matrix-'))
  try {
    if (column.word === 'ONNX') return await exportAll(python, folder, only)
    const script = join(root, 'python/tests/lower_matrix.py')
    const env = { ...process.env, ...PLAIN_PROCESSOR }
    const options = { maxBuffer: 1e8, env }
    const args = ['--cases', column.cases, '--part', PARTS[part], '--probes', `${PROBES}`]
    await promisify(execFile)(python, ['-B', script, folder, ...args, '--only', only], options)
    const names = JSON.parse(readFileSync(join(folder, 'names.json'), 'utf8')) as string[]
    return new Map(names.map((name, i) => [name, outcome(name, join(folder, String(i), 'native'))]))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function outcome(name: string, native: string): string | undefined {
  const result = JSON.parse(readFileSync(join(native, 'result.json'), 'utf8')) as { ok: boolean; reason: string | null }
  if (!result.ok) return result.reason ?? 'no reason given'
  const replay = verifyNative(native)
  assert.equal(replay.mismatch, undefined, `${name} does not replay`)
  assert.ok(replay.n >= PROBES, `${name}: ${replay.n} rows`)
  return undefined
}

/** Compares what a column gives with the page. Throws an AssertionError naming the first row that differs. */
export async function checkColumn(section: string, title: string, part: Part): Promise<void> {
  const column = COLUMNS.find((one) => one.section === section && one.title === title)
  assert.ok(column !== undefined, `no column ${section} ${title}`)
  const cells = await runColumn(column, part)
  const page = readPage().get(section) ?? new Map<string, Cells>()
  const said = page.get(title) ?? new Map<string, string | undefined>()
  assert.ok(cells.size * 2 >= said.size - 1, `${cells.size} rows of ${said.size}`)
  for (const [name, reason] of cells) {
    assert.ok(said.has(name), `${name} is not in the table: node test/lowering/matrix.ts`)
    assert.equal(reason, said.get(name), `${name}: mend it by node test/lowering/matrix.ts`)
  }
}

type Page = Map<string, Map<string, Cells>>

/** The page as cells: section, then column, then row. */
function readPage(): Page {
  const page: Page = new Map()
  if (!existsSync(PAGE)) return page
  const [, ...parts] = readFileSync(PAGE, 'utf8').split('\n## ')
  for (const part of parts) {
    const [section = '', ...lines] = part.split('\n')
    const reasons = lines.flatMap((line) => /^\d+\. (.+)$/.exec(line)?.[1] ?? [])
    const [header = [], , ...rows] = lines.filter((line) => line.startsWith('|')).map(cellsOf)
    const columns = new Map<string, Cells>()
    for (const [k, title] of header.slice(1).entries()) {
      const cells = rows
        .filter((row) => row[k + 1] !== '')
        .map((row) => [row[0]!, reasonOf(row[k + 1]!, reasons)] as const)
      columns.set(title, new Map(cells))
    }
    page.set(section, columns)
  }
  return page
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim())
}

function reasonOf(cell: string, reasons: readonly string[]): string | undefined {
  const note = /^Python \[(\d+)\]$/.exec(cell)?.[1]
  return note === undefined ? undefined : reasons[Number(note) - 1]
}

const HEAD = `# What is served natively

Made by \`node test/lowering/matrix.ts\`; the tests of the suite run each cell again and compare. Each row is fitted on a small table
with gaps and categories, logged with MLflow, lowered in the environment of the column and replayed: **native** where every score
came out bit for bit and every probability within one unit in the last place of 1.0. Otherwise Python serves the model; the
numbers name the reasons below the table. Processors with AVX-512 have sums and functions of their own; the table is that of an x86-64
processor with AVX2. There, models that read on in what NumPy's \`exp\` gave are refused: stacks and calibrations of classifiers
with three classes or more whose probabilities are a softmax.

The last table is of models that are exported to ONNX in the environment of their library: **ONNX** where every number that ONNX
Runtime answered lies within 1e-4 of the Python model's (of the number itself or the median answer, whichever is larger; what was
seen is some 1e-6, since both sum float32 in other orders) and every label is the same. See [serving](../guides/serving.md#models-of-catboost-pytorch-and-keras).
`

/** The page of cells as Markdown. */
function pageOf(page: Page): string {
  const sections = [...page].map(([section, columns]) => {
    const reasons: string[] = []
    const note = (reason: string): number => {
      if (!reasons.includes(reason)) reasons.push(reason)
      return reasons.indexOf(reason) + 1
    }
    const titles = [...columns.keys()]
    const names = [...new Set([...columns.values()].flatMap((cells) => [...cells.keys()]))]
    const word = COLUMNS.find((one) => one.section === section)?.word ?? 'native'
    const cell = (cells: Cells, name: string): string => {
      if (!cells.has(name)) return ''
      const reason = cells.get(name)
      return reason === undefined ? word : `Python [${note(reason)}]`
    }
    const rows = names.map(
      (name) => `| ${[name, ...titles.map((title) => cell(columns.get(title)!, name))].join(' | ')} |`,
    )
    const head = [`| model | ${titles.join(' | ')} |`, `|---|${titles.map(() => '---|').join('')}`]
    return [`## ${section}`, '', ...head, ...rows, '', ...reasons.map((reason, k) => `${k + 1}. ${reason}`), ''].join(
      '\n',
    )
  })
  return `${HEAD}\n${sections.join('\n')}`
}

async function main(titles: readonly string[], only: string): Promise<void> {
  const page = readPage()
  for (const column of COLUMNS) {
    const columns = page.get(column.section) ?? new Map<string, Cells>()
    page.set(column.section, columns)
    if (titles.length > 0 && !titles.includes(column.title)) continue
    const kept = only === '' ? [] : (columns.get(column.title) ?? [])
    columns.set(column.title, new Map([...kept, ...(await runColumn(column, 'all', only))]))
    console.log(`${column.section} ${column.title}`)
  }
  const order = (section: string): string[] => COLUMNS.filter((one) => one.section === section).map((one) => one.title)
  const sorted = [...page].map(([section, columns]) => {
    const kept = order(section).flatMap((title) => (columns.has(title) ? [[title, columns.get(title)!] as const] : []))
    return [section, new Map(kept)] as const
  })
  writeFileSync(PAGE, pageOf(new Map(sorted)))
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ options: { only: { type: 'string' } }, allowPositionals: true })
  await main(positionals, values.only ?? '')
}
