/** Completion of a filter: what may stand at a place of its text. */

const ATTRIBUTES = [
  'attributes.status',
  'attributes.run_name',
  'attributes.start_time',
  'attributes.end_time',
  'attributes.user_id',
  'attributes.run_id',
  'datasets.name',
  'datasets.digest',
]
const NUMERIC = ['>', '>=', '<', '<=', '=', '!=']
const TEXTUAL = ['=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN']
const NULLS = ['IS NULL', 'IS NOT NULL']
const JOINS = ['AND', 'OR']
const STATES = ["'RUNNING'", "'FINISHED'", "'FAILED'", "'KILLED'", "'SCHEDULED'"]
const MOST = 30

/** What replaces the text from `from` to the asked place. */
export interface Completion {
  readonly from: number
  readonly options: readonly string[]
}

/** What may stand at `caret`. `offered` holds columns: `metrics.KEY`, `params.KEY`, `tags.KEY`. */
export function completionAt(text: string, caret: number, offered: readonly string[]): Completion {
  const { done, from } = tokensBefore(text.slice(0, caret))
  const typed = text.slice(from, caret).toLowerCase()
  const bare = typed.replaceAll('`', '')
  const found = choices(done, offered).filter((choice) => {
    const plain = choice.toLowerCase().replaceAll('`', '')
    return plain.startsWith(bare) || (bare.length > 1 && plain.includes(bare))
  })
  // what begins with the typed letters is meant rather than what holds them
  const begins = (choice: string): boolean => choice.toLowerCase().replaceAll('`', '').startsWith(bare)
  const options = [...found.filter(begins), ...found.filter((choice) => !begins(choice))]
  return { from, options: options.filter((choice) => choice.toLowerCase() !== typed).slice(0, MOST) }
}

/** The text after a choice, and where the caret then stands. */
export function completed(
  text: string,
  caret: number,
  { from }: Completion,
  choice: string,
): { text: string; caret: number } {
  const head = `${text.slice(0, from)}${choice} `
  return { text: head + text.slice(caret).trimStart(), caret: head.length }
}

/** Whole words before the place, and where the word at the place begins. A quoted value with spaces is one word. */
function tokensBefore(text: string): { done: string[]; from: number } {
  const done: string[] = []
  let from = text.length
  for (const match of text.matchAll(/'[^']*'?|"[^"]*"?|(?:[^\s'"`()]|`[^`]*`?)+|[()]/g)) {
    const word = match[0]
    const ends = match.index + word.length
    if (ends === text.length && word !== '(' && word !== ')') from = match.index
    else done.push(word)
  }
  return { done, from }
}

function choices(done: readonly string[], offered: readonly string[]): readonly string[] {
  const last = done.at(-1)?.toUpperCase()
  if (last === undefined || JOINS.includes(last) || last === 'NOT' || last === '(') return names(offered)
  const before = done.at(-2)
  if (isName(before) && isOperator(last)) return before === 'attributes.status' ? STATES : []
  if (isName(done.at(-1))) return operatorsOf(done.at(-1) ?? '')
  return JOINS
}

function names(offered: readonly string[]): string[] {
  return [...offered.map(filterName), ...ATTRIBUTES, 'NOT', '(']
}

function isName(word: string | undefined): boolean {
  return word !== undefined && /^(?:metrics?|params?|parameters?|tags?|attributes?|attr|run|datasets?)\./i.test(word)
}

function isOperator(word: string): boolean {
  return /^(?:[<>!=]+|LIKE|ILIKE|IN|REGEXP)$/.test(word)
}

function operatorsOf(name: string): string[] {
  if (/^metrics?\./i.test(name) || name.endsWith('_time')) return NUMERIC
  return /^(?:params?|tags?)/i.test(name) ? [...TEXTUAL, ...NULLS] : TEXTUAL
}

/** A column as the filter's grammar writes it: odd keys stand between backquotes. */
export function filterName(column: string): string {
  const dot = column.indexOf('.')
  const key = column.slice(dot + 1)
  return /^\w+$/.test(key) ? column : `${column.slice(0, dot)}.\`${key}\``
}

/** A filter that also asks for one value of a column; null = the column is absent. Undefined for values that no quotes can hold. */
export function narrowedFilter(filter: string, column: string, value: string | null): string | undefined {
  const quoted = quotedValue(value)
  if (quoted === undefined) return undefined
  const one = value === null ? `${filterName(column)} IS NULL` : `${filterName(column)} = ${quoted}`
  if (filter.trim() === '') return one
  return / OR /i.test(filter) ? `(${filter}) AND ${one}` : `${filter} AND ${one}`
}

function quotedValue(value: string | null): string | undefined {
  if (value === null || !value.includes("'")) return `'${value ?? ''}'`
  return value.includes('"') ? undefined : `"${value}"`
}
