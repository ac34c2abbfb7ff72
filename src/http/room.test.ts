/** The http room: what it answers by itself, the feed that leaves it and comes in, test hooks, and its end. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pino } from 'pino'
import { z } from 'zod'
import { until } from '../../test/until.ts'
import type { Principal } from '../contract/access.ts'
import { route } from '../contract/route.ts'
import type { Isolation } from '../contract/system.ts'
import { mount } from './mount.ts'
import { httpRoom } from './room.ts'
import type { HttpDeps, HttpRoom } from './room.ts'
import type { Reset } from './test-hooks.ts'

const admin: Principal = { id: 'a', name: 'a', role: 'admin', project: null, token_id: null }
const write = route({
  method: 'POST',
  path: '/v1/things',
  summary: 'for tests',
  access: { verb: 'write', resource: 'runs' },
  body: z.object({}),
  reply: z.object({}),
})
const pages = mkdtempSync(join(tmpdir(), 'slipway-pages-'))
writeFileSync(join(pages, 'index.html'), '<title>pages</title>')
after(() => rmSync(pages, { recursive: true, force: true }))

interface Running {
  readonly room: HttpRoom
  readonly url: string
  readonly sent: string[]
  /** As if another process had sent it. */
  hear(text: string): void
}

const ISOLATION: Isolation = {
  mode: 'auto',
  layers: ['mount', 'landlock'],
  held: ['read the data folder'],
  open: [],
  detail: '',
}

async function start(deps: Partial<HttpDeps> = {}, reset?: (asked: Reset) => Promise<void>): Promise<Running> {
  const sent: string[] = []
  let told: (text: string) => void = () => undefined
  const room = httpRoom({
    host: '127.0.0.1',
    port: 0,
    proof: (address, nonce) => `${address} ${nonce}`,
    allowHosts: [],
    pages,
    egressAllow: [],
    version: '1.2.3',
    clock: () => 1_777_766_400_000,
    logger: pino({ level: 'silent' }),
    database: 'sqlite',
    isolation: ISOLATION,
    writable: async () => true,
    looks: { summary: () => ({ database: false, blobs: 0 }), disk: async () => ({ low: false }) },
    once: async (_, answer) => ({ replayed: false, reply: await answer() }),
    asCaller: (_, work) => work(),
    crossing: { send: (text) => sent.push(text), listen: (hear) => (told = hear) },
    ...deps,
  })
  await room.start({
    routes: [mount(write, () => ({}))],
    authenticate: async ({ headers }) => (headers.authorization === undefined ? undefined : admin),
    throttled: () => undefined,
    ...(reset !== undefined && { reset }),
  })
  return { room, url: room.addresses.url, sent, hear: (text) => told(text) }
}

const authorization = { authorization: 'x', 'content-type': 'application/json' }

