/** Contributions of a lowered model's inputs to its raw scores: columns of the matrix summed to the inputs that they are made of. */

import { problem } from '../../../contract/errors.ts'
import { TreeExplainer } from './explain.ts'
import type { Forest } from './forest.ts'
import type { Ir } from '../form/ir.ts'
import { blockWidth } from '../form/ir.ts'

/**
 * An explanation of one row: `base` + the sum of `contributions` is the raw score, up to rounding. One list an output in the order of the
 * model's raw scores; contributions in the order of its inputs.
 */
export interface Explanation {
  readonly base: Float64Array
  readonly contributions: readonly Float64Array[]
}

/** Why rows of a model cannot be explained; undefined where they can. */
export function whyNot({ model }: Ir, forest: Forest | undefined): string | undefined {
  if (model.type === 'linear') return 'the model is linear; contributions are worked out for sums of trees'
  if (model.type === 'graph')
    return 'the model is made of several parts; contributions are worked out for one sum of trees'
  if (forest?.lines !== undefined)
    return 'its leaves are lines; contributions are worked out for leaves that are values'
  if (forest?.cover === undefined)
    return 'the version was lowered without training weights; register it again to have contributions'
  return undefined
}

/** Explains rows of one model. One thread at a time: it reuses its scratch arrays. */
export class RowExplainer {
  readonly #trees: TreeExplainer
  /** The input of every column. */
  readonly #owner: Int32Array
  readonly #inputs: number
  readonly #outputs: number
  readonly #columns: Float64Array

  /** Prepares a model. Throws `unprocessable` with the reason where it cannot be explained. */
  constructor(ir: Ir, forest: Forest | undefined) {
    const { model, width } = ir
    const reason = whyNot(ir, forest)
    if (model.type !== 'trees' || forest?.cover === undefined) throw problem('unprocessable', { detail: reason })
    this.#trees = new TreeExplainer(model, forest, forest.cover)
    this.#owner = Int32Array.from(
      ir.blocks.flatMap((block) => Array.from({ length: blockWidth(block) }, () => block.input)),
    )
    this.#inputs = ir.inputs.length
    this.#outputs = model.outputs
    this.#columns = new Float64Array(width * model.outputs)
  }

  /** Bytes of memory the prepared trees take. */
  get bytes(): number {
    return this.#trees.bytes
  }

  /** Explains a row of the matrix. */
  explain(x: Float64Array): Explanation {
    const columns = this.#columns.fill(0)
    this.#trees.explain(x, columns)
    const width = this.#owner.length
    const contributions = Array.from({ length: this.#outputs }, (_, k) => {
      const sums = new Float64Array(this.#inputs)
      for (let j = 0; j < width; j++) sums[this.#owner[j]!] = sums[this.#owner[j]!]! + columns[k * width + j]!
      return sums
    })
    return { base: this.#trees.base, contributions }
  }
}
