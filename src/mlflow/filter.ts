/**
 * MLflow's search grammar: `metrics.loss < 0.1 AND tags."odd key" = 'x'`. The extended form adds OR, NOT, parentheses, EXISTS,
 * REGEXP, lists for every key, `min(metrics.k)` and its like, and `metrics.k WITHIN 1% OF BEST`. What may be compared with
 * what is a schema that each search gives. docs/guides/search.md tells it to users.
 */
import { MOST_PATTERNS, patternFault } from '../store/sql/regexp.ts'
import { splitName, tokens } from './lexer.ts'
import type { Token } from './lexer.ts'
import { invalid } from './wire.ts'

export type Operator =
  | '='
  | '!='
  | '>'
  | '>='
  | '<'
  | '<='
  | 'LIKE'
  | 'ILIKE'
  | 'IN'
  | 'NOT IN'
  | 'IS NULL'
  | 'IS NOT NULL'
  | 'REGEXP'
  | 'WITHIN'

/** Which number of a metric's history: the least, the greatest, or the first. The last needs no name. */
export type Aggregate = 'min' | 'max' | 'first'

/** One comparison. `value` is absent for IS NULL, a list for IN, a share (0.01 = 1%) for WITHIN. */
export interface Comparison {
  readonly kind: 'compare'
  readonly entity: string
  readonly key: string
  readonly operator: Operator
  readonly value: string | number | readonly (string | number)[] | null
  /** Of a metric, where it is not the last number that is compared. */
  readonly aggregate?: Aggregate
  /** Of WITHIN: which of the runs is the best, the one with the least or with the greatest number. */
  readonly best?: 'min' | 'max'
}

export type Filter =
  | Comparison
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter }

/** What a key may be compared with. */
export interface KeyRule {
  readonly type: 'text' | 'number'
  readonly operators: readonly Operator[]
  /** Operators that only the extended form has. */
  readonly more?: readonly Operator[]
  /** Text may stand without quotes, a number within them. */
  readonly lenient?: boolean
  /** The key's one true name, where the key is an alias. */
  readonly as?: string
}

/** The left sides of a search. A bare key belongs to the entity `attribute`. */
export interface FilterSchema {
  /** Prefix as written → entity. */
  readonly entities: Readonly<Record<string, string>>
  /** Entity → its keys, or one rule for keys of any name. */
  readonly keys: Readonly<Record<string, KeyRule | Readonly<Record<string, KeyRule>>>>
}

export const NUMERIC: readonly Operator[] = ['=', '!=', '>', '>=', '<', '<=']
export const TEXTUAL: readonly Operator[] = ['=', '!=', 'LIKE', 'ILIKE']
export const LISTED: readonly Operator[] = [...TEXTUAL, 'IN', 'NOT IN']
export const NULLABLE: readonly Operator[] = [...TEXTUAL, 'IS NULL', 'IS NOT NULL']

/** What the extended form adds to keys of text that always have a value, to keys of text that may be absent, and to metrics. */
export const MORE_TEXTUAL: readonly Operator[] = ['IN', 'NOT IN', 'REGEXP']
export const MORE_NULLABLE: readonly Operator[] = [...MORE_TEXTUAL, 'IS NULL', 'IS NOT NULL']
export const MORE_METRIC: readonly Operator[] = ['IN', 'NOT IN', 'IS NULL', 'IS NOT NULL', 'WITHIN']

/** How deep NOT and parentheses may nest, and how many comparisons a filter may have. */
const DEEPEST = 20
const MOST = 200

/** Parses a filter; '' and undefined = no condition. Throws INVALID_PARAMETER_VALUE with MLflow's texts. */
export function parseFilter(
  source: string | undefined,
  schema: FilterSchema,
  options: { extended?: boolean } = {},
): Filter | undefined {
  if (source === undefined || source.trim() === '') return undefined
  const parser = new Parser(source, schema, options.extended === true)
  return parser.parse()
}

/** One `order_by` clause: `metrics.loss ASC`, `start_time DESC`, `params."a b"`. */
export interface Order {
  readonly entity: string
  readonly key: string
  readonly type: 'text' | 'number'
  readonly descending: boolean
  readonly aggregate?: Aggregate
}

/** Says in a search's own words that it has no such key. */
export type Unknown = (key: string, valid: string) => string

