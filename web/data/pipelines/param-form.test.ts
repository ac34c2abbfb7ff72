/** Fields of a form for declared params: what is typed becomes a value of the type, or is told what was expected. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Declared } from '../../../src/contract/values/params.ts'
import { fieldText, fieldValue } from './param-form.ts'

const RATE: Declared = { type: 'float', default: 0.1, min: 0, max: 1 }
const SIZE: Declared = { type: 'int', default: 3, min: 1 }
const MODE: Declared = { type: 'choice', default: 'full', choices: ['full', 'quick', 3] }
const SIZES: Declared = { type: 'list', of: 'int', default: [], min: 1 }

const CASES: readonly (readonly [Declared, string, unknown])[] = [
  [RATE, '0.5', { value: 0.5 }],
  [RATE, ' 1e-3 ', { value: 0.001 }],
  [RATE, '', { expected: 'a number from 0 to 1' }],
  [RATE, '2', { expected: 'a number from 0 to 1' }],
  [RATE, 'fast', { expected: 'a number from 0 to 1' }],
  [SIZE, '12', { value: 12 }],
  [SIZE, '1.5', { expected: 'a whole number of at least 1' }],
  [SIZE, '9007199254740993', { expected: 'a whole number of at least 1, here of at most 16 digits' }],
  [MODE, 'quick', { value: 'quick' }],
  [MODE, '3', { value: 3 }],
  [MODE, 'slow', { expected: 'one of "full", "quick", 3' }],
  [{ type: 'bool', default: true }, 'false', { value: false }],
  [{ type: 'string', default: '' }, '1', { value: '1' }],
  [SIZES, '1\n\n 2\n', { value: [1, 2] }],
  [SIZES, '', { value: [] }],
  [SIZES, '1\n0', { expected: 'a list, and in it each a whole number of at least 1' }],
]
for (const [declared, text, expected] of CASES)
  test(`${JSON.stringify(text)} for a ${declared.type}`, () => assert.deepEqual(fieldValue(declared, text), expected))

test('a field shows the value that it reads again', () => {
  for (const [declared, value] of [
    [RATE, 0.25],
    [SIZE, 7],
    [MODE, 3],
    [SIZES, [1, 2]],
    [{ type: 'bool', default: true }, false],
    [{ type: 'string', default: '' }, 'a b'],
  ] as const)
    assert.deepEqual(fieldValue(declared, fieldText(declared, value)), { value })
})
