/** A gateway in a process of its own, under callers that hold it up, older tables, and kills in the midst of a swap. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { echoModel, serveModels } from '../../test/clients/gateway.ts'
import { servingModels } from '../../test/serving-models.ts'
import type { ServingModels } from '../../test/serving-models.ts'
import { gatewayStats, pushTable } from '../serving/fleet/admin-client.ts'
import { readInputs } from '../scoring/model/inputs.ts'
import { endpointRoute, openTable, writeTable } from './gateway.fixture.ts'
import { gatewayFile, readJsonFile } from './run-files.ts'
import type { GatewayFile } from './run-files.ts'
import type { EndpointRoute, RoutingTable } from './table/table.ts'
import type { InputField } from '../scoring/rows/fields.ts'

let models: ServingModels
let inputs: readonly InputField[]
const root = mkdtempSync(join(tmpdir(), 'gateway-faults-'))
const running = new Set<ChildProcess>()
before(async () => {
  models = await servingModels()
  inputs = (await readInputs(models.dir('hgb'), null)).inputs
})
after(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true, maxRetries: 5 })
})

/** A table of two endpoints, both with the version that is named as the epoch. */
function tableOf(epoch: number): RoutingTable {
  const dir = models.files('hgb').native?.dir ?? ''
  const variant = { role: 'stable', version: String(epoch), weight: 0, since: epoch } as const
  const variants = [{ ...variant, inputs, backend: { kind: 'native' as const, dir } }]
  const endpoint = (name: string): EndpointRoute => endpointRoute(name, [], { kind: 'native', dir }, { variants })
  return openTable([endpoint('a'), endpoint('b')], epoch)
}

/** A data folder whose gateways start with the table of an epoch. */
function folderWith(epoch: number): string {
  const dataDir = mkdtempSync(join(root, 'data-'))
  writeTable(dataDir, tableOf(epoch))
  return dataDir
}

interface Running {
  readonly port: number
  readonly ended: Promise<NodeJS.Signals | null>
  stop(): Promise<void>
}

async function start(dataDir: string, fault?: string): Promise<Running> {
  const given = { dataDir, index: 0, host: '127.0.0.1', port: 0, reusePort: false, allowHosts: [], version: '1.0.0' }
  const { SLIPWAY_TEST_HOOKS: _hooks, SLIPWAY_FAULT: _fault, ...env } = process.env
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), JSON.stringify(given)], {
    env: { ...env, ...(fault !== undefined && { SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: fault }) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.add(child)
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.once('exit', (_code, signal) => {
      running.delete(child)
      resolve(signal)
    })
  })
  let said = ''
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    said += chunk.toString('utf8')
    if (said.includes('\n')) break
  }
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await ended
  }
  return { port: (JSON.parse(said) as { port: number }).port, ended, stop }
}

/** Epoch and version that an endpoint answers with. */
async function answerOf(port: number, endpoint: string): Promise<[number, string]> {
  const { score: _, ...row } = models.rows[0] ?? { score: 0 }
  const response = await fetch(`http://127.0.0.1:${port}/v1/endpoints/${endpoint}:predict`, {
    method: 'POST',
    body: JSON.stringify({ inputs: row }),
  })
  const text = await response.text()
  assert.equal(response.status, 200, text)
  const { epoch, version } = JSON.parse(text) as { epoch: number; version: string }
  return [epoch, version]
}

function adminOf(dataDir: string): GatewayFile {
  return readJsonFile(gatewayFile(dataDir, 0)) as GatewayFile
}

async function assertTable(port: number, epoch: number): Promise<void> {
  for (const name of ['a', 'b']) assert.deepEqual(await answerOf(port, name), [epoch, String(epoch)], name)
}

test('an older table than the present one is answered with the present epoch, and changes nothing', async (t) => {
  const dataDir = folderWith(5)
  const gateway = await start(dataDir)
  t.after(() => gateway.stop())
  const admin = adminOf(dataDir)
  assert.deepEqual(await pushTable(admin, tableOf(4)), { epoch: 5, failed: [] })
  await assertTable(gateway.port, 5)
  const kept = JSON.parse(readFileSync(join(dataDir, 'run/routing.json'), 'utf8')) as RoutingTable
  assert.equal(kept.epoch, 5)
  assert.deepEqual(await pushTable(admin, tableOf(6)), { epoch: 6, failed: [] })
  await assertTable(gateway.port, 6)
})

test('a table that is none is refused, and the present one answers on', async (t) => {
  const dataDir = folderWith(1)
  const gateway = await start(dataDir)
  t.after(() => gateway.stop())
  const admin = adminOf(dataDir)
  await assert.rejects(pushTable(admin, { epoch: 9 } as unknown as RoutingTable))
  await assertTable(gateway.port, 1)
  assert.equal((await gatewayStats(admin)).epoch, 1)
})

