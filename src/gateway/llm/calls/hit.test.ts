/** How a kept answer goes out to a client that is slow or leaves, and which answers guardrails and their size leave unkept. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { until } from '../../../../test/until.ts'
import { AnswerCache } from '../cache/answers.ts'
import { answer } from '../cache/answers.fixture.ts'
import { Tape } from '../cache/tape.ts'
import { routeOf } from '../gateway.fixture.ts'
import type { GuardRecord } from '../records/record.ts'
import { LiveLlm } from '../upstream/live.ts'
import { keepAnswer, lookUp, replay } from './hit.ts'
import type { End } from './journey.ts'
import { Journey } from './journey.ts'
import { readAsk } from './request.ts'

const ROUTE = routeOf(
  { a: [{ model: 'm', url: 'http://x/v1' }] },
  { endpoint: { cache: { ttl_s: 60, share: 'endpoint' } } },
)
const LIVE = new LiveLlm(ROUTE, (sealed) => sealed)

function journey(more: object = {}): Journey {
  const ask = readAsk('chat', Buffer.from(JSON.stringify({ model: 'a', messages: [], ...more })))
  const made = new Journey({
    id: 'c1',
    started: 0,
    ask,
    caller: { project: 'p', token: null, key: null },
    traceparent: null,
  })
  made.endpoint = ROUTE.endpoints[0]
  return made
}

/** A client that takes nothing until it is told to take all. */
class SlowClient extends Duplex {
  readonly pieces: string[] = []
  #waiting: (() => void) | undefined
  #takes = false

  constructor() {
    super({ writableHighWaterMark: 1 })
  }

  override _read(): void {}

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.pieces.push(piece.toString())
    if (this.#takes) setImmediate(done)
    else this.#waiting = done
  }

  takeAll(): void {
    this.#takes = true
    this.#waiting?.()
  }
}

interface Opened {
  readonly client: SlowClient
  readonly ends: End[]
  readonly response: ServerResponse
  readonly to: Parameters<typeof replay>[1]
}

