/** Turns the values a caller gives into the features that the final estimator reads. */

import { problem } from '../../../contract/errors.ts'
import type { Block, CategoryTable, Ir, NativeInput, Step } from '../form/ir.ts'
import { blockWidth, OLD_FORMAT } from '../form/ir.ts'
import { malformed } from '../form/document.ts'
import type { NumberStep } from './steps.ts'
import { numberStep } from './steps.ts'

/**
 * A value of one input; a bigint is read as the nearest double. Missing is null, undefined or NaN. Of a text null is Python's None, NaN is
 * NaN, and undefined is None where the model was lowered with a pandas older than 3, else NaN.
 */
export type NativeValue = number | string | boolean | bigint | null | undefined

/** Python's None, and NaN, where a text is missing. */
const NONE = Symbol('None')
const NAN = Symbol('NaN')
type Missing = typeof NONE | typeof NAN

/** A text, or which of Python's missing values stands there. */
type Text = string | Missing

/** One row on its way through the blocks: numbers and texts by input. A missing number is NaN. */
interface Cells {
  readonly numbers: Float64Array
  readonly texts: Text[]
  readonly notes: Notes
}

/** Texts of the rows at work, which the matrix names by their number. */
export type Notes = string[]

/** Fills features from cells. The row of features starts at `to`. */
type Fill = (cells: Cells, x: Float64Array, to: number) => void

/** The compiled front of a model. Not reentrant: it holds one row of scratch cells. */
export interface Encoder {
  /** Checks and keeps the value of input i. Throws `invalid_field` naming the input when it does not fit. */
  set(i: number, value: NativeValue): void
  /** Writes the features of the kept row into x from `to` on. Throws `invalid_field` where scikit-learn would refuse the row. */
  write(x: Float64Array, to: number): void
}

/** Compiles inputs and blocks; texts that are read as a whole go to `notes`. Throws `unprocessable` for steps that do not fit together. */
export function compileEncoder(ir: Ir, notes: Notes): Encoder {
  const cells: Cells = { numbers: new Float64Array(ir.inputs.length), texts: ir.inputs.map(() => NONE), notes }
  const readers = ir.inputs.map((input, i) =>
    input.kind === 'string' ? textReader(ir, input, i, cells) : reader(input, input.kind, i, cells),
  )
  const fills: Fill[] = []
  const starts: number[] = []
  let start = 0
  for (const block of ir.blocks) {
    fills.push(compileBlock(ir, block))
    starts.push(start)
    start += blockWidth(block)
  }
  const check = featureCheck(ir)
  return {
    set: (i, value) => readers[i]!(value),
    write(x, to) {
      for (let b = 0; b < fills.length; b++) fills[b]!(cells, x, to + starts[b]!)
      check(x, to)
    },
  }
}

function textReader(ir: Ir, input: NativeInput, i: number, { texts }: Cells): (value: NativeValue) => void {
  const old = ir.format === OLD_FORMAT
  const beside = Number.parseInt(ir.versions['pandas'] ?? '', 10) >= 3 ? NAN : NONE
  return (value) => {
    if (typeof value === 'string') {
      texts[i] = value
      return
    }
    missing(input, value, 'text')
    const kind = value === undefined ? beside : value === null ? NONE : NAN
    // the first version of the format knew one missing value an input
    texts[i] = old ? (input.missing === 'none' ? NONE : NAN) : kind
    if (!old && input.missing !== 'both' && input.missing !== (kind === NONE ? 'none' : 'nan'))
      refuseText(input, 'text')
  }
}

function reader(
  input: NativeInput,
  kind: Exclude<NativeInput['kind'], 'string'>,
  i: number,
  { numbers }: Cells,
): (value: NativeValue) => void {
  const read = NUMBER_READERS[kind]
  return (value) => {
    const found = read(value)
    if (found !== undefined && found === found) numbers[i] = input.float32 ? Math.fround(found) : found
    else {
      missing(input, found === undefined ? value : null, EXPECTED[kind])
      numbers[i] = NaN
    }
  }
}

function refuseText(input: NativeInput, expected: string): never {
  throw problem('invalid_field', { field: input.name, value: null, expected })
}

/** Takes a missing value of an optional input; throws for a missing required one and for a value of another type. */
function missing(input: NativeInput, value: NativeValue, expected: string): void {
  const absent = value === null || value === undefined || Number.isNaN(value)
  if (absent && !input.required) return
  const told = absent ? null : typeof value === 'bigint' ? `${value}` : value
  throw problem('invalid_field', { field: input.name, value: told, expected })
}

const EXPECTED = { number: 'a number', integer: 'a whole number', boolean: 'true or false' } as const

const NUMBER_READERS: Record<'number' | 'integer' | 'boolean', (value: NativeValue) => number | undefined> = {
  number: (value) => (typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : undefined),
  integer: (value) => {
    if (typeof value === 'bigint') return Number(value)
    return typeof value === 'number' && (Number.isInteger(value) || Number.isNaN(value)) ? value : undefined
  },
  boolean: (value) => {
    if (value === true) return 1
    return value === false ? 0 : undefined
  },
}

