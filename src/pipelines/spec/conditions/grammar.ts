/** The grammar of conditions on steps: comparisons of params, metrics and sizes with literals, joined by and, or and not. Nothing is run. */

/** What a condition names. */
export type Reference =
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'metric'; readonly step: string; readonly name: string }
  | { readonly kind: 'output'; readonly step: string; readonly name: string; readonly what: 'size' | 'files' }

/** A whole number that no double holds is a bigint. */
export type Literal = string | number | bigint | boolean

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in'

/** `column` counts from 1. */
export type Operand =
  | { readonly type: 'literal'; readonly value: Literal; readonly column: number }
  | { readonly type: 'reference'; readonly of: Reference; readonly text: string; readonly column: number }

export type Condition =
  | { readonly type: 'and'; readonly parts: readonly Condition[] }
  | { readonly type: 'or'; readonly parts: readonly Condition[] }
  | { readonly type: 'not'; readonly part: Condition }
  | { readonly type: 'truth'; readonly operand: Operand }
  | {
      readonly type: 'compare'
      readonly operator: Operator
      readonly left: Operand
      /** One, or with `in` those of the list. */
      readonly right: readonly Operand[]
      readonly column: number
    }

/** What is wrong with the text of a condition. */
export class ConditionError extends Error {
  readonly column: number

  constructor(column: number, message: string) {
    super(message)
    this.column = column
  }
}

/** Longest text of a condition, characters. */
export const LONGEST_CONDITION = 1000
/** Deepest nesting of parentheses and nots. */
const DEEPEST = 20

interface Token {
  readonly kind: 'word' | 'number' | 'text' | 'sign' | 'end'
  readonly text: string
  readonly column: number
}

const TOKEN =
  /(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))|(?<text>'[^'\n]*'|"[^"\n]*")|(?<word>[A-Za-z_][\w-]*)|(?<sign>==|!=|<=|>=|<|>|[()[\],.])/y
const OPERATORS: readonly string[] = ['==', '!=', '<', '<=', '>', '>=', 'in']
const OPERAND =
  'params.NAME, steps.STEP.metrics.NAME, steps.STEP.outputs.NAME.size, a number, a text in quotes, true or false'

/** Reads a condition. Throws `ConditionError` with the column and what was expected there. */
export function parseCondition(text: string): Condition {
  const reader = new Reader(tokensOf(text))
  const condition = readOr(reader, 0)
  const { column, text: found, kind } = reader.next
  if (kind !== 'end') throw new ConditionError(column, `got "${found}", expected and, or, or the end`)
  return condition
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  const blank = (): void => {
    while (/\s/.test(text.charAt(at))) at++
  }
  for (blank(); at < text.length; blank()) {
    TOKEN.lastIndex = at
    const groups = TOKEN.exec(text)?.groups ?? {}
    const kind = (['number', 'text', 'word', 'sign'] as const).find((one) => groups[one] !== undefined)
    if (kind === undefined) throw new ConditionError(at + 1, wrongSign(text.slice(at)))
    const found = groups[kind] ?? ''
    tokens.push({ kind, text: found, column: at + 1 })
    at += found.length
  }
  return [...tokens, { kind: 'end', text: 'the end', column: text.length + 1 }]
}

