/** What a graph of a lowered model may say: nodes that each read slots and fill the slots that follow. */

import { z } from 'zod'

const SLOT = z.int().min(0)

/** A node reads the slots `from` and fills the slots from `to` on. `arrays` is the prefix of its arrays in the binary file. */
const NODE = { from: z.array(SLOT).min(1), to: SLOT }

const ACCEPT = { missing: z.enum(['allow', 'error']), infinite: z.enum(['allow', 'error']) }

const FLOAT = z
  .union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])])
  .transform((value): number => Number(value))

/** The orders in which a dot product may add; src/scoring/native/arithmetic/dots.ts has them. */
export const DOT_ORDERS = [
  'sequential',
  'lanes16_fused',
  'lanes4_fused',
  'lanes4',
  'lanes2',
  'columns4_fused',
  'columns2',
  'fused',
  'lanes32_fused',
  'pairs_fused',
  'columns4_chain',
  'strided2',
] as const

/** The links from raw scores to predictions and probabilities; src/scoring/native/nodes/links.ts has them. */
export const LINKS = [
  'identity',
  'exp',
  'sigmoid',
  'sigmoid2',
  'softmax',
  'one_vs_rest',
  'sigmoid_softmax',
  'outlier',
  'none',
  'sigmoid32',
  'softmax32',
  'exp32',
] as const

/** The steps on one number that need no table. */
export const NUMBER_STEPS = [
  z.object({ op: z.literal('finite') }),
  z.object({ op: z.literal('float32') }),
  z.object({ op: z.literal('present') }),
  z.object({ op: z.literal('subtract'), value: FLOAT }),
  z.object({ op: z.literal('add'), value: FLOAT }),
  z.object({ op: z.literal('multiply'), value: FLOAT }),
  z.object({ op: z.literal('divide'), value: FLOAT }),
  z.object({ op: z.literal('clip'), low: FLOAT, high: FLOAT }),
  z.object({ op: z.literal('impute'), missing: FLOAT, value: FLOAT }),
  /** `missing`, of a text: which of Python's missing values is meant; absent = both. */
  z.object({ op: z.literal('is_missing'), value: FLOAT.optional(), missing: z.enum(['nan', 'none']).optional() }),
  z.object({ op: z.literal('above'), value: FLOAT }),
  z.object({ op: z.literal('bin'), edges: z.array(FLOAT) }),
  z.object({ op: z.literal('interpolate'), x: z.array(FLOAT), y: z.array(FLOAT) }),
  z.object({ op: z.literal('quantile'), x: z.array(FLOAT), y: z.array(FLOAT) }),
  z.object({
    op: z.literal('apply'),
    name: z.enum([
      'absolute',
      'negative',
      'sqrt',
      'square',
      'floor',
      'ceil',
      'trunc',
      'rint',
      'sign',
      'reciprocal',
      'expit',
    ]),
  }),
] as const

/** The fields of a sum of trees. `compare`: how a number meets its threshold; `zero_missing`: values this near zero count as missing where a node says so.
 * `bitset_words`: words of 32 bits of each set of categories, 8 where it is not said. */
export const TREES_FIELDS = {
  rounding: z.enum(['float64', 'float32']),
  sum: z.enum(['float64', 'float32']).optional(),
  compare: z.enum(['not_above', 'below']).optional(),
  bitset_words: z.int().min(1).max(2048).optional(),
  trees: z.int().min(0),
  leaf_width: z.int().min(1),
  base: z.array(z.number()),
  divide: z.number().positive(),
}

/** A text as counts of terms: how it is cut, the vocabulary or the hash, and the norm; weights are arrays. */
const TEXT = z.object({
  op: z.literal('text'),
  arrays: z.string(),
  analyzer: z.enum(['word', 'char', 'char_wb']),
  ngrams: z.tuple([z.int().min(1), z.int().min(1)]),
  lowercase: z.boolean(),
  accents: z.enum(['ascii', 'unicode']).nullable(),
  shortest: z.int().min(1),
  stop_words: z.array(z.string()),
  binary: z.boolean(),
  norm: z.enum(['l1', 'l2']).nullable(),
  terms: z.array(z.string()).optional(),
  hashed: z.object({ width: z.int().min(1), signed: z.boolean() }).optional(),
  ...NODE,
})

/** Columns of a sparse product: those of an earlier text node, or slots. */
const PART = z.union([
  z.object({ text: z.int().min(0), width: z.int().min(1) }),
  z.object({ from: z.array(SLOT).min(1) }),
])

export const GRAPH_NODE = z.discriminatedUnion('op', [
  z.object({ op: z.literal('trees'), arrays: z.string(), ...NODE, ...ACCEPT, ...TREES_FIELDS }),
  z.object({
    op: z.literal('linear'),
    arrays: z.string(),
    orders: z.array(z.enum(DOT_ORDERS)),
    intercept: z.array(z.number()),
    ...NODE,
    ...ACCEPT,
  }),
  z.object({ op: z.literal('steps'), steps: z.array(z.discriminatedUnion('op', NUMBER_STEPS)), ...NODE }),
  z.object({ op: z.literal('link'), link: z.enum(LINKS), ...NODE }),
  z.object({ op: z.literal('decide'), rule: z.enum(['positive', 'not_negative', 'largest']), ...NODE }),
  z.object({
    op: z.literal('mean'),
    outputs: z.int().min(1),
    weights: z.array(z.number()),
    divide: z.number(),
    ...NODE,
  }),
  z.object({ op: z.literal('votes'), outputs: z.int().min(1), weights: z.array(z.number()), ...NODE }),
  z.object({ op: z.literal('product'), terms: z.array(z.array(SLOT)), ...NODE }),
  z.object({
    op: z.literal('normal'),
    norm: z.enum(['l1', 'l2', 'max']),
    order: z.enum(DOT_ORDERS),
    sparse: z.boolean(),
    ...NODE,
  }),
  z.object({ op: z.literal('pick'), values: z.array(z.number()).min(1), ...NODE }),
  z.object({ op: z.literal('gauss'), arrays: z.string(), prior: z.array(z.number()), ...NODE }),
  z.object({ op: z.literal('shares'), ...NODE }),
  z.object({ op: z.literal('median'), weights: z.array(z.number()), ...NODE }),
  z.object({ op: z.literal('power'), offset: z.number(), ...NODE }),
  TEXT,
  z.object({ op: z.literal('spread'), text: z.int().min(0), width: z.int().min(1), ...NODE }),
  z.object({
    op: z.literal('sparse'),
    arrays: z.string(),
    parts: z.array(PART).min(1),
    intercept: z.array(z.number()).min(1),
    ...NODE,
  }),
])

export type GraphNode = z.infer<typeof GRAPH_NODE>
export type NumberStepIr = Extract<GraphNode, { op: 'steps' }>['steps'][number]

/** How many slots a node fills. */
export function nodeWidth(node: GraphNode): number {
  if ('intercept' in node) return node.intercept.length
  if ('outputs' in node) return node.outputs
  switch (node.op) {
    case 'trees':
      return node.base.length
    case 'link':
      return node.from.length === 1 && node.link.startsWith('sigmoid') ? 2 : node.from.length
    case 'product':
      return node.terms.length
    case 'normal':
      return node.from.length
    case 'gauss':
      return node.prior.length
    case 'text':
      return 0
    case 'spread':
      return node.width
    case 'shares':
      return node.from.length === 1 ? 2 : node.from.length
    default:
      return 1
  }
}
