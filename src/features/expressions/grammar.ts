/**
 * The scalar expressions of on-demand features: a part of SQL, read into a tree. Which types go together and what it means is in
 * `compile.ts`. Binding, weakest first: OR, AND, NOT, comparisons, ||, + and −, * / // %, a sign, `::`.
 */

export type Operator = '+' | '-' | '*' | '/' | '//' | '%' | '||' | '=' | '<>' | '<' | '<=' | '>' | '>=' | 'and' | 'or'

/** `column` counts from 1 and is where a message points. */
export type Expression = { readonly column: number } & (
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'literal'; readonly value: number | bigint | string | boolean | null }
  | { readonly kind: 'not' | 'minus' | 'is_null'; readonly of: Expression }
  | { readonly kind: 'operator'; readonly operator: Operator; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'in'; readonly of: Expression; readonly items: readonly Expression[] }
  | { readonly kind: 'cast'; readonly of: Expression; readonly type: string }
  | { readonly kind: 'call'; readonly name: string; readonly given: readonly Expression[] }
  | {
      readonly kind: 'case'
      readonly when: readonly (readonly [Expression, Expression])[]
      readonly otherwise: Expression
    }
)

/** What is wrong with an expression. */
export class ExpressionError extends Error {
  readonly column: number

  constructor(column: number, message: string) {
    super(message)
    this.column = column
  }
}

/** Deepest nesting, and most parts. */
const LIMITS = { depth: 40, parts: 2000 }

interface Token {
  readonly kind: 'name' | 'word' | 'number' | 'text' | 'sign' | 'end'
  readonly text: string
  readonly column: number
}

const TOKEN =
  /(?<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))|(?<text>'(?:[^']|'')*')|(?<quoted>"(?:[^"]|"")+")|(?<word>[A-Za-z_]\w*)|(?<sign>\|\||\/\/|::|<>|!=|<=|>=|[-+*/%=<>(),])/y

/** Words that are no names of inputs. */
const RESERVED: ReadonlySet<string> = new Set(
  'and or not is null true false case when then else end in between cast as'.split(' '),
)

/** Reads an expression. Throws `ExpressionError` with the column and what was expected there. */
export function parseExpression(text: string): Expression {
  const reader = new Reader(tokensOf(text))
  const expression = reader.any()
  reader.end()
  return expression
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  for (;;) {
    at += /^\s*/.exec(text.slice(at))?.[0].length ?? 0
    if (at >= text.length) return [...tokens, { kind: 'end', text: '', column: at + 1 }]
    TOKEN.lastIndex = at
    const found = TOKEN.exec(text)
    if (found?.groups === undefined)
      throw new ExpressionError(at + 1, `"${text.slice(at, at + 10)}" is no part of an expression`)
    const { number, text: literal, quoted, word } = found.groups
    const column = at + 1
    if (number !== undefined) tokens.push({ kind: 'number', text: number, column })
    else if (literal !== undefined)
      tokens.push({ kind: 'text', text: literal.slice(1, -1).replaceAll("''", "'"), column })
    else if (quoted !== undefined)
      tokens.push({ kind: 'name', text: quoted.slice(1, -1).replaceAll('""', '"'), column })
    else if (word !== undefined)
      tokens.push({ kind: RESERVED.has(word.toLowerCase()) ? 'word' : 'name', text: word, column })
    else tokens.push({ kind: 'sign', text: found[0], column })
    at += found[0].length
    if (tokens.length > LIMITS.parts) throw new ExpressionError(column, `at most ${LIMITS.parts} parts are accepted`)
  }
}

const SAME: Readonly<Record<string, Operator>> = { '!=': '<>' }
const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '!=', '<', '<=', '>', '>='])

class Reader {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  any(): Expression {
    this.#depth += 1
    if (this.#depth > LIMITS.depth)
      throw new ExpressionError(this.#here.column, `nested deeper than ${LIMITS.depth}, which is the most`)
    const read = this.#chain(['or'], () => this.#chain(['and'], () => this.#negated()))
    this.#depth -= 1
    return read
  }

  end(): void {
    if (this.#here.kind !== 'end') throw this.#expected('an operator, or the end')
  }

  get #here(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', column: 1 }
  }

  /** Takes the next part if it is this word or sign. */
  #takes(text: string): boolean {
    const { kind, text: here } = this.#here
    const isIt = (kind === 'sign' && here === text) || (kind === 'word' && here.toLowerCase() === text)
    if (isIt) this.#at += 1
    return isIt
  }

  #must(text: string): void {
    if (!this.#takes(text)) throw this.#expected(`"${text.toUpperCase()}"`)
  }

  #expected(what: string): ExpressionError {
    const { kind, text, column } = this.#here
    return new ExpressionError(column, `${what} was expected, got ${kind === 'end' ? 'the end' : `"${text}"`}`)
  }

  #chain(operators: readonly Operator[], part: () => Expression): Expression {
    let left = part()
    for (;;) {
      const { column } = this.#here
      const operator = operators.find((one) => this.#takes(one))
      if (operator === undefined) return left
      left = { kind: 'operator', operator, left, right: part(), column }
    }
  }