test('who can connect and does not know the secret of the gateway changes nothing and reads nothing', async (t) => {
  const dataDir = folderWith(1)
  const gateway = await start(dataDir)
  t.after(() => gateway.stop())
  const { socket, secret = '' } = adminOf(dataDir)
  for (const stranger of [{ socket }, { socket, secret: '' }, { socket, secret: secret.replace(/.$/, '~') }]) {
    await assert.rejects(pushTable(stranger, tableOf(7)), /refused PUT \/table: .*secret/)
    await assert.rejects(gatewayStats(stranger), /secret/)
  }
  await assertTable(gateway.port, 1)
  assert.equal((await gatewayStats({ socket, secret })).epoch, 1)
})

/** Where the swap of a table may be cut, and the epoch of the table that a gateway then comes back with. */
const POINTS = [
  ['gateway.loaded', 1],
  ['gateway.swapped', 1],
  // the first file that a gateway writes is its own
  ['file.written@2', 1],
  ['gateway.kept', 2],
] as const

for (const [point, epoch] of POINTS) {
  test(`killed at ${point}, a gateway comes back with a whole table`, async (t) => {
    const dataDir = folderWith(1)
    const doomed = await start(dataDir, point)
    await assertTable(doomed.port, 1)
    await assert.rejects(pushTable(adminOf(dataDir), tableOf(2)))
    assert.equal(await doomed.ended, 'SIGKILL')
    const next = await start(dataDir)
    t.after(() => next.stop())
    await assertTable(next.port, epoch)
    assert.deepEqual(await pushTable(adminOf(dataDir), tableOf(2)), { epoch: 2, failed: [] })
    await assertTable(next.port, 2)
  })
}

const WANTED = 10_000
const LEAST = 2000
/** Files that each of the two processes needs besides. */
const OTHERS = 500
const WAVE = 250

/** Open files that this process and its children may have: Node raises its own limit to this one. */
function mostFiles(): number {
  const limit = /Max open files\s+\S+\s+(\S+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit)
}

/** A connection that is answered once and then kept. */
function idle(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write('GET /v2/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'),
    )
    socket.once('data', () => resolve(socket))
    socket.once('error', reject)
  })
}

test('ten thousand idle connections do not keep a caller from its answer', async (t) => {
  const count = process.platform === 'linux' ? Math.min(WANTED, mostFiles() - OTHERS) : 0
  if (count < LEAST) {
    t.skip(`needs ${LEAST + OTHERS} open files: ulimit -n ${WANTED + OTHERS}, then run the file again`)
    return
  }
  const dataDir = folderWith(1)
  const gateway = await start(dataDir)
  t.after(() => gateway.stop())
  const sockets: Socket[] = []
  t.after(() => sockets.forEach((socket) => socket.destroy()))
  while (sockets.length < count) {
    const wave = Math.min(WAVE, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: wave }, () => idle(gateway.port)))))
  }
  for (let i = 0; i < 20; i++) await assertTable(gateway.port, 1)
  const { rss } = await gatewayStats(adminOf(dataDir))
  t.diagnostic(`${count} connections, ${Math.round(rss / 2 ** 20)} MiB`)
  assert.ok(rss < 1.5 * 2 ** 30, `${rss} bytes`)
})

/** Sends a text and then a byte from time to time, until the connection is closed; resolves to what was answered. */
function trickle(address: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    const [host = '', port] = address.split(':')
    const socket = connect(Number(port), host, () => socket.write(text))
    const drip = setInterval(() => socket.write('x'), 50)
    let said = ''
    socket.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearInterval(drip)
      resolve(said)
    })
  })
}

test('callers that send a byte now and then are cut; others are answered meanwhile', async (t) => {
  const gateway = await serveModels([echoModel('floats', 'number')], { patience: { headersMs: 5000, requestMs: 8000 } })
  t.after(() => gateway.stop())
  const path = '/v1/endpoints/floats:predict'
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n`
  const state = { cut: false }
  const slow = Promise.all([
    trickle(gateway.http, `${head}X-Slow: `),
    trickle(gateway.http, `${head}Content-Length: 100000\r\n\r\n`),
    trickle(gateway.http, ''),
  ]).finally(() => (state.cut = true))
  let answered = 0
  while (!state.cut) {
    const response = await fetch(`http://${gateway.http}${path}`, { method: 'POST', body: '{"inputs":{"x":1}}' })
    assert.equal(response.status, 200, await response.text())
    answered++
    // by the clock: a caller that is not always there
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const [headers, body] = await slow
  assert.match(headers, /^HTTP\/1\.1 408 /)
  assert.match(body, /^HTTP\/1\.1 408 /)
  assert.ok(answered > 0)
})

test('a connection that is left half closed without a request, or with half of one, is closed', async (t) => {
  const gateway = await serveModels([echoModel('floats', 'number')], { patience: { headersMs: 1000, requestMs: 1500 } })
  t.after(() => gateway.stop())
  const [host = '', port] = gateway.http.split(':')
  for (const text of ['', 'POST /v1/endp', 'POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{'])
    await new Promise<void>((resolve) => {
      const socket = connect({ port: Number(port), host, allowHalfOpen: true }, () => socket.end(text))
      socket.on('error', () => undefined)
      socket.on('end', () => resolve())
      socket.on('close', () => resolve())
      socket.resume()
      t.after(() => socket.destroy())
    })
})
