/** The egress client against addresses that hide a private one, names that change their address, and replies without end. */
import assert from 'node:assert/strict'
import dns from 'node:dns/promises'
import http from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { after, afterEach, before, describe, mock, test } from 'node:test'
import { freePort } from '../../test/programs/free-port.ts'
import { egress, isPrivate } from './egress.ts'

const refused = { code: 'invalid_field' }
const failed = { code: 'upstream_failed' }

describe('the ranges', () => {
  // the first and last address of each range of RFC 6890 that is refused, and those next to it
  for (const [first, last, below, above] of [
    ['0.0.0.0', '0.255.255.255', undefined, '1.0.0.0'],
    ['10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
    ['100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
    ['127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
    ['169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
    ['172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
    ['192.0.0.0', '192.0.0.255', '191.255.255.255', '192.0.1.0'],
    ['192.0.2.0', '192.0.2.255', '192.0.1.255', '192.0.3.0'],
    ['192.88.99.0', '192.88.99.255', '192.88.98.255', '192.88.100.0'],
    ['198.51.100.0', '198.51.100.255', '198.51.99.255', '198.51.101.0'],
    ['203.0.113.0', '203.0.113.255', '203.0.112.255', '203.0.114.0'],
    ['192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
    ['198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
    ['224.0.0.0', '255.255.255.255', '223.255.255.255', undefined],
  ] as const) {
    test(`${first} to ${last} are private, also inside IPv6, and their neighbours are not`, () => {
      const forms = (v4: string): string[] => {
        const [a = 0, b = 0, c = 0, d = 0] = v4.split('.').map(Number)
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
        return [v4, `::ffff:${v4}`, `::ffff:${hex}`, `64:ff9b::${v4}`, `64:ff9b::${hex}`]
      }
      for (const address of [first, last]) for (const form of forms(address)) assert.ok(isPrivate(form), form)
      for (const address of [below, above])
        if (address !== undefined) for (const form of forms(address)) assert.ok(!isPrivate(form), form)
    })
  }

  for (const [address, expected] of [
    ['::', true],
    ['::1', true],
    ['::2', true],
    ['::8.8.8.8', true], // IPv4-compatible
    ['::127.0.0.1', true],
    ['::ffff:0:127.0.0.1', true], // IPv4-translated (SIIT)
    ['64:ff9b:1::8.8.8.8', true], // NAT64 of a local network
    ['100::1', true], // discard
    ['1fff:ffff::1', true],
    ['2000::1', false],
    ['2001::1', true], // Teredo
    ['2001:1ff:ffff::1', true],
    ['2001:200::1', false],
    ['2001:db8::1', true],
    ['2001:db9::1', false],
    ['2002:7f00:1::', true], // 6to4
    ['2002:808:808::1', true],
    ['2003::1', false],
    ['3ffe:ffff::1', false],
    ['3fff::1', true],
    ['3fff:1000::1', false],
    ['4000::1', true],
    ['fc00::', true],
    ['fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', true],
    ['fbff:ffff::', true],
    ['fe80::1', true],
    ['febf::1', true],
    ['fec0::1', true], // site-local
    ['ff02::1', true],
    ['no address', true],
    ['2606:4700:4700::1111', false],
    ['2001:4860:4860::8888', false],
  ] as const) {
    test(`${address} is ${expected ? 'private' : 'public'}`, () => assert.equal(isPrivate(address), expected))
  }
})

describe('addresses in a URL', () => {
  const closed = egress({ allow: [] })
  for (const url of [
    'http://127.0.0.1/',
    'http://localhost/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://169.254.169.254/latest/meta-data',
    'http://10.1.2.3/',
    'http://192.168.1.1/',
    'http://172.20.0.1/',
    'http://100.64.0.1/',
    'http://[fd00::1]/',
    'http://[fe80::1]/',
    'http://0.0.0.0/',
    'file:///etc/passwd',
    'gopher://example.org/',
    'http://user:secret@example.org/',
    'nonsense',
    'http://[::ffff:7f00:1]/',
    'http://[::ffff:a9fe:a9fe]/latest/meta-data',
    'http://[64:ff9b::7f00:1]/',
    'http://[::7f00:1]/',
    'http://[2002:a9fe:a9fe::]/',
    'http://[fec0::1]/',
    'http://[0:0:0:0:0:ffff:127.0.0.1]/',
    'http://[::]/',
    'http://127.1/',
    'http://0/',
    'http://0x7f000001/',
    'http://017700000001/',
    'http://127.0.0.1./',
    'http://１２７.０.０.１/',
    'http://127。0。0。1/',
    'http://LOCALHOST/',
    'https://[::1]:8443/',
    'http:127.0.0.1',
    'http:////127.0.0.1/',
    'http://\\127.0.0.1/',
    ' http://127.0.0.1/ ',
    'http://@127.0.0.1/',
  ]) {
    test(`${url} is refused`, () => assert.rejects(closed({ method: 'GET', url }), refused))
  }

  test('a refusal does not repeat the password of a URL', async () => {
    const error = await closed({ method: 'GET', url: 'http://ann:secret@example.org/' }).catch((e: unknown) => e)
    assert.ok(!(error as Error).message.includes('secret'))
    assert.ok(!JSON.stringify((error as { data: unknown }).data).includes('secret'))
  })

  test('a host that is allowed with its port is allowed at no other, and allows no other host', async () => {
    const open = egress({ allow: ['127.0.0.1:1'], timeoutMs: 500 })
    await assert.rejects(open({ method: 'GET', url: 'http://127.0.0.1:1/' }), failed)
    for (const url of ['http://127.0.0.1:2/', 'http://127.0.0.2:1/', 'http://localhost:1/', 'http://[::1]:1/'])
      await assert.rejects(open({ method: 'GET', url }), refused, url)
  })
})

describe('names', () => {
  let one: http.Server
  let other: http.Server
  let port = 0
  let asked = 0
  const visits = { one: 0, other: 0 }
  const answers: string[][] = []

  before(async () => {
    one = http.createServer((request, reply) => {
      visits.one += 1
      reply.end(request.headers.host)
    })
    other = http.createServer((_, reply) => {
      visits.other += 1
      reply.end('other')
    })
    await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve))
    port = (one.address() as AddressInfo).port
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.2', resolve))
    mock.method(dns, 'lookup', async () => {
      const found = answers[Math.min(asked, answers.length - 1)] ?? []
      asked += 1
      if (found.length === 0) throw new Error('ENOTFOUND')
      return found.map((address) => ({ address, family: net.isIP(address) }))
    })
    syncBuiltinESMExports()
  })
  after(() => {
    mock.restoreAll()
    syncBuiltinESMExports()
    one.close()
    other.close()
  })
  afterEach(() => {
    asked = 0
    answers.length = 0
    Object.assign(visits, { one: 0, other: 0 })
  })

  test('a name is resolved once, and the connection goes to the address that was checked', async () => {
    answers.push(['127.0.0.1'], ['127.0.0.2'])
    const send = egress({ allow: ['rebound.example'] })
    const reply = await send({ method: 'GET', url: `http://rebound.example:${port}/` })
    assert.equal(reply.body.toString(), `rebound.example:${port}`, 'the name itself is sent as Host')
    assert.deepEqual([asked, visits], [1, { one: 1, other: 0 }])
  })

  for (const found of [
    ['192.0.2.1', '127.0.0.1'],
    ['127.0.0.1', '192.0.2.1'],
    ['192.0.2.1', '::ffff:127.0.0.1'],
    ['2001:db8::1', 'fe80::1'],
  ]) {
    test(`a name with the addresses ${found.join(' and ')} is refused`, async () => {
      answers.push(found)
      const sent = egress({ allow: [] })({ method: 'GET', url: `http://mixed.example:${port}/` })
      await assert.rejects(sent, refused)
      assert.deepEqual(visits, { one: 0, other: 0 })
    })
  }

  test('a name that does not resolve is a failure of the other side, by name', async () => {
    await assert.rejects(egress({ allow: [] })({ method: 'GET', url: 'http://missing.example/' }), (error: unknown) => {
      const { code, message } = error as { code: string; message: string }
      return code === 'upstream_failed' && message.includes('missing.example')
    })
  })
})

describe('replies', () => {
  let server: http.Server
  let port = 0
  const received: { method: string; headers: http.IncomingHttpHeaders; body: string }[] = []
  before(async () => {
    server = http.createServer((request, reply) => {
      let body = ''
      request.setEncoding('utf8').on('data', (part) => (body += String(part)))
      request.on('end', () => {
        received.push({ method: request.method ?? '', headers: request.headers, body })
        const path = request.url ?? ''
        if (path.startsWith('/size/')) reply.end(Buffer.alloc(Number(path.slice(6))))
        else if (path === '/endless') {
          const more = setInterval(() => reply.write('x'.repeat(200)), 5)
          reply.once('close', () => clearInterval(more))
        } else if (path === '/drip') {
          reply.write('x')
          const more = setInterval(() => reply.write('x'), 30)
          reply.once('close', () => clearInterval(more))
        } else if (path === '/cut') {
          reply.writeHead(200, { 'content-length': '100' })
          reply.write('half', () => reply.destroy())
        } else if (path === '/nonsense') request.socket.end('nonsense\r\n\r\n')
        else if (path === '/headers') reply.writeHead(200, { 'x-big': 'y'.repeat(100_000) }).end()
        else if (path === '/teapot') reply.writeHead(418, { 'retry-after': '3' }).end('no')
        else if (path !== '/silent') reply.end('ok')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  const send = egress({ allow: ['127.0.0.1'], maxBytes: 1000, timeoutMs: 60_000 })
  const impatient = egress({ allow: ['127.0.0.1'], maxBytes: 1000, timeoutMs: 250 })
  const get = (path: string, by = send) => by({ method: 'GET', url: `http://127.0.0.1:${port}${path}` })

  test('of the largest size is taken, one byte more is not', async () => {
    assert.equal((await get('/size/1000')).body.length, 1000)
    await assert.rejects(get('/size/1001'), failed)
  })

  test('without end are cut at the largest size, long before the time is over', async () => {
    await assert.rejects(get('/endless'), {
      ...failed,
      message: /too large/,
    })
  })

  for (const path of ['/silent', '/drip']) {
    test(`${path}: the time is that of the whole exchange, whatever trickles in`, async () => {
      await assert.rejects(get(path, impatient), { ...failed, message: /no answer in time/ })
    })
  }

  for (const path of ['/cut', '/nonsense', '/headers']) {
    test(`${path} fails as the other side's fault`, () => assert.rejects(get(path), failed))
  }

  test('with an error status are given as they are', async () => {
    const { status, headers, body } = await get('/teapot')
    assert.deepEqual([status, headers['retry-after'], body.toString()], [418, '3', 'no'])
  })

  test('nobody listens: the other side’s fault', async () => {
    await assert.rejects(send({ method: 'GET', url: `http://127.0.0.1:${await freePort()}/` }), failed)
  })

  test('method, headers and body are sent as they were given, text and bytes', async () => {
    for (const [method, body] of [
      ['PUT', 'täxt'],
      ['POST', new TextEncoder().encode('täxt')],
    ] as const) {
      received.length = 0
      await send({ method, url: `http://127.0.0.1:${port}/`, headers: { 'x-own': '1' }, body })
      assert.deepEqual([received[0]?.method, received[0]?.headers['x-own'], received[0]?.body], [method, '1', 'täxt'])
    }
  })
})