  #negated(): Expression {
    const { column } = this.#here
    let times = 0
    while (this.#takes('not')) times += 1
    const of = this.#comparison()
    // an even number of them still makes a truth value of it
    return Array.from({ length: times }).reduce<Expression>((inner) => ({ kind: 'not', of: inner, column }), of)
  }

  #comparison(): Expression {
    let left = this.#sum()
    for (;;) {
      const { kind, text, column } = this.#here
      if (kind === 'sign' && COMPARISONS.has(text)) {
        this.#at += 1
        left = { kind: 'operator', operator: SAME[text] ?? (text as Operator), left, right: this.#sum(), column }
      } else if (this.#takes('is')) {
        const isNot = this.#takes('not')
        this.#must('null')
        left = negatedIf(isNot, { kind: 'is_null', of: left, column })
      } else {
        const before = this.#at
        const isNot = this.#takes('not')
        if (this.#takes('between')) left = negatedIf(isNot, this.#between(left, column))
        else if (this.#takes('in')) left = negatedIf(isNot, { kind: 'in', of: left, items: this.#list(), column })
        else {
          this.#at = before
          return left
        }
      }
    }
  }

  #between(of: Expression, column: number): Expression {
    const low = this.#sum()
    this.#must('and')
    const high = this.#sum()
    const least: Expression = { kind: 'operator', operator: '>=', left: of, right: low, column }
    const most: Expression = { kind: 'operator', operator: '<=', left: of, right: high, column }
    return { kind: 'operator', operator: 'and', left: least, right: most, column }
  }

  #sum(): Expression {
    return this.#chain(['||'], () =>
      this.#chain(['+', '-'], () => this.#chain(['*', '//', '/', '%'], () => this.#signed())),
    )
  }

  #signed(): Expression {
    const { column } = this.#here
    let isMinus = false
    for (;;) {
      if (this.#takes('-')) isMinus = !isMinus
      else if (!this.#takes('+')) break
    }
    const of = this.#typed()
    return isMinus ? { kind: 'minus', of, column } : of
  }

  #typed(): Expression {
    let of = this.#primary()
    while (this.#takes('::')) of = { kind: 'cast', of, type: this.#name('a type'), column: this.#here.column }
    return of
  }

  #name(what: string): string {
    const { kind, text } = this.#here
    if (kind !== 'name') throw this.#expected(what)
    this.#at += 1
    return text
  }

  #primary(): Expression {
    const { kind, text, column } = this.#here
    if (this.#takes('(')) return this.#closed(this.any())
    if (this.#takes('case')) return this.#case(column)
    if (this.#takes('cast')) return this.#cast(column)
    for (const [word, value] of [
      ['null', null],
      ['true', true],
      ['false', false],
    ] as const)
      if (this.#takes(word)) return { kind: 'literal', value, column }
    if (kind !== 'name' && kind !== 'number' && kind !== 'text') throw this.#expected('a name, a value or "("')
    this.#at += 1
    if (kind === 'text') return { kind: 'literal', value: text, column }
    if (kind === 'number') return { kind: 'literal', value: numberOf(text), column }
    if (this.#here.text !== '(' || this.#here.kind !== 'sign') return { kind: 'name', name: text, column }
    return { kind: 'call', name: text.toLowerCase(), given: this.#list(), column }
  }

  #closed(of: Expression): Expression {
    this.#must(')')
    return of
  }

  /** What stands in parentheses, with commas between. */
  #list(): Expression[] {
    this.#must('(')
    const items: Expression[] = []
    if (this.#takes(')')) return items
    do items.push(this.any())
    while (this.#takes(','))
    this.#must(')')
    return items
  }

  #cast(column: number): Expression {
    this.#must('(')
    const of = this.any()
    this.#must('as')
    const type = this.#name('a type')
    return this.#closed({ kind: 'cast', of, type, column })
  }

  /** `CASE x WHEN 1 THEN …` is `CASE WHEN x = 1 THEN …`. */
  #case(column: number): Expression {
    const subject = this.#here.text.toLowerCase() === 'when' ? undefined : this.any()
    const when: [Expression, Expression][] = []
    while (this.#takes('when')) {
      const at = this.#here.column
      const asked = this.any()
      this.#must('then')
      const test: Expression =
        subject === undefined ? asked : { kind: 'operator', operator: '=', left: subject, right: asked, column: at }
      when.push([test, this.any()])
    }
    if (when.length === 0) throw this.#expected('"WHEN"')
    const otherwise: Expression = this.#takes('else') ? this.any() : { kind: 'literal', value: null, column }
    this.#must('end')
    return { kind: 'case', when, otherwise, column }
  }
}

function negatedIf(isNot: boolean, of: Expression): Expression {
  return isNot ? { kind: 'not', of, column: of.column } : of
}

/** Whole numbers are whole as long as 64 bits hold them. */
function numberOf(text: string): number | bigint {
  if (!/^\d+$/.test(text)) return Number(text)
  const whole = BigInt(text)
  return whole < 2n ** 63n ? whole : Number(text)
}
