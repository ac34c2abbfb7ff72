/** Scores linear models with the additions in the order that the lowering measured. */

import { floats } from '../form/document.ts'
import type { NativeDocument } from '../form/document.ts'
import { DOTS } from '../arithmetic/dots.ts'
import type { LinearIr } from '../form/ir.ts'
import type { Scorer } from '../trees/trees.ts'

/** Builds the scorer of a linear model. Throws `unprocessable` when the coefficients do not fit. */
export function linearScorer(
  ir: Pick<LinearIr, 'orders' | 'intercept'>,
  document: NativeDocument,
  width: number,
  prefix = '',
): Scorer {
  const coefficients = floats(document, `${prefix}coefficients`, ir.orders.length * width)
  const dots = ir.orders.map((order) => DOTS[order])
  const terms = dots.map((_, k) => ({ from: k * width, n: width }))
  const score = (x: Float64Array, at: number, out: Float64Array, to: number): void => {
    for (let k = 0; k < dots.length; k++) out[to + k] = dots[k]!(x, at, coefficients, terms[k]!) + ir.intercept[k]!
  }
  return {
    bytes: coefficients.byteLength,
    one: (x, out) => score(x, 0, out, 0),
    many: (x, rows, out) => {
      for (let row = 0; row < rows; row++) score(x, row * width, out, row * dots.length)
    },
  }
}