function compileBlock(ir: Ir, block: Block): Fill {
  const input = ir.inputs[block.input]!
  const { source, rest } = compileSource(ir, block, input)
  const steps = rest.map((step) => compileStep(ir, step, input))
  const value = chain(source, steps)
  if (block.on === undefined || block.off === undefined) {
    return (cells, x, to) => {
      x[to] = value(cells)
    }
  }
  const on = Float64Array.from(block.on)
  const off = Float64Array.from(block.off)
  const first = block.first ?? 0
  return (cells, x, to) => {
    for (let k = 0; k < off.length; k++) x[to + k] = off[k]!
    const k = value(cells) - first
    if (k >= 0 && k < on.length) x[to + k] = on[k]!
  }
}

function chain(source: (cells: Cells) => number, steps: NumberStep[]): (cells: Cells) => number {
  const [first, second] = steps
  if (first === undefined) return source
  if (second === undefined) return (cells) => first(source(cells))
  if (steps.length === 2) return (cells) => second(first(source(cells)))
  return (cells) => {
    let value = source(cells)
    for (const step of steps) value = step(value)
    return value
  }
}

/** The first number of a block: the input itself, or what its text turns into. */
function compileSource(ir: Ir, block: Block, input: NativeInput): { source: (cells: Cells) => number; rest: Step[] } {
  const i = block.input
  if (input.kind !== 'string') return { source: (cells) => cells.numbers[i]!, rest: block.steps }
  const turn = block.steps.findIndex((step) => step.op !== 'fill_text')
  const fill = filling(block.steps)
  const read = ({ texts }: Cells): Text => fill(texts[i]!)
  const step = block.steps[turn]
  const rest = block.steps.slice(turn + 1)
  if (step?.op === 'is_missing') {
    const { missing: wanted } = step
    return { source: (cells) => (isMissingText(read(cells), wanted) ? 1 : 0), rest }
  }
  if (step?.op === 'note') {
    return {
      source(cells) {
        const text = read(cells)
        return cells.notes.push(typeof text === 'string' ? text : '') - 1
      },
      rest,
    }
  }
  if (step?.op !== 'encode') throw malformed('model.json', `text of input ${input.name} reaches the model`)
  const table = ir.tables[step.table]!
  if (table.kind !== 'text') throw malformed('model.json', `input ${input.name} is text, its table is not`)
  const look = lookUp(table, input)
  const lookNone = lookUp({ ...table, missing: table.missing_none ?? table.missing }, input)
  return {
    source(cells) {
      const text = read(cells)
      return typeof text === 'string' ? look(text) : text === NONE ? lookNone(null) : look(null)
    },
    rest,
  }
}

/** Fills missing texts by the steps in their order; a step without a kind fills both. */
function filling(steps: readonly Step[]): (text: Text) => Text {
  const fills = new Map<Missing, string>()
  for (const step of steps) {
    if (step.op !== 'fill_text') continue
    for (const kind of [NAN, NONE] as const)
      if (isMissingText(kind, step.missing) && !fills.has(kind)) fills.set(kind, step.value)
  }
  if (fills.size === 0) return (text) => text
  return (text) => (typeof text === 'string' ? text : (fills.get(text) ?? text))
}

function isMissingText(text: Text, wanted: 'nan' | 'none' | undefined): boolean {
  if (typeof text === 'string') return false
  return wanted === undefined || text === (wanted === 'none' ? NONE : NAN)
}

/** The code of a key; null stands for a missing value. Throws `invalid_field` where the encoder refuses. */
function lookUp(table: CategoryTable, input: NativeInput): (key: string | number | null) => number {
  const codes = new Map(table.keys.map((key, k) => [key, table.codes[k]!]))
  const unseen = table.unseen
  const absent = table.missing
  const refuse = (key: string | number | null): never => {
    throw problem('invalid_field', {
      field: input.name,
      value: key,
      expected: 'a category that the model was trained on',
    })
  }
  return (key) => {
    const code = key === null ? absent : (codes.get(key) ?? unseen)
    return code === 'error' ? refuse(key) : code
  }
}

function compileStep(ir: Ir, step: Step, input: NativeInput): NumberStep {
  switch (step.op) {
    case 'encode': {
      const table = ir.tables[step.table]!
      if (table.kind !== 'number') throw malformed('model.json', `a text table encodes numbers of input ${input.name}`)
      const look = lookUp(table, input)
      return (x) => look(x === x ? x : null)
    }
    case 'note':
    case 'fill_text':
      throw malformed('model.json', `text is filled in after input ${input.name} became a number`)
    default:
      return numberStep(step, (value, expected) => refuseNumber(input, value, expected))
  }
}

function refuseNumber(input: NativeInput, value: number | null, expected: string): never {
  throw problem('invalid_field', { field: input.name, value: value === null ? null : `${value}`, expected })
}

/** Rounds to float32 where the estimator does, then refuses the missing and infinite features that it refuses. */
function featureCheck(ir: Ir): (x: Float64Array, to: number) => void {
  const { model, width } = ir
  const owner = ir.blocks.flatMap((block) => Array.from({ length: blockWidth(block) }, () => ir.inputs[block.input]!))
  const narrow = model.type === 'trees' && model.rounding === 'float32'
  const noMissing = model.missing === 'error'
  const noInfinite = model.infinite === 'error'
  return (x, to) => {
    for (let j = 0; j < width; j++) {
      const value = narrow ? Math.fround(x[to + j]!) : x[to + j]!
      x[to + j] = value
      if (value - value === 0) continue
      if (value !== value && noMissing) refuseNumber(owner[j]!, null, 'a number')
      if (value === value && noInfinite)
        refuseNumber(owner[j]!, value, narrow ? 'a number that fits float32' : 'a finite number')
    }
  }
}
