/** Server-sent events: their form, beats, reconnection, and how a stream ends on either side. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { after, before, describe, mock, test } from 'node:test'
import { until } from '../../test/until.ts'
import { route } from '../contract/route.ts'
import { events } from './events.ts'
import type { ServerEvent } from './events.ts'
import { feed } from './feed.ts'
import { mount } from './mount.ts'
import { request, speak } from './raw-socket.fixture.ts'
import { startOpen } from './open-server.fixture.ts'
import type { RunningServer } from './server.ts'

async function* of(...list: ServerEvent[]): AsyncGenerator<ServerEvent> {
  yield* list
}

/** A source that gives nothing until it is told to, and notes that it was closed. */
function held(): { source: AsyncIterable<ServerEvent>; give: (event: ServerEvent) => void; end: () => void } {
  const stream = new Readable({ objectMode: true, read: () => undefined })
  return { source: stream, give: (event) => stream.push(event), end: () => stream.push(null) }
}

/** Reads a stream of events as a browser does (WHATWG HTML, 9.2.6): the blocks between empty lines, comments left out. */
function parsed(text: string): { id?: string; event?: string; data: string[] }[] {
  return text
    .split('\n\n')
    .map((block) => block.split('\n').filter((line) => line !== '' && !line.startsWith(':')))
    .filter((lines) => lines.length > 0)
    .map((lines) => {
      const field = (name: string): string[] =>
        lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2))
      const [id] = field('id')
      const [event] = field('event')
      return { ...(id !== undefined && { id }), ...(event !== undefined && { event }), data: field('data') }
    })
}

const textOf = async (body: unknown): Promise<string> => (await (body as Readable).toArray()).map(String).join('')

describe('a stream of events', () => {
  const never = new AbortController().signal

  test('has its headers, opens at once, and ends with its source', async () => {
    const reply = events(of({ data: 1 }), never)
    assert.equal(reply.status, 200)
    assert.equal(reply.headers['content-type'], 'text/event-stream')
    assert.equal(reply.headers['cache-control'], 'no-store')
    assert.match(await textOf(reply.body), /^: open\n\n/)
  })

  test('gives id, name and data; whatever the data holds is one line', async () => {
    const data = { text: 'a\nb\r\nc\n\ndata: evil\nid: 9', list: [1, null], sign: '\u2028' }
    const text = await textOf(
      events(of({ id: '7', event: 'run', data }, { data: 'plain' }, { data: null }), never).body,
    )
    const [first, second, third] = parsed(text)
    assert.deepEqual([first?.id, first?.event, first?.data.length], ['7', 'run', 1])
    assert.deepEqual(JSON.parse(first?.data[0] ?? ''), data)
    assert.deepEqual(second, { data: ['"plain"'] })
    assert.deepEqual(third, { data: ['null'] })
  })

  test('beats every 15 seconds while nothing happens, and no longer once it has ended', () => {
    mock.timers.enable({ apis: ['setInterval'] })
    try {
      const { source } = held()
      const caller = new AbortController()
      const stream = events(source, caller.signal).body as Readable
      let text = ''
      stream.on('data', (part) => (text += String(part)))
      const read = (): string => {
        for (let part: unknown = stream.read(); part !== null; part = stream.read()) continue
        return text
      }
      mock.timers.tick(14_999)
      assert.doesNotMatch(read(), /beat/)
      mock.timers.tick(1)
      mock.timers.tick(15_000)
      assert.equal(read().split(': beat\n\n').length - 1, 2)
      caller.abort()
      mock.timers.tick(60_000)
      assert.equal(read().split(': beat\n\n').length - 1, 2)
    } finally {
      mock.timers.reset()
    }
  })

  test('ends when its caller goes away, and nothing is sent after', async () => {
    const { source, give } = held()
    const caller = new AbortController()
    const text = textOf(events(source, caller.signal).body)
    give({ data: 'before' })
    await new Promise((resolve) => setImmediate(resolve))
    caller.abort()
    give({ data: 'after' })
    assert.deepEqual(
      parsed(await text).map(({ data }) => data),
      [['"before"']],
    )
  })

  test('breaks off when its source fails, whatever is thrown', async () => {
    for (const fault of [new Error('lost'), 'lost']) {
      async function* broken(): AsyncGenerator<ServerEvent> {
        yield { data: 1 }
        throw fault
      }
      await assert.rejects(textOf(events(broken(), never).body), /lost/)
    }
  })
})

describe('a stream of events over HTTP', () => {
  const follow = route({ method: 'GET', path: '/follow', summary: 'for tests', access: 'public', reply: 'events' })
  const changes = feed()
  const gone: string[] = []
  let server: RunningServer
  let listening = Promise.withResolvers<void>()

  before(async () => {
    server = await startOpen([
      mount(follow, ({ headers, signal }) => {
        const from = Number(headers['last-event-id'] ?? 0)
        return events(of(...[1, 2, 3].filter((id) => id > from).map((id) => ({ id: String(id), data: id }))), signal)
      }),
      mount({ ...follow, path: '/changes' }, ({ signal }) => {
        signal.addEventListener('abort', () => gone.push('caller'))
        setImmediate(() => listening.resolve())
        return events(changes.listen(signal), signal)
      }),
    ])
  })
  after(() => server.stop())

  test('a caller that comes back says what it has, and gets the rest', async () => {
    const ids = async (headers: Record<string, string>): Promise<(string | undefined)[]> =>
      parsed(await (await fetch(`${server.url}/follow`, { headers })).text()).map(({ id }) => id)
    assert.deepEqual(await ids({}), ['1', '2', '3'])
    assert.deepEqual(await ids({ 'last-event-id': '2' }), ['3'])
    assert.deepEqual(await ids({ 'last-event-id': '3' }), [])
  })

  test('an event arrives as it happens; a caller that goes away is noticed', async () => {
    listening = Promise.withResolvers<void>()
    const { socket, said } = await speak(server.port)
    socket.write(request('GET /changes'))
    await listening.promise
    changes.publish({ kind: 'runs', id: 'r1' })
    while (!said().includes('"r1"')) await once(socket, 'data')
    assert.match(said(), /event: change\ndata: \{"kind":"runs","id":"r1"\}\n\n/)
    const before = gone.length
    socket.destroy()
    await until('the caller to be missed', () => gone.length > before)
    assert.equal(gone.length, before + 1)
  })

  test('an open stream does not hold up the end of the server', async () => {
    const other = await startOpen([mount(follow, ({ signal }) => events(changes.listen(signal), signal))], {
      graceMs: 3_600_000,
    })
    const open = await fetch(`${other.url}/follow`)
    const text = open.text()
    await other.stop()
    assert.match(await text, /^: open\n\n$/)
  })
})
