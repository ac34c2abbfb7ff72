/** The S3 client against a server that answers what a test says: what is sent, what is an answer, what is tried again. */
import assert from 'node:assert/strict'
import http, { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { text as textOf } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'
import { until } from '../../../../test/until.ts'
import { backOff, s3Client, type Patience, type S3Client, type S3Request } from './client.ts'
import { holdTimers } from './timers.fixture.ts'

interface Sent {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** An answer: a status with its body, or what is done to the connection. */
type Answer = readonly [status: number, body?: string] | ((reply: ServerResponse) => void)

/** A server that gives these answers in turn, the last one again and again. */
async function serve(
  t: TestContext,
  answers: readonly Answer[],
  patience: Patience = {},
): Promise<{ client: S3Client; sent: Sent[] }> {
  const sent: Sent[] = []
  const answered = async (request: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const body = await textOf(request)
    const answer = answers[Math.min(sent.length, answers.length - 1)] ?? [200]
    sent.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body })
    if (typeof answer === 'function') answer(reply)
    else reply.writeHead(answer[0], { etag: '"e"' }).end(answer[1])
  }
  const server = createServer((request, reply) => void answered(request, reply))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const settings = {
    origin: `http://127.0.0.1:${port}`,
    base: '/bucket',
    bucket: 'bucket',
    prefix: 'pre/fix/',
    region: 'eu-north-1',
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret' },
    directLinks: false,
  }
  const at = (): number => Date.UTC(2026, 0, 2, 3, 4, 5)
  const client = s3Client(settings, { attempts: 3, baseMs: 1, ...patience }, at)
  t.after(() => {
    client.close()
    server.closeAllConnections()
    server.close()
  })
  return { client, sent }
}

const SILENT_MS = 1000
const GET: S3Request = { method: 'GET', key: 'ab/c d' }

describe('a request', () => {
  it('goes to the bucket and the prefix, encoded, signed at the time of the clock', async (t) => {
    const { client, sent } = await serve(t, [[200, 'body']])
    const reply = await client.call({ ...GET, query: { prefix: 'a/b', marker: '' } })
    assert.deepEqual([reply.status, reply.text, reply.headers.etag], [200, 'body', '"e"'])
    const [{ method, url, headers } = assert.fail()] = sent
    assert.deepEqual([method, url], ['GET', '/bucket/pre/fix/ab/c%20d?marker=&prefix=a%2Fb'])
    assert.equal(headers['x-amz-date'], '20260102T030405Z')
    assert.match(
      headers.authorization ?? '',
      /^AWS4-HMAC-SHA256 Credential=AKID\/20260102\/eu-north-1\/s3\/aws4_request,/,
    )
    assert.equal(headers['content-length'], undefined)
    // of nothing, as the specification gives it
    const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    assert.equal(headers['x-amz-content-sha256'], EMPTY)
  })
  it('without a key is for the bucket itself, whatever the prefix', async (t) => {
    const { client, sent } = await serve(t, [[200]])
    await client.call({ method: 'GET' })
    assert.equal(sent[0]?.url, '/bucket/')
  })
  it('carries its body with its length, and the hash of it where there is one', async (t) => {
    const { client, sent } = await serve(t, [[200]])
    await client.call({ method: 'PUT', key: 'k', body: Buffer.from('bytes'), headers: { 'x-amz-meta-a': '1' } })
    await client.call({ method: 'POST', key: 'k', body: Buffer.from('b'), contentHash: 'abc123' })
    await client.call({ method: 'DELETE', key: 'k' })
    await client.call({ method: 'HEAD', key: 'k' })
    assert.deepEqual(
      sent.map(({ method, body, headers }) => [method, body, headers['content-length'], headers['x-amz-meta-a']]),
      [
        ['PUT', 'bytes', '5', '1'],
        ['POST', 'b', '1', undefined],
        ['DELETE', '', '0', undefined],
        ['HEAD', '', undefined, undefined],
      ],
    )
    assert.deepEqual(
      sent.slice(0, 2).map(({ headers }) => headers['x-amz-content-sha256']),
      ['UNSIGNED-PAYLOAD', 'abc123'],
    )
  })
  it('goes over a connection that is kept, of which there are 64 at most', async (t) => {
    const [ports, held]: [Set<unknown>, ServerResponse[]] = [new Set(), []]
    const { client, sent } = await serve(t, [
      (reply) => {
        ports.add(reply.socket?.remotePort)
        if (held.push(reply) === 64) for (const one of held.splice(0)) one.end()
      },
    ])
    for (const length of [128, 64]) await Promise.all(Array.from({ length }, () => client.call(GET)))
    assert.deepEqual([sent.length, ports.size], [192, 64])
  })
  it('may be read as a stream', async (t) => {
    const { client } = await serve(t, [[206, 'part']])
    const reply = await client.open(GET)
    assert.deepEqual([reply.statusCode, await textOf(reply)], [206, 'part'])
  })
})