const MEANT: readonly (readonly [RegExp, string])[] = [
  [/^&&/, 'got "&&", expected and'],
  [/^\|\|/, 'got "||", expected or'],
  [/^!/, 'got "!", expected not, or !='],
  [/^=/, 'got "=", expected =='],
  [/^\{item\b/, 'got "{item", and a condition decides for a step as a whole, not for each item of it'],
  [/^['"]/, 'this text has no end, expected the same quote behind it'],
]

function wrongSign(rest: string): string {
  return MEANT.find(([pattern]) => pattern.test(rest))?.[1] ?? `got "${rest.charAt(0)}", expected ${OPERAND}`
}

class Reader {
  #at = 0
  readonly #tokens: readonly Token[]

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get next(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)] as Token
  }

  take(): Token {
    const token = this.next
    this.#at++
    return token
  }

  /** Takes a word or sign if it comes next. */
  has(text: string): boolean {
    const { kind, text: found } = this.next
    if (found !== text || (kind !== 'word' && kind !== 'sign')) return false
    this.#at++
    return true
  }

  need(text: string): void {
    const { column, text: found } = this.next
    if (!this.has(text)) throw new ConditionError(column, `got ${shown(found)}, expected "${text}"`)
  }
}

function readOr(reader: Reader, depth: number): Condition {
  return readChain(reader, 'or', () => readChain(reader, 'and', () => readNot(reader, depth)))
}

function readChain(reader: Reader, type: 'and' | 'or', read: () => Condition): Condition {
  const first = read()
  const parts = [first]
  while (reader.has(type)) parts.push(read())
  return parts.length === 1 ? first : { type, parts }
}

function readNot(reader: Reader, depth: number): Condition {
  const { column } = reader.next
  if (depth > DEEPEST)
    throw new ConditionError(column, `expected at most ${DEEPEST} parentheses and nots around one another`)
  if (reader.has('not')) return { type: 'not', part: readNot(reader, depth + 1) }
  if (reader.has('(')) {
    const inner = readOr(reader, depth + 1)
    reader.need(')')
    return inner
  }
  return readComparison(reader)
}

function readComparison(reader: Reader): Condition {
  const left = readOperand(reader)
  const { text, column, kind } = reader.next
  if (kind === 'text' || !OPERATORS.includes(text)) return { type: 'truth', operand: left }
  reader.take()
  const operator = text as Operator
  const right = operator === 'in' ? readList(reader) : [readOperand(reader)]
  const again = reader.next
  if (again.kind !== 'text' && OPERATORS.includes(again.text))
    throw new ConditionError(
      again.column,
      `got "${again.text}", expected and, or, or the end: comparisons are not chained`,
    )
  return { type: 'compare', operator, left, right, column }
}

function readList(reader: Reader): Operand[] {
  reader.need('[')
  const items = [readOperand(reader)]
  while (reader.has(',')) items.push(readOperand(reader))
  reader.need(']')
  return items
}

function readOperand(reader: Reader): Operand {
  const { kind, text, column } = reader.take()
  if (kind === 'number') return { type: 'literal', value: numberOf(text), column }
  if (kind === 'text') return { type: 'literal', value: text.slice(1, -1), column }
  if (text === 'true' || text === 'false') return { type: 'literal', value: text === 'true', column }
  if (text === 'params') return reference(column, { kind: 'param', name: readName(reader, 'the name of a param') })
  if (text === 'steps') return readOfStep(reader, column)
  if (text === 'item')
    throw new ConditionError(
      column,
      `got "item", and a condition decides for a step as a whole, not for each item of it`,
    )
  throw new ConditionError(column, `got ${shown(text)}, expected ${OPERAND}`)
}

function numberOf(text: string): number | bigint {
  const value = Number(text)
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value
}

function readOfStep(reader: Reader, column: number): Operand {
  const step = readName(reader, 'the name of a step')
  const at = reader.next.column
  const of = readName(reader, 'metrics or outputs')
  if (of === 'metrics')
    return reference(column, { kind: 'metric', step, name: readName(reader, 'the name of a metric') })
  if (of !== 'outputs') throw new ConditionError(at + 1, `got "${of}", expected metrics or outputs`)
  const name = readName(reader, 'the name of an output')
  const last = reader.next.column
  const what = readName(reader, 'size or files')
  if (what !== 'size' && what !== 'files') throw new ConditionError(last + 1, `got "${what}", expected size or files`)
  return reference(column, { kind: 'output', step, name, what })
}

function reference(column: number, of: Reference): Operand {
  return { type: 'reference', of, text: textOf(of), column }
}

/** `.NAME`, or `['NAME']` for names with other signs in them. */
function readName(reader: Reader, what: string): string {
  if (reader.has('[')) {
    const { kind, text, column } = reader.take()
    if (kind !== 'text') throw new ConditionError(column, `got ${shown(text)}, expected ${what} in quotes`)
    reader.need(']')
    return text.slice(1, -1)
  }
  const { column, text: found } = reader.next
  if (!reader.has('.')) throw new ConditionError(column, `got ${shown(found)}, expected "." and ${what}`)
  const { kind, text, column: at } = reader.take()
  if (kind !== 'word') throw new ConditionError(at, `got ${shown(text)}, expected ${what}`)
  return text
}

function textOf(of: Reference): string {
  if (of.kind === 'param') return `params${part(of.name)}`
  if (of.kind === 'metric') return `steps${part(of.step)}.metrics${part(of.name)}`
  return `steps${part(of.step)}.outputs${part(of.name)}.${of.what}`
}

function part(name: string): string {
  return /^[A-Za-z_][\w-]*$/.test(name) ? `.${name}` : `['${name}']`
}

function shown(text: string): string {
  return text === 'the end' ? text : `"${text}"`
}

/** Every operand of a condition, in the order written. */
export function operandsOf(condition: Condition): Operand[] {
  if (condition.type === 'not') return operandsOf(condition.part)
  if (condition.type === 'truth') return [condition.operand]
  if (condition.type === 'compare') return [condition.left, ...condition.right]
  return condition.parts.flatMap(operandsOf)
}

/** The steps that a condition names, each once. */
export function stepsOf(condition: Condition): string[] {
  const named = operandsOf(condition).flatMap((one) =>
    one.type === 'reference' && one.of.kind !== 'param' ? [one.of.step] : [],
  )
  return [...new Set(named)]
}
