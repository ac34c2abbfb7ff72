/** Callers that drip a body or do not take their answer: each is ended in time, on every streaming route, and slow but honest ones are not. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Patience } from '../../src/http/callers/request-body.ts'
import type { App } from '../../src/options.ts'
import { descriptorsBelow } from '../../src/store/descriptors.fixture.ts'
import { startTestApp } from '../app.ts'
import { until } from '../until.ts'

/** Longer than any machine holds up a test. */
const NEVER_MS = 3_600_000
/** A minute in small. Only one of its limits can be met: the other would be, too, on a machine that holds up both ends. */
const OF_STANDING: Patience = { idleMs: 2000, totalMs: NEVER_MS, bytesPerMs: 4 }
const OF_DRIPPING: Patience = { idleMs: NEVER_MS, totalMs: 5000, bytesPerMs: 4 }

let dataDir: string
let app: App
let token: string
let run: string
let upload: string

/** Called at the top of a suite: the app of its tests, with this patience. */
function opened(patience: Patience): void {
  before(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'slow-callers-'))
    app = await startTestApp({ dataDir, patience, logLevel: 'fatal' })
    token = readFileSync(app.tokenFile, 'utf8').trim()
    const made = (await post('/api/2.0/mlflow/runs/create', { experiment_id: '0' })) as {
      run: { info: { run_id: string } }
    }
    run = made.run.info.run_id
    const begun = await post(`/api/2.0/mlflow-artifacts/mpu/create/0/${run}/artifacts`, { path: 'f', num_parts: 1 })
    upload = (begun as { upload_id: string }).upload_id
  })
  after(async () => {
    await app.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
}

async function post(path: string, body: object): Promise<unknown> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const reply = await fetch(app.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  assert.equal(reply.status, 200)
  return reply.json()
}

/** A connection on which a request was begun; `text` gathers what came back. */
function connection(lines: readonly string[]): { socket: net.Socket; text: () => string; closed: Promise<void> } {
  const { port, hostname, host } = new URL(app.url)
  const socket = net.connect(Number(port), hostname)
  let text = ''
  socket.on('data', (bytes) => (text += bytes.toString('latin1')))
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write([...lines, `Host: ${host}`, `Authorization: Bearer ${token}`, '', ''].join('\r\n'))
  return { socket, text: () => text, closed }
}

/** Routes whose body is read as it comes. */
const STREAMING: readonly (readonly [name: string, line: () => string, headers?: readonly string[]])[] = [
  ['an artifact', () => `PUT /api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/f.bin`],
  ['an artifact of the pages', () => `PUT /ajax-api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/f.bin`],
  ['a part of an artifact', () => `PUT /api/2.0/mlflow-artifacts/mpu/parts/${upload}/1`],
  ['a file of a run', () => `POST /ajax-api/2.0/mlflow/upload-artifact?run_uuid=${run}&path=f.txt`],
  ['spans', () => 'POST /v1/traces', ['x-mlflow-experiment-id: 0', 'Content-Type: application/x-protobuf']],
  ['a blob of an import', () => 'PUT /v1/transfer/blobs'],
  ['a tree of a project', () => 'POST /v1/trees'],
]

/** The name of the body that is not refused. */
const STEADY = 'steady.bin'

/** A refusal on each route of a body of which a byte comes each `everyMs`; the limit, ms, is that which is named. */
function refusals(limit: number, everyMs?: number): void {
  for (const [name, line, headers = []] of STREAMING)
    test(`${name}: 408 and the connection closes`, async () => {
      const { socket, text, closed } = connection([`${line()} HTTP/1.1`, 'Content-Length: 1000000', ...headers])
      socket.write('x')
      const began = performance.now()
      const drip = everyMs === undefined ? undefined : setInterval(() => socket.write('x'), everyMs)
      await closed
      clearInterval(drip)
      assert.match(text(), /^HTTP\/1\.1 408 /)
      assert.match(text(), new RegExp(`more of the body did not come within ${limit} ms`))
      // a timer may be a moment early by this clock
      const waited = performance.now() - began
      assert.ok(waited >= limit - 2, 'it was waited for as long as it may take')
      const others = (await kept()).filter((path) => path !== STEADY)
      assert.deepEqual(others, [], 'nothing of it is kept')
    })
}

/** The artifacts of the run. */
async function kept(): Promise<string[]> {
  const headers = { authorization: `Bearer ${token}` }
  const listed = await fetch(`${app.url}/api/2.0/mlflow/artifacts/list?run_id=${run}`, { headers })
  const { files = [] } = (await listed.json()) as { files?: { path: string }[] }
  return files.map(({ path }) => path)
}

describe('a body that stops', { concurrency: true }, () => {
  opened(OF_STANDING)
  refusals(OF_STANDING.idleMs)
})

describe('a body that drips without an end', { concurrency: true }, () => {
  opened(OF_DRIPPING)
  refusals(OF_DRIPPING.totalMs, 100)

  test('one that comes slowly but steadily is taken', async () => {
    await until('a body whose pieces came steadily', async () => {
      const line = `PUT /api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/${STEADY} HTTP/1.1`
      const { socket, text, closed } = connection([line, 'Content-Length: 2400000', 'Connection: close'])
      const longest = await trickle(socket, 2_400_000)
      await closed
      // one that a busy machine held up for as long as the server waits was not steady
      if (longest > OF_DRIPPING.totalMs / 2) return false
      assert.match(text(), /^HTTP\/1\.1 200 /)
      return true
    })
    assert.deepEqual(await kept(), [STEADY])
  })
})

/** Sends so many bytes in sixty pieces, for longer than a drip may; the longest pause between two of them, ms. */
async function trickle(socket: net.Socket, size: number): Promise<number> {
  let [longest, last] = [0, performance.now()]
  for (let sent = 0; sent < size; sent += size / 60) {
    socket.write(Buffer.alloc(size / 60))
    // by the clock: a slow sender; that a piece came too late is noticed
    await sleep(100)
    const now = performance.now()
    ;[longest, last] = [Math.max(longest, now - last), now]
  }
  return longest
}

describe('an answer that is not taken', () => {
  opened(OF_DRIPPING)
  const SIZE = 40_000_000
  const path = (): string => `/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/large.bin`

  before(async () => {
    const headers = { authorization: `Bearer ${token}` }
    const reply = await fetch(app.url + path(), { method: 'PUT', headers, body: randomBytes(SIZE) })
    assert.equal(reply.status, 200)
  })

  for (const [name, take] of [
    ['at all', (socket: net.Socket) => socket.pause()],
    [
      'but in drops',
      (socket: net.Socket) => {
        socket.pause()
        const drops = setInterval(() => socket.read(100), 100)
        socket.once('close', () => clearInterval(drops))
      },
    ],
  ] as const)
    test(`${name}: its connection is cut and its file closed`, async () => {
      const { socket } = connection([`GET ${path()} HTTP/1.1`])
      await new Promise((resolve) => socket.once('readable', resolve))
      take(socket)
      await until('the file to be closed', () => descriptorsBelow(join(dataDir, 'blobs')).length === 0)
      socket.removeAllListeners('data').resume()
      let rest = 0
      socket.on('data', (bytes) => (rest += bytes.length))
      await new Promise((resolve) => socket.once('close', resolve))
      assert.ok(rest < SIZE, 'it did not get the whole file')
    })

  test('one that is taken at a fair pace comes whole', async () => {
    const { socket, closed } = connection([`GET ${path()} HTTP/1.1`, 'Connection: close'])
    let size = 0
    socket.on('data', (bytes) => {
      size += bytes.length
      socket.pause()
      // by the clock: a caller who takes a while for each piece, and thousands of times as much as he must
      setTimeout(() => socket.resume(), 2)
    })
    await closed
    assert.ok(size > SIZE, `${size} bytes`)
  })
})
