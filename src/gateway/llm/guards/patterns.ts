/** Regular expressions of guardrails, as RE2 reads them: the time for a text grows with its length and never explodes. */
import { createRequire } from 'node:module'
import type * as Engine from 're2js'

/** Most steps of a program that a pattern becomes: a matcher may do each of them for each character. */
const MOST_STEPS = 2000
/** Most patterns that are kept compiled. */
const MOST_KEPT = 1000

const compiled = new Map<string, Engine.RE2JS>()
let engine: typeof Engine | undefined

/** A compiled pattern, kept for the next time. Throws a plain Error that says why it cannot be used. */
export function patternOf(source: string): Engine.RE2JS {
  const known = compiled.get(source)
  if (known !== undefined) return known
  // loaded with the first pattern, for most processes never see one
  engine ??= createRequire(import.meta.url)('re2js') as typeof Engine
  const pattern = engine.RE2JS.compile(source)
  const steps = pattern.programSize()
  if (steps > MOST_STEPS) throw new Error(`it is ${steps} steps long; at most ${MOST_STEPS} are taken`)
  if (compiled.size >= MOST_KEPT) compiled.clear()
  compiled.set(source, pattern)
  return pattern
}

/** Why a pattern cannot be used; null = it can. */
export function patternFault(source: string): string | null {
  try {
    patternOf(source)
    return null
  } catch (error) {
    return (error as Error).message
  }
}
