/** Scores the rows of a chunk with a backend of the gateway, and finds the row at fault where some cannot be scored. */
import timers from 'node:timers/promises'
import { Problem, problem } from '../../contract/errors.ts'
import type { Backend, CallLimits } from '../../scoring/rows/backend.ts'
import type { Scored } from '../../scoring/rows/scores.ts'
import type { Value } from '../../scoring/rows/rows.ts'
import { listRows } from '../../scoring/rows/rows.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import type { Source, SourceRow } from './table.ts'

/** What came of one row. */
export interface Outcome extends Scored {
  readonly error: string | null
}

export interface Engine {
  readonly backend: Backend
  readonly inputs: readonly InputField[]
  /** Calls of the backend under way at once. */
  readonly lanes: number
}

export interface Rules {
  /** `stop`: the first row that cannot be scored ends the run. `skip`: it is written with its error. */
  readonly onError: 'stop' | 'skip'
}

/** Rows of one call of a backend: well below what may wait for a scorer. */
const SLICE = 1024
/** Pieces of a slice that failed: a row that kills its scorer kills one at each level, so that levels are few. */
const SPLIT = 32
const LONGEST_CALL_MS = 600_000
/** Refusals that say nothing of the row: the call is made again. */
const BUSY = new Set(['too_many_requests', 'unavailable'])
const TRIES = 8

/** A row that takes part, with its place among the outcomes. */
interface Fitting {
  readonly index: number
  readonly values: Value[]
}

/** The outcome of each row, in order. Throws `unprocessable` naming line, field, value and expectation where `stop` is the rule. */
export async function scoreRows(
  engine: Engine,
  source: Source,
  rows: readonly SourceRow[],
  rules: Rules,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const fail = (index: number, why: string): void => {
    if (rules.onError === 'stop')
      throw problem('unprocessable', { detail: `${source.word} ${rows[index]?.line}: ${why}` })
    outcomes[index] = { prediction: null, score: null, error: why }
  }
  const fitting = fit(engine, source, rows, fail)
  const slices: Fitting[][] = []
  for (let at = 0; at < fitting.length; at += SLICE) slices.push(fitting.slice(at, at + SLICE))
  const failures: { index: number; why: string }[] = []
  const lane = async (): Promise<void> => {
    for (let slice = slices.shift(); slice !== undefined; slice = slices.shift())
      await scoreSlice(engine.backend, slice, {
        done: (index, scored) => (outcomes[index] = { ...scored, error: null }),
        fail: (index, why) => failures.push({ index, why }),
        enough: () => rules.onError === 'stop' && failures.length > 0,
      })
  }
  await Promise.all(Array.from({ length: engine.lanes }, lane))
  for (const { index, why } of failures.sort((a, b) => a.index - b.index)) fail(index, why)
  return outcomes
}

/** The rows that fit the inputs: checked all at once, and one by one where that fails. */
function fit(
  { inputs }: Engine,
  source: Source,
  rows: readonly SourceRow[],
  fail: (index: number, why: string) => void,
): Fitting[] {
  const names = source.columns.map(({ name }) => name)
  const known = names.map((name) => inputs.find((input) => input.name === name))
  const valuesOf = (row: SourceRow): unknown[] =>
    row.cells.map((cell, j) => (known[j] === undefined ? null : valueOf(source, cell, known[j])))
  if (rows.every((row) => row.fault === undefined)) {
    try {
      const all = listRows(names, rows.map(valuesOf)).values(inputs)
      return all.map((values, index) => ({ index, values }))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
    }
  }
  const fitting: Fitting[] = []
  for (const [index, row] of rows.entries()) {
    const values = row.fault ?? fitOne(names, valuesOf(row), inputs)
    if (typeof values === 'string') fail(index, values)
    else fitting.push({ index, values })
  }
  return fitting
}

/** A value of a cell. A missing text of a file is NaN, as pandas reads it, so that a row's answer hangs on no rows beside it. */
function valueOf(source: Source, cell: unknown, input: InputField): unknown {
  return source.value(cell, input) ?? (input.kind === 'string' ? Number.NaN : null)
}

/** The values of one row, or why it does not fit. */
function fitOne(names: readonly string[], values: readonly unknown[], inputs: readonly InputField[]): Value[] | string {
  try {
    return listRows(names, [values]).values(inputs)[0] ?? []
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const field = String(error.data['field']).replace(/^inputs\./, '')
    return `field "${field}" is ${JSON.stringify(error.data['value'])}, expected ${String(error.data['expected'])}`
  }
}

interface Told {
  readonly done: (index: number, scored: Scored) => void
  readonly fail: (index: number, why: string) => void
  /** Nothing more needs to be found out. */
  readonly enough: () => boolean
}

/** A slice that fails is split until the rows at fault stand alone. */
async function scoreSlice(backend: Backend, slice: readonly Fitting[], told: Told): Promise<void> {
  if (told.enough()) return
  try {
    const scored = await patient(backend, slice)
    slice.forEach(({ index }, i) => told.done(index, scored[i] as Scored))
  } catch (error) {
    if (!(error instanceof Problem) || BUSY.has(error.code)) throw error
    if (slice.length === 1) return told.fail((slice[0] as Fitting).index, error.message)
    const size = Math.ceil(slice.length / SPLIT)
    for (let at = 0; at < slice.length; at += size) await scoreSlice(backend, slice.slice(at, at + size), told)
  }
}

async function patient(backend: Backend, slice: readonly Fitting[]): Promise<Scored[]> {
  const rows = slice.map(({ values }) => values)
  for (let tries = 1; ; tries++) {
    try {
      const scored = await backend.score(rows, limits())
      if (scored.length !== rows.length)
        throw problem('upstream_failed', { what: 'the model', detail: `${scored.length} answers of ${rows.length}` })
      return scored
    } catch (error) {
      if (!(error instanceof Problem) || !BUSY.has(error.code) || tries === TRIES) throw error
      await timers.setTimeout(Math.min(30_000, 500 * 2 ** (tries - 1)))
    }
  }
}

function limits(): CallLimits {
  return { deadline: Date.now() + LONGEST_CALL_MS, params: null, bytes: 0, priority: 'low' }
}
