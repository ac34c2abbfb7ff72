/** The faults that mutation testing puts into SQL inside of a source: bounds, connectives, orders, nulls. */

const STATEMENT = /\b(SELECT|INSERT|UPDATE|DELETE|WHERE|ORDER BY|AND|ON CONFLICT)\b/
const SWAPS: readonly (readonly [RegExp, string])[] = [
  [/(?<= )<(?= )/g, '<='],
  [/(?<= )<=(?= )/g, '<'],
  [/(?<= )>(?= )/g, '>='],
  [/(?<= )>=(?= )/g, '>'],
  [/(?<!\bBETWEEN \S+ )\bAND\b/g, 'OR'],
  [/\bOR\b/g, 'AND'],
  [/ DESC\b/g, ''],
  [/\bIS NULL\b/g, 'IS NOT NULL'],
  [/\bIS NOT NULL\b/g, 'IS NULL'],
  [/\bMIN\(/g, 'MAX('],
  [/\bMAX\(/g, 'MIN('],
]
const SHOWN = 24

/** One fault in SQL; fields as those of a fault of the language around it. */
interface SqlFault {
  readonly start: number
  readonly end: number
  readonly text: string
  readonly from: string
  readonly to: string
}

/** The faults of the characters `start` to `end` of a source; none when they hold no SQL. */
export function sqlFaults(source: string, start: number, end: number): SqlFault[] {
  const sql = source.slice(start, end)
  if (!STATEMENT.test(sql)) return []
  const line = (text: string): string => text.replaceAll(/\s+/g, ' ').trim()
  return SWAPS.flatMap(([pattern, text]) =>
    [...sql.matchAll(pattern)].map((match) => {
      const [at, after] = [match.index, match.index + match[0].length]
      const before = sql
        .slice(0, at)
        .slice(-SHOWN)
        .replace(/^\S*\s+/, '')
      const behind = sql.slice(after, after + SHOWN).replace(/\s+\S*$/, '')
      return {
        start: start + at,
        end: start + after,
        text,
        from: line(before + match[0] + behind),
        to: line(before + text + behind),
      }
    }),
  )
}
