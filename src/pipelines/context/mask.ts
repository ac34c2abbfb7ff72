/** Secrets of a run's steps in what the server shows and tracks of it: somebody may give one as a param. */
import type { StepSpec } from '../spec/spec.ts'
import type { Context } from './context.ts'

/** What hides the secrets that steps of a project name, as far as they are set. */
export async function maskOf(
  { deps }: Context,
  project: string,
  steps: readonly StepSpec[],
): Promise<(text: string) => string> {
  const names = [...new Set(steps.flatMap((step) => step.secrets))]
  const values = await Promise.all(names.map((name) => deps.secret(project, name)))
  return masker(values.filter((value) => value !== undefined))
}

/** What stands for a secret. */
const MASK = '[secret]'
/** Shorter values are not hidden, as in logs. */
const SHORTEST = 4

/**
 * What hides secrets in a text: as they are, and as JSON, addresses, hex and base64 of either alphabet spell them. For texts that the
 * server holds whole; logs are masked as they are written (`python/slipway/step/masking.py`).
 */
export function masker(secrets: readonly string[]): (text: string) => string {
  const forms = secrets
    .map((secret) => secret.trim())
    .filter((secret) => secret.length >= SHORTEST)
    .flatMap(formsOf)
  if (forms.length === 0) return unmasked
  const any = new RegExp(forms.toSorted((a, b) => b.length - a.length).join('|'), 'g')
  return (text) => text.replace(any, MASK)
}

/** What a run without secrets has for a mask, so that its views are not copied for nothing at each change. */
function unmasked(text: string): string {
  return text
}

/** A value with every text in it masked; names of fields stay. */
export function masked<T>(value: T, mask: (text: string) => string): T {
  if (mask === unmasked) return value
  if (typeof value === 'string') return mask(value) as T
  if (Array.isArray(value)) return value.map((one: unknown) => masked(one, mask)) as T
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, masked(one as unknown, mask)])) as T
}

/** What means something in a pattern. */
const SIGNS = /[.*+?^${}()|[\]\\/-]/g

/** Patterns of the spellings of a secret. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const words = [secret, JSON.stringify(secret).slice(1, -1)].map(literal)
  const spelled = [...words, addressForm(secret), anyCase(bytes.toString('hex'))]
  return [...new Set([...spelled, ...[0, 1, 2].map((before) => base64Form(bytes, before))])]
}

function literal(text: string): string {
  return text.replaceAll(SIGNS, '\\$&')
}

/** A text in small and capital letters, and in any mixture. Not by a flag of the pattern: V8 misses matches of alternatives that have it. */
function anyCase(text: string): string {
  return Array.from(text, (sign) => {
    const cases = [...new Set([sign, sign.toLowerCase(), sign.toUpperCase()])].map(literal)
    return cases.length === 1 ? cases[0] : `(?:${cases.join('|')})`
  }).join('')
}

/**
 * Each sign by its bytes (`%2F`) or as it is, whichever of them a library escapes; a blank is a plus in a query. In any case: an address, a
 * header or a name of a host is often written in small letters as a whole.
 */
function addressForm(secret: string): string {
  const signs = Array.from(secret, (sign) => {
    const bytes = Buffer.from(sign).toString('hex').match(/../g) ?? []
    const escaped = anyCase(bytes.map((byte) => `%${byte}`).join(''))
    return `(?:${escaped}|${anyCase(sign)}${sign === ' ' ? '|\\+' : ''})`
  })
  return signs.join('')
}

/** The signs of base64 that a secret makes behind `before` bytes of a group of three, and those that it shares with what is around it. */
function base64Form(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
  const [from, to] = [Math.ceil((8 * before) / 6), Math.floor((8 * (before + bytes.length)) / 6)]
  const sign = '[A-Za-z0-9+/_-]?'
  const core = text.slice(from, to).replaceAll(/[+/]/g, (one) => (one === '+' ? '[+-]' : '[/_]'))
  return `${before === 0 ? '' : sign}${core}${(before + bytes.length) % 3 === 0 ? '' : sign}`
}
