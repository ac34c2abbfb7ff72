import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Key } from '../definitions/definitions.ts'
import { entityText, KeyError } from './keys.ts'
import { pack, unpack } from './pack.ts'

const ROUTE: readonly Key[] = [
  { name: 'origin', type: 'text' },
  { name: 'number', type: 'int' },
]

test('an entity has one text, and different entities have different ones', () => {
  assert.equal(entityText(ROUTE, ['EWR', 12]), entityText(ROUTE, ['EWR', '12']))
  assert.equal(entityText(ROUTE, ['EWR', -0]), entityText(ROUTE, ['EWR', 0]))
  // the two parts of a key are never read as one
  const pairs = [
    ['1', '23'],
    ['12', '3'],
    ['1,2', '3'],
    ['1"', '3'],
    ['', '3'],
  ] as const
  const [first, second]: Key[] = [
    { name: 'a', type: 'text' },
    { name: 'b', type: 'text' },
  ]
  assert.equal(
    new Set(pairs.map((pair) => entityText([first ?? assert.fail(), second ?? assert.fail()], pair))).size,
    pairs.length,
  )
})

test('whole numbers beyond 2^53 stay apart', () => {
  assert.notEqual(entityText(ROUTE, ['a', '9007199254740993']), entityText(ROUTE, ['a', '9007199254740992']))
  assert.equal(entityText(ROUTE, ['a', 9_007_199_254_740_993n]), entityText(ROUTE, ['a', '9007199254740993']))
})

test('a null in any part is no entity', () => {
  assert.equal(entityText(ROUTE, ['EWR', null]), null)
  assert.equal(entityText(ROUTE, []), null)
})

test('what is of another type, or was rounded on its way, is refused', () => {
  for (const value of [
    1.5,
    Number.NaN,
    2 ** 53 + 2,
    '007',
    '+7',
    ' 7',
    '7.0',
    '1e3',
    '',
    true,
    '9223372036854775808',
    {},
  ])
    assert.throws(() => entityText(ROUTE, ['EWR', value]), KeyError, JSON.stringify(value))
  assert.throws(() => entityText(ROUTE, [2n ** 60n, 1]), /"origin" is "1152921504606846976", and a text was expected/)
  assert.throws(() => entityText(ROUTE, ['EWR', 10n ** 1000n]), /"a number of more than 256 bits"/)
  assert.throws(() => entityText(ROUTE, [1001, 1]), /"origin" is 1001, and a text was expected/)
})

test('packed values come back as they were', () => {
  const types = [
    'int',
    'int',
    'float',
    'float',
    'float',
    'bool',
    'text',
    'text',
    'time',
    'time',
    'int',
    'float',
  ] as const
  const values = [
    7,
    9_007_199_254_740_993n,
    0.1,
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    true,
    'NaN',
    '12',
    1_704_067_200_123_456_789n,
    5n,
    null,
    -0,
  ]
  assert.deepEqual(unpack(pack(values), types), values)
})
