/** Completion of a filter: what may stand where the text ends. */

const ATTRIBUTES = ['attributes.status', 'attributes.run_name', 'attributes.start_time', 'attributes.user_id', 'tags.']
const OPERATORS = ['=', '!=', '>', '>=', '<', '<=', 'LIKE', 'ILIKE']
const JOINS = ['AND', 'OR']
const MOST = 12

/** Whole texts that continue the given one by a name, an operator or a joining word. */
export function completions(text: string, offered: readonly string[]): string[] {
  const words = text.trimStart().split(/\s+/)
  const last = words.at(-1) ?? ''
  const head = text.slice(0, text.length - last.length)
  return choices(words.slice(0, -1), offered)
    .filter((choice) => choice.toLowerCase().startsWith(last.toLowerCase()) && choice !== last)
    .slice(0, MOST)
    .map((choice) => `${head}${choice} `)
}

function choices(before: readonly string[], offered: readonly string[]): readonly string[] {
  const names = [...offered.map(quoted), ...ATTRIBUTES]
  const previous = before.at(-1)
  if (previous === undefined || JOINS.includes(previous.toUpperCase())) return names
  if (OPERATORS.includes(previous.toUpperCase())) return []
  return OPERATORS.includes(before.at(-2)?.toUpperCase() ?? '') ? JOINS : OPERATORS
}

function quoted(column: string): string {
  const dot = column.indexOf('.')
  const key = column.slice(dot + 1)
  return /^\w+$/.test(key) ? column : `${column.slice(0, dot)}.\`${key}\``
}
