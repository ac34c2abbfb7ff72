/** A lowered model in memory: takes the values a caller gives, answers what the Python model would. */

import { Problem, problem } from '../../contract/errors.ts'
import type { Encoder, NativeValue, Notes } from './nodes/blocks.ts'
import { compileEncoder } from './nodes/blocks.ts'
import { RowExplainer, whyNot } from './trees/contributions.ts'
import type { Explanation } from './trees/contributions.ts'
import type { NativeDocument } from './form/document.ts'
import type { Ir, Link, NativeInput } from './form/ir.ts'
import { blockWidth, parseIr } from './form/ir.ts'
import type { Forest } from './trees/forest.ts'
import { openForest } from './trees/forest.ts'
import { graphScorer } from './graph.ts'
import { linearScorer } from './nodes/linear.ts'
import { byShares, decide, probabilities, regress } from './nodes/links.ts'
import type { Scorer } from './trees/trees.ts'
import { treeScorer } from './trees/trees.ts'

/** A class label as the Python model has it. */
export type ClassLabel = string | number | boolean

/** The answer for one row; of a regressor of several targets one number each. `raw` are the scores before the link; `probabilities` exist for classifiers, in the order of `classes`. */
export interface NativePrediction {
  readonly raw: number[]
  readonly prediction: number | ClassLabel | number[]
  readonly probabilities?: number[]
}

/** Answers for many rows, row-major: `raw` rows × outputs; `predictions` numbers (rows × targets), or class indices for a classifier; `probabilities` rows × classes. */
export interface NativeBatch {
  readonly rows: number
  readonly raw: Float64Array
  readonly predictions: Float64Array
  readonly probabilities?: Float64Array
}

/** One column of a batch, in the kind of its input. */
export type NativeColumn = ArrayLike<NativeValue>

/** Rows from which a batch is walked tree by tree. */
const TREE_MAJOR_ROWS = 16

/** Rows walked together: their features stay in the processor's cache. */
const CHUNK_ROWS = 1024

/** A lowered model. One thread at a time: it reuses its scratch arrays, and no call awaits. */
export class NativeModel {
  /** Inputs in order; `predictRow` takes values in this order. */
  readonly inputs: readonly NativeInput[]
  /** `classifier` or `regressor`. */
  readonly kind: 'classifier' | 'regressor'
  /** Class path of the final scikit-learn estimator. */
  readonly estimator: string
  /** What `predict` of the MLflow pyfunc model gives. */
  readonly output: Ir['output']
  /** Class labels in the order of the probabilities; null for a regressor. */
  readonly classes: readonly ClassLabel[] | null
  /** Raw scores a row. */
  readonly outputs: number
  /** Numbers that a prediction has: those of a regressor of several targets, else 1. */
  readonly targets: number
  /** Versions of Python and its libraries that the model was lowered with. */
  readonly versions: Readonly<Record<string, string>>
  /** Bytes of memory the arrays take, about. */
  readonly bytes: number

  /** Whether raw scores are exact or come out of a power whose last bit is open. */
  readonly scores: 'exact' | 'ulp'
  /** What turns raw scores into predictions and probabilities. */
  readonly link: Link
  /** False for a classifier without probabilities. */
  readonly shares: boolean

  readonly #ir: Ir
  readonly #forest: Forest | undefined
  #explainer: RowExplainer | undefined
  readonly #encoder: Encoder
  readonly #notes: Notes = []
  readonly #scorer: Scorer
  readonly #x: Float64Array
  readonly #raw: Float64Array
  readonly #shares: Float64Array