describe('the http room', () => {
  let running: Running
  let writable = true
  before(async () => {
    running = await start({ writable: async () => writable })
  })
  after(() => running.room.stop())

  test('says that it is starting until all of it is there', async () => {
    const { room, url } = await start()
    const early = await fetch(`${url}/v1/health`)
    assert.deepEqual([early.status, early.headers.get('retry-after')], [503, '1'])
    assert.match(await early.text(), /the server is not available: it is starting/)
    await room.announce({ gateway_url: '', grpc_address: null })
    assert.equal((await fetch(`${url}/v1/health`)).status, 200)
    await room.stop()
  })

  test('says to anyone whether it lives and its store takes writes', async () => {
    await running.room.announce({ gateway_url: '', grpc_address: null })
    const health = async (): Promise<unknown> => (await fetch(`${running.url}/v1/health`)).json()
    const sound = { ok: true, corrupt: { database: false, blobs: 0 }, room: 'enough', version: '1.2.3' }
    assert.deepEqual(await health(), { ...sound, writable: true })
    writable = false
    assert.deepEqual(await health(), { ...sound, writable: false })
  })

  test('says to those who may read it where it is, and where predictions are once they are', async () => {
    assert.equal((await fetch(`${running.url}/v1/server`)).status, 401)
    const info = async () =>
      (await (await fetch(`${running.url}/v1/server`, { headers: authorization })).json()) as Record<string, unknown>
    assert.deepEqual(await info(), {
      version: '1.2.3',
      url: running.url,
      gateway_url: '',
      grpc_address: null,
      database: 'sqlite',
      isolation: ISOLATION,
      started_at: '2026-05-03T00:00:00.000Z',
      now: '2026-05-03T00:00:00.000Z',
    })
    await running.room.announce({ gateway_url: 'http://127.0.0.1:9', grpc_address: '127.0.0.1:8' })
    const { gateway_url, grpc_address, url } = await info()
    assert.deepEqual([gateway_url, grpc_address, url], ['http://127.0.0.1:9', '127.0.0.1:8', running.url])
  })

  test('answers paths of pages with the shell, paths of the API with an error', async () => {
    assert.match(await (await fetch(`${running.url}/models/a.b`)).text(), /<title>pages/)
    assert.equal((await fetch(`${running.url}/v1/nothing`)).status, 404)
  })

  test('has no test hooks unless they were asked for', async () => {
    const asked = await fetch(`${running.url}/__reset`, { method: 'POST', body: '{}', headers: authorization })
    assert.equal(asked.status, 404)
  })

  test('tells other processes of what changes here, and pages of what changes there', async () => {
    const leave = new AbortController()
    const stream = await fetch(`${running.url}/v1/changes`, { headers: authorization, signal: leave.signal })
    const reader = (stream.body ?? assert.fail()).pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    const heard = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(text)) text += (await reader.read()).value ?? assert.fail(text)
    }
    await heard(/open/)
    running.room.publish('endpoints')('e1')
    await heard(/data: \{"kind":"endpoints","id":"e1"\}/)
    running.hear('{"kind":"models","id":"m1"}')
    await heard(/data: \{"kind":"models","id":"m1"\}/)
    await fetch(`${running.url}/v1/things`, { method: 'POST', body: '{}', headers: authorization })
    await heard(/data: \{"kind":"runs"\}/)
    leave.abort()
    await until('both to be sent', () => running.sent.length >= 2)
    const told = running.sent.map((one) => JSON.parse(one) as unknown)
    assert.deepEqual(told, [{ kind: 'endpoints', id: 'e1' }, { kind: 'runs' }], 'what came from there is not sent back')
  })

  test('its client of the outside reaches private hosts that were allowed, and no other', async () => {
    const inside = createServer((_, reply) => reply.end('in')).listen(0, '127.0.0.1')
    await new Promise((resolve) => inside.once('listening', resolve))
    const { port } = inside.address() as AddressInfo
    const open = await start({ egressAllow: [`127.0.0.1:${port}`] })
    try {
      const url = `http://127.0.0.1:${port}/`
      assert.equal((await open.room.send({ method: 'GET', url })).body.toString(), 'in')
      await assert.rejects(running.room.send({ method: 'GET', url }), { code: 'invalid_field' })
    } finally {
      inside.closeAllConnections()
      inside.close()
      await open.room.stop()
    }
  })
})

describe('test hooks', () => {
  test('empty the store as it is asked, for those who manage the server', async () => {
    const asked: Reset[] = []
    const { room, url } = await start({}, async (wish) => void asked.push(wish))
    const send = (body: string, headers: Record<string, string> = authorization) =>
      fetch(`${url}/__reset`, { method: 'POST', body, headers })
    try {
      assert.equal((await send('{}', { 'content-type': 'application/json' })).status, 401)
      assert.equal((await send('{"env":{"A":1}}')).status, 400)
      assert.equal((await send('{"artifact_root":"/tmp/x","env":{"A":"1"}}')).status, 200)
      assert.equal((await send('{}')).status, 200)
      assert.deepEqual(asked, [{ artifact_root: '/tmp/x', env: { A: '1' } }, { env: {} }])
    } finally {
      await room.stop()
    }
  })
})

test('after its end nothing answers', async () => {
  const { room } = await start()
  await room.stop()
  await assert.rejects(fetch(`${room.addresses.url}/v1/health`))
})