describe('an answer', () => {
  for (const status of [200, 204, 299]) {
    it(`of ${status} is one`, async (t) => {
      const { client } = await serve(t, [[status]])
      assert.equal((await client.call(GET)).status, status)
    })
  }
  it('of a status that is asked for is one, and not tried again', async (t) => {
    const { client, sent } = await serve(t, [[404], [503]])
    assert.equal((await client.call({ ...GET, accept: [404] })).status, 404)
    assert.equal((await client.call({ ...GET, accept: [404, 503] })).status, 503)
    assert.equal(sent.length, 2)
  })
  const refused: [number, string, RegExp][] = [
    [300, '', /GET at the S3 server of the blobs.*it answered 300$/],
    [400, '<Error><Code>Bad</Code><Message>No &quot;way&quot;</Message></Error>', /it answered 400 Bad: No "way"$/],
    [404, '<Error><Code>NoSuchKey</Code></Error>', /it answered 404 NoSuchKey: $/],
    [501, 'no xml', /it answered 501$/],
  ]
  for (const status of [401, 403])
    it(`of ${status} makes the store unavailable: it is told what to check, and not tried again`, async (t) => {
      const { client, sent } = await serve(t, [[status, '<Error><Code>Denied</Code><Message>m</Message></Error>']])
      const message = new RegExp(`${status} Denied: m; check AWS_ACCESS_KEY_ID, .*the clock$`)
      for (const asked of [client.call(GET), client.open(GET)])
        await assert.rejects(asked, { code: 'unavailable', message })
      assert.equal(sent.length, 2)
    })
  for (const [status, body, message] of refused) {
    it(`of ${status} is a refusal with what the server says, and not tried again`, async (t) => {
      const { client, sent } = await serve(t, [[status, body]])
      for (const asked of [client.call(GET), client.open(GET)]) {
        await assert.rejects(asked, (error: Error & { code?: string }) => {
          assert.equal(error.code, 'upstream_failed')
          assert.match(error.message, message)
          return true
        })
      }
      assert.equal(sent.length, 2)
    })
  }
  it('longer than 16 MiB is refused, one of 16 MiB is not', async (t) => {
    const most = 16 * 2 ** 20
    const { client } = await serve(t, [
      [200, 'a'.repeat(most)],
      [200, 'a'.repeat(most + 1)],
    ])
    assert.equal((await client.call(GET)).text.length, most)
    await assert.rejects(client.call(GET), /its reply is too long/)
  })
})

describe('another try', () => {
  const cut: Answer = (reply) => void reply.destroy()
  const half: Answer = (reply) => {
    reply.writeHead(200, { 'content-length': '10' }).write('12345')
    setImmediate(() => reply.destroy())
  }
  const late: Answer = [200, '<?xml version="1.0"?>\n<Error><Code>InternalError</Code><Message>m</Message></Error>']
  const passing: [string, Answer][] = [
    ...[408, 429, 500, 502, 503, 504].map((status): [string, Answer] => [`a ${status}`, [status]]),
    ['a connection that is cut', cut],
    ['a reply that breaks off', half],
    ['a failure in the body of a 200', late],
  ]
  for (const [name, answer] of passing) {
    it(`follows ${name}, with the same body`, async (t) => {
      const { client, sent } = await serve(t, [answer, answer, [200, 'at last']])
      const reply = await client.call({ method: 'PUT', key: 'k', body: Buffer.from('bytes') })
      assert.equal(reply.text, 'at last')
      assert.deepEqual(
        sent.map(({ body }) => body),
        ['bytes', 'bytes', 'bytes'],
      )
    })
  }
  it('that does not come at all is waited for twice, and no more', async (t) => {
    const silent = (): undefined => undefined
    const { client, sent } = await serve(t, [silent, silent, [200, 'too late']], { idleMs: SILENT_MS })
    const message = /GET failed 2 times, at last: nothing came for 1000 ms/
    await assert.rejects(client.call(GET), { code: 'unavailable', message })
    await until('both requests to be read', () => sent.length === 2)
  })
  it('follows silence', async (t) => {
    const requests = t.mock.method(http, 'request').mock
    // as its own timer would, which a slow machine would have say it again of the reply that comes
    const silent = (): void => void requests.calls[0]?.result?.emit('timeout')
    const { client, sent } = await serve(t, [silent, [200, 'at last']])
    assert.equal((await client.call(GET)).text, 'at last')
    assert.equal(sent.length, 2)
  })
  it('is the last after as many as are allowed, and the reason is told', async (t) => {
    const { client, sent } = await serve(t, [[503, '<Error><Code>SlowDown</Code><Message>later</Message></Error>']])
    await assert.rejects(client.call(GET), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'unavailable')
      assert.match(error.message, /GET failed 3 times, at last: it answered 503 SlowDown: later/)
      return true
    })
    assert.equal(sent.length, 3)
  })
  it('is made five times, 0.1 s later at first, after a minute of silence, unless said otherwise', async (t) => {
    const { client } = await serve(t, [[200]])
    const plain = s3Client(client.settings)
    assert.deepEqual(plain.patience, { attempts: 6, baseMs: 100, idleMs: 60_000 })
    plain.close()
  })
  it('is not made of a body that only mentions an error', async (t) => {
    const body = '<ListBucketResult><Key>a</Key><Error>x</Error></ListBucketResult>'
    const { client, sent } = await serve(t, [[200, body]])
    assert.equal((await client.call(GET)).text, body)
    assert.equal(sent.length, 1)
  })
})

describe('the wait before another try', () => {
  const patience = { attempts: 6, baseMs: 100, idleMs: 1000 }
  // doubled each time up to five seconds; half of it is chance, so that not all come back at once
  for (const [tries, random, ms] of [
    [0, 0, 50],
    [0, 1, 100],
    [1, 0.5, 150],
    [3, 0, 400],
    [3, 1, 800],
    [5, 0, 1600],
    [6, 0, 2500],
    [20, 1, 5000],
  ] as const)
    it(`after ${tries} others is ${ms} ms where chance gives ${random}`, async (t) => {
      holdTimers(t)
      t.mock.method(Math, 'random', () => random)
      let over = false
      const waited = backOff(patience, tries).then(() => (over = true))
      t.mock.timers.tick(ms - 1)
      await turn()
      assert.equal(over, false)
      t.mock.timers.tick(1)
      await waited
    })
})
