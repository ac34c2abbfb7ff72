/** The flat form of a lowered model, `slipway.native/2`, as its JSON says it; folders of its first version are read too. */

import { z } from 'zod'
import { malformed } from './document.ts'
import { DOT_ORDERS, GRAPH_NODE, LINKS, NUMBER_STEPS, TREES_FIELDS } from './graph-ir.ts'

export const FORMAT = 'slipway.native/2'
/** Knew one missing value an input: whatever a caller's is, it is read as that one. */
export const OLD_FORMAT = 'slipway.native/1'

/** A float; JSON has no NaN and no infinities, so those are text. */
const FLOAT = z
  .union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])])
  .transform((value): number => Number(value))

/** What an encoder says: a code, or that the model refuses the value. */
const CODE = z.union([FLOAT, z.literal('error')])

const INPUT = z.object({
  name: z.string(),
  kind: z.enum(['number', 'integer', 'string', 'boolean']),
  float32: z.boolean(),
  required: z.boolean(),
  /** Of a text: which of Python's missing values the model takes. */
  missing: z.enum(['nan', 'none', 'both']),
})

const TABLE = z.object({
  kind: z.enum(['text', 'number']),
  keys: z.array(z.union([z.string(), z.number()])),
  codes: z.array(CODE),
  missing: CODE,
  /** The code of None; absent = that of NaN, which `missing` is. */
  missing_none: CODE.optional(),
  unseen: CODE,
})

const STEP = z.discriminatedUnion('op', [
  ...NUMBER_STEPS,
  /** `missing`: which of Python's missing values it fills; absent = both. */
  z.object({ op: z.literal('fill_text'), value: z.string(), missing: z.enum(['nan', 'none']).optional() }),
  z.object({ op: z.literal('note') }),
  z.object({ op: z.literal('encode'), table: z.int().min(0) }),
])

const BLOCK = z.object({
  input: z.int().min(0),
  steps: z.array(STEP),
  first: z.int().min(0).optional(),
  on: z.array(FLOAT).optional(),
  off: z.array(FLOAT).optional(),
})

const CHECKS = {
  outputs: z.int().min(1),
  missing: z.enum(['allow', 'error']),
  infinite: z.enum(['allow', 'error']),
  link: z.enum(LINKS),
  /** exact: raw scores are compared bit for bit; ulp: they come out of a power, one unit in the last place is granted. */
  scores: z.enum(['exact', 'ulp']).optional(),
  /** largest_share: the largest probability, the first of equals; the other rules look at the raw scores. */
  decide: z.enum(['positive', 'not_negative', 'largest', 'largest_share']).nullable(),
}

const TREES = z.object({
  type: z.literal('trees'),
  ...TREES_FIELDS,
  ...CHECKS,
})

const LINEAR = z.object({
  type: z.literal('linear'),
  orders: z.array(z.enum(DOT_ORDERS)),
  intercept: z.array(z.number()),
  ...CHECKS,
})

const GRAPH = z.object({
  type: z.literal('graph'),
  nodes: z.array(GRAPH_NODE),
  slots: z.int().min(1),
  result: z.array(z.int().min(0)).min(1),
  ...CHECKS,
})

const IR = z.object({
  format: z.enum([FORMAT, OLD_FORMAT]),
  estimator: z.string(),
  output: z.enum(['predict', 'predict_proba', 'decision_function']),
  classes: z.array(z.union([z.string(), z.number(), z.boolean()])).nullable(),
  versions: z.record(z.string(), z.string()),
  inputs: z.array(INPUT).min(1),
  tables: z.array(TABLE),
  blocks: z.array(BLOCK),
  width: z.int().min(1),
  model: z.discriminatedUnion('type', [TREES, LINEAR, GRAPH]),
})

export type Ir = z.infer<typeof IR>
/** One input: its name, its kind, whether it is rounded to float32, whether a value must be given, and which missing values of Python it takes. */
export type NativeInput = Readonly<z.infer<typeof INPUT>>
export type CategoryTable = z.infer<typeof TABLE>
export type Step = z.infer<typeof STEP>
export type Block = z.infer<typeof BLOCK>
export type TreesIr = z.infer<typeof TREES>
export type LinearIr = z.infer<typeof LINEAR>
export type GraphIr = z.infer<typeof GRAPH>
export type Link = TreesIr['link']
export type Decide = TreesIr['decide']
export type DotOrder = LinearIr['orders'][number]

/** Parses and cross-checks the JSON. Throws `unprocessable` naming the first thing that is wrong. */
export function parseIr(json: unknown): Ir {
  const parsed = IR.safeParse(json)
  if (!parsed.success) throw malformed('model.json', z.prettifyError(parsed.error))
  const ir = parsed.data
  const fault = blocksFault(ir) ?? modelFault(ir)
  if (fault !== undefined) throw malformed('model.json', fault)
  return ir
}

/** How many columns of the final matrix a block fills. */
export function blockWidth(block: Block): number {
  return block.on?.length ?? 1
}

function blocksFault(ir: Ir): string | undefined {
  for (const table of ir.tables)
    if (table.keys.length !== table.codes.length) return 'a table with more keys than codes'
  let width = 0
  for (const block of ir.blocks) {
    if (block.input >= ir.inputs.length) return `a block reads input ${block.input} of ${ir.inputs.length}`
    if (block.on?.length !== block.off?.length) return 'a one-hot block whose on and off values differ in number'
    const lost = block.steps.find((step) => step.op === 'encode' && step.table >= ir.tables.length)
    if (lost !== undefined) return 'a step names a table that does not exist'
    width += blockWidth(block)
  }
  return width === ir.width ? undefined : `the blocks fill ${width} columns, expected ${ir.width}`
}

function modelFault(ir: Ir): string | undefined {
  const { model, classes } = ir
  const labels = classes?.length ?? 0
  if ((classes === null) !== (model.decide === null))
    return 'classes and the rule that decides between them do not match'
  if (classes !== null && labels !== (model.outputs === 1 ? 2 : model.outputs))
    return `${labels} classes for ${model.outputs} outputs`
  if (ir.output !== 'predict' && classes === null) return `${ir.output} of a regressor`
  return shapeFault(model)
}

function shapeFault(model: Ir['model']): string | undefined {
  if (model.type === 'linear') {
    const fits = model.orders.length === model.outputs && model.intercept.length === model.outputs
    return fits ? undefined : 'orders and intercepts do not match the outputs'
  }
  if (model.type === 'graph') return undefined
  if (model.base.length !== model.outputs) return 'the base values do not match the outputs'
  const leaf = model.leaf_width === 1 || model.leaf_width === model.outputs
  return leaf ? undefined : 'the leaf width is neither 1 nor the number of outputs'
}
