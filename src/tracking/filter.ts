/**
 * MLflow's search grammar: `metrics.loss < 0.1 AND tags."odd key" = 'x'`. The extended form of the native API adds OR, NOT
 * and parentheses. What may be compared with what is a schema that each search gives.
 */
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

/** One comparison. `value` is absent for IS NULL, a list for IN. */
export interface Comparison {
  readonly kind: 'compare'
  readonly entity: string
  readonly key: string
  readonly operator: Operator
  readonly value: string | number | readonly (string | number)[] | null
}

export type Filter =
  | Comparison
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter }

/** What a key may be compared with. */
export interface KeyRule {
  readonly type: 'text' | 'number'
  readonly operators: readonly Operator[]
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
}

/** Parses an order clause. Throws INVALID_PARAMETER_VALUE with MLflow's texts. */
export function parseOrder(clause: string, schema: FilterSchema): Order {
  const [name, direction, ...rest] = orderTokens(clause)
  if (name?.kind !== 'identifier' || rest.length > 0) {
    throw invalid(`Invalid order_by clause '${clause}'. Could not be parsed.`)
  }
  const word = direction?.text.toLowerCase() ?? 'asc'
  if (word !== 'asc' && word !== 'desc') throw invalid(`Invalid ordering key in order_by clause '${clause}'.`)
  const found = resolve(name.text, schema)
  return { entity: found.entity, key: found.key, type: found.rule.type, descending: word === 'desc' }
}

function orderTokens(clause: string): Token[] {
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
function resolve(name: string, schema: FilterSchema): Resolved {
  const split = splitName(name)
  const entity = split.entity === undefined ? 'attribute' : schema.entities[split.entity]
  if (entity === undefined) {
    const valid = [...new Set(Object.values(schema.entities))]
    throw invalid(`Invalid entity type '${split.entity}'. Valid values are ${quoted(valid)}`)
  }
  const keys = schema.keys[entity] ?? {}
  if (isRule(keys)) return { entity, key: split.key, rule: keys }
  const rule = Object.hasOwn(keys, split.key) ? keys[split.key] : undefined
  if (rule === undefined) {
    throw invalid(`Invalid ${entity} key '${split.key}' specified. Valid keys are '${quoted(Object.keys(keys))}'`)
  }
  return { entity, key: rule.as ?? split.key, rule }
}

class Parser {
  readonly #source: string
  readonly #schema: FilterSchema
  readonly #extended: boolean
  readonly #tokens: Token[]
  #at = 0
  #comparisons = 0

  constructor(source: string, schema: FilterSchema, extended: boolean) {
    this.#source = source
    this.#schema = schema
    this.#extended = extended
    this.#tokens = tokens(source)
  }

  parse(): Filter {
    const filter = this.#either(0)
    if (this.#peek() !== undefined) throw this.#badClause()
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
    if (this.#extended && this.#word('NOT')) return { kind: 'not', part: this.#one(depth + 1) }
    if (this.#extended && this.#take('(')) {
      const inside = this.#either(depth + 1)
      if (!this.#take(')')) throw this.#badClause()
      return inside
    }
    return this.#comparison()
  }

  #comparison(): Comparison {
    const start = this.#at
    const name = this.#next()
    if (name?.kind !== 'identifier') throw this.#badClause(start)
    const { entity, key, rule } = resolve(name.text, this.#schema)
    const operator = this.#operator(start)
    if (!rule.operators.includes(operator)) {
      throw invalid(`Invalid comparator '${operator}' not one of '${quoted(rule.operators)}'`)
    }
    if (++this.#comparisons > MOST) throw invalid(`The filter has more than ${MOST} comparisons.`)
    return { kind: 'compare', entity, key, operator, value: this.#value(operator, { entity, key, rule }, start) }
  }

  #operator(start: number): Operator {
    const token = this.#next()
    if (token === undefined) throw this.#badClause(start)
    const word = token.text.toUpperCase()
    if (token.kind === 'operator') return word as Operator
    if (word === 'LIKE' || word === 'ILIKE' || word === 'IN') return word
    if (word === 'NOT' && this.#word('IN')) return 'NOT IN'
    if (word === 'IS') {
      const not = this.#word('NOT')
      if (this.#word('NULL')) return not ? 'IS NOT NULL' : 'IS NULL'
    }
    throw this.#badClause(start)
  }

  #value(operator: Operator, left: Resolved, start: number): Comparison['value'] {
    if (operator === 'IS NULL' || operator === 'IS NOT NULL') return null
    if (operator !== 'IN' && operator !== 'NOT IN') return literal(this.#next() ?? this.#end(start), left)
    if (!this.#take('(')) throw this.#badClause(start)
    const values: (string | number)[] = []
    do {
      values.push(literal(this.#next() ?? this.#end(start), left))
    } while (this.#take(','))
    if (!this.#take(')')) throw this.#badClause(start)
    return values
  }

  #end(start: number): never {
    throw this.#badClause(start)
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at]
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

  #badClause(from = this.#at): Error {
    const rest = this.#tokens.slice(from).map((token) => token.text)
    return invalid(`Invalid clause(s) in filter string: '${rest.join(' ') || this.#source}'`)
  }
}

function literal(token: Token, { entity, key, rule }: Resolved): string | number {
  if (rule.type === 'number') {
    if (token.kind === 'number' && Number.isFinite(Number(token.text))) return Number(token.text)
    const what = entity === 'attribute' ? `numeric attribute: ${key}` : entity
    throw invalid(`Expected numeric value type for ${what}. Found ${token.text}`)
  }
  if (token.kind === 'string') return token.value
  if (token.kind === 'identifier') {
    throw invalid(
      'Parameter value is either not quoted or unidentified quote types used for string value ' +
        `${token.text}. Use either single or double quotes.`,
    )
  }
  throw invalid(`Expected a quoted string value for ${entity} (e.g. 'my-value'). Got value ${token.text}`)
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
