/** The wire format of protobuf: every kind of field at its bounds, and bytes that are no message. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../stats/prng.ts'
import { doubleOf, eachField, ProtobufError, signed, textOf } from './protobuf.ts'
import type { WireField } from './protobuf.ts'

const read = (bytes: Uint8Array): WireField[] => {
  const fields: WireField[] = []
  eachField(bytes, (field) => fields.push(field))
  return fields
}

/** A varint, written seven bits at a time. */
function varint(value: bigint): number[] {
  const low = Number(value & 0x7fn)
  return value < 0x80n ? [low] : [low | 0x80, ...varint(value >> 7n)]
}

for (const value of [0n, 1n, 127n, 128n, 300n, 2n ** 32n, 2n ** 49n - 1n, 2n ** 49n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
  test(`the varint ${value} is read`, () => {
    assert.deepEqual(read(Uint8Array.from([0x08, ...varint(value)])), [{ number: 1, integer: value, bytes: undefined }])
  })
}

test('signed numbers are those of two complements', () => {
  assert.equal(signed(2n ** 64n - 1n), -1n)
  assert.equal(signed(2n ** 63n), -(2n ** 63n))
  assert.equal(signed(2n ** 63n - 1n), 2n ** 63n - 1n)
})

test('eight and four bytes are read with the least byte first, also in a view that begins later', () => {
  const whole = Buffer.alloc(20)
  whole.writeUInt8(0x09, 3)
  whole.writeDoubleLE(-1.25, 4)
  whole.writeUInt8(0x15, 12)
  whole.writeUInt32LE(4_000_000_000, 13)
  const [eight, four] = read(whole.subarray(3, 17))
  assert.equal(doubleOf(eight?.integer ?? 0n), -1.25)
  assert.deepEqual([four?.number, four?.integer], [2, 4_000_000_000n])
})

test('bytes are a view of what was read, and field numbers run to 2^29 - 1', () => {
  const tag = varint((2n ** 29n - 1n) * 8n + 2n)
  const message = Uint8Array.from([...tag, 3, 7, 8, 9])
  const [field] = read(message)
  assert.deepEqual([field?.number, [...(field?.bytes ?? [])]], [2 ** 29 - 1, [7, 8, 9]])
  message[message.length - 1] = 1
  assert.equal(field?.bytes?.[2], 1)
})

for (const [what, bytes, text] of [
  ['field number 0', [0x00, 1], /number 0/],
  ['a group', [0x0b], /wire type 3/],
  ['the end of a group', [0x0c], /wire type 4/],
  ['wire type 6', [0x0e], /wire type 6/],
  ['a tag without a value', [0x08], /ends within a number/],
  ['a varint without an end', [0x08, 0x80], /ends within a number/],
  ['a varint of eleven bytes', [0x08, ...Array<number>(10).fill(0x80), 0], /longer than ten bytes/],
  ['a length beyond the end', [0x0a, 2, 1], /ends before its field/],
  ['a length beyond 32 bits', [0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f], /too large/],
  ['seven of eight bytes', [0x09, 1, 2, 3, 4, 5, 6, 7], /ends before its field/],
  ['three of four bytes', [0x0d, 1, 2, 3], /ends before its field/],
] as const) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => read(Uint8Array.from(bytes)),
      (error) => error instanceof ProtobufError && text.test(error.message),
    )
  })
}

test('text: short and long, beyond ASCII, damaged, and the character that no database keeps', () => {
  for (const text of ['', 'plain', 'x'.repeat(33), 'ünï', '🚀'.repeat(20)]) {
    assert.equal(textOf(Buffer.from(text)), text)
  }
  assert.equal(textOf(Uint8Array.from([0x61, 0xff, 0x62])), 'a\ufffdb')
  assert.equal(textOf(Uint8Array.from([0x61, 0, 0x62])), 'a\ufffdb')
  assert.equal(textOf(Buffer.from(`${'x'.repeat(40)}\0`)), `${'x'.repeat(40)}\ufffd`)
})

test('property: random bytes are fields that lie within them, or a refusal', () => {
  const random = prng(12)
  let taken = 0
  for (let round = 0; round < 20_000; round++) {
    const bytes = Uint8Array.from({ length: Math.floor(random.uniform() * 12) }, () =>
      Math.floor(random.uniform() * 256),
    )
    try {
      const fields = read(bytes)
      const inside = fields.reduce((sum, field) => sum + (field.bytes?.length ?? 0), 0)
      assert.ok(inside <= bytes.length && fields.every((field) => field.number > 0))
      taken++
    } catch (error) {
      assert.ok(error instanceof ProtobufError, String(error))
    }
  }
  assert.ok(taken > 1000, String(taken))
})
