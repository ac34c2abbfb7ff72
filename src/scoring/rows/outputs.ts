/** What the answers of a model version look like, from the outputs of its signature, for clients that ask before they send. */

/** The answer's tensor as the Open Inference Protocol describes it; -1 = any number of rows. */
export interface AnswerShape {
  readonly datatype: 'FP64' | 'BOOL' | 'BYTES'
  readonly shape: readonly number[]
}

const NUMBERS = /^(double|float|long|integer|u?int\d+|float\d+)$/

/** The answer that a signature promises: one value a row, or numbers of a fixed width; undefined where it promises nothing that is served so. */
export function answerOf(outputs: unknown): AnswerShape | undefined {
  if (!Array.isArray(outputs) || outputs.length === 0) return undefined
  const [first] = outputs as { type?: unknown; 'tensor-spec'?: { dtype?: unknown; shape?: unknown } }[]
  if (first?.type !== 'tensor') return ofColumns(outputs.map((column: { type?: unknown } | null) => column?.type))
  const { dtype, shape } = first['tensor-spec'] ?? {}
  const [rows, width, ...more] = Array.isArray(shape) ? (shape as unknown[]) : []
  if (outputs.length > 1 || rows !== -1 || more.length > 0) return undefined
  if (width === undefined) return ofColumns([dtype])
  return Number.isInteger(width) && (width as number) > 0 && isNumeric(dtype)
    ? { datatype: 'FP64', shape: [-1, width as number] }
    : undefined
}

function ofColumns(types: readonly unknown[]): AnswerShape {
  if (types.every(isNumeric)) return { datatype: 'FP64', shape: types.length === 1 ? [-1] : [-1, types.length] }
  const flag = types.length === 1 && (types[0] === 'boolean' || types[0] === 'bool')
  return { datatype: flag ? 'BOOL' : 'BYTES', shape: [-1] }
}

function isNumeric(type: unknown): boolean {
  return typeof type === 'string' && NUMBERS.test(type)
}
