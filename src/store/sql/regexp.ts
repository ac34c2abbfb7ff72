/**
 * Regular expressions of callers, in both engines: the subset that RE2 and PostgreSQL read alike. Nothing in it makes a matcher
 * go back, so the time for a value grows with its length and never explodes.
 */
import { createRequire } from 'node:module'
import type * as Engine from 're2js'

/** Longest pattern, characters. */
export const LONGEST_PATTERN = 500

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
  try {
    compile(pattern)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
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
