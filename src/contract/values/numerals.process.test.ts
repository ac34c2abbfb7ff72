/** Numbers on their way through JSON: Python reads at the end what was written at the beginning. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { NumberTooLarge, parseNumerals, readNumeral } from './numerals.ts'

/** As written, and as Python's `repr` says what it means. */
const CASES: readonly (readonly [string, string])[] = [
  ['0', '0'],
  ['-0', '0'],
  ['-0.0', '-0.0'],
  ['0.0', '0.0'],
  ['1', '1'],
  ['1.0', '1.0'],
  ['1.00', '1.0'],
  ['-1.0', '-1.0'],
  ['1e0', '1.0'],
  ['1E3', '1000.0'],
  ['1.5', '1.5'],
  ['0.1', '0.1'],
  ['1e-400', '0.0'],
  ['5e-324', '5e-324'],
  ['1e20', '1e+20'],
  ['1e21', '1e+21'],
  ['1e308', '1e+308'],
  ['9007199254740991', '9007199254740991'],
  ['9007199254740992', '9007199254740992'],
  ['9007199254740993', '9007199254740993'],
  ['-9007199254740993', '-9007199254740993'],
  ['9007199254740993.0', '9007199254740992.0'],
  ['123456789012345678901234567890', '123456789012345678901234567890'],
  ['1' + '0'.repeat(400), '1' + '0'.repeat(400)],
]

test('every number is to Python after a way through here what it was before', () => {
  const given = `[${CASES.map(([text]) => text).join(',')}]`
  const sent = JSON.stringify(parseNumerals(given))
  const python = (text: string): string[] =>
    execFileSync('python3', ['-c', 'import json,sys\nfor x in json.load(sys.stdin): print(repr(x))'], { input: text })
      .toString()
      .trim()
      .split('\n')
  assert.deepEqual(
    python(given),
    CASES.map(([, said]) => said),
    'the table says what Python reads',
  )
  assert.deepEqual(python(sent), python(given))
  assert.equal(JSON.stringify(parseNumerals(sent)), sent, 'the second time changes nothing')
})

test('equal floats are written alike, and an int is no float', () => {
  const [a, b, c] = ['2.0', '2.00', '2e0'].map((text) => JSON.stringify(readNumeral(text)))
  assert.deepEqual([a, b, c, JSON.stringify(readNumeral('2'))], ['2.0', '2.0', '2.0', '2'])
})

test('a float beyond all floats is refused, an int as long is not', () => {
  for (const text of ['1e400', '-1e400', '1' + '0'.repeat(400) + '.0'])
    assert.throws(() => parseNumerals(`{"a": [${text}]}`), NumberTooLarge)
})

test('what is no number stays as it is', () => {
  const text = '{"a":"1.0","b":[true,null,{"9007199254740993":"x"}]}'
  assert.equal(JSON.stringify(parseNumerals(text)), text)
  assert.throws(() => parseNumerals('NaN'), SyntaxError)
  assert.throws(() => readNumeral('0x1F'), /not a number of JSON/)
})

test('a number means the same wherever it stands in a text, alone too', () => {
  const places = [
    'N',
    ' N',
    '\nN ',
    '[N]',
    '[ N ]',
    '["1.5", N]',
    '[7,N,7]',
    '{"a":N}',
    '{"a" : N}',
    '{"a":[{"b":\tN}]}',
  ]
  const each = (text: string): unknown =>
    JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
      typeof value === 'number' ? readNumeral(context?.source ?? '') : value,
    ) as unknown
  for (const [number] of CASES)
    for (const place of places) {
      const text = place.replace('N', number)
      assert.deepEqual(parseNumerals(text), each(text), text)
    }
})