/** A call over a connection without a network, of a gateway that is on its way out. */
async function opened(body: object, left: AbortSignal = new AbortController().signal): Promise<Opened> {
  const client = new SlowClient()
  const server = createServer()
  const response = await new Promise<ServerResponse>((came) => {
    server.on('request', (_, answered) => came(answered))
    server.emit('connection', client)
    client.push('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  })
  const ends: End[] = []
  const settle = (end: End): Promise<void> => {
    ends.push(end)
    return Promise.resolve()
  }
  return { client, ends, response, to: { journey: journey(body), response, left, settle, draining: true, now: 1000 } }
}

const EVENTS = Array.from({ length: 40 }, (_, i) => `data: ${i} ${'x'.repeat(1000)}\n\n`)
const STREAM = {
  answer: answer(''),
  given: { type: 'text/event-stream', pieces: EVENTS.map((event) => Buffer.from(event)) },
}

test('a client that is slow is given no more events than it takes, and in the end all of them', async () => {
  const { client, response, ends, to } = await opened({ stream: true })
  const done = replay(STREAM, to)
  await until('the first piece', () => client.pieces.length > 0)
  assert.ok(response.writableLength < 4 * 1024, `${response.writableLength} bytes wait`)
  assert.equal(ends.length, 0)
  client.takeAll()
  await done
  assert.deepEqual(ends, [{ status: 200, outcome: 'ok' }])
  await until('the last piece', () => response.writableFinished)
  const sent = client.pieces.join('')
  assert.match(sent, /^connection: close\r$/im, 'for the gateway is on its way out')
  let at = 0
  for (const event of EVENTS) {
    at = sent.indexOf(event, at)
    assert.ok(at >= 0)
  }
})

test('a client that leaves while it is slow ends the call', async () => {
  const left = new AbortController()
  const { client, response, ends, to } = await opened({ stream: true }, left.signal)
  const done = replay(STREAM, to)
  await until('the first piece', () => client.pieces.length > 0)
  left.abort()
  await done
  assert.deepEqual(ends, [{ status: 499, outcome: 'aborted' }])
  assert.ok(response.destroyed)
})

test('a client that has left before is given nothing', async () => {
  const { response, to } = await opened({})
  const reason = new Error('it left')
  const given = { type: 'application/json', pieces: [GOOD] }
  await assert.rejects(replay({ answer: answer(''), given }, { ...to, left: AbortSignal.abort(reason) }), reason)
  assert.equal(response.headersSent, false)
})

test('what was found in an answer, and lost by its translation, is told of the call that is given it', async () => {
  const { to, ends } = await opened({})
  const flag = { name: 'g', on: 'answer', action: 'flag', found: 2 } as const
  const given = { type: 'application/json', pieces: [GOOD] }
  await replay({ answer: answer('', { guards: [flag], lost: ['top_k'], cost: 7 }), given }, to)
  const record = to.journey.record(ends[0] ?? { status: 0, outcome: 'failed' })
  assert.deepEqual([record.guards, record.lost, record.saved, record.outcome], [[flag], ['top_k'], 7, 'ok'])
})

const GOOD = Buffer.from('{"choices":[]}')

/** Whether the answer to a call is there for the next. */
function isKept(
  of: { end?: Partial<End>; guards?: readonly GuardRecord[]; body?: Buffer; type?: string; finish?: string } = {},
): GuardRecord[] | null {
  const { end = {}, guards = [], body = GOOD, type = 'application/json', finish = 'stop' } = of
  const deps = { clock: () => 1000, live: () => LIVE, cache: new AnswerCache() }
  const made = journey()
  assert.equal(lookUp(deps, made, {}), undefined)
  made.provider = ROUTE.providers[0]
  made.model = ROUTE.endpoints[0]?.models[0]
  made.finish = finish
  made.guards.push(...guards)
  made.tape?.head({ 'content-type': type })
  made.saw(body)
  keepAnswer(deps, made, made.record({ status: 200, outcome: 'ok', ...end }))
  const hit = lookUp(deps, journey(), {})
  return hit === undefined ? null : [...hit.answer.guards]
}

test('what guardrails found in an answer stays with it; one that they ended, or could not look at, is not kept', () => {
  const flag = { name: 'g', on: 'answer', action: 'flag', found: 1 } as const
  assert.deepEqual(isKept(), [])
  assert.deepEqual(isKept({ guards: [flag, { ...flag, on: 'request' }] }), [flag])
  assert.equal(isKept({ guards: [{ ...flag, action: 'block' }] }), null)
  assert.equal(isKept({ guards: [{ ...flag, on: 'request', action: 'failed' }] }), null)
})

test('an answer that did not end well is not kept', () => {
  assert.equal(isKept({ end: { status: 201 } }), null)
  assert.equal(isKept({ end: { error: 'x' } }), null)
  for (const outcome of ['aborted', 'cut', 'failed'] as const) assert.equal(isKept({ end: { outcome } }), null, outcome)
})

test('an answer of another form than was asked for, or with an error, or without a good end is not kept', () => {
  assert.equal(isKept({ type: 'text/event-stream' }), null)
  assert.equal(isKept({ type: 'text/html' }), null)
  assert.equal(isKept({ body: Buffer.from('{"choices":[],"error":{"message":"x"}}') }), null)
  assert.deepEqual(isKept({ body: Buffer.from('{"choices":[],"error":null}') }), [])
  assert.equal(isKept({ body: Buffer.from('{"choices":[') }), null)
  for (const finish of ['content_filter', 'error', 'abort', '']) assert.equal(isKept({ finish }), null, finish)
})

test('an answer of more than 1 MiB is not kept, and none of it is held', () => {
  const filled = (bytes: number): Buffer => Buffer.from(`{"x":"${'x'.repeat(bytes - 8)}"}`)
  assert.deepEqual(isKept({ body: filled(1024 * 1024) }), [])
  assert.equal(isKept({ body: filled(1024 * 1024 + 1) }), null)
  const tape = new Tape('miss', 'k')
  for (let i = 0; i < 3; i++) tape.saw(Buffer.alloc(600 * 1024))
  assert.equal(tape.taken(), undefined)
})
