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
  if (forms.length === 0) return (text) => text
  const any = new RegExp(forms.toSorted((a, b) => b.length - a.length).join('|'), 'g')
  return (text) => text.replace(any, MASK)
}

/** A value with every text in it masked; names of fields stay. */
export function masked<T>(value: T, mask: (text: string) => string): T {
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
  const hex = bytes.toString('hex')
  const address = encodeURIComponent(secret)
  const plain = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    address,
    address.replace(/%../g, (code) => code.toLowerCase()),
  ]
  const words = [...plain, hex, hex.toUpperCase()].map((text) => text.replaceAll(SIGNS, '\\$&'))
  return [...new Set([...words, ...[0, 1, 2].map((before) => base64Form(bytes, before))])]
}

/** The signs of base64 that a secret makes behind `before` bytes of a group of three, and those that it shares with what is around it. */
function base64Form(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
  const [from, to] = [Math.ceil((8 * before) / 6), Math.floor((8 * (before + bytes.length)) / 6)]
  const sign = '[A-Za-z0-9+/_-]?'
  const core = text.slice(from, to).replaceAll(/[+/]/g, (one) => (one === '+' ? '[+-]' : '[/_]'))
  return `${before === 0 ? '' : sign}${core}${(before + bytes.length) % 3 === 0 ? '' : sign}`
}
