/** Python version ranges such as ">=3.10,<3.13", as far as interpreters need them. */

type Release = readonly number[]

/** True when a full version such as 3.11.7 satisfies every clause of the range. */
export function satisfies(version: string, range: string): boolean {
  const release = parse(version)
  return range
    .split(',')
    .map((clause) => /^\s*(~=|==|!=|<=|>=|<|>)\s*(\d+(?:\.\d+)*)(\.\*)?\s*$/.exec(clause))
    .every((match) => match !== null && holds(release, match[1] ?? '', match[2] ?? '', match[3] !== undefined))
}

/** Minor versions of Python 3 that a range is asked for. */
const MINORS = 100

/** True when some Python 3 satisfies the range: only next to the releases that it names something may change. */
export function isMet(range: string): boolean {
  const named = (range.match(/\d+(?:\.\d+)*/g) ?? []).map((version) => parse(version)[2] ?? 0)
  const patches = new Set([0, ...named.flatMap((patch) => [Math.max(0, patch - 1), patch, patch + 1])])
  for (let minor = 0; minor < MINORS; minor++)
    for (const patch of patches) if (satisfies(`3.${minor}.${patch}`, range)) return true
  return false
}

function holds(release: Release, operator: string, text: string, wild: boolean): boolean {
  const bound = parse(text)
  const prefix = compare(release.slice(0, bound.length), bound) === 0
  const order = compare(release, bound)
  if (operator === '==') return wild ? prefix : order === 0
  if (operator === '!=') return wild ? !prefix : order !== 0
  if (operator === '~=') return order >= 0 && compare(release.slice(0, bound.length - 1), bound.slice(0, -1)) === 0
  if (operator === '>=') return order >= 0
  if (operator === '<=') return order <= 0
  return operator === '>' ? order > 0 : order < 0
}

function parse(version: string): Release {
  return version.split('.').map((part) => Number.parseInt(part, 10))
}

function compare(a: Release, b: Release): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
