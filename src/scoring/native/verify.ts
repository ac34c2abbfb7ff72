/** Replays the rows that scikit-learn answered at lowering time and compares bit for bit. */

import { z } from 'zod'
import { Problem } from '../../contract/errors.ts'
import type { NativeValue } from './nodes/blocks.ts'
import type { NativeDocument } from './form/document.ts'
import { floats, ints, malformed, readDocument } from './form/document.ts'
import { loadNative } from './load.ts'
import type { NativeBatch, NativeModel, NativePrediction } from './model.ts'

const HEADER = z.object({
  format: z.enum(['slipway.native.verify/2', 'slipway.native.verify/1']),
  rows: z.int().min(0),
  refused: z.int().min(0),
  texts: z.array(z.string()),
})

/** One unit in the last place of 1.0. */
const ULP = 2 ** -52

/** The first row whose answer differs: its number, its values, and what was wanted and given. */
export interface Mismatch {
  readonly row: number
  readonly values: NativeValue[]
  readonly what: 'raw' | 'prediction' | 'probabilities' | 'refusal'
  readonly expected: unknown
  readonly got: unknown
}

/**
 * The outcome of a replay of `n` rows. `ok`: raw scores bit-equal, predicted classes equal, probabilities at most one ulp of 1.0 off,
 * predictions through exp() at most one ulp of themselves (through the logistic function, of 1.0), and the rows that Python refuses refused. `worst_ulp` is the largest
 * difference of a probability or of such a prediction, in those units.
 */
export interface Verification {
  readonly ok: boolean
  readonly n: number
  readonly worst_ulp: number
  readonly mismatch?: Mismatch
}

/** Loads the model of a folder and replays its verification rows, one by one and as one batch. Throws `unprocessable` for malformed files. */
export function verifyNative(dir: string): Verification {
  return verifyModel(loadNative(dir), readDocument(dir, 'verify'))
}

/** Replays the rows of a verification document on a model. */
export function verifyModel(model: NativeModel, document: NativeDocument): Verification {
  const probe = readProbes(model, document)
  const replay: Replay = { ...probe, worst: 0 }
  const mismatch = replaySingle(model, replay) ?? replayBatch(model, replay) ?? replayRefused(model, replay)
  const result = { ok: mismatch === undefined, n: probe.rows + probe.refused, worst_ulp: replay.worst }
  return mismatch === undefined ? result : { ...result, mismatch }
}

interface Probe {
  readonly rows: number
  readonly refused: number
  readonly columns: NativeValue[][]
  readonly raw: Float64Array
  readonly predictions: Float64Array | Int32Array
  readonly probabilities: Float64Array | undefined
}

interface Replay extends Probe {
  worst: number
}

function readProbes(model: NativeModel, document: NativeDocument): Probe {
  const header = HEADER.safeParse(document.json)
  if (!header.success) throw malformed('verify.json', z.prettifyError(header.error))
  const { rows, refused, texts } = header.data
  const all = rows + refused
  const columns = model.inputs.map((input, i): NativeValue[] => {
    if (input.kind === 'string')
      return Array.from(ints(document, `input${i}`, all), (at) => (at < 0 ? missingText(at) : textAt(texts, at)))
    const numbers = floats(document, `input${i}`, all)
    return Array.from(numbers, (v): NativeValue => (input.kind === 'boolean' ? booleanOf(v) : v))
  })
  const { classes } = model
  return {
    rows,
    refused,
    columns,
    raw: floats(document, 'raw', rows * model.outputs),
    predictions:
      classes === null ? floats(document, 'predictions', rows * model.targets) : ints(document, 'predictions', rows),
    probabilities:
      classes === null || !model.shares ? undefined : floats(document, 'probabilities', rows * classes.length),
  }
}

/** The places of a missing text are -1, NaN, and -2, None. */
function missingText(at: number): NativeValue {
  return at === -1 ? Number.NaN : null
}

function textAt(texts: readonly string[], at: number): string {
  const text = texts[at]
  if (text === undefined) throw malformed('verify.json', `text ${at} of ${texts.length}`)
  return text
}

function booleanOf(value: number): boolean | null {
  return Number.isNaN(value) ? null : value === 1
}

function valuesOf(probe: Probe, row: number): NativeValue[] {
  return probe.columns.map((column) => column[row])
}

