/** Amounts of money: exact to their last place, refused by name where they are not. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dollars, dollarsText, perMillion, perMillionText, unitsOf } from './dollars.ts'

describe('dollars', () => {
  for (const [given, nano] of [
    ['0', 0],
    ['0.000000001', 1],
    ['0.1', 100_000_000],
    ['1.10', 1_100_000_000],
    ['9007199.254740991', 9_007_199_254_740_991],
    [0.1, 100_000_000],
    [0.3, 300_000_000],
    [1e-9, 1],
    [2.5e-7, 250],
    [1_000_000, 1_000_000_000_000_000],
    [0, 0],
  ] as const) {
    it(`${JSON.stringify(given)} are ${nano} nanodollars`, () => assert.equal(dollars.parse(given), nano))
  }

  for (const given of [
    '0.0000000001',
    '-1',
    -1,
    '-0.5',
    'NaN',
    NaN,
    Infinity,
    'Infinity',
    '',
    ' 1',
    '1,5',
    '$5',
    '.5',
    '5.',
    '0x10',
    '9007199.254740992',
    '1e400',
    1e300,
    0.1 + 0.2,
    1e-10,
    1234567.123456789,
    null,
    {},
    true,
    '1'.repeat(100),
  ] as const) {
    it(`${JSON.stringify(given).slice(0, 30)} (${typeof given}) is refused with what was expected`, () => {
      const { success, error } = dollars.safeParse(given)
      assert.equal(success, false)
      assert.match(
        error?.issues[0]?.message ?? '',
        /^dollars: a decimal from 0 to 9007199\.254740991 with at most 9 places/,
      )
    })
  }

  it('are written as they were read', () => {
    for (const text of ['0', '0.000000001', '0.1', '12.5', '9007199.254740991', '10'])
      assert.equal(dollarsText(dollars.parse(text)), text)
  })

  it('a million tokens are whole picodollars a token', () => {
    assert.equal(perMillion.parse('0.15'), 150_000)
    assert.equal(perMillion.parse(0.0375), 37_500)
    assert.equal(perMillionText(150_000), '0.15')
    assert.equal(perMillion.safeParse('0.0000001').success, false)
  })

  it('powers of ten move the point, and nothing is rounded', () => {
    assert.equal(unitsOf('1.5e-07', 12), 150_000n)
    assert.equal(unitsOf('1.5E+3', 0), 1500n)
    assert.equal(unitsOf('8.333333333333334e-08', 12), null)
    assert.equal(unitsOf('-2', 1), -20n)
    assert.equal(unitsOf('two', 1), null)
  })
})
