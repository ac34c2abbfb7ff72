/** How schemas of the contract are tested at their edges: what is taken, what is refused, and that a refusal names the field. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { z } from 'zod'
import { fromZod } from '../http/failure.ts'

/** A field by its path with dots, values that are taken in it, and values that are refused. `ABSENT` leaves it out. */
export type Edge = readonly [field: string, good: readonly unknown[], bad: readonly unknown[]]

export const ABSENT = Symbol('absent')

/** A list of equal values. */
export const copies = (size: number, value: unknown): unknown[] => Array.from({ length: size }, () => value)

/** A value for titles, cut. */
const shown = (value: unknown): string =>
  typeof value === 'symbol' ? 'nothing' : (JSON.stringify(value) ?? String(value)).slice(0, 40)

/** `base` with one field replaced. */
function withField(base: unknown, field: string, value: unknown): unknown {
  const copy = structuredClone(base)
  const path = field.split('.')
  const last = path.pop() ?? ''
  const holder = path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], copy) as Record<
    string,
    unknown
  >
  if (value === ABSENT) delete holder[last]
  else holder[last] = value
  return copy
}

/** Runs a table of edges for one schema; `base` is a value that is taken. */
export function edges(name: string, schema: z.ZodType, base: unknown, table: readonly Edge[]): void {
  describe(name, () => {
    test('its example is taken', () => {
      const parsed = schema.safeParse(base)
      assert.ok(parsed.success, parsed.error?.message)
    })
    for (const [field, good, bad] of table) {
      for (const value of good) {
        test(`${field}: ${shown(value)} is taken`, () => {
          const parsed = schema.safeParse(withField(base, field, value))
          assert.ok(parsed.success, parsed.error?.message)
        })
      }
      for (const value of bad) {
        test(`${field}: ${shown(value)} is refused by name`, () => {
          const given = withField(base, field, value)
          const parsed = schema.safeParse(given)
          assert.ok(!parsed.success, 'it is taken')
          const refusal = fromZod(parsed.error, 'body', given)
          assert.equal(refusal.status, 400)
          assert.match(refusal.message, /^[\w.]+: got .*, expected ./s)
          assert.doesNotMatch(refusal.message, /undefined|\[object|expected (Invalid|Too)/)
          const named = [refusal.data['field'], ...issuesOf(refusal.data)].join(' ')
          const parent = field.split('.').slice(0, -1).join('.')
          assert.ok(named.includes(field) || (parent !== '' && named.includes(parent)) || isWhole(parsed.error), named)
        })
      }
    }
  })
}

const issuesOf = (data: Readonly<Record<string, unknown>>): string[] =>
  (data['issues'] as { field: string; message: string }[]).map(({ field, message }) => `${field} ${message}`)

/** Unknown keys and unions are refused at the object that holds them. */
const isWhole = (error: z.ZodError): boolean =>
  error.issues.some(({ code }) => code === 'unrecognized_keys' || code === 'invalid_union')

/** What an object becomes where only some of its fields are given. */
export function defaults(name: string, schema: z.ZodType, given: unknown, expected: unknown): void {
  test(`${name}: defaults are filled in`, () => assert.deepEqual(schema.parse(given), expected))
}
