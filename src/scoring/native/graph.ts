/** Runs a graph of nodes over one row of features: what is more than one sum of trees or one linear model. */

import { problem } from '../../contract/errors.ts'
import type { NativeDocument } from './form/document.ts'
import { malformed } from './form/document.ts'
import type { Run } from './nodes/graph-nodes.ts'
import type { GraphNode } from './form/graph-ir.ts'
import { nodeWidth } from './form/graph-ir.ts'
import type { GraphIr } from './form/ir.ts'
import { gaussRun, simpleRun } from './nodes/graph-nodes.ts'
import { linearScorer } from './nodes/linear.ts'
import { numberStep } from './nodes/steps.ts'
import type { Notes } from './nodes/blocks.ts'
import type { Sparse } from './text/text-nodes.ts'
import { sparseRun, spreadRun, textRun } from './text/text-nodes.ts'
import type { Scorer } from './trees/trees.ts'
import { openForest } from './trees/forest.ts'
import { treeScorer } from './trees/trees.ts'

type Gather = (slots: Float64Array) => Float64Array

/** What a graph meets: which input a feature was made of, and the texts of the rows at work. */
interface Surroundings {
  readonly names: readonly string[]
  readonly notes: Notes
}

/** Builds the scorer of a graph. Throws `unprocessable` for a malformed graph. */
export function graphScorer(ir: GraphIr, document: NativeDocument, { names, notes }: Surroundings): Scorer {
  const fault = graphFault(ir, names.length)
  if (fault !== undefined) throw malformed('model.json', fault)
  const slots = new Float64Array(ir.slots)
  let bytes = slots.byteLength
  const place: Place = { names, notes, texts: new Map(), index: 0 }
  const runs = ir.nodes.map((node): Run => {
    const made = compileNode(node, document, place)
    place.index++
    bytes += made.bytes
    return made.run
  })
  const width = names.length
  const one = (x: Float64Array, at: number, out: Float64Array, to: number): void => {
    for (let j = 0; j < width; j++) slots[j] = x[at + j]!
    for (const run of runs) run(slots)
    for (let k = 0; k < ir.result.length; k++) out[to + k] = slots[ir.result[k]!]!
  }
  return {
    bytes,
    one: (x, out) => one(x, 0, out, 0),
    many(x, rows, out) {
      for (let row = 0; row < rows; row++) one(x, row * width, out, row * ir.outputs)
    },
  }
}

/** Each node reads what is filled before it, and fills slots that exist. */
function graphFault(ir: GraphIr, width: number): string | undefined {
  let filled = width
  for (const [i, node] of ir.nodes.entries()) {
    const lost = node.from.find((slot) => slot >= filled)
    if (lost !== undefined) return `node ${i} reads slot ${lost} of ${filled}`
    if (node.to !== filled) return `node ${i} fills slot ${node.to}, expected ${filled}`
    filled += nodeWidth(node)
  }
  if (filled !== ir.slots) return `the nodes fill ${filled} slots, expected ${ir.slots}`
  if (ir.result.length !== ir.outputs) return `${ir.result.length} results for ${ir.outputs} outputs`
  const lost = ir.result.find((slot) => slot >= filled)
  return lost === undefined ? undefined : `the result reads slot ${lost} of ${filled}`
}

interface Made {
  readonly run: Run
  readonly bytes: number
}

/** What nodes need beside their own description: the text nodes before them by their number, and their own number. */
interface Place extends Surroundings {
  readonly texts: Map<number, Sparse>
  index: number
}

function compileNode(node: GraphNode, document: NativeDocument, place: Place): Made {
  const { names } = place
  const from = Int32Array.from(node.from)
  const { to } = node
  switch (node.op) {
    case 'trees':
      return wrap(
        treeScorer(node, openForest(node, document, from.length, node.arrays), from.length),
        gate(node, names),
        to,
      )
    case 'linear':
      return wrap(linearScorer(node, document, from.length, node.arrays), gate(node, names), to)
    case 'steps':
      return { run: stepsRun(node, names), bytes: 0 }
    case 'gauss':
      return gaussRun(node, document)
    case 'text': {
      const made = textRun(node, document, { notes: place.notes, refuse: (why) => refuse(names[from[0]!], null, why) })
      place.texts.set(place.index, made.out)
      return made
    }
    case 'spread':
      return { run: spreadRun(node, place.texts), bytes: 0 }
    case 'sparse':
      return sparseRun(node, document, place.texts)
    default:
      return { run: simpleRun(node), bytes: 0 }
  }
}

function wrap(scorer: Scorer, gather: Gather, to: number): Made {
  let out: Float64Array | undefined
  let owner: Float64Array | undefined
  return {
    bytes: scorer.bytes,
    run(slots) {
      if (owner !== slots || out === undefined) {
        owner = slots
        out = slots.subarray(to)
      }
      scorer.one(gather(slots), out)
    },
  }
}

/** Gathers the features of an estimator, rounded and refused as it does. */
function gate(node: Extract<GraphNode, { op: 'trees' | 'linear' }>, names: readonly string[]): Gather {
  const { from } = node
  const x = new Float64Array(from.length)
  const narrow = node.op === 'trees' && node.rounding === 'float32'
  const noMissing = node.missing === 'error'
  const noInfinite = node.infinite === 'error'
  return (slots) => {
    for (let j = 0; j < from.length; j++) {
      const value = narrow ? Math.fround(slots[from[j]!]!) : slots[from[j]!]!
      x[j] = value
      if (value - value === 0) continue
      const missing = value !== value
      if (missing ? noMissing : noInfinite) refuse(names[from[j]!], missing ? null : value, 'a finite number')
    }
    return x
  }
}

function refuse(name: string | undefined, value: number | null, expected: string): never {
  throw problem('invalid_field', { field: name ?? 'row', value: value === null ? null : `${value}`, expected })
}

function stepsRun(node: Extract<GraphNode, { op: 'steps' }>, names: readonly string[]): Run {
  const [from] = node.from as [number]
  const { to } = node
  const steps = node.steps.map((step) => numberStep(step, (value, expected) => refuse(names[from], value, expected)))
  return (slots) => {
    let value = slots[from]!
    for (const step of steps) value = step(value)
    slots[to] = value
  }
}