function replaySingle(model: NativeModel, replay: Replay): Mismatch | undefined {
  for (let row = 0; row < replay.rows; row++) {
    const values = valuesOf(replay, row)
    const answer = attempt(() => model.predictRow(values))
    const found =
      answer instanceof Problem
        ? { what: 'refusal' as const, expected: 'an answer', got: answer.message }
        : compare(model, replay, row, answer)
    if (found !== undefined) return { row, values, ...found }
  }
  return undefined
}

function replayBatch(model: NativeModel, replay: Replay): Mismatch | undefined {
  const { rows } = replay
  const batch = model.predictBatch(
    replay.columns.map((column) => column.slice(0, rows)),
    rows,
  )
  for (let row = 0; row < rows; row++) {
    const found = compare(model, replay, row, rowOf(model, batch, row))
    if (found !== undefined) return { row, values: valuesOf(replay, row), ...found }
  }
  return undefined
}

function rowOf(model: NativeModel, batch: NativeBatch, row: number): NativePrediction {
  const raw = Array.from(batch.raw.subarray(row * model.outputs, (row + 1) * model.outputs))
  const { classes, targets } = model
  if (classes === null) {
    const numbers = batch.predictions.slice(row * targets, (row + 1) * targets)
    return { raw, prediction: targets === 1 ? numbers[0]! : Array.from(numbers) }
  }
  const at = batch.predictions[row]!
  if (batch.probabilities === undefined) return { raw, prediction: classes[at]! }
  const shares = batch.probabilities.subarray(row * classes.length, (row + 1) * classes.length)
  return { raw, prediction: classes[at]!, probabilities: Array.from(shares) }
}

function replayRefused(model: NativeModel, replay: Replay): Mismatch | undefined {
  for (let row = replay.rows; row < replay.rows + replay.refused; row++) {
    const values = valuesOf(replay, row)
    const answer = attempt(() => model.predictRow(values))
    if (!(answer instanceof Problem))
      return { row, values, what: 'refusal', expected: 'a refusal', got: answer.prediction }
  }
  return undefined
}

type Difference = Omit<Mismatch, 'row' | 'values'>

function compare(model: NativeModel, replay: Replay, row: number, answer: NativePrediction): Difference | undefined {
  const raw = Array.from(replay.raw.subarray(row * model.outputs, (row + 1) * model.outputs))
  if (!raw.every((value, k) => sameScore(model, replay, value, answer.raw[k]!))) {
    return { what: 'raw', expected: raw, got: answer.raw }
  }
  if (model.classes === null) {
    const numbers = [answer.prediction].flat() as number[]
    for (const [k, got] of numbers.entries()) {
      const found = compareNumber(model, replay, replay.predictions[row * model.targets + k]!, got)
      if (found !== undefined) return found
    }
    return undefined
  }
  const wanted = replay.predictions[row]!
  if (model.classes[wanted] !== answer.prediction) {
    return { what: 'prediction', expected: model.classes[wanted], got: answer.prediction }
  }
  if (answer.probabilities === undefined) return undefined
  return compareShares(model.classes.length, replay, row, answer.probabilities)
}

/** Bits for bits; where the score comes out of a power, one unit in its last place. */
function sameScore(model: NativeModel, replay: Replay, expected: number, got: number): boolean {
  if (Object.is(expected, got) || (expected === 0 && got === 0)) return true
  if (model.scores !== 'ulp') return false
  const off = Math.abs(expected - got) / ULP
  replay.worst = Math.max(replay.worst, off)
  return off <= 1
}

/** Regressors without a link give their raw score, whose bits are already compared, so only exp() can differ here. */
function compareNumber(model: NativeModel, replay: Replay, expected: number, got: number): Difference | undefined {
  if (Object.is(expected, got) || expected === got) return undefined
  const unit = model.link === 'sigmoid' ? ULP : ULP * 2 ** Math.floor(Math.log2(Math.abs(expected)))
  const off = Math.abs(expected - got) / unit
  replay.worst = Math.max(replay.worst, off)
  return off <= 1 ? undefined : { what: 'prediction', expected, got }
}

function compareShares(classes: number, replay: Replay, row: number, got: number[]): Difference | undefined {
  const expected = Array.from(replay.probabilities!.subarray(row * classes, (row + 1) * classes))
  for (const [k, share] of expected.entries()) {
    const off = Math.abs(share - got[k]!) / ULP
    if (!(off <= 1)) return { what: 'probabilities', expected, got }
    replay.worst = Math.max(replay.worst, off)
  }
  return undefined
}

function attempt(ask: () => NativePrediction): NativePrediction | Problem {
  try {
    return ask()
  } catch (fault) {
    if (fault instanceof Problem && fault.code === 'invalid_field') return fault
    throw fault
  }
}
