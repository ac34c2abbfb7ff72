/** Writes SQL with `?` placeholders the way PostgreSQL wants it: `$1`, `$2`. */

/** Translations kept; all are dropped when there are more. */
const KEPT = 2000

const translated = new Map<string, string>()

/** Replaces each `?` outside quotes and comments by `$n`, in order. Kept per SQL text. */
export function numbered(sql: string): string {
  const kept = translated.get(sql)
  if (kept !== undefined) return kept
  let n = 0
  const made = sql.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\?/g, (part) =>
    part === '?' ? `$${++n}` : part,
  )
  if (translated.size >= KEPT) translated.clear()
  translated.set(sql, made)
  return made
}
