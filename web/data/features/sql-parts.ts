/** The parts of an SQL text that are told apart by eye: words of the language, texts, numbers and comments. */

export interface SqlPart {
  readonly kind: 'word' | 'text' | 'number' | 'comment' | 'plain'
  readonly text: string
}

const WORDS = new Set(
  (
    'select from where group by order having limit offset join left right full inner outer cross on using as and or not in is null ' +
    'case when then else end cast try_cast distinct union all except intersect with recursive over partition rows range between ' +
    'preceding following unbounded current row interval asc desc nulls first last filter qualify exists like ilike true false ' +
    'values lateral asof positional window'
  ).split(' '),
)

const PARTS =
  /(?<comment>--[^\n]*|\/\*[\s\S]*?\*\/)|(?<text>'(?:[^']|'')*')|(?<quoted>"(?:[^"]|"")*")|(?<number>\b\d+(?:\.\d+)?\b)|(?<name>[A-Za-z_]\w*)/g

/** Joined, the parts are the text again. */
export function sqlParts(sql: string): SqlPart[] {
  const parts: SqlPart[] = []
  let at = 0
  const plain = (end: number): void => {
    if (end > at) parts.push({ kind: 'plain', text: sql.slice(at, end) })
  }
  for (const match of sql.matchAll(PARTS)) {
    const kind = kindOf(match.groups ?? {})
    if (kind === 'plain') continue
    plain(match.index)
    parts.push({ kind, text: match[0] })
    at = match.index + match[0].length
  }
  plain(sql.length)
  return parts
}

function kindOf({ comment, text, number, name }: Readonly<Record<string, string | undefined>>): SqlPart['kind'] {
  if (comment !== undefined) return 'comment'
  if (text !== undefined) return 'text'
  if (number !== undefined) return 'number'
  return name !== undefined && WORDS.has(name.toLowerCase()) ? 'word' : 'plain'
}
