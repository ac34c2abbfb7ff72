/** Nodes of a graph that read texts: the few columns of many that a text fills, and what adds them up. */

import { compileAnalyzer } from './analyzer.ts'
import type { Notes } from '../nodes/blocks.ts'
import type { NativeDocument } from '../form/document.ts'
import { floats, ints, malformed } from '../form/document.ts'
import type { GraphNode } from '../form/graph-ir.ts'
import type { Run } from '../nodes/graph-nodes.ts'
import { murmur3 } from './murmur.ts'

/** The columns of the row at work that are not zero, by rising number. */
export interface Sparse {
  readonly width: number
  places: number[]
  values: number[]
}

interface Made {
  readonly run: Run
  readonly bytes: number
}

type Of<T extends GraphNode['op']> = Extract<GraphNode, { op: T }>

interface TextPlace {
  readonly notes: Notes
  readonly refuse: (expected: string) => never
}

/** Compiles a text node; it fills no slots but `out`. */
export function textRun(node: Of<'text'>, document: NativeDocument, place: TextPlace): Made & { out: Sparse } {
  const array = (name: string): Int32Array => ints(document, `${node.arrays}${name}`)
  const analyze = compileAnalyzer({ ...node, words: array('words'), spaces: array('spaces'), marks: array('marks') })
  const { width, count } = counter(node)
  const out: Sparse = { width, places: [], values: [] }
  const finish = weigher(node, document, { width, refuse: place.refuse })
  const [from] = node.from as [number]
  return {
    out,
    bytes: (node.terms?.length ?? 0) * 100,
    run(slots) {
      const counts = new Map<number, number>()
      analyze(place.notes[slots[from]!]!, (term) => count(term, counts))
      out.places = [...counts.keys()].sort((a, b) => a - b)
      out.values = out.places.map((at) => (node.binary ? 1 : counts.get(at)!))
      finish(out)
    },
  }
}

type Count = (term: string, counts: Map<number, number>) => void

function add(counts: Map<number, number>, at: number, by: number): void {
  counts.set(at, (counts.get(at) ?? 0) + by)
}

/** Finds the column of a term, by the vocabulary or by its hash, and counts it there. */
function counter({ terms, hashed }: Of<'text'>): { width: number; count: Count } {
  if (terms !== undefined) {
    const places = new Map(terms.map((term, at) => [term, at]))
    return {
      width: terms.length,
      count: (term, counts) => {
        const at = places.get(term)
        if (at !== undefined) add(counts, at, 1)
      },
    }
  }
  if (hashed === undefined) throw malformed('model.json', 'a text with neither terms nor a hash')
  const { width, signed } = hashed
  return {
    width,
    count: (term, counts) => {
      const hash = murmur3(term)
      add(counts, Math.abs(hash) % width, signed && hash < 0 ? -1 : 1)
    },
  }
}

interface Weighing {
  readonly width: number
  readonly refuse: (expected: string) => never
}

/** Weighs counts: dampened, times the rarity of the term, divided by the length of the row. */
function weigher(node: Of<'text'>, document: NativeDocument, { width, refuse }: Weighing): (out: Sparse) => void {
  const has = (name: string): boolean => document.arrays.has(`${node.arrays}${name}`)
  const dampened = has('sublinear') ? floats(document, `${node.arrays}sublinear`) : undefined
  const idf = has('idf') ? floats(document, `${node.arrays}idf`, width) : undefined
  return (out) => {
    const { values, places } = out
    for (let i = 0; i < values.length; i++) {
      let value = values[i]!
      if (dampened !== undefined) {
        value = dampened[value - 1] ?? refuse(`a text in which no term occurs more than ${dampened.length} times`)
      }
      values[i] = idf === undefined ? value : value * idf[places[i]!]!
    }
    if (node.norm !== null) divide(values, node.norm)
  }
}

function divide(values: number[], norm: 'l1' | 'l2'): void {
  let sum = 0
  for (const value of values) sum += norm === 'l2' ? value * value : Math.abs(value)
  if (sum === 0) return
  const size = norm === 'l2' ? Math.sqrt(sum) : sum
  for (let i = 0; i < values.length; i++) values[i] = values[i]! / size
}

/** Fills one slot a column. */
export function spreadRun({ text, to, width }: Of<'spread'>, texts: ReadonlyMap<number, Sparse>): Run {
  const from = textOf(texts, text, width)
  return (slots) => {
    slots.fill(0, to, to + width)
    for (const [i, at] of from.places.entries()) slots[to + at] = from.values[i]!
  }
}

function textOf(texts: ReadonlyMap<number, Sparse>, index: number, width: number): Sparse {
  const found = texts.get(index)
  if (found?.width !== width)
    throw malformed('model.json', `node ${index} is no text of ${width} columns before it is read`)
  return found
}

/** Sums of products over the columns from left to right, zeros left out: the order of a sparse row of SciPy. Coefficients are columns × outputs. */
export function sparseRun(node: Of<'sparse'>, document: NativeDocument, texts: ReadonlyMap<number, Sparse>): Made {
  const outputs = node.intercept.length
  let width = 0
  const sum = (sums: Float64Array, column: number, value: number): void => {
    const at = column * outputs
    for (let k = 0; k < outputs; k++) sums[k] = sums[k]! + value * coefficients[at + k]!
  }
  const adds = node.parts.map((part): ((slots: Float64Array, sums: Float64Array) => void) => {
    const start = width
    if ('text' in part) {
      const from = textOf(texts, part.text, part.width)
      width += part.width
      return (_slots, sums) => {
        for (let i = 0; i < from.places.length; i++) sum(sums, start + from.places[i]!, from.values[i]!)
      }
    }
    width += part.from.length
    return (slots, sums) => {
      for (let j = 0; j < part.from.length; j++) sum(sums, start + j, slots[part.from[j]!]!)
    }
  })
  const coefficients = floats(document, `${node.arrays}coefficients`, width * outputs)
  const sums = new Float64Array(outputs)
  return {
    bytes: coefficients.byteLength,
    run(slots) {
      sums.fill(0)
      for (const add of adds) add(slots, sums)
      for (let k = 0; k < outputs; k++) slots[node.to + k] = sums[k]! + node.intercept[k]!
    },
  }
}
