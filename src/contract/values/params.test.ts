/** Declared params: which declarations go together, which values they allow, and how values come out. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseNumerals } from './numerals.ts'
import { DeclaredParam } from './declared.ts'
import { declarationFaults, expectedOf, fitted, type Declared } from './params.ts'

const read = (json: string): unknown => (parseNumerals(`[${json}]`) as unknown[])[0]
const declared = (json: string): Declared => DeclaredParam.parse(read(json))

/** What a value becomes, as JSON; or what was expected. */
function given(declaration: string, value: string): string {
  const one = declared(declaration)
  const fit = fitted(one, read(value))
  return fit === undefined ? expectedOf(one) : JSON.stringify(fit.value)
}

describe('values', () => {
  const RATE = '{"type": "float", "default": 0.1, "min": 0, "max": 1}'
  const MODE = '{"type": "choice", "default": "full", "choices": ["full", "quick", 1.0, 2, true]}'
  const cases: readonly (readonly [string, string, string])[] = [
    [RATE, '0.5', '0.5'],
    [RATE, '0', '0.0'],
    [RATE, '1', '1.0'],
    [RATE, '1.0', '1.0'],
    [RATE, '-0.001', 'a number from 0 to 1'],
    [RATE, '1.001', 'a number from 0 to 1'],
    [RATE, '"0.5"', 'a number from 0 to 1'],
    [RATE, 'null', 'a number from 0 to 1'],
    [RATE, '9007199254740993', 'a number from 0 to 1'],
    ['{"type": "int", "default": 1, "min": 1}', '1', '1'],
    ['{"type": "int", "default": 1, "min": 1}', '9007199254740993', '9007199254740993'],
    ['{"type": "int", "default": 1, "min": 1}', '0', 'a whole number of at least 1'],
    [
      '{"type": "int", "default": 1, "max": 9007199254740991}',
      '9007199254740993',
      'a whole number of at most 9007199254740991',
    ],
    ['{"type": "int", "default": 1}', '1.0', 'a whole number'],
    ['{"type": "int", "default": 1}', 'true', 'a whole number'],
    ['{"type": "float", "default": 1.5}', '9007199254740993', 'a number'],
    ['{"type": "string", "default": "a"}', '"1"', '"1"'],
    ['{"type": "string", "default": "a"}', '1', 'a text'],
    ['{"type": "bool", "default": true}', 'false', 'false'],
    ['{"type": "bool", "default": true}', '"false"', 'true or false'],
    ['{"type": "bool", "default": true}', '0', 'true or false'],
    [MODE, '"quick"', '"quick"'],
    [MODE, '1', '1.0'],
    [MODE, '2', '2'],
    [MODE, '2.0', 'one of "full", "quick", 1.0, 2, true'],
    [MODE, '"Full"', 'one of "full", "quick", 1.0, 2, true'],
    ['{"type": "list", "of": "float", "default": [], "min": 0}', '[1, 0.5]', '[1.0,0.5]'],
    [
      '{"type": "list", "of": "float", "default": [], "min": 0}',
      '[1, -0.5]',
      'a list, and in it each a number of at least 0',
    ],
    [
      '{"type": "list", "of": "choice", "default": [], "choices": ["a", "b"]}',
      '["b", "c"]',
      'a list, and in it each one of "a", "b"',
    ],
    ['{"type": "list", "of": "string", "default": []}', '"a"', 'a list, and in it each a text'],
  ]
  for (const [declaration, value, expected] of cases)
    test(`${value} for ${declaration}`, () => assert.equal(given(declaration, value), expected))
})

describe('declarations that do not go together', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['{"type": "float", "default": 0.1, "min": 0, "max": 1, "help": "rate"}', []],
    ['{"type": "float", "default": 2, "min": 0, "max": 1}', ['default: got 2, expected a number from 0 to 1']],
    ['{"type": "float"}', ['default: missing; expected a number']],
    ['{"type": "int", "default": 1, "min": 3, "max": 2}', ['min: got 3, expected at most the max, 2']],
    [
      '{"type": "string", "default": 1, "min": 1, "choices": ["a"]}',
      ['min: goes with "int" and "float", not "string"', 'choices: goes with the type "choice", not "string"'],
    ],
    ['{"type": "choice", "default": "a"}', ['choices: missing; expected a list of values']],
    ['{"type": "choice", "default": "c", "choices": ["a", "b"]}', ['default: got "c", expected one of "a", "b"']],
    ['{"type": "int", "default": 1, "of": "int"}', ['of: goes with the type "list", not "int"']],
    ['{"type": "list", "default": []}', [/^of: missing; expected one of "string", "int"/.source]],
    [
      '{"type": "list", "of": "int", "default": [1, "a"]}',
      ['default: got [1,"a"], expected a list, and in it each a whole number'],
    ],
  ]
  for (const [json, expected] of cases)
    test(json, () => {
      const told = declarationFaults(declared(json)).map(({ key, message }) => `${key}: ${message}`)
      assert.equal(told.length, expected.length, told.join('; '))
      for (const [i, text] of expected.entries())
        assert.ok(text.startsWith('^') ? new RegExp(text).test(told[i] ?? '') : told[i] === text, told[i])
    })
})
