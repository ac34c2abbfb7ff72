/** The egress client: allowed private addresses are reached, size and time are capped. */
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
      else if (request.url === '/silent') return
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

  test('an allowed private host is reached, and a redirect is not followed', async () => {
    const open = egress({ allow: [`127.0.0.1:${port}`] })
    const reply = await open({ method: 'POST', url: `http://127.0.0.1:${port}/echo`, body: 'hello' })
    assert.deepEqual([reply.status, reply.body.toString()], [200, 'hello'])
    assert.equal((await open({ method: 'GET', url: `http://127.0.0.1:${port}/moved` })).status, 302)
  })

  test('a reply too large and an answer that does not come fail as upstream', async () => {
    const open = egress({ allow: ['127.0.0.1'], maxBytes: 1000, timeoutMs: 200 })
    await assert.rejects(open({ method: 'GET', url: `http://127.0.0.1:${port}/large` }), { code: 'upstream_failed' })
    await assert.rejects(open({ method: 'GET', url: `http://127.0.0.1:${port}/silent` }), { code: 'upstream_failed' })
  })
})
