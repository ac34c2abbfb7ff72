/** Imports over HTTP that are refused: what is here already, credentials, and what is no MLflow server. The source is a server of ours. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { transferApi } from '../../src/contract/transfer.ts'
import { mlflowServer } from '../../src/transfer/server/source.ts'
import { startProxy } from '../clients/mlflow-server.ts'
import type { Proxy } from '../clients/mlflow-server.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { bringIn } from './moving-server.ts'

describe('moving in over HTTP is refused', () => {
  let source: TestServer
  let server: TestServer
  let proxy: Proxy
  before(async () => {
    ;[source, server] = await Promise.all([startTestServer({ args: ['--no-auth'] }), startTestServer()])
    proxy = await startProxy(source.url)
    const made = await fetch(`${source.url}/api/2.0/mlflow/runs/create`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ experiment_id: '0', run_name: 'as it is' }),
    })
    assert.equal(made.status, 200)
  })
  after(async () => {
    await proxy.stop()
    await source.stop()
    await server.stop()
  })

  test('a run of the same id that no import brought is refused and not overwritten', async () => {
    await bringIn(server, proxy.url)
    const other = await startTestServer()
    try {
      const { rows } = await server.client.call(transferApi.read, { params: { table: 'runs' }, query: { limit: 1 } })
      const { rows: experiments } = await server.client.call(transferApi.read, {
        params: { table: 'experiments' },
        query: {},
      })
      const begun = await other.client.call(transferApi.begin, { body: { kind: 'mlflow', place: 'http://elsewhere' } })
      const write = (table: string, given: typeof rows) =>
        other.client.call(transferApi.write, {
          params: { table },
          body: { import_id: begun.import.id, rows: given, follow: true },
        })
      await write('experiments', experiments)
      await write(
        'runs',
        rows.map((row) => ({ ...row, run_name: 'as it was' })),
      )
      await assert.rejects(bringIn(other, proxy.url), { code: 'conflict', message: /run_name is "as it was" here/ })
    } finally {
      await other.stop()
    }
  })

  test('a server that wants credentials is told from one that is no MLflow server and from nobody at all', async () => {
    proxy.wanted = `Basic ${Buffer.from('ada:secret').toString('base64')}`
    await assert.rejects(
      bringIn(server, proxy.url),
      /wants credentials: set SLIPWAY_IMPORT_TOKEN, or SLIPWAY_IMPORT_USER/,
    )
    assert.equal((await mlflowServer(proxy.url, { user: 'ada', password: 'secret' })).place, proxy.url)
    proxy.wanted = undefined
    await assert.rejects(
      bringIn(server, `${source.url}/nowhere`),
      /does not answer as an MLflow server: .* is not there \(404\)/,
    )
    await assert.rejects(bringIn(server, 'http://ada:secret@127.0.0.1:1'), /expected an address without a password/)
    await assert.rejects(bringIn(server, 'ftp://127.0.0.1'), /expected http:\/\/host:port/)
    const other = createServer((asked, reply) => {
      if (asked.url?.startsWith('/login/') === true) reply.writeHead(302, { location: '/signin' }).end()
      else reply.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
    })
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done))
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    try {
      await assert.rejects(bringIn(server, url), /does not answer as an MLflow server: .* is no JSON/)
      await assert.rejects(bringIn(server, `${url}/login`), /it sends \S+ to \/signin/)
    } finally {
      other.closeAllConnections()
      await new Promise((done) => other.close(done))
    }
    await assert.rejects(bringIn(server, url), /failed: connect ECONNREFUSED/)
  })
})