  /** Builds the model of a document. Throws `unprocessable` when it is malformed. */
  constructor(document: NativeDocument) {
    const ir = parseIr(document.json)
    this.#ir = ir
    this.#encoder = compileEncoder(ir, this.#notes)
    const { model, width } = ir
    this.#forest = model.type === 'trees' ? openForest(model, document, width) : undefined
    this.#scorer = scorerOf(ir, document, this.#forest, this.#notes)
    this.inputs = ir.inputs
    this.kind = ir.classes === null ? 'regressor' : 'classifier'
    this.estimator = ir.estimator
    this.output = ir.output
    this.classes = ir.classes
    this.outputs = model.outputs
    this.targets = ir.classes === null ? model.outputs : 1
    this.scores = model.scores ?? 'exact'
    this.link = model.link
    this.shares = model.link !== 'none'
    this.versions = ir.versions
    this.#x = new Float64Array(width)
    this.#raw = new Float64Array(model.outputs)
    this.#shares = new Float64Array(ir.classes?.length ?? 0)
    this.bytes = this.#scorer.bytes + ir.tables.reduce((sum, table) => sum + table.keys.length * 64, 0)
  }

  /** Answers one row; values in input order. Throws `invalid_field` for a value that the Python model would refuse. */
  predictRow(values: readonly NativeValue[]): NativePrediction {
    if (values.length !== this.inputs.length) {
      throw problem('invalid_field', {
        field: 'row',
        value: `${values.length} values`,
        expected: `${this.inputs.length} values`,
      })
    }
    for (let i = 0; i < values.length; i++) this.#encoder.set(i, values[i])
    this.#score()
    return this.#answer()
  }

  /**
   * What each input adds to the raw scores of a row, beginning at the mean over the training data; values in input order. Prepared on first
   * use. Throws `unprocessable` with the reason where the model cannot be explained, and as predictRow does.
   */
  explainRow(values: readonly NativeValue[]): Explanation {
    this.#explainer ??= new RowExplainer(this.#ir, this.#forest)
    for (let i = 0; i < values.length; i++) this.#encoder.set(i, values[i])
    this.#encoder.write(this.#x, 0)
    return this.#explainer.explain(this.#x)
  }