/** Parses an order clause: a name, or `min(metrics.k)` and its like. Throws INVALID_PARAMETER_VALUE with MLflow's texts. */
export function parseOrder(clause: string, schema: FilterSchema, unknown?: Unknown): Order {
  const given = orderTokens(clause)
  const { name, aggregate, rest } = orderedBy(given)
  const [direction, ...more] = rest
  if (name === undefined || !isName(name) || more.length > 0) {
    throw invalid(`Invalid order_by clause '${clause}'. Could not be parsed.`)
  }
  const word = direction?.text.toLowerCase() ?? 'asc'
  if (word !== 'asc' && word !== 'desc') throw invalid(`Invalid ordering key in order_by clause '${clause}'.`)
  const found = resolve(name, schema, unknown)
  if (aggregate !== undefined && found.entity !== 'metric') {
    throw invalid(`Invalid order_by clause '${clause}'. min, max, first and last are of metrics.`)
  }
  const type = found.rule.type
  return { entity: found.entity, key: found.key, type, descending: word === 'desc', ...aggregateOf(aggregate) }
}

function orderedBy(given: readonly Token[]): { name: Token | undefined; aggregate?: string; rest: readonly Token[] } {
  const [word, open, name, close, ...rest] = given
  const aggregate = word?.text.toLowerCase() ?? ''
  if (open?.kind === '(' && close?.kind === ')' && AGGREGATES.has(aggregate)) return { name, aggregate, rest }
  return { name: word, rest: given.slice(1) }
}

const AGGREGATES = new Set(['min', 'max', 'first', 'last'])

function aggregateOf(word: string | undefined): { aggregate?: Aggregate } {
  return word === undefined || word === 'last' ? {} : { aggregate: word as Aggregate }
}

/** The words of an order clause. Throws INVALID_PARAMETER_VALUE. */
export function orderTokens(clause: string): Token[] {
  try {
    return tokens(clause)
  } catch {
    throw invalid(`Invalid order_by clause '${clause}'. Could not be parsed.`)
  }
}

interface Resolved {
  readonly entity: string
  readonly key: string
  readonly rule: KeyRule
}

/** Finds what a name on the left side means. */
function resolve(name: Token, schema: FilterSchema, unknown?: Unknown): Resolved {
  const split = splitName(name.text)
  const entity = split.entity === undefined ? 'attribute' : own(schema.entities, split.entity)
  if (entity === undefined) {
    const valid = [...new Set(Object.values(schema.entities))]
    throw invalidAt(name, `Invalid entity type '${split.entity}'. Valid values are ${quoted(valid)}`)
  }
  const keys = schema.keys[entity] ?? {}
  if (isRule(keys)) return { entity, key: split.key, rule: keys }
  const rule = own(keys, split.key)
  if (rule === undefined) {
    const valid = quoted(Object.keys(keys))
    if (unknown !== undefined) throw invalid(unknown(split.key, valid))
    throw invalidAt(name, `Invalid ${entity} key '${split.key}' specified. Valid keys are '${valid}'`)
  }
  return { entity, key: rule.as ?? split.key, rule }
}

/** What a caller's word names, and not what every object inherits. */
function own<T>(named: Readonly<Record<string, T>>, word: string): T | undefined {
  return Object.hasOwn(named, word) ? named[word] : undefined
}

class Parser {
  readonly #source: string
  readonly #schema: FilterSchema
  readonly #extended: boolean
  readonly #tokens: Token[]
  #at = 0
  #comparisons = 0
  #patterns = 0

  constructor(source: string, schema: FilterSchema, extended: boolean) {
    this.#source = source
    this.#schema = schema
    this.#extended = extended
    this.#tokens = tokens(source)
  }

