/** The text of slipway.yaml, and numbers that are floats in it. Without imports, as the builder that takes it. */

/** A number that is a float to Python even where it is whole. */
export class Float {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

/** The float of a number, for example `float(1)` for 1.0. */
export function float(value: number): Float {
  return new Float(value)
}

/** Keys of the file, of the pipeline, of the steps, and of each step have lines of their own; a longer key has to be marked as one. */
const [BLOCKS, LONG] = [4, 1000]

/** Data as YAML 1.2: blocks down to the steps, JSON below. */
export function yamlOf(data: object, depth = 0): string {
  const indent = '  '.repeat(depth)
  const lines = Object.entries(data).map(([key, value]: [string, unknown]) => {
    const name = /^(?!(?:null|true|false)$)[A-Za-z_][A-Za-z0-9_-]*$/i.test(key) ? key : textOf(key)
    const begin = name.length < LONG ? `${indent}${name}:` : `${indent}? ${name}\n${indent}:`
    const isBlock = isMap(value) && Object.keys(value).length > 0 && depth + 1 < BLOCKS
    return isBlock ? `${begin}\n${yamlOf(value, depth + 1)}` : `${begin} ${flow(value)}\n`
  })
  return lines.join('')
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Float)
}

function flow(value: unknown): string {
  if (value instanceof Float) return floatText(value.value)
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (isMap(value)) {
    const pairs = Object.entries(value).map(([key, inner]: [string, unknown]) =>
      key.length < LONG ? `${textOf(key)}: ${flow(inner)}` : `? ${textOf(key)} : ${flow(inner)}`,
    )
    return `{${pairs.join(', ')}}`
  }
  if (typeof value === 'string') return textOf(value)
  if (typeof value === 'number') return Number.isInteger(value) ? String(value === 0 ? 0 : value) : floatText(value)
  return String(value)
}

function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '.nan' : value > 0 ? '.inf' : '-.inf'
  const text = Object.is(value, -0) ? '-0' : String(value)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

/** A text in quotes, without signs that YAML does not take as they are. */
function textOf(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
