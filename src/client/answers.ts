/** Answers of whoever is at an address: what a Slipway server says, or an error that names the address, what came and what was expected. */
import type { z } from 'zod'
import { ifJson } from '../contract/absence/absent.ts'
import { NumberTooLarge, parseNumerals } from '../contract/values/numerals.ts'
import type { Route } from '../contract/route.ts'

/** Characters of an answer that an error repeats. */
const SHOWN = 80

/** What an error tells, by the fields of Slipway's own; `help` says what to do. */
export interface ErrorBody {
  readonly code: string
  readonly message: string
  readonly help?: string
  readonly request_id?: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** An answer that no Slipway server gives. */
export class ForeignAnswer extends Error {}

/** The value of an answer to a call of a route. Throws ForeignAnswer for a text that is no JSON, and for a value that lacks a field. */
export function readAnswer(route: Route, text: string, checked: boolean): unknown {
  const value = parsed(route, text)
  if (!checked || typeof route.reply === 'string') return value
  // what a double cannot hold stands as an object in `value`, so the schema is asked of the doubles
  const read = route.reply.safeParse(route.numerals === true ? (JSON.parse(text) as unknown) : value)
  const issue = read.error?.issues.find(isStructural)
  if (issue === undefined) return value
  const field = issue.path.join('.')
  const lacks = field === '' ? '' : `, where "${field}" is not what a server says`
  throw new ForeignAnswer(`it answers ${call(route)} with ${shown(text)}${lacks}`)
}

/** A newer server may have words that this program does not know, but each field has the type that it had. */
function isStructural(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'invalid_type'
}

function parsed(route: Route, text: string): unknown {
  try {
    return route.numerals === true ? parseNumerals(text) : (JSON.parse(text) as unknown)
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof NumberTooLarge)) throw error
    throw new ForeignAnswer(
      `it answers ${call(route)} with ${text.trim() === '' ? 'nothing' : `${shown(text)}, which is no JSON`}`,
    )
  }
}

/** The error that an answer of 400 or more tells, in the form of Slipway or of the protocols that it speaks; else its text. */
export function toldBy(text: string, otherwise: string): ErrorBody {
  const plain = { code: 'unknown', message: text.slice(0, 500) || otherwise }
  const body = objectOf(text)
  const error = body?.['error']
  if (typeof error === 'string') return { code: 'unknown', message: error }
  if (isObject(error) && typeof error['message'] === 'string') {
    const { code, help, request_id: id, details } = error
    return {
      code: typeof code === 'string' ? code : 'unknown',
      message: error['message'],
      ...(typeof help === 'string' && { help }),
      ...(typeof id === 'string' && { request_id: id }),
      ...(isObject(details) && { details }),
    }
  }
  const { message, error_code: code } = body ?? {}
  return typeof message === 'string' ? { code: typeof code === 'string' ? code : 'unknown', message } : plain
}

function objectOf(text: string): Record<string, unknown> | undefined {
  // not JSON: the text itself is all there is to say
  const value = ifJson(text)
  return isObject(value) ? value : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function call({ method, path }: Route): string {
  return `${method} ${path}`
}

/** The beginning of an answer, in one line of printable characters. */
function shown(text: string): string {
  const line = text.trim().replaceAll(/[^\x20-\x7e\u00a0-\ud7ff]+/g, ' ')
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line
}
