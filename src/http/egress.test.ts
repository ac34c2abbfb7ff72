/** The egress client: private addresses in any notation are refused, allowed ones are reached, size and time are capped. */
import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { egress } from './egress.ts'

describe('egress', () => {
  let server: http.Server
  let port = 0
  before(async () => {
    server = http.createServer((request, reply) => {
      if (request.url === '/large') reply.end(Buffer.alloc(5000))
      else if (request.url === '/slow') setTimeout(() => reply.end('late'), 2000)
      else if (request.url === '/moved') reply.writeHead(302, { location: 'http://169.254.169.254/' }).end()
      else request.pipe(reply)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

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
  ]) {
    test(`${url} is refused`, () => assert.rejects(closed({ method: 'GET', url }), { code: 'invalid_field' }))
  }

  test('an allowed private host is reached, and a redirect is not followed', async () => {
    const open = egress({ allow: [`127.0.0.1:${port}`] })
    const reply = await open({ method: 'POST', url: `http://127.0.0.1:${port}/echo`, body: 'hello' })
    assert.deepEqual([reply.status, reply.body.toString()], [200, 'hello'])
    assert.equal((await open({ method: 'GET', url: `http://127.0.0.1:${port}/moved` })).status, 302)
  })

  test('a reply too large and an answer too late fail as upstream', async () => {
    const open = egress({ allow: ['127.0.0.1'], maxBytes: 1000, timeoutMs: 200 })
    await assert.rejects(open({ method: 'GET', url: `http://127.0.0.1:${port}/large` }), { code: 'upstream_failed' })
    await assert.rejects(open({ method: 'GET', url: `http://127.0.0.1:${port}/slow` }), { code: 'upstream_failed' })
  })
})
