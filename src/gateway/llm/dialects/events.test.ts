/** Tests of server-sent events against the rules and examples of WHATWG HTML section 9.2. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../../contract/errors.ts'
import type { StreamEvent } from './dialects.ts'
import { SseParser, writeEvent } from './events.ts'

function parse(text: string, size = text.length): StreamEvent[] {
  const bytes = Buffer.from(text)
  const parser = new SseParser()
  const events: StreamEvent[] = []
  for (let at = 0; at < bytes.length; at += Math.max(1, size))
    events.push(...parser.push(bytes.subarray(at, at + size)))
  return [...events, ...parser.end()]
}

const CASES: [text: string, events: StreamEvent[]][] = [
  ['data: YHOO\ndata: +2\ndata: 10\n\n', [{ event: null, data: 'YHOO\n+2\n10' }]],
  [
    ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n',
    [
      { event: null, data: 'first event' },
      { event: null, data: 'second event' },
    ],
  ],
  [
    'data\n\ndata\ndata\n\ndata:',
    [
      { event: null, data: '' },
      { event: null, data: '\n' },
    ],
  ],
  [
    'data:test\n\ndata: test\n\n',
    [
      { event: null, data: 'test' },
      { event: null, data: 'test' },
    ],
  ],
  [
    'event: add\rdata: 1\r\rdata: 2\r\n\r\n',
    [
      { event: 'add', data: '1' },
      { event: null, data: '2' },
    ],
  ],
  ['event: lost\n\ndata: x\n\n', [{ event: null, data: 'x' }]],
  ['event:\ndata: x\n\n', [{ event: null, data: 'x' }]],
  ['\uFEFFdata: bom\n\n', [{ event: null, data: 'bom' }]],
  ['retry: 5\nunknown: y\ndata: Grüße 😀: x\n\n', [{ event: null, data: 'Grüße 😀: x' }]],
  ['data: never ended', []],
  ['data: no empty line\n', []],
  ['', []],
]

test('events are read as the standard says, cut into bytes anywhere', () => {
  for (const [text, events] of CASES)
    for (const size of [1, 2, 3, 5, 1000]) assert.deepEqual(parse(text, size), events, JSON.stringify([text, size]))
})

test('an event comes with the byte that ends it', () => {
  const parser = new SseParser()
  assert.deepEqual(parser.push(Buffer.from('data: x\r\n\r')), [{ event: null, data: 'x' }])
  assert.deepEqual(parser.push(Buffer.from('\ndata: y\n')), [])
  assert.deepEqual(parser.push(Buffer.from('\n')), [{ event: null, data: 'y' }])
})

test('an event of more than 8 MiB fails, in one line or in many, and many small ones do not', () => {
  const large = (error: unknown): boolean => error instanceof Problem && error.code === 'upstream_failed'
  const block = Buffer.from('x'.repeat(1024 * 1024))
  assert.throws(() => {
    const parser = new SseParser()
    for (let n = 0; n < 9; n++) parser.push(block)
  }, large)
  const line = Buffer.from(`data: ${'x'.repeat(1024 * 1024)}\n`)
  assert.throws(() => {
    const parser = new SseParser()
    for (let n = 0; n < 9; n++) parser.push(line)
  }, large)
  const parser = new SseParser()
  for (let n = 0; n < 9; n++) {
    parser.push(line)
    assert.equal(parser.push(Buffer.from('\n')).length, 1)
  }
})

test('what is written is read as it was', () => {
  const events = [
    { event: null, data: '{"a":1}' },
    { event: 'message_start', data: 'two\nlines' },
    { event: 'x', data: '' },
  ]
  assert.deepEqual(parse(events.map(writeEvent).join('')), events)
  assert.equal(writeEvent({ event: 'a\nb', data: 'x\r\ny\rz' }), 'event: a b\ndata: x\ndata: y\ndata: z\n\n')
})
