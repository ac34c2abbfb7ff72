/** Callers that drip a body or do not take their answer: each is ended in time, on every streaming route, and slow but honest ones are not. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { App } from '../../src/options.ts'
import { descriptorsBelow } from '../../src/store/descriptors.fixture.ts'
import { startTestApp } from '../app.ts'

/** A minute in small; a drip comes twenty times as often as it must, for a busy machine may hold up both of its ends. */
const PATIENCE = { idleMs: 2000, totalMs: 5000, bytesPerMs: 4 }

const dataDir = mkdtempSync(join(tmpdir(), 'slow-callers-'))
let app: App
let token: string
let run: string
let upload: string

before(async () => {
  app = await startTestApp({ dataDir, patience: PATIENCE, logLevel: 'fatal' })
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

describe('a body that drips', { timeout: 120_000, concurrency: true }, () => {
  for (const [name, line, headers = []] of STREAMING)
    for (const [how, everyMs, limit] of [
      ['without an end', 100, PATIENCE.totalMs],
      ['and stops', Infinity, PATIENCE.idleMs],
    ] as const)
      test(`${name}, ${how}: 408 and the connection closes`, async () => {
        const { socket, text, closed } = connection([`${line()} HTTP/1.1`, 'Content-Length: 1000000', ...headers])
        socket.write('x')
        const began = performance.now()
        const drip = setInterval(() => socket.write('x'), Math.min(everyMs, 1_000_000))
        await closed
        clearInterval(drip)
        assert.match(text(), /^HTTP\/1\.1 408 /)
        assert.match(text(), new RegExp(`more of the body did not come within ${limit} ms`))
        // a timer may be a moment early by this clock
        assert.ok(performance.now() - began >= limit - 2, 'it was waited for as long as it may take')
      })

  test('a body that comes slowly but steadily is taken, and nothing of the others is kept', async () => {
    const line = `PUT /api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/steady.bin HTTP/1.1`
    const { socket, text, closed } = connection([line, 'Content-Length: 240000', 'Connection: close'])
    // for longer than a drip may
    for (let sent = 0; sent < 240_000; sent += 4000) {
      socket.write(Buffer.alloc(4000))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await closed
    assert.match(text(), /^HTTP\/1\.1 200 /)
    const listed = await fetch(`${app.url}/api/2.0/mlflow/artifacts/list?run_id=${run}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const { files } = (await listed.json()) as { files: { path: string }[] }
    assert.deepEqual(
      files.map(({ path }) => path),
      ['steady.bin'],
    )
  })
})

describe('an answer that is not taken', { timeout: 120_000 }, () => {
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
      while (descriptorsBelow(join(dataDir, 'blobs')).length > 0)
        await new Promise((resolve) => setTimeout(resolve, 50))
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
      setTimeout(() => socket.resume(), 2)
    })
    await closed
    assert.ok(size > SIZE, `${size} bytes`)
  })
})
