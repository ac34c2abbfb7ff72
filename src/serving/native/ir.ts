/** The flat form of a lowered model, `slipway.native/1`, as its JSON says it. */

import { z } from 'zod'
import { malformed } from './document.ts'

export const FORMAT = 'slipway.native/1'

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
  missing: z.enum(['nan', 'none']),
})

const TABLE = z.object({
  kind: z.enum(['text', 'number']),
  keys: z.array(z.union([z.string(), z.number()])),
  codes: z.array(CODE),
  missing: CODE,
  unseen: CODE,
})

const STEP = z.discriminatedUnion('op', [
  z.object({ op: z.literal('finite') }),
  z.object({ op: z.literal('present') }),
  z.object({ op: z.literal('subtract'), value: FLOAT }),
  z.object({ op: z.literal('add'), value: FLOAT }),
  z.object({ op: z.literal('multiply'), value: FLOAT }),
  z.object({ op: z.literal('divide'), value: FLOAT }),
  z.object({ op: z.literal('clip'), low: FLOAT, high: FLOAT }),
  z.object({ op: z.literal('impute'), missing: FLOAT, value: FLOAT }),
  z.object({ op: z.literal('fill_text'), value: z.string() }),
  z.object({ op: z.literal('is_missing'), value: FLOAT.optional() }),
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
  link: z.enum(['identity', 'exp', 'sigmoid', 'sigmoid2', 'softmax', 'softmax_log', 'one_vs_rest']),
  decide: z.enum(['positive', 'not_negative', 'largest']).nullable(),
}

const TREES = z.object({
  type: z.literal('trees'),
  rounding: z.enum(['float64', 'float32']),
  trees: z.int().min(0),
  leaf_width: z.int().min(1),
  base: z.array(z.number()),
  divide: z.number().positive(),
  ...CHECKS,
})

const LINEAR = z.object({
  type: z.literal('linear'),
  orders: z.array(
    z.enum(['sequential', 'lanes16_fused', 'lanes4_fused', 'lanes4', 'lanes2', 'columns4_fused', 'columns2']),
  ),
  intercept: z.array(z.number()),
  ...CHECKS,
})

const IR = z.object({
  format: z.literal(FORMAT),
  estimator: z.string(),
  output: z.enum(['predict', 'predict_proba', 'decision_function']),
  classes: z.array(z.union([z.string(), z.number(), z.boolean()])).nullable(),
  versions: z.record(z.string(), z.string()),
  inputs: z.array(INPUT).min(1),
  tables: z.array(TABLE),
  blocks: z.array(BLOCK),
  width: z.int().min(1),
  model: z.discriminatedUnion('type', [TREES, LINEAR]),
})

export type Ir = z.infer<typeof IR>
/** One input: its name, its kind, whether it is rounded to float32, whether a value must be given, and what a missing value is in Python. */
export type NativeInput = Readonly<z.infer<typeof INPUT>>
export type CategoryTable = z.infer<typeof TABLE>
export type Step = z.infer<typeof STEP>
export type Block = z.infer<typeof BLOCK>
export type TreesIr = z.infer<typeof TREES>
export type LinearIr = z.infer<typeof LINEAR>
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
  if (model.type === 'linear') {
    const fits = model.orders.length === model.outputs && model.intercept.length === model.outputs
    return fits ? undefined : 'orders and intercepts do not match the outputs'
  }
  if (model.base.length !== model.outputs) return 'the base values do not match the outputs'
  const leaf = model.leaf_width === 1 || model.leaf_width === model.outputs
  return leaf ? undefined : 'the leaf width is neither 1 nor the number of outputs'
}
