/** Contributions of inputs as answers carry them: by name in JSON, as tensors in the Open Inference Protocol. */
import type { Answer } from '../engine/ask.ts'
import type { Tensor } from './tensors.ts'

/** One explanation with contributions by input name. */
export interface NamedExplanation {
  readonly base: number | readonly number[]
  readonly contributions: Readonly<Record<string, number | readonly number[]>>
}

/** What an answer says beside its predictions: `explanations`, one a row, where they were asked for. */
export function explanationsOf(answer: Answer): { readonly explanations?: readonly NamedExplanation[] } {
  if (answer.explained === undefined) return {}
  const names = answer.variant.route.inputs.map((input) => input.name)
  const explanations = answer.explained.map(({ base, contributions }) => ({
    base,
    contributions: Object.fromEntries(names.map((name, i) => [name, contributions[i] ?? 0])),
  }))
  return { explanations }
}

/** The same as tensors: `contributions` of shape [rows, inputs], or [rows, outputs, inputs] of a model with several scores, and `base`. */
export function explanationTensors(answer: Answer): Tensor[] {
  const { explained } = answer
  const [first] = explained ?? []
  if (explained === undefined || first === undefined) return []
  const inputs = answer.variant.route.inputs.length
  const bases = [first.base].flat()
  const data = explained.flatMap(({ contributions }) =>
    bases.flatMap((_, k) => contributions.map((one) => (typeof one === 'number' ? one : (one[k] ?? 0)))),
  )
  const middle = typeof first.base === 'number' ? [] : [bases.length]
  return [
    { name: 'contributions', datatype: 'FP64', shape: [explained.length, ...middle, inputs], data },
    { name: 'base', datatype: 'FP64', shape: [bases.length], data: bases },
  ]
}
