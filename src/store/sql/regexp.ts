/**
 * Regular expressions of callers, in both engines: the subset that RE2 and PostgreSQL read alike. Nothing in it makes a matcher
 * go back, so the time for a value grows with its length and never explodes.
 */
import { createRequire } from 'node:module'
import type * as Engine from 're2js'

/** Longest pattern, characters. */
export const LONGEST_PATTERN = 500

/** Most steps that a pattern may be once its repetitions are written out: a matcher may do each of them for each character. */
const MOST_STEPS = 1000

/** Most regular expressions of one filter. */
export const MOST_PATTERNS = 20

/** What RE2 reads and PostgreSQL does not, or reads otherwise. Look-around and back references are refused by RE2 itself. */
const FOREIGN = /\(\?(?!:)|\\[pPQECx]|\[\[:word:\]\]/

const IGNORE_CASE = '(?i)'

/**
 * Checks a pattern. Returns why it cannot be used, or undefined. `(?i)` at its beginning ignores case; a match anywhere in the
 * value counts.
 */
export function patternFault(pattern: string): string | undefined {
  if (pattern.length > LONGEST_PATTERN)
    return `it has ${pattern.length} characters; at most ${LONGEST_PATTERN} are read`
  const foreign = FOREIGN.exec(bodyOf(pattern))
  if (foreign !== null) return `${foreign[0]} is not supported`
  const steps = stepsOf(bodyOf(pattern))
  if (steps > MOST_STEPS) return `with its repetitions it is ${steps} steps long; at most ${MOST_STEPS} are taken`
  try {
    compile(pattern)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** A character, a class, an escape or a bracket, and how often it is repeated at most. */
const PART = /(\(\?:|\(|\)|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\\.|[^])(?:\{(\d+)(?:,(\d*))?\})?/g

/** How many steps a pattern is, at least as many as RE2 makes of it. */
function stepsOf(pattern: string): number {
  const open: number[] = []
  let steps = 0
  for (const [, part = '', least, most] of pattern.matchAll(PART)) {
    if (part === '(' || part === '(?:') {
      open.push(steps)
      steps = 0
      continue
    }
    const times = Math.max(1, Number(least ?? 1), Number(most ?? 1) || 0)
    steps = part === ')' ? (open.pop() ?? 0) + steps * times : steps + times
  }
  return open.reduce((sum, one) => sum + one, steps)
}

/** A checked pattern for PostgreSQL's `~`. */
export function postgresPattern(pattern: string): string {
  const flags = pattern.startsWith(IGNORE_CASE) ? '(?ip)' : '(?p)'
  return flags + bodyOf(pattern).replace(/\\(.)/gs, (whole, char: string) => POSTGRES[char] ?? whole)
}

/** Escapes that PostgreSQL spells otherwise. */
const POSTGRES: Readonly<Record<string, string>> = { b: '\\y', B: '\\Y', z: '\\Z' }

/** The function behind SQLite's `value REGEXP pattern`; it keeps the last pattern compiled. */
export function sqliteRegexp(): (pattern: unknown, value: unknown) => number | null {
  let last: { readonly pattern: string; readonly compiled: Engine.RE2JS } | undefined
  return (pattern, value) => {
    if (typeof pattern !== 'string' || typeof value !== 'string') return null
    if (last?.pattern !== pattern) last = { pattern, compiled: compile(pattern) }
    return last.compiled.test(value) ? 1 : 0
  }
}

let engine: typeof Engine | undefined

/** The matcher is loaded with the first pattern, for most processes never see one. */
function compile(pattern: string): Engine.RE2JS {
  engine ??= createRequire(import.meta.url)('re2js') as typeof Engine
  return engine.RE2JS.compile(pattern)
}

function bodyOf(pattern: string): string {
  return pattern.startsWith(IGNORE_CASE) ? pattern.slice(IGNORE_CASE.length) : pattern
}
