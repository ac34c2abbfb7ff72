/** The native backend: a lowered model that answers inside the gateway, in microseconds and without a promise. */
import { loadNative } from './load.ts'
import type { NativeBatch, NativeModel, NativePrediction } from './model.ts'
import type { AnswerShape } from '../rows/outputs.ts'
import type { InputField } from '../rows/fields.ts'
import type { Backend, Explained } from '../rows/backend.ts'
import type { Scored } from '../rows/scores.ts'
import { scoreOf } from '../rows/scores.ts'
import type { Results } from '../rows/results.ts'
import { listResults, numberResults } from '../rows/results.ts'
import type { Value, ValueColumn } from '../rows/rows.ts'
import { columnsOf } from '../rows/rows.ts'

/** Rows from which the model's batch path is used. */
const BATCH_ROWS = 16

export class NativeBackend implements Backend {
  readonly #model: NativeModel
  /** Place of each of the model's inputs in the rows, which are in the order of the signature. */
  readonly #places: readonly number[]
  readonly #inOrder: boolean
  readonly #width: number

  /** Loads the model of a folder. Throws when it is malformed or takes other inputs than the signature names. */
  constructor(dir: string, inputs: readonly InputField[]) {
    this.#model = loadNative(dir)
    this.#places = this.#model.inputs.map(({ name }) => {
      const place = inputs.findIndex((input) => input.name === name)
      if (place < 0) throw new Error(`the lowered model reads input "${name}", which the signature does not have`)
      return place
    })
    this.#width = inputs.length
    this.#inOrder = this.#places.every((place, i) => place === i) && inputs.length === this.#places.length
  }

  ready(): boolean {
    return true
  }

  score(rows: readonly Value[][]): Scored[] {
    if (rows.length >= BATCH_ROWS) return this.#many(rows)
    return rows.map((row) => this.#one(this.#inOrder ? row : this.#places.map((place) => row[place])))
  }

  scoreColumns(columns: readonly ValueColumn[], count: number): Results {
    const own = this.#inOrder ? columns : this.#places.map((place) => columns[place] as ValueColumn)
    return this.#outputs(this.#model.predictBatch(own, count))
  }

  explain(rows: readonly Value[][]): Explained[] {
    return rows.map((row) => {
      const { base, contributions } = this.#model.explainRow(this.#places.map((place) => row[place]))
      const byInput = Array.from({ length: this.#width }, () => plain(base.map(() => 0)))
      this.#places.forEach((place, i) => (byInput[place] = plain(contributions.map((one) => one[i] ?? 0))))
      return { base: plain(base), contributions: byInput }
    })
  }

  unexplained(): string | undefined {
    return this.#model.unexplained
  }

  answers(): AnswerShape {
    const { classes, output, outputs, targets } = this.#model
    if (output === 'decision_function') return wide(outputs)
    if (output === 'predict_proba' && classes !== null) return { datatype: 'FP64', shape: [-1, classes.length] }
    if (classes === null) return wide(targets)
    const kind = typeof classes[0]
    return { datatype: kind === 'string' ? 'BYTES' : kind === 'boolean' ? 'BOOL' : 'FP64', shape: [-1] }
  }

  async close(): Promise<void> {
    // Memory is freed with the last request that holds the model.
  }

  describe(): Record<string, unknown> {
    return { kind: 'native', estimator: this.#model.estimator, bytes: this.#model.bytes }
  }

  #one(values: readonly Value[]): Scored {
    const prediction = this.#output(this.#model.predictRow(values))
    return { prediction, score: scoreOf(prediction) }
  }

  /** What the model's own predict function would give for a row. */
  #output(answer: NativePrediction): unknown {
    switch (this.#model.output) {
      case 'predict':
        return answer.prediction
      case 'predict_proba':
        return answer.probabilities
      case 'decision_function':
        return answer.raw.length === 1 ? answer.raw[0] : answer.raw
    }
  }

  #many(rows: readonly Value[][]): Scored[] {
    const results = this.scoreColumns(columnsOf(rows, this.#width), rows.length)
    const scores = results.scores()
    return results.predictions().map((prediction, i) => ({ prediction, score: scores[i] ?? null }))
  }

  /** What the model's own predict function would give for each row. */
  #outputs(batch: NativeBatch): Results {
    const { classes, outputs, output, targets } = this.#model
    const { rows, raw, predictions, probabilities } = batch
    if (output === 'decision_function')
      return numberResults(rows, { data: raw, width: outputs === 1 ? undefined : outputs })
    if (output === 'predict_proba' && probabilities !== undefined)
      return numberResults(rows, { data: probabilities, width: classes?.length })
    if (classes === null) return numberResults(rows, { data: predictions, width: targets === 1 ? undefined : targets })
    return listResults(Array.from(predictions, (place) => classes[place]))
  }
}

/** Numbers, so many a row. */
function wide(width: number): AnswerShape {
  return { datatype: 'FP64', shape: width === 1 ? [-1] : [-1, width] }
}

/** One number as it is, several as a list. */
function plain(values: ArrayLike<number>): number | number[] {
  return values.length === 1 ? (values[0] ?? 0) : Array.from(values)
}
