/** Messages of a gRPC stream: cut anywhere they are the same, too long ones are told by their head, and gRPC's words for time and failure. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync, gzipSync } from 'node:zlib'
import { problem } from '../../contract/errors.ts'
import { framed, MessageReader, messageText, statusOf, timeoutMs, unpacked } from './messages.ts'

// by the protocol: one byte 0 or 1, the length as u32 big-endian, the message
const STREAM = Buffer.concat([
  Buffer.from([0, 0, 0, 0, 3]),
  Buffer.from('abc'),
  Buffer.from([1, 0, 0, 0, 0]),
  Buffer.from([0, 0, 0, 1, 44]),
  Buffer.alloc(300, 7),
])
const WHOLE = [
  { compressed: false, bytes: Buffer.from('abc') },
  { compressed: true, bytes: Buffer.alloc(0) },
  { compressed: false, bytes: Buffer.alloc(300, 7) },
]

function readAll(...chunks: readonly Buffer[]) {
  const reader = new MessageReader(300)
  const messages = chunks.flatMap((chunk) => reader.push(chunk))
  return { messages, left: reader.left }
}

test('a stream that is cut in two at any byte has the same messages', () => {
  for (let cut = 0; cut <= STREAM.length; cut++) {
    const { messages, left } = readAll(STREAM.subarray(0, cut), STREAM.subarray(cut))
    assert.deepEqual(messages, WHOLE, `cut at ${cut}`)
    assert.equal(left, 0)
  }
})

test('a stream that comes byte by byte gives each message with its last byte', () => {
  const reader = new MessageReader(300)
  const ends: number[] = []
  for (let at = 0; at < STREAM.length; at++) {
    const messages = reader.push(STREAM.subarray(at, at + 1))
    if (messages.length > 0) ends.push(at + 1)
  }
  assert.deepEqual(ends, [8, 13, 318])
})

test('bytes of a message that broke off are counted as left', () => {
  assert.deepEqual(readAll(STREAM.subarray(0, 8), STREAM.subarray(8, 11)).left, 3)
  assert.deepEqual(readAll(STREAM.subarray(0, 20)), { messages: WHOLE.slice(0, 2), left: 7 })
})

test('a message longer than the limit is refused by its head, whole messages before it or not', () => {
  const head = Buffer.from([0, 0, 0, 1, 45])
  assert.throws(() => readAll(head), { code: 'payload_too_large' })
  assert.throws(() => readAll(STREAM, head), { code: 'payload_too_large' })
  assert.throws(() => readAll(Buffer.from([0, 255, 255, 255, 255])), { code: 'payload_too_large' })
  assert.equal(readAll(head.subarray(0, 4)).left, 4, 'half of a head says nothing yet')
})

test('a frame that is written is what the protocol says', () => {
  assert.equal(framed(Buffer.from('abc')).toString('hex'), '0000000003616263')
  assert.equal(framed(new Uint8Array(0)).toString('hex'), '0000000000')
})

const TEXT = Buffer.from('the same again, the same again, the same again')
const packed = (bytes: Buffer) => ({ compressed: true, bytes })

test('messages are decompressed only where their flag says so', async () => {
  assert.deepEqual(await unpacked(packed(gzipSync(TEXT)), 'gzip', 100), TEXT)
  assert.deepEqual(await unpacked(packed(deflateSync(TEXT)), 'deflate', 100), TEXT)
  assert.deepEqual(await unpacked({ compressed: false, bytes: TEXT }, 'gzip', 100), TEXT)
})

for (const [what, bytes, encoding, limit, code] of [
  ['an encoding that is not known', TEXT, 'snappy', 100, 'bad_request'],
  ['no encoding', TEXT, undefined, 100, 'bad_request'],
  ['bytes that are none of it', TEXT, 'gzip', 100, 'malformed_body'],
  ['a cut stream', gzipSync(TEXT).subarray(0, 20), 'gzip', 100, 'malformed_body'],
  ['more than the limit', gzipSync(TEXT), 'gzip', TEXT.length - 1, 'payload_too_large'],
  ['a bomb', deflateSync(Buffer.alloc(5_000_000)), 'deflate', 1000, 'payload_too_large'],
] as const) {
  test(`a compressed message is refused: ${what}`, async () => {
    await assert.rejects(unpacked(packed(bytes), encoding, limit), { code })
  })
}

test('a message that unpacks to the limit exactly is taken', async () => {
  assert.equal((await unpacked(packed(gzipSync(TEXT)), 'gzip', TEXT.length)).length, TEXT.length)
})

for (const [header, ms] of [
  ['2H', 7_200_000],
  ['3M', 180_000],
  ['4S', 4000],
  ['99999999m', 99_999_999],
  ['5000u', 5],
  ['7000000n', 7],
  ['1n', 1],
  ['0S', 1],
] as const) {
  test(`grpc-timeout ${header} is ${ms} ms`, () => assert.equal(timeoutMs(header), ms))
}

for (const header of ['', '5', 'S', '5s', '-5S', '5.5S', '123456789S', ' 5S', '5S ', '5 S', '5SS']) {
  test(`grpc-timeout ${JSON.stringify(header)} is refused by its name`, () => {
    assert.throws(() => timeoutMs(header), { code: 'invalid_field', message: /^grpc-timeout: / })
  })
}

test('without the header there is no timeout', () => assert.equal(timeoutMs(undefined), undefined))

// numbers of https://grpc.github.io/grpc/core/md_doc_statuscodes.html
for (const [error, status] of [
  [problem('bad_request', { detail: 'x' }), 3],
  [problem('invalid_field', { field: 'x', value: 1, expected: 'y' }), 3],
  [problem('unsupported_media_type', { value: 'x', expected: 'y' }), 3],
  [problem('unprocessable', { detail: 'x' }), 3],
  [problem('deadline_exceeded', { what: 'x' }), 4],
  [problem('not_found', { what: 'x', id: 'y' }), 5],
  [problem('forbidden', { role: 'x', verb: 'y', resource: 'z' }), 7],
  [problem('payload_too_large', { limit: 1 }), 8],
  [problem('too_many_requests', { what: 'x' }), 8],
  [problem('method_not_allowed', { method: 'x', path: 'y', allowed: 'z' }), 12],
  [problem('internal', {}), 13],
  [problem('upstream_failed', { what: 'x', detail: 'y' }), 13],
  [problem('unavailable', { what: 'x', detail: 'y' }), 14],
  [problem('unauthenticated', { detail: 'x' }), 16],
] as const) {
  test(`the problem ${error.code} is gRPC's status ${status}`, () => assert.equal(statusOf(error), status))
}

test('a trailer carries any letters, percent-encoded byte by byte, and no more than a thousand', () => {
  assert.equal(messageText('a b~'), 'a b~')
  assert.equal(messageText('100%'), '100%25')
  assert.equal(messageText('é\n\x7f'), '%C3%A9%0A%7F')
  assert.equal(decodeURIComponent(messageText('größer als 日本 🚀')), 'größer als 日本 🚀')
  assert.equal(messageText('x'.repeat(1001)).length, 1000)
})
