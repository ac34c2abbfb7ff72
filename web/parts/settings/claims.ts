/** Claims of an ID token as a person writes them: `name=value`, one a line. */

/** Undefined while a line is no claim, a claim stands twice, or there is none. */
export function claimsOf(text: string): Record<string, string> | undefined {
  const lines = text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
  const pairs = lines.map((line) => /^([a-zA-Z_]+)\s*=\s*(\S+)$/.exec(line))
  const names = new Set(pairs.map((pair) => pair?.[1]))
  if (lines.length === 0 || pairs.includes(null) || names.size < lines.length) return undefined
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']))
}
