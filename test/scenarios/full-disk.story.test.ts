/** A disk that is full: writes are refused in words, reads and predictions go on, nothing acknowledged is lost, and it comes back. */
import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { slipway } from '../../src/cli/program.fixture.ts'
import { auditLog } from '../../src/auth/audit.ts'
import { SYSTEM, tokens } from '../../src/auth/tokens.ts'
import { makeIds } from '../../src/contract/ids.ts'
import { currentIncident } from '../../src/monitoring/incidents/rows.ts'
import { checkLogLoss, lossMemory } from '../../src/monitoring/rounds/log-loss.ts'
import { testDeps } from '../../src/monitoring/room.fixture.ts'
import { openDoor } from '../../src/serving/open-door.fixture.ts'
import { servingRoom } from '../../src/serving/room.ts'
import { openStore } from '../../src/store/open.ts'
import { listSegments } from '../../src/store/segments/segments.ts'
import { namesBelow } from '../fixtures/folder.ts'
import { send } from '../fixtures/send.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { servingModels } from '../serving-models.ts'
import { until } from '../until.ts'
import { ifSound } from '../../src/store/if-sound.fixture.ts'

/** A folder that is a file system of `mb` MB of its own; undefined, with the test skipped, where that may not be made. */
function smallDisk(t: TestContext, mb: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mb}m`, 'slipway-test', folder], { stdio: 'pipe' })
  } catch {
    rmSync(folder, { recursive: true })
    t.skip('no right to mount a small file system; run the tests as root')
    return undefined
  }
  t.after(() => {
    execFileSync('umount', ['-l', folder])
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** Fills a file system to its last byte; returns how to make room again. */
function fill(folder: string, name = 'filler'): () => void {
  const filler = join(folder, name)
  assert.throws(() => writeFileSync(filler, new Uint8Array(256_000_000)), { code: 'ENOSPC' })
  return () => rmSync(filler)
}

/** Repeats a call until it is answered with this status. */
async function answered(status: number, call: () => ReturnType<typeof send>): Promise<void> {
  let last: unknown
  await until(
    () => `status ${status}; the answer is ${JSON.stringify(last)}`,
    async () => {
      const answer = await call()
      last = answer
      return answer.status === status
    },
  )
}

test('the control process: 507 for writes, reads go on, every acknowledged point is there afterwards, no half blob', async (t) => {
  const folder = smallDisk(t, 32)
  if (folder === undefined) return
  const server = await startTestServer({ data: folder, env: { SLIPWAY_LOG_LEVEL: 'error' } })
  t.after(() => server.stop())
  const made = await send(server, 'POST', '/api/2.0/mlflow/runs/create', { experiment_id: '0' })
  const id = (JSON.parse(made.text) as { run: { info: { run_id: string } } }).run.info.run_id
  const artifacts = `/api/2.0/mlflow-artifacts/artifacts/0/${id}/artifacts`
  assert.equal((await send(server, 'PUT', `${artifacts}/a.txt`, 'kept')).status, 200)

  let step = 0
  const kept = new Set<number>()
  const refusals = new Map<number, string>()
  const stop = new AbortController()
  const client = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const point = { key: 'a', value: 1, timestamp: 1, step: step++ }
      // some bytes beside each point, so that the log of the database grows too
      const tag = { key: `t${point.step % 50}`, value: randomBytes(2000).toString('hex') }
      const { status, text } = await send(server, 'POST', '/api/2.0/mlflow/runs/log-batch', {
        run_id: id,
        metrics: [point],
        tags: [tag],
      })
      if (status === 200) kept.add(point.step)
      else {
        refusals.set(status, text)
        // by the clock: spares the server while it refuses; nothing is counted by it
        await sleep(20)
      }
    }
  }
  const clients = [client(), client(), client(), client()]
  await until('points that are kept', () => kept.size > 100)
  const room = fill(folder)
  await until('a refusal', () => refusals.size > 0)
  assert.deepEqual([...refusals.keys()], [507])
  assert.match(refusals.get(507) ?? '', /disk is full/)

  const blobs = (): string[] => namesBelow(join(folder, 'blobs')).sort()
  const before = blobs()
  const upload = await send(server, 'PUT', `${artifacts}/b.bin`, 'x'.repeat(500_000))
  assert.equal(upload.status, 507, upload.text)
  assert.deepEqual(blobs(), before)
  const token = await send(server, 'POST', '/v1/tokens', { name: 'x', role: 'viewer' })
  assert.equal(token.status, 507)
  assert.match(token.text, /"code":"storage_full"/)
  assert.equal((await send(server, 'GET', `/v1/runs/${id}`)).status, 200)
  assert.equal((await send(server, 'GET', `${artifacts}/a.txt`)).text, 'kept')
  assert.match((await send(server, 'GET', '/v1/health')).text, /"writable":false/)

  const atRoom = kept.size
  room()
  await until('writes to be taken again', () => kept.size > atRoom + 50)
  stop.abort()
  await Promise.all(clients)
  assert.deepEqual([...refusals.keys()], [507])
  assert.match((await send(server, 'GET', '/v1/health')).text, /"writable":true/)
  assert.equal((await send(server, 'PUT', `${artifacts}/b.bin`, 'x'.repeat(500_000))).status, 200)

  await server.stop()
  const db = new Database(join(folder, 'slipway.db'))
  t.after(() => db.close())
  assert.equal(db.pragma('integrity_check', { simple: true }), 'ok')
  const there = new Set(db.prepare('SELECT step FROM metric_points').pluck().all() as number[])
  assert.deepEqual(
    [...kept].filter((one) => !there.has(one)),
    [],
  )
})

test('a disk that is almost full is told while rows still fit: large writes are not to be counted on', async (t) => {
  const folder = smallDisk(t, 32)
  if (folder === undefined) return
  const server = await startTestServer({ data: folder, env: { SLIPWAY_LOG_LEVEL: 'error' } })
  t.after(() => server.stop())
  const health = JSON.parse((await send(server, 'GET', '/v1/health')).text) as { writable: boolean; room: string }
  assert.deepEqual([health.writable, health.room], [true, 'low'])
  const { disk } = JSON.parse((await send(server, 'GET', '/v1/storage')).text) as {
    disk: { free_bytes: number; low: boolean }
  }
  assert.ok(disk.low && disk.free_bytes > 0 && disk.free_bytes < 32_000_000, JSON.stringify(disk))
  const { text } = await slipway({ SLIPWAY_DATA: folder }, 'doctor')
  assert.match(text, /FAIL Server: .* answers, and its disk is almost full: large writes are refused/)
})

test('an upload that meets the end of the disk in its middle leaves nothing, and is taken once there is room', async (t) => {
  const folder = smallDisk(t, 32)
  if (folder === undefined) return
  const server = await startTestServer({ data: folder, env: { SLIPWAY_LOG_LEVEL: 'error' } })
  t.after(() => server.stop())
  const path = '/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/large.bin'
  const blobs = (): string[] => namesBelow(join(folder, 'blobs')).sort()
  const before = blobs()
  const upload = await send(server, 'PUT', path, randomBytes(48_000_000))
  assert.equal(upload.status, 507, upload.text)
  assert.deepEqual(blobs(), before)
  assert.equal((await send(server, 'GET', path)).status, 404)
  const small = randomBytes(8_000_000)
  await answered(200, () => send(server, 'PUT', path, small))
})

test('a gateway: every prediction is answered, the loss is counted and becomes an incident, later records are kept', async (t) => {
  const folder = smallDisk(t, 48)
  if (folder === undefined) return
  const models = await servingModels()
  const { db } = await openStore({ dataDir: folder })
  t.after(() => db.close())
  const ids = makeIds(Date.now, randomBytes)
  const context = { db, clock: Date.now, ids, audit: auditLog(Date.now) }
  const room = servingRoom({
    ...context,
    ...openDoor(db),
    dataDir: folder,
    ifSound,
    version: '0.0.0',
    gateways: { count: 1, host: '127.0.0.1', port: 0, allowHosts: [] },
    open: true,
    tokens: tokens(context),
    versionFiles: async () => models.files('hgb'),
    workers: 1,
    memoryMb: 2048,
    hooks: () => [],
    changed: () => undefined,
    log: () => undefined,
  })
  await room.start()
  t.after(() => room.stop())
  await room.put(SYSTEM, 'e', { project: 'p', model: 'm' })
  await room.deploy(SYSTEM, 'e', { version: '1' })

  let sent = 0
  const predict = async (): Promise<string> => {
    const { score: _, ...inputs } = models.rows[sent % models.rows.length] ?? { score: 0 }
    const name = `row-${sent++}`
    const reply = await fetch(`${room.addresses().gateway_url}/v1/endpoints/e:predict`, {
      method: 'POST',
      body: JSON.stringify({ inputs, id: name, routing_key: 'k'.repeat(200) }),
    })
    assert.equal(reply.status, 200, await reply.text())
    return name
  }
  const lost = async (): Promise<number> => {
    const text = await (await fetch(`${room.addresses().gateway_url}/metrics`)).text()
    return Number(/^slipway_log_lost_total (\d+)$/m.exec(text)?.[1])
  }
  const memory = lossMemory()
  const deps = testDeps(db, Date.now, { logLosses: () => room.logLosses() })
  const incident = async () => (await currentIncident(db, 'e', 'serving', 0))?.title
  for (let i = 0; i < 20; i++) await predict()
  assert.equal(await lost(), 0)
  await checkLogLoss(deps, memory)
  assert.equal(await incident(), undefined)

  const makeRoom = fill(folder)
  while ((await lost()) < 200) await predict()
  const segments = listSegments(join(folder, 'segments')).length
  assert.ok(segments < 100, `${segments} segment files for records that were not written`)
  // the incident itself cannot be written yet, and must not be forgotten
  await checkLogLoss(deps, memory).catch((error: unknown) => {
    assert.equal((error as { code?: string }).code, 'storage_full')
  })
  makeRoom()
  const title = await until('the incident', async () => {
    await predict()
    await checkLogLoss(deps, memory).catch(() => undefined)
    return incident()
  })
  assert.match(title, /records of the prediction log could not be written: .*ENOSPC/)

  const first = sent
  await until('a record of those after it', async () => {
    await predict()
    return db.get('SELECT id FROM predictions WHERE CAST(substr(id, 5) AS INTEGER) >= ?', [first])
  })
  const late = await predict()
  await until('the record of the next', () => db.get('SELECT id FROM predictions WHERE id = ?', [late]))
})

/** Fills a disk around the end of a server, and starts another on it: it answers reads, refuses writes, and is found when there is room. */
async function assertStarts(
  t: TestContext,
  end: (first: TestServer, fill: () => () => void) => Promise<() => void>,
): Promise<void> {
  const folder = smallDisk(t, 32)
  if (folder === undefined) return
  const env = { SLIPWAY_LOG_LEVEL: 'silent' }
  const first = await startTestServer({ data: folder, gateways: 1, env })
  t.after(() => first.stop())
  const made = await send(first, 'POST', '/api/2.0/mlflow/experiments/create', { name: 'kept' })
  assert.equal(made.status, 200, made.text)
  const room = await end(first, () => fill(folder))

  const second = await startTestServer({ data: folder, gateways: 1, env })
  t.after(() => second.stop())
  const read = await send(second, 'GET', '/api/2.0/mlflow/experiments/get-by-name?experiment_name=kept')
  assert.equal(read.status, 200, read.text)
  const create = (name: string) => send(second, 'POST', '/api/2.0/mlflow/experiments/create', { name })
  await answered(507, () => create(randomBytes(200).toString('hex')))
  const health = await fetch(`${second.gatewayUrl}/v2/health/live`)
  assert.equal(health.status, 200, 'predictions are answered')

  room()
  await until('server.json, by which commands find it again', () => existsSync(join(folder, 'server.json')))
  await answered(200, () => create('after'))
}

test('a server that was killed starts again on a full disk', (t) =>
  assertStarts(t, async (first, full) => {
    const room = full()
    await first.kill()
    return room
  }))

test('a server that was stopped on a full disk starts again on it, once it has not a byte left', (t) =>
  assertStarts(t, async (first, full) => {
    const before = full()
    assert.equal(await first.stop(), 0)
    const after = fill(first.data, 'filler-2')
    return () => {
      before()
      after()
    }
  }))

test('a server that was stopped starts again on a disk that was filled to its last byte meanwhile, twice', (t) =>
  assertStarts(t, async (first, full) => {
    assert.equal(await first.stop(), 0)
    const room = full()
    const again = await startTestServer({ data: first.data, env: { SLIPWAY_LOG_LEVEL: 'silent' } })
    t.after(() => again.stop())
    assert.equal(await again.stop(), 0)
    const more = fill(first.data, 'filler-2')
    return () => {
      room()
      more()
    }
  }))