  parse(): Filter {
    const filter = this.#either(0)
    if (this.#peek() !== undefined) throw this.#badClause(this.#at, this.#extended ? 'AND or OR' : 'AND')
    return filter
  }

  #either(depth: number): Filter {
    const parts = [this.#both(depth)]
    while (this.#word('OR')) parts.push(this.#both(depth))
    if (parts.length > 1 && !this.#extended) throw this.#badClause(0)
    return join('or', parts)
  }

  #both(depth: number): Filter {
    const parts = [this.#one(depth)]
    while (this.#word('AND')) parts.push(this.#one(depth))
    return join('and', parts)
  }

  #one(depth: number): Filter {
    if (depth > DEEPEST) throw invalid(`The filter nests deeper than ${DEEPEST} levels.`)
    if (!this.#extended) return this.#comparison()
    if (this.#word('NOT')) return { kind: 'not', part: this.#one(depth + 1) }
    if (this.#take('(')) {
      const inside = this.#either(depth + 1)
      if (!this.#take(')')) throw this.#badClause(this.#at, 'a closing parenthesis')
      return inside
    }
    return this.#peek(1)?.kind === 'identifier' && this.#word('EXISTS') ? this.#exists() : this.#comparison()
  }

  /** `EXISTS name` says the same as `name IS NOT NULL`. */
  #exists(): Comparison {
    const left = this.#left(this.#at)
    const operator = this.#permitted('IS NOT NULL', left)
    return this.#counted({ kind: 'compare', entity: left.entity, key: left.key, operator, value: null })
  }

  #comparison(): Comparison {
    const start = this.#at
    if (this.#peek() !== undefined && this.#peek(1) === undefined) {
      this.#at += 1
      throw this.#badClause(start, 'an operator')
    }
    const left = this.#left(start)
    const { entity, key } = left
    const operator = this.#permitted(this.#operator(start), left)
    const of = aggregateOf(left.aggregate)
    if (operator === 'WITHIN')
      return this.#counted({ kind: 'compare', entity, key, operator, ...of, ...this.#nearest(key) })
    return this.#counted({ kind: 'compare', entity, key, operator, value: this.#value(operator, left, start), ...of })
  }

  /** A name, or in the extended form `min(name)` and its like. */
  #left(start: number): Resolved & { readonly aggregate?: string } {
    const word = this.#next()
    const aggregate = word?.text.toLowerCase() ?? ''
    const wrapped = this.#extended && AGGREGATES.has(aggregate) && this.#take('(')
    const name = wrapped ? this.#next() : word
    if (name === undefined || !isName(name))
      throw this.#badClause(start, 'a name such as metrics.loss, params.lr or status')
    const found = resolve(name, this.#schema)
    if (!wrapped) return found
    if (found.entity !== 'metric') throw invalidAt(name, 'min, max, first and last are of metrics')
    if (!this.#take(')')) throw this.#badClause(start, 'a closing parenthesis after the metric')
    return { ...found, aggregate }
  }

  #permitted(operator: Operator, { entity, key, rule }: Resolved): Operator {
    const allowed = this.#extended ? [...rule.operators, ...(rule.more ?? [])] : rule.operators
    if (allowed.includes(operator)) return operator
    const where = this.#tokens[this.#at - 1]
    if (operator === 'IS NULL' || operator === 'IS NOT NULL') {
      throw invalidAt(
        where,
        `IS NULL / IS NOT NULL is only supported for tags and params, not for '${entity}' '${key}'`,
      )
    }
    throw invalidAt(where, `Invalid comparator '${operator}' not one of '${quoted(allowed)}'`)
  }

  #counted(one: Comparison): Comparison {
    if (++this.#comparisons > MOST) throw invalid(`The filter has more than ${MOST} comparisons.`)
    return one
  }

  /** What follows WITHIN: `1% OF BEST`, `OF MIN` or `OF MAX`. */
  #nearest(key: string): { value: number; best: 'min' | 'max' } {
    const start = this.#at
    const number = this.#next()
    const share = Number(number?.text) / 100
    if (number?.kind !== 'number' || !(share >= 0) || !this.#take('%') || !this.#word('OF')) {
      throw this.#badClause(start, 'a share such as 1% OF BEST')
    }
    if (this.#word('BEST')) return { value: share, best: LESS_IS_BETTER.test(key) ? 'min' : 'max' }
    if (this.#word('MIN')) return { value: share, best: 'min' }
    if (this.#word('MAX')) return { value: share, best: 'max' }
    throw this.#badClause(this.#at, 'BEST, MIN or MAX')
  }

  #operator(start: number): Operator {
    const token = this.#next()
    const word = token?.text.toUpperCase() ?? ''
    if (token?.kind === 'operator') return word as Operator
    const known = this.#extended ? WORDS[word] : PLAIN_WORDS[word]
    if (known !== undefined) return known
    if (word === 'NOT' && this.#word('IN')) return 'NOT IN'
    if (word === 'IS') {
      const not = this.#word('NOT')
      if (this.#word('NULL')) return not ? 'IS NOT NULL' : 'IS NULL'
    }
    throw this.#badClause(start, 'an operator')
  }

  #value(operator: Operator, left: Resolved, start: number): Comparison['value'] {
    if (operator === 'IS NULL' || operator === 'IS NOT NULL') return null
    if (operator === 'REGEXP') return this.#pattern(left, start)
    if (operator !== 'IN' && operator !== 'NOT IN') return literal(this.#next() ?? this.#end(start), left)
    if (!this.#take('(')) throw this.#badClause(start, 'a list in parentheses')
    if (this.#take(')')) {
      throw invalid('While parsing a list in the query, expected a non-empty list of string values, but got empty list')
    }
    const values: (string | number)[] = []
    do {
      // Python writes a tuple of one with a comma at its end
      if (values.length > 0 && this.#peek()?.kind === ')') break
      values.push(literal(this.#next() ?? this.#end(start), left))
    } while (this.#take(','))
    if (!this.#take(')')) throw this.#badClause(start, 'a comma or a closing parenthesis')
    return values
  }

  #pattern(left: Resolved, start: number): string {
    const token = this.#next() ?? this.#end(start)
    const pattern = String(literal(token, left))
    if (++this.#patterns > MOST_PATTERNS)
      throw invalid(`The filter has more than ${MOST_PATTERNS} regular expressions.`)
    const fault = patternFault(pattern)
    if (fault !== undefined) throw invalidAt(token, `Invalid regular expression '${pattern.slice(0, 100)}': ${fault}`)
    return pattern
  }

  #end(start: number): never {
    throw this.#badClause(start, 'a value')
  }

  #peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead]
  }

  #next(): Token | undefined {
    return this.#tokens[this.#at++]
  }

  #take(kind: Token['kind']): boolean {
    if (this.#peek()?.kind !== kind) return false
    this.#at += 1
    return true
  }

  #word(word: string): boolean {
    const token = this.#peek()
    if (token?.kind !== 'identifier' || token.text.toUpperCase() !== word) return false
    this.#at += 1
    return true
  }

  /** Shows the clause from the token `from` on, and tells where reading stopped and what was wanted there. */
  #badClause(from = this.#at, wanted?: string): Error {
    const rest = this.#tokens.slice(from).map((token) => token.text)
    const stopped = this.#tokens[Math.max(from, this.#at - (this.#peek() === undefined ? 0 : 1))]
    const place = (stopped?.at ?? this.#source.trimEnd().length) + 1
    const expected = wanted === undefined ? '' : `: expected ${wanted}`
    const shown = rest.join(' ') || this.#source
    return invalid(`Invalid clause(s) in filter string: '${shown}' (at character ${place}${expected})`)
  }
}

/** Operators that are one word. */
const PLAIN_WORDS: Readonly<Record<string, Operator>> = { LIKE: 'LIKE', ILIKE: 'ILIKE', IN: 'IN' }
const WORDS: typeof PLAIN_WORDS = { ...PLAIN_WORDS, REGEXP: 'REGEXP', RLIKE: 'REGEXP', WITHIN: 'WITHIN' }

/** Metrics of which less is better, by the usual names. */
const LESS_IS_BETTER =
  /(?:^|[^a-z])(?:loss|logloss|error|err|mae|mse|rmse|mape|smape|rmsle|perplexity|ppl|latency|duration|wer|cer|fpr|fnr|brier|deviance|regret|cost)(?:$|[^a-z])/i

function invalidAt(token: Token | undefined, message: string): Error {
  return invalid(token === undefined ? message : `${message} (at character ${token.at + 1})`)
}

function literal(token: Token, { entity, key, rule }: Resolved): string | number {
  if (rule.type === 'number') {
    const quoted = token.kind === 'string' && rule.lenient === true && token.value.trim() !== ''
    if (quoted && Number.isFinite(Number(token.value))) return Number(token.value)
    if (token.kind === 'number' && Number.isFinite(Number(token.text))) return Number(token.text)
    const what = entity === 'attribute' ? `numeric attribute: ${key}` : entity
    throw invalidAt(token, `Expected numeric value type for ${what}. Found ${token.text}`)
  }
  if (token.kind === 'string') return token.value
  if (rule.lenient === true && (token.kind === 'identifier' || token.kind === 'number')) return token.text
  if (token.kind === 'identifier') {
    throw invalidAt(
      token,
      'Parameter value is either not quoted or unidentified quote types used for string value ' +
        `${token.text}. Use either single or double quotes.`,
    )
  }
  throw invalidAt(token, `Expected a quoted string value for ${entity} (e.g. 'my-value'). Got value ${token.text}`)
}

/** A name may be in double quotes, as text may. */
function isName(token: Token): boolean {
  return token.kind === 'identifier' || (token.kind === 'string' && token.text.startsWith('"'))
}

function join(kind: 'and' | 'or', parts: readonly Filter[]): Filter {
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind, parts }
}

function isRule(keys: KeyRule | Readonly<Record<string, KeyRule>>): keys is KeyRule {
  return Array.isArray(keys['operators'])
}

function quoted(values: readonly string[]): string {
  return `[${values.map((value) => `'${value}'`).join(', ')}]`
}