  /** Why rows of this model cannot be explained; undefined where they can. */
  get unexplained(): string | undefined {
    return whyNot(this.#ir, this.#forest)
  }

  /** Answers one row given by input name; other fields are ignored. Throws as predictRow does. */
  predictFields(fields: Readonly<Record<string, NativeValue>>): NativePrediction {
    this.#read(fields)
    return this.#answer()
  }

  /**
   * One number for one row, without allocation: the (first) prediction of a regressor, the probability of the second class of two, or the
   * index of the predicted class of more. Throws as predictRow does.
   */
  scoreFields(fields: Readonly<Record<string, NativeValue>>): number {
    this.#read(fields)
    const { model } = this.#ir
    if (this.classes === null) return regress(model.link, this.#raw[0]!)
    if (model.link === 'none') return decide(model.decide, this.#raw, 0, model.outputs)
    this.#share()
    if (this.classes.length > 2) return this.#decide()
    return this.#shares[1]!
  }

  /** Answers many rows; columns in input order, all of `rows` values. Throws `invalid_field` naming the row and the input. */
  predictBatch(columns: readonly NativeColumn[], rows: number): NativeBatch {
    this.#checkColumns(columns, rows)
    const { outputs } = this
    const raw = new Float64Array(rows * outputs)
    const width = this.#x.length
    const chunk = Math.min(rows, CHUNK_ROWS)
    const x = new Float64Array(chunk * width)
    for (let from = 0; from < rows; from += CHUNK_ROWS) {
      const count = Math.min(CHUNK_ROWS, rows - from)
      this.#notes.length = 0
      for (let r = 0; r < count; r++) this.#encodeRow(columns, from + r, x, r * width)
      this.#scoreMany(x, count, raw.subarray(from * outputs, (from + count) * outputs))
    }
    return this.#answers(raw, rows)
  }

  #read(fields: Readonly<Record<string, NativeValue>>): void {
    const { inputs } = this
    for (let i = 0; i < inputs.length; i++) this.#encoder.set(i, fields[inputs[i]!.name])
    this.#score()
  }

  #score(): void {
    this.#notes.length = 0
    this.#encoder.write(this.#x, 0)
    this.#scorer.one(this.#x, this.#raw)
  }

  #share(): void {
    const { model } = this.#ir
    probabilities(model.link, { raw: this.#raw, rawAt: 0, outputs: model.outputs, out: this.#shares, outAt: 0 })
  }

  /** The index of the predicted class of the row in hand, whose probabilities are there where the rule needs them. */
  #decide(): number {
    const { model } = this.#ir
    if (!byShares(model.decide)) return decide(model.decide, this.#raw, 0, model.outputs)
    return decide(model.decide, this.#shares, 0, this.#shares.length)
  }

  #answer(): NativePrediction {
    const { model } = this.#ir
    const raw = Array.from(this.#raw)
    if (this.classes === null) {
      const numbers = raw.map((score) => regress(model.link, score))
      return { raw, prediction: numbers.length === 1 ? numbers[0]! : numbers }
    }
    if (model.link === 'none') return { raw, prediction: this.classes[this.#decide()]! }
    this.#share()
    return { raw, prediction: this.classes[this.#decide()]!, probabilities: Array.from(this.#shares) }
  }

  #checkColumns(columns: readonly NativeColumn[], rows: number): void {
    if (columns.length !== this.inputs.length) {
      throw problem('invalid_field', {
        field: 'columns',
        value: columns.length,
        expected: `${this.inputs.length} columns`,
      })
    }
    const short = columns.findIndex((column) => column.length !== rows)
    if (short >= 0) {
      const field = this.inputs[short]!.name
      throw problem('invalid_field', { field, value: `${columns[short]!.length} values`, expected: `${rows} values` })
    }
  }

  #encodeRow(columns: readonly NativeColumn[], row: number, x: Float64Array, to: number): void {
    try {
      for (let i = 0; i < columns.length; i++) this.#encoder.set(i, columns[i]![row])
      this.#encoder.write(x, to)
    } catch (cause) {
      throw rowProblem(row, cause)
    }
  }

  #scoreMany(x: Float64Array, rows: number, out: Float64Array): void {
    if (rows >= TREE_MAJOR_ROWS) {
      this.#scorer.many(x, rows, out)
      return
    }
    const { outputs } = this
    const width = this.#x.length
    for (let r = 0; r < rows; r++) {
      this.#scorer.one(x.subarray(r * width, (r + 1) * width), out.subarray(r * outputs, (r + 1) * outputs))
    }
  }

  #answers(raw: Float64Array, rows: number): NativeBatch {
    const { model } = this.#ir
    const { classes, outputs } = this
    if (classes === null) return { rows, raw, predictions: raw.map((score) => regress(model.link, score)) }
    const predictions = new Float64Array(rows)
    if (model.link === 'none') {
      for (let r = 0; r < rows; r++) predictions[r] = decide(model.decide, raw, r * outputs, outputs)
      return { rows, raw, predictions }
    }
    const out = new Float64Array(rows * classes.length)
    for (let r = 0; r < rows; r++) {
      const outAt = r * classes.length
      probabilities(model.link, { raw, rawAt: r * outputs, outputs, out, outAt })
      predictions[r] = byShares(model.decide)
        ? decide(model.decide, out, outAt, classes.length)
        : decide(model.decide, raw, r * outputs, outputs)
    }
    return { rows, raw, predictions, probabilities: out }
  }
}

function scorerOf(ir: Ir, document: NativeDocument, forest: Forest | undefined, notes: Notes): Scorer {
  const { model, width } = ir
  if (model.type === 'trees') return treeScorer(model, forest ?? openForest(model, document, width), width)
  if (model.type === 'linear') return linearScorer(model, document, width)
  const names = ir.blocks.flatMap((block) =>
    Array.from({ length: blockWidth(block) }, () => ir.inputs[block.input]!.name),
  )
  return graphScorer(model, document, { names, notes })
}

/** The same refusal with the row's number in the field. */
function rowProblem(row: number, cause: unknown): unknown {
  if (!(cause instanceof Problem) || cause.code !== 'invalid_field') return cause
  return problem('invalid_field', { ...cause.data, field: `row ${row}, ${String(cause.data['field'])}` }, cause)
}
