/**
 * The search grammar of traces: `status = 'OK' AND span.name LIKE '%call%' AND feedback.score > 0.5`. Beyond MLflow's it takes
 * OR, NOT and parentheses.
 */
import { MOST_PATTERNS, patternFault } from '../../store/sql/regexp.ts'
import { orderTokens } from '../../mlflow/filter.ts'
import type { Operator } from '../../mlflow/filter.ts'
import { splitName, tokens } from '../../mlflow/lexer.ts'
import type { Token } from '../../mlflow/lexer.ts'
import { invalid } from '../../mlflow/wire.ts'
import { fieldOf } from './fields.ts'
import type { Field } from './fields.ts'

export interface Compared {
  readonly kind: 'compare'
  readonly field: Field
  readonly operator: Operator
  /** A list for IN and NOT IN, null for IS NULL and IS NOT NULL. */
  readonly value: string | number | readonly string[] | null
}

export type TraceFilter =
  | Compared
  | { readonly kind: 'and' | 'or'; readonly parts: readonly TraceFilter[] }
  | { readonly kind: 'not'; readonly part: TraceFilter }

/** How deep NOT and parentheses may nest, and how many comparisons a filter may have. */
const DEEPEST = 20
const MOST = 200

/** Parses a filter; '' and undefined = no condition. INVALID_PARAMETER_VALUE says what was not understood. */
export function parseTraceFilter(source: string | undefined): TraceFilter | undefined {
  if (source === undefined || source.trim() === '') return undefined
  if (source.includes('\0')) throw invalid('The filter has the character 0, which no text that is kept has.')
  const state: State = { source, tokens: tokens(source), at: 0, comparisons: 0, patterns: 0 }
  const filter = either(state, 0)
  if (state.at < state.tokens.length) throw badClause(state)
  return filter
}

/** One clause of an order: `timestamp DESC`. */
export interface TraceOrder {
  readonly field: Field
  readonly descending: boolean
}

/** Parses an order clause. */
export function parseTraceOrder(clause: string): TraceOrder {
  const [name, direction, ...rest] = orderTokens(clause)
  const word = direction?.text.toLowerCase() ?? 'asc'
  if (name?.kind !== 'identifier' || rest.length > 0 || (word !== 'asc' && word !== 'desc')) {
    throw invalid(`Invalid order_by clause '${clause}'. Could not be parsed.`)
  }
  const field = fieldOf(splitName(name.text), 'order')
  return { field, descending: word === 'desc' }
}

interface State {
  readonly source: string
  readonly tokens: readonly Token[]
  at: number
  comparisons: number
  patterns: number
}

function either(state: State, depth: number): TraceFilter {
  const parts = [both(state, depth)]
  while (word(state, 'OR')) parts.push(both(state, depth))
  return join('or', parts)
}

function both(state: State, depth: number): TraceFilter {
  const parts = [one(state, depth)]
  while (word(state, 'AND')) parts.push(one(state, depth))
  return join('and', parts)
}

function one(state: State, depth: number): TraceFilter {
  if (depth > DEEPEST) throw invalid(`The filter nests deeper than ${DEEPEST} levels.`)
  if (word(state, 'NOT')) return { kind: 'not', part: one(state, depth + 1) }
  if (!take(state, '(')) return comparison(state)
  const inside = either(state, depth + 1)
  if (!take(state, ')')) throw badClause(state)
  return inside
}

function comparison(state: State): Compared {
  const start = state.at
  const name = state.tokens[state.at++]
  if (name?.kind !== 'identifier') throw badClause(state, start)
  const field = fieldOf(splitName(name.text), 'filter')
  const operator = readOperator(state, start)
  if (!field.operators.includes(operator)) {
    const valid = field.operators.map((one) => `'${one}'`).join(', ')
    throw invalid(`Invalid comparator '${operator}' of ${name.text}: not one of [${valid}]`)
  }
  if (++state.comparisons > MOST) throw invalid(`The filter has more than ${MOST} comparisons.`)
  return { kind: 'compare', field, operator, value: readValues(state, start, { field, operator }) }
}

function readOperator(state: State, start: number): Operator {
  const token = state.tokens[state.at++]
  const text = token?.text.toUpperCase() ?? ''
  if (token?.kind === 'operator') return text as Operator
  if (text === 'LIKE' || text === 'ILIKE' || text === 'IN') return text
  if (text === 'RLIKE' || text === 'REGEXP') return 'REGEXP'
  if (text === 'NOT' && word(state, 'IN')) return 'NOT IN'
  if (text === 'IS') {
    const not = word(state, 'NOT')
    if (word(state, 'NULL')) return not ? 'IS NOT NULL' : 'IS NULL'
  }
  throw badClause(state, start)
}

function readValues(state: State, start: number, left: Pick<Compared, 'field' | 'operator'>): Compared['value'] {
  const { field, operator } = left
  if (operator === 'IS NULL' || operator === 'IS NOT NULL') return null
  if (operator === 'REGEXP') return readPattern(state, left.field, start)
  if (operator !== 'IN' && operator !== 'NOT IN')
    return literal(state.tokens[state.at++], field, badClause(state, start))
  if (!take(state, '(')) throw badClause(state, start)
  const values: string[] = []
  do values.push(String(literal(state.tokens[state.at++], field, badClause(state, start))))
  while (take(state, ','))
  if (!take(state, ')')) throw badClause(state, start)
  return values
}

function readPattern(state: State, field: Field, start: number): string {
  const pattern = String(literal(state.tokens[state.at++], field, badClause(state, start)))
  if (++state.patterns > MOST_PATTERNS) throw invalid(`The filter has more than ${MOST_PATTERNS} regular expressions.`)
  const fault = patternFault(pattern)
  if (fault !== undefined) throw invalid(`Invalid regular expression '${pattern.slice(0, 100)}': ${fault}`)
  return pattern
}

function literal(token: Token | undefined, field: Field, bad: Error): string | number {
  if (token === undefined) throw bad
  if (token.kind === 'number' && field.type !== 'text' && Number.isFinite(Number(token.text))) return Number(token.text)
  if (token.kind === 'string' && field.type !== 'number') return token.value
  const expected = { text: 'a quoted string', number: 'a number', either: 'a quoted string or a number' }[field.type]
  throw invalid(`Expected ${expected} value for ${field.name} (e.g. 'my-value'). Got value ${token.text}`)
}

function take(state: State, kind: Token['kind']): boolean {
  if (state.tokens[state.at]?.kind !== kind) return false
  state.at += 1
  return true
}

function word(state: State, wanted: string): boolean {
  const token = state.tokens[state.at]
  if (token?.kind !== 'identifier' || token.text.toUpperCase() !== wanted) return false
  state.at += 1
  return true
}

function badClause(state: State, from = state.at): Error {
  const rest = state.tokens.slice(from).map((token) => token.text)
  return invalid(`Invalid clause(s) in filter string: '${rest.join(' ') || state.source}'`)
}

function join(kind: 'and' | 'or', parts: readonly TraceFilter[]): TraceFilter {
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind, parts }
}
