/** Callers that break the rules of HTTP, or go to their edge: each gets an answer in our shape or a closed connection, and the next caller is served. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, afterEach, before, describe, test } from 'node:test'
import { answersOf, exchange, request, speak, startRaw } from './raw-socket.fixture.ts'
import type { Handled } from './raw-socket.fixture.ts'
import type { RunningServer } from './server.ts'

const CLOSE = 'Connection: close'
const handled: Handled = { paths: [], closed: 0 }
let server: RunningServer

before(async () => {
  server = await startRaw(handled)
})
after(() => server.stop())

afterEach(async () => {
  const [answer] = answersOf(await exchange(server.port, request('GET /text', [CLOSE])))
  assert.equal(answer?.body, 'some text', 'the server answers the next caller')
})

/** Begins to note which calls reach a handler. */
function noteHandled(): () => string[] {
  const from = handled.paths.length
  return () => handled.paths.slice(from)
}

const codeOf = (body: string): string => (JSON.parse(body) as { error: { code: string } }).error.code

describe('requests that are not HTTP', () => {
  const chunked = (body: string): string =>
    `POST /echo/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${body}`
  const cases: readonly (readonly [what: string, bytes: string, status: number])[] = [
    ['no method', ' /text HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 400],
    ['a method that is none', 'FETCH /text HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 400],
    ['a method in small letters', 'get /text HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 400],
    ['a version that does not exist', 'GET /text HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n', 400],
    ['the hello of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['a space before the colon', 'GET /text HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n', 400],
    ['a NUL in a header', 'GET /text HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\0b\r\n\r\n', 400],
    ['a folded header', 'GET /text HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\r\n b\r\n\r\n', 400],
    ['a length below zero', 'POST /echo/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n', 400],
    ['a length in hexadecimal', 'POST /echo/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0x1\r\n\r\nx', 400],
    [
      'a length beyond all numbers',
      `POST /echo/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${'9'.repeat(30)}\r\n\r\n`,
      400,
    ],
    ['two lengths in one line', 'POST /echo/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1, 1\r\n\r\nx', 400],
    ['chunks of a size that is no number', chunked('zz\r\n{}\r\n0\r\n\r\n'), 400],
    ['chunks of a size below zero', chunked('-2\r\n{}\r\n0\r\n\r\n'), 400],
    ['chunks of a size beyond all numbers', chunked(`${'f'.repeat(20)}\r\n{}\r\n0\r\n\r\n`), 400],
    ['a chunk that is longer than it says', chunked('2\r\n{}{}\r\n0\r\n\r\n'), 400],
    [
      'chunked before another coding',
      'POST /echo/a HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
      400,
    ],
    [
      'a coding that only looks like chunked',
      'POST /echo/a HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
      400,
    ],
    [
      'chunks beside a length, the way requests are smuggled',
      'POST /echo/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /read/smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
      400,
    ],
  ]
  for (const [what, bytes, status] of cases) {
    test(`${what} is answered ${status} once and the connection is closed`, async () => {
      const reached = noteHandled()
      const answers = answersOf(await exchange(server.port, bytes))
      assert.deepEqual(
        answers.map((answer) => answer.status),
        [status],
      )
      assert.equal(answers[0]?.headers['connection'], 'close')
      if (answers[0]?.body !== '') assert.equal(codeOf(answers[0]?.body ?? ''), 'bad_request')
      assert.deepEqual(reached(), [])
    })
  }
})

test('a request of HTTP/1.1 without Host is 400, and reaches no handler', async () => {
  const reached = noteHandled()
  assert.match(await exchange(server.port, 'GET /text HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 /)
  assert.deepEqual(reached(), [])
})

describe('headers', () => {
  test('an address of 60 kB is 431 with the limit in words', async () => {
    const [answer] = answersOf(await exchange(server.port, request(`GET /read/${'a'.repeat(60_000)}`)))
    assert.equal(answer?.status, 431)
    assert.equal(codeOf(answer.body), 'headers_too_large')
    assert.match(answer.body, /larger than \d+ bytes together/)
  })

  test('10,000 headers are 431, and 100 are taken', async () => {
    const lines = (n: number): string[] => Array.from({ length: n }, (_, at) => `X-${at}: v`)
    const [many] = answersOf(await exchange(server.port, request('GET /text', [...lines(10_000), CLOSE])))
    assert.equal(many?.status, 431)
    const [few] = answersOf(await exchange(server.port, request('GET /text', [...lines(100), CLOSE])))
    assert.equal(few?.status, 200)
  })

  test('headers that come byte by byte are taken, and half of them waits without an answer', async () => {
    const { socket, said } = await speak(server.port)
    for (const byte of request('GET /text', [CLOSE])) socket.write(byte)
    await once(socket, 'close')
    assert.equal(answersOf(said())[0]?.status, 200)
    const half = await speak(server.port)
    half.socket.write('GET /text HTTP/1.1\r\nHost: 127.0.0.1\r\n')
    await exchange(server.port, request('GET /text', [CLOSE]))
    assert.equal(half.said(), '')
    half.socket.destroy()
  })

  for (const [given, kept] of [
    ['mine-1', true],
    ['A.b_c-9', true],
    ['a'.repeat(128), true],
    ['a'.repeat(129), false],
    ['a b', false],
    ['a<script>', false],
    ['', false],
  ] as const) {
    test(`the request id "${given.slice(0, 20)}" (${given.length} characters) is ${kept ? 'kept' : 'replaced'}`, async () => {
      const [answer] = answersOf(await exchange(server.port, request('GET /text', [`X-Request-Id: ${given}`, CLOSE])))
      const id = answer?.headers['x-request-id'] ?? ''
      assert.equal(id === given, kept)
      assert.match(id, /^[A-Za-z0-9._-]{1,128}$/)
    })
  }
})

describe('bodies', () => {
  const json = '{"text":"slow"}'
  /** A request that comes after what was sent before, and is answered. */
  const later = (): Promise<string> => exchange(server.port, request('GET /text', [CLOSE]))

  test('one that comes byte by byte is read whole', async () => {
    const { socket, said } = await speak(server.port)
    socket.setNoDelay(true)
    socket.write(request('POST /echo/a', [CLOSE, 'Content-Type: application/json', `Content-Length: ${json.length}`]))
    for (const byte of json) {
      socket.write(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await once(socket, 'close')
    assert.deepEqual(JSON.parse(answersOf(said())[0]?.body ?? ''), { part: 'a', q: null, text: 'slow' })
  })

  test('one that ends early reaches no handler', async () => {
    const reached = noteHandled()
    const { socket } = await speak(server.port)
    socket.write(request('POST /echo/a', ['Content-Type: application/json', 'Content-Length: 1000']))
    socket.end('{"text":')
    await once(socket, 'close')
    await later()
    assert.deepEqual(reached(), [])
  })

  test('one whose caller goes away reaches no handler, also where the handler reads it as it comes', async () => {
    const reached = noteHandled()
    const { socket } = await speak(server.port)
    socket.write(request('PUT /count', ['Content-Length: 1000']))
    socket.write('x'.repeat(500))
    socket.resetAndDestroy()
    await once(socket, 'close')
    await later()
    assert.deepEqual(reached(), [])
  })

  const chunks = (body: string): string =>
    request('POST /echo/a', [CLOSE, 'Content-Type: application/json', 'Transfer-Encoding: chunked']) + body
  for (const [what, body] of [
    ['chunks', '8\r\n{"text":\r\n7\r\n"slow"}\r\n0\r\n\r\n'],
    ['chunks with an extension', '8;a=b\r\n{"text":\r\n7;c\r\n"slow"}\r\n0\r\n\r\n'],
    ['chunks with a trailer', 'f\r\n{"text":"slow"}\r\n0\r\nX-Sum: 1\r\n\r\n'],
    ['chunks of a size with zeros before it', '000f\r\n{"text":"slow"}\r\n0\r\n\r\n'],
    ['chunks of a size in capitals', 'F\r\n{"text":"slow"}\r\n0\r\n\r\n'],
  ] as const) {
    test(`${what} are read`, async () => {
      const [answer] = answersOf(await exchange(server.port, chunks(body)))
      assert.equal((JSON.parse(answer?.body ?? '') as { text: string }).text, 'slow')
    })
  }

  test('chunks that never end are refused at the limit of the route', async () => {
    const piece = `400\r\n${' '.repeat(1024)}\r\n`
    const [answer] = answersOf(await exchange(server.port, chunks(piece.repeat(3) + '0\r\n\r\n')))
    assert.equal(answer?.status, 413)
    assert.equal(codeOf(answer.body), 'payload_too_large')
    assert.match(answer.body, /1000 bytes/)
  })

  test('at the limit to the byte a body is taken, one more is not', async () => {
    const body = (size: number): string => JSON.stringify({ text: 'x'.repeat(size - '{"text":""}'.length) })
    for (const [size, status] of [
      [1000, 200],
      [1001, 413],
    ] as const) {
      const [answer] = answersOf(await exchange(server.port, request('POST /echo/a', [CLOSE], body(size))))
      assert.equal(answer?.status, status)
    }
  })

  test('a caller that waits for leave to send its body gets it', async () => {
    const { socket, said } = await speak(server.port)
    const head = ['Expect: 100-continue', CLOSE, 'Content-Type: application/json', `Content-Length: ${json.length}`]
    socket.write(request('POST /echo/a', head))
    while (!said().includes('\r\n\r\n')) await once(socket, 'data')
    assert.match(said(), /^HTTP\/1\.1 100 Continue\r\n\r\n$/)
    socket.write(json)
    await once(socket, 'close')
    assert.match(said(), /HTTP\/1\.1 200 /)
  })

  test('an expectation that nobody can meet is refused', async () => {
    const reached = noteHandled()
    const [answer] = answersOf(await exchange(server.port, request('POST /echo/a', ['Expect: tea', CLOSE], json)))
    assert.equal(answer?.status, 417)
    assert.deepEqual(reached(), [])
  })

  test('a body where none belongs does not become the next request', async () => {
    const hidden = request('GET /read/hidden')
    const bytes = request('GET /read/first', [], hidden) + request('GET /read/second', [CLOSE])
    assert.deepEqual(
      answersOf(await exchange(server.port, bytes)).map((answer) => (JSON.parse(answer.body) as { part: string }).part),
      ['first', 'second'],
    )
  })
})

describe('several requests in one packet', () => {
  test('are answered in their order, those that are refused too', async () => {
    const reached = noteHandled()
    const bytes = [
      request('GET /read/1'),
      request('POST /echo/2', [], '{"text":"two"}'),
      request('GET /nowhere'),
      request('POST /echo/4', [], '{"text":'),
      request('POST /echo/5', [], '{"text":"five"}'),
      request('GET /read/6', [CLOSE]),
    ].join('')
    const answers = answersOf(await exchange(server.port, bytes))
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [200, 200, 404, 400, 200, 200],
    )
    assert.deepEqual(reached().toSorted(), ['1', '2', '5', '6'])
    assert.equal(codeOf(answers[3]?.body ?? ''), 'malformed_body')
  })

  test('a refused body that was read to its end does not end the connection', async () => {
    for (const body of ['{"text":', '{"text":5}', '[]']) {
      const bytes = request('POST /echo/a', [], body) + request('GET /read/next', [CLOSE])
      const [refused, next] = answersOf(await exchange(server.port, bytes))
      assert.deepEqual([refused?.status, refused?.headers['connection'], next?.status], [400, 'keep-alive', 200], body)
    }
  })

  test('a hundred of them keep their order', async () => {
    const names = Array.from({ length: 100 }, (_, at) => `n${at}`)
    const bytes = names.map((name, at) => request(`GET /read/${name}`, at === 99 ? [CLOSE] : [])).join('')
    const parts = answersOf(await exchange(server.port, bytes)).map(
      (answer) => (JSON.parse(answer.body) as { part: string }).part,
    )
    assert.deepEqual(parts, names)
  })

  test('after one that is not HTTP nothing more is answered', async () => {
    const reached = noteHandled()
    const said = await exchange(server.port, `${request('GET /read/1')}nonsense\r\n\r\n${request('GET /read/3')}`)
    const answers = answersOf(said)
    assert.equal(answers.at(-1)?.status, 400)
    assert.ok(!reached().includes('3'))
  })
})

describe('HEAD', () => {
  test('has the headers of GET and no body, so that the next answer on the connection is found', async () => {
    const bytes = request('HEAD /text') + request('GET /text') + request('GET /read/last', [CLOSE])
    const [head, get, last] = answersOf(await exchange(server.port, bytes), [0])
    const { date: _, 'x-request-id': id, ...headers } = head?.headers ?? {}
    const { date: __, 'x-request-id': other, ...expected } = get?.headers ?? {}
    assert.deepEqual([head?.status, headers], [get?.status, expected])
    assert.notEqual(id, other)
    assert.equal(headers['content-length'], String('some text'.length))
    assert.equal(last?.body, '{"part":"last","query":[]}')
  })

  test('of a stream closes its source', async () => {
    const before = handled.closed
    const said = await exchange(server.port, request('HEAD /streamed', [CLOSE]))
    assert.match(said, /^HTTP\/1\.1 200 OK\r\n/)
    assert.equal(said.slice(said.indexOf('\r\n\r\n') + 4), '')
    assert.equal(handled.closed, before + 1)
  })

  test('of what is not there is 404, and of what takes only POST 405, both without a body', async () => {
    for (const [path, status] of [
      ['/nowhere', 404],
      ['/echo/a', 405],
    ] as const) {
      const said = await exchange(server.port, request(`HEAD ${path}`, [CLOSE]))
      assert.match(said, new RegExp(`^HTTP/1\\.1 ${status} `))
      assert.equal(said.slice(said.indexOf('\r\n\r\n') + 4), '', path)
    }
  })
})

describe('addresses', () => {
  for (const [path, part] of [
    ['/read/a%2Fb', 'a/b'],
    ['/read/a%2fb', 'a/b'],
    ['/read/%2e%2e', '..'],
    ['/read/a%252Fb', 'a%2Fb'],
    ['/read/caf%C3%A9', 'cafÃ©'],
    ['/read/a%20b', 'a b'],
    ['/read/a+b', 'a+b'],
    ['/read/a;b=c', 'a;b=c'],
    ['/read/%00', '\u0000'],
    ['/read/', ''],
    [`/read/${'a'.repeat(4096)}`, 'a'.repeat(4096)],
  ] as const) {
    test(`${path.slice(0, 40)} is decoded once, as one part`, async () => {
      const [answer] = answersOf(await exchange(server.port, request(`GET ${path}`, [CLOSE])))
      assert.equal((JSON.parse(answer?.body ?? '') as { part: string }).part, part)
    })
  }

  for (const [target, status] of [
    ['/read/%zz', 400],
    ['/read/%C3%28', 400],
    ['/read/%', 400],
    [`/read/${'a'.repeat(4097)}`, 400],
    ['/read/a/b', 404],
    ['//read/a', 404],
    ['/../read/a', 404],
    ['/READ/a', 404],
    ['http://evil.example/read/a', 400],
    ['http://127.0.0.1/read/a', 400],
    ['*', 400],
    ['read/a', 400],
  ] as const) {
    test(`${target.slice(0, 40)} (${target.length} characters) is ${status} and reaches no handler`, async () => {
      const reached = noteHandled()
      const [answer] = answersOf(await exchange(server.port, request(`GET ${target}`, [CLOSE])))
      assert.equal(answer?.status, status)
      assert.deepEqual(reached(), [])
    })
  }

  test('a query is taken as it stands: repeated keys, no value, no key, broken escapes', async () => {
    const [answer] = answersOf(
      await exchange(server.port, request('GET /read/a?x=1&x=2&y&=z&w=%zz&q=a%26b+c', [CLOSE])),
    )
    assert.deepEqual((JSON.parse(answer?.body ?? '') as { query: unknown }).query, [
      ['x', '1'],
      ['x', '2'],
      ['y', ''],
      ['', 'z'],
      ['w', '%zz'],
      ['q', 'a&b c'],
    ])
  })

  test('a repeated key is refused by name where one value is expected', async () => {
    const [answer] = answersOf(await exchange(server.port, request('POST /echo/a?q=1&q=2', [CLOSE], '{"text":"x"}')))
    assert.equal(answer?.status, 400)
    assert.match(answer.body, /query\.q: got \[\\"1\\",\\"2\\"\], expected string/)
  })

  test('no header of an answer comes from a line break in the address', async () => {
    const [answer] = answersOf(await exchange(server.port, request('GET /read/a%0d%0aX-Evil:%201', [CLOSE])))
    assert.equal(answer?.status, 200)
    assert.equal(answer.headers['x-evil'], undefined)
  })
})

describe('methods', () => {
  for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'] as const) {
    test(`${method} on a path of GET is 405 with what is allowed`, async () => {
      const reached = noteHandled()
      const [answer] = answersOf(await exchange(server.port, request(`${method} /text`, [CLOSE])))
      assert.deepEqual([answer?.status, answer?.headers['allow']], [405, 'GET'])
      assert.deepEqual(reached(), [])
    })
  }

  test('CONNECT gets no tunnel', async () => {
    const said = await exchange(server.port, 'CONNECT evil.example:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    assert.doesNotMatch(said, /^HTTP\/1\.1 2/)
  })

  test('an upgrade is not taken: the request is answered as HTTP', async () => {
    const said = await exchange(
      server.port,
      request('GET /text', ['Connection: Upgrade, close', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']),
    )
    assert.match(said, /^HTTP\/1\.1 200 /)
  })
})

describe('the end of the server', () => {
  test('does not wait for connections on which nothing was said, and lets a request under way be answered', async () => {
    const ending = await startRaw()
    const quiet = await speak(ending.port)
    const slow = await speak(ending.port)
    const body = '{"text":"x"}'
    slow.socket.write(request('POST /echo/a', ['Content-Type: application/json', `Content-Length: ${body.length}`]))
    const heard = once(slow.socket, 'close')
    const gone = once(quiet.socket, 'close')
    await exchange(ending.port, request('GET /text', [CLOSE]))
    const stopped = ending.stop()
    await gone
    slow.socket.write(body)
    await heard
    await stopped
    assert.equal(answersOf(slow.said())[0]?.status, 200)
  })
})
