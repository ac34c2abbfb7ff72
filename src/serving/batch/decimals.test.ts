import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decimalOf } from './decimals.ts'

test('a decimal is the number nearest to it, or its digits where a number would be another one', () => {
  assert.equal(decimalOf(57, 2), 0.57)
  assert.equal(decimalOf(-29, 2), -0.29)
  assert.equal(decimalOf(110n, 2), 1.1)
  assert.equal(decimalOf(0n, 9), 0)
  assert.equal(decimalOf(5, 0), 5)
  assert.deepEqual(decimalOf(12_345_678_901_234_567_890n, 10), { decimal: '1234567890.123456789' })
  assert.deepEqual(decimalOf(-12_345_678_901_234_567_890n, 20), { decimal: '-0.1234567890123456789' })
  assert.deepEqual(decimalOf(10n ** 30n, 10), { decimal: '100000000000000000000' })
  assert.deepEqual(decimalOf(7, -3), { decimal: '7000' })
  assert.deepEqual(decimalOf(1, 30), { decimal: `0.${'0'.repeat(29)}1` })
})

test('bytes are of two’s complement, whatever their number', () => {
  assert.equal(decimalOf(Uint8Array.of(0xff), 1), -0.1)
  assert.equal(decimalOf(Uint8Array.of(0x00, 0xff), 1), 25.5)
  assert.equal(decimalOf(Uint8Array.of(0x80, 0), 0), -32_768)
  assert.equal(decimalOf(new Uint8Array(0), 3), 0)
  const most = Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? 0x7f : 0xff))
  assert.deepEqual(decimalOf(most, 0), { decimal: String(2n ** 127n - 1n) })
})
