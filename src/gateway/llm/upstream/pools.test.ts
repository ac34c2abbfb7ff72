/** Connections that are kept open, and hosts that may be reached no longer. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { until } from '../../../../test/until.ts'
import { Pools } from './pools.ts'

test('a connection to a private host is not used once the host is no longer allowed; what is under way there ends', async (t) => {
  const waiting: ServerResponse[] = []
  const server = createServer((request, response) => {
    if (request.url === '/slow') waiting.push(response)
    else response.end('fast')
  })
  await new Promise<void>((listening) => server.listen(0, 'localhost', listening))
  t.after(() => server.close())
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`
  let allow = ['localhost']
  const pools = new Pools(() => allow)
  t.after(() => pools.close())
  const get = async (path: string): Promise<string> => {
    const { body } = await pools.of(origin).request({ method: 'GET', path })
    return body.text()
  }
  assert.equal(await get('/'), 'fast')
  const pool = pools.of(origin)
  assert.equal(pools.of(origin), pool, 'connections are shared')
  const slow = get('/slow')
  await until('it is under way', () => waiting.length === 1)
  allow = []
  await assert.rejects(get('/'), /its address is private/)
  await assert.rejects(get('/'), /its address is private/)
  waiting[0]?.end('slow')
  assert.equal(await slow, 'slow')
  allow = ['localhost']
  assert.equal(await get('/'), 'fast')
})
