/** Tests of AWS's event stream with frames made here after its description, and one of AWS's own test vectors. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { Problem } from '../../../contract/errors.ts'
import type { StreamEvent } from './dialects.ts'
import { EventStreamParser } from './event-stream.ts'
import { asked, pair, STREAMS, translated } from './translation.fixture.ts'

/** A header: its name, type and value, with the length where the type has one. */
function header(name: string, type: number, value: Uint8Array, sized: boolean): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(value.length)
  return Buffer.concat([
    Buffer.from([name.length]),
    Buffer.from(name),
    Buffer.from([type]),
    ...(sized ? [length] : []),
    value,
  ])
}

function text(name: string, value: string): Buffer {
  return header(name, 7, Buffer.from(value), true)
}

function frame(headers: readonly Buffer[], payload: string): Buffer {
  const head = Buffer.concat(headers)
  const body = Buffer.from(payload)
  const prelude = Buffer.alloc(12)
  prelude.writeUInt32BE(12 + head.length + body.length + 4, 0)
  prelude.writeUInt32BE(head.length, 4)
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8)
  const whole = Buffer.concat([prelude, head, body])
  const tail = Buffer.alloc(4)
  tail.writeUInt32BE(crc32(whole))
  return Buffer.concat([whole, tail])
}

function event(type: string, payload: string): Buffer {
  return frame(
    [text(':message-type', 'event'), text(':event-type', type), text(':content-type', 'application/json')],
    payload,
  )
}

const STREAM = Buffer.concat([
  event('messageStart', '{"role":"assistant"}'),
  event('contentBlockDelta', '{"delta":{"text":"Grüße 😀"}}'),
  event('messageStop', ''),
])
const EVENTS: StreamEvent[] = [
  { event: 'messageStart', data: '{"role":"assistant"}' },
  { event: 'contentBlockDelta', data: '{"delta":{"text":"Grüße 😀"}}' },
  { event: 'messageStop', data: '' },
]

function parse(bytes: Uint8Array, size = bytes.length): StreamEvent[] {
  const parser = new EventStreamParser()
  const events: StreamEvent[] = []
  for (let at = 0; at < bytes.length; at += size) events.push(...parser.push(bytes.subarray(at, at + size)))
  return [...events, ...parser.end()]
}

test('frames are read wherever they are cut', () => {
  for (const size of [1, 2, 3, 11, 12, 13, 64, 1000]) assert.deepEqual(parse(STREAM, size), EVENTS, String(size))
})

test('headers of every type are passed over', () => {
  const headers = [
    header('t', 0, Buffer.alloc(0), false),
    header('f', 1, Buffer.alloc(0), false),
    header('byte', 2, Buffer.alloc(1), false),
    header('short', 3, Buffer.alloc(2), false),
    header('int', 4, Buffer.alloc(4), false),
    header('long', 5, Buffer.alloc(8), false),
    header('bytes', 6, Buffer.alloc(3), true),
    header('time', 8, Buffer.alloc(8), false),
    header('uuid', 9, Buffer.alloc(16), false),
    text(':event-type', 'x'),
  ]
  assert.deepEqual(parse(frame(headers, '{}')), [{ event: 'x', data: '{}' }])
})

test('a frame without headers has no event: the vector "empty_message" of AWS', () => {
  const vector = Buffer.from('000000100000000005c248eb7d98c8ff', 'hex')
  assert.deepEqual(parse(vector), [])
})

test('an exception is an event of its name', () => {
  const headers = [text(':message-type', 'exception'), text(':exception-type', 'throttlingException')]
  assert.deepEqual(parse(frame(headers, '{"message":"slow"}')), [
    { event: 'throttlingException', data: '{"message":"slow"}' },
  ])
})

test('damaged, cut and too large frames fail, and so does an error', () => {
  const fails = (bytes: Uint8Array, message: RegExp): void =>
    assert.throws(
      () => parse(bytes),
      (error) => error instanceof Problem && error.code === 'upstream_failed' && message.test(error.message),
    )
  const flip = (at: number): Buffer => {
    const bytes = event('x', '{}')
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    return bytes
  }
  fails(flip(3), /prelude/)
  fails(flip(20), /checksum/)
  fails(flip(event('x', '{}').length - 1), /checksum/)
  fails(STREAM.subarray(0, -1), /within a frame/)
  const large = Buffer.alloc(12)
  large.writeUInt32BE(16 * 1024 * 1024 + 1, 0)
  large.writeUInt32BE(crc32(large.subarray(0, 8)), 8)
  fails(large, /more than/)
  const short = Buffer.alloc(12)
  short.writeUInt32BE(20, 0)
  short.writeUInt32BE(5, 4)
  short.writeUInt32BE(crc32(short.subarray(0, 8)), 8)
  fails(short, /headers/)
  fails(frame([Buffer.from([5, 65])], ''), /after the headers/)
  fails(frame([header('x', 7, Buffer.from([0]), false)], ''), /after the headers/)
  fails(frame([header('x', 12, Buffer.alloc(0), false)], ''), /type 12/)
  const error = [text(':message-type', 'error'), text(':error-code', 'Bad'), text(':error-message', 'it broke')]
  fails(frame(error, ''), /Bad: it broke/)
})

test('a stream of Bedrock in frames is translated as its events are', () => {
  const frames = Buffer.concat(STREAMS.converse.map(({ event: type, data }) => event(type ?? '', data)))
  const of = pair('chat', 'converse')
  for (const size of [1, 100, frames.length])
    assert.deepEqual(translated(of, parse(frames, size), asked()), translated(of, STREAMS.converse, asked()))
})
