/** Pages and files that are not what was written: found at the start, each night and by whoever reads them, told everywhere, and never written on or served. */
import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { temporaryFolder } from '../fixtures/folder.ts'
import { slipway } from '../../src/cli/program.fixture.ts'
import { storageApi } from '../../src/contract/system.ts'
import { NO_S3, startS3 } from '../s3.ts'
import { send } from '../fixtures/send.ts'
import { refusedStart, startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'

const s3 = await startS3()
const root = temporaryFolder('corrupt')
after(() => s3?.stop())

type Env = Readonly<Record<string, string>>

async function start(t: TestContext, data: string, env: Env = {}): Promise<TestServer> {
  const server = await startTestServer({ data, gateways: 1, env: { SLIPWAY_LOG_LEVEL: 'error', ...env } })
  t.after(() => server.stop())
  return server
}

/** A run with so many tags that they fill pages of their own. */
async function tagged(server: TestServer): Promise<string> {
  const made = await send(server, 'POST', '/api/2.0/mlflow/runs/create', { experiment_id: '0' })
  const id = (JSON.parse(made.text) as { run: { info: { run_id: string } } }).run.info.run_id
  const tags = Array.from({ length: 90 }, (_, i) => ({ key: `t${i}`, value: randomBytes(400).toString('hex') }))
  assert.equal((await send(server, 'POST', '/api/2.0/mlflow/runs/log-batch', { run_id: id, tags })).status, 200)
  return id
}

/** Overwrites a leaf of a table, past its header, as a failing disk would. */
function damagePage(data: string, table: string): void {
  const path = join(data, 'slipway.db')
  const db = new Database(path, { timeout: 120_000 })
  db.pragma('wal_checkpoint(TRUNCATE)')
  const size = Number(db.pragma('page_size', { simple: true }))
  const pages = db.prepare("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno").pluck()
  const leaves = pages.all(table) as number[]
  db.close()
  const page = leaves[Math.floor(leaves.length / 2)] ?? 0
  assert.ok(leaves.length > 2 && page > 1, `${table} has leaves`)
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(200, 0xff), 0, 200, (page - 1) * size)
  closeSync(file)
}

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')

async function corrupt(server: TestServer): Promise<boolean> {
  return /"database":true/.test((await send(server, 'GET', '/v1/health')).text)
}

/** What everybody is told of a database that is damaged. */
async function assertDamaged(server: TestServer, run: string): Promise<void> {
  const health = JSON.parse((await send(server, 'GET', '/v1/health')).text) as Record<string, unknown>
  assert.deepEqual(
    { ...health, version: '' },
    { ok: true, writable: false, corrupt: { database: true, blobs: 0 }, room: 'enough', version: '' },
  )
  for (const [path, body] of [
    ['/api/2.0/mlflow/experiments/create', { name: 'new' }],
    ['/api/2.0/mlflow/runs/log-metric', { run_id: run, key: 'a', value: 1, timestamp: 1 }],
    ['/v1/tokens', { name: 'x', role: 'viewer' }],
  ] as const) {
    const { status, text } = await send(server, 'POST', path, body)
    assert.equal(status, 507, text)
    assert.match(text, /the database is damaged \(.*\); nothing was written/)
  }
  const read = await send(server, 'GET', '/api/2.0/mlflow/experiments/get?experiment_id=0')
  assert.equal(read.status, 200, read.text)
  const state = await server.client.call(storageApi.state)
  assert.equal(state.database.state, 'corrupt')
  assert.match((await send(server, 'GET', '/metrics')).text, /^slipway_storage_database_corrupt 1$/m)
  const doctor = await slipway({ SLIPWAY_DATA: server.data }, 'doctor')
  assert.equal(doctor.code, 1)
  assert.match(doctor.text, /FAIL Storage: the database is damaged: /)
  assert.match(doctor.text, /FAIL Server: .* refuses writes: its database is damaged/)
  assert.equal((await fetch(`${server.gatewayUrl}/v2/health/live`)).status, 200, 'predictions are answered')
}

test('a damaged page is found at the start: nothing is written on the file, and what is sound is read', async (t) => {
  const data = join(root, 'start')
  const first = await start(t, data)
  const run = await tagged(first)
  await first.stop()
  damagePage(data, 'run_tags')
  const before = hashOf(join(data, 'slipway.db'))
  const second = await start(t, data)
  await assertDamaged(second, run)
  assert.match(second.errors(), /the database is damaged: reads of what is sound and predictions are answered/)
  assert.equal(await second.stop(), 0)
  assert.equal(hashOf(join(data, 'slipway.db')), before)
  const backup = await slipway({}, 'backup', join(root, 'damaged.tar'), '--data', data)
  assert.equal(backup.code, 3, backup.text)
  assert.match(backup.text, /the database is damaged/)
})

test('a page that is damaged while the server runs is found by the next look, and writes stop', async (t) => {
  const data = join(root, 'running')
  const server = await start(t, data)
  const run = await tagged(server)
  assert.equal((await server.client.call(storageApi.look)).database.state, 'sound')
  damagePage(data, 'run_tags')
  assert.equal((await server.client.call(storageApi.look)).database.state, 'corrupt')
  await assertDamaged(server, run)
})

test('a query that meets the damage is refused in words, and writes stop from then on', async (t) => {
  const data = join(root, 'met')
  const first = await start(t, data)
  const run = await tagged(first)
  await first.stop()
  const server = await start(t, data)
  damagePage(data, 'run_tags')
  const met = await send(server, 'GET', `/api/2.0/mlflow/runs/get?run_id=${run}`)
  assert.equal(met.status, 503, met.text)
  assert.match(met.text, /the database cannot be read here: .*estore the newest backup: slipway restore/)
  assert.doesNotMatch(met.text, /try again/i)
  await until('the look that follows', () => corrupt(server))
  await assertDamaged(server, run)
})

test('a file that is no database is refused at the start, with the remedy', async (t) => {
  const data = join(root, 'none')
  const first = await start(t, data)
  await first.stop()
  const file = openSync(join(data, 'slipway.db'), 'r+')
  writeSync(file, Buffer.alloc(4096, 7), 0, 4096, 0)
  closeSync(file)
  const { code, errors } = await refusedStart({ data })
  assert.equal(code, 3, errors)
  assert.match(
    errors,
    /none\/slipway\.db is damaged and cannot be opened: .*\nRestore the newest backup: slipway restore/,
  )
})

interface House {
  readonly env: Env
  /** The file in which the bytes of a blob lie. */
  readonly file: (data: string, digest: string) => string
}

const houses: Record<string, { skip: string | false; house: House }> = {
  disk: {
    skip: false,
    house: { env: {}, file: (data, digest) => join(data, 'blobs', digest.slice(7, 9), digest.slice(9)) },
  },
  S3: {
    skip: s3 === undefined ? NO_S3 : false,
    house: {
      env: { ...s3?.env },
      file: (_, digest) => s3?.file(`${digest.slice(7, 9)}/${digest.slice(9)}`) ?? '',
    },
  },
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

function damageFile(path: string): void {
  const bytes = readFileSync(path)
  bytes[bytes.length - 5] = (bytes.at(-5) ?? 0) ^ 1
  chmodSync(path, 0o644)
  writeFileSync(path, bytes)
}

/** A download as a client sees it: its bytes, or undefined when it did not end well. */
async function download(server: TestServer, name: string, headers: Env = {}): Promise<Buffer | undefined> {
  const path = `/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/${name}`
  const all = { authorization: `Bearer ${server.token}`, ...headers }
  const reply = await fetch(server.url + path, { headers: all })
  const bytes = await reply.arrayBuffer().catch(() => undefined)
  return reply.ok && bytes !== undefined ? Buffer.from(bytes) : undefined
}

async function upload(server: TestServer, name: string, body: Uint8Array): Promise<void> {
  const path = `/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/${name}`
  const headers = { authorization: `Bearer ${server.token}` }
  const reply = await fetch(server.url + path, { method: 'PUT', headers, body })
  assert.equal(reply.status, 200, await reply.text())
}

async function corruptOf(server: TestServer): Promise<Record<string, string>> {
  const { blobs } = await server.client.call(storageApi.state)
  assert.equal(blobs.corrupt_count, blobs.corrupt.length)
  return Object.fromEntries(blobs.corrupt.map(({ digest, found_by }) => [digest, found_by]))
}

/** The same, once there are so many: a list is brought up to date beside the call that changed it. */
async function listedOf(server: TestServer, count: number): Promise<Record<string, string>> {
  return until(`${count} corrupt files`, async () => {
    const found = await corruptOf(server)
    return Object.keys(found).length === count && found
  })
}

for (const [name, { skip, house }] of Object.entries(houses))
  test(
    `corrupt files are never served, are listed, are mended by the same bytes, and hold up no backup (${name})`,
    { skip },
    async (t) => {
      const data = join(root, `blobs-${name}`)
      const server = await start(t, data, house.env)
      const files = {
        small: randomBytes(1000),
        large: randomBytes(3_000_000),
        unread: randomBytes(5000),
        good: randomBytes(9),
      }
      for (const [file, bytes] of Object.entries(files)) await upload(server, file, bytes)
      assert.deepEqual(await download(server, 'large', { range: 'bytes=10-19' }), files.large.subarray(10, 20))
      for (const file of ['small', 'large', 'unread'] as const) damageFile(house.file(data, digestOf(files[file])))

      const small = digestOf(files.small)
      assert.equal(await download(server, 'small', { range: 'bytes=0-9' }), undefined, 'a part of it first')
      assert.equal(await download(server, 'large'), undefined, 'not to its end')
      assert.deepEqual(await listedOf(server, 2), { [small]: 'read', [digestOf(files.large)]: 'read' })
      assert.equal(await download(server, 'large', { range: 'bytes=10-19' }), undefined, 'once it is known')
      assert.deepEqual(await download(server, 'good'), files.good)

      const looked = await server.client.call(storageApi.look)
      assert.equal(looked.blobs.round.ended_at === null, false)
      assert.ok(looked.blobs.round.blobs >= 4)
      assert.equal((await corruptOf(server))[digestOf(files.unread)], 'look')
      const health = JSON.parse((await send(server, 'GET', '/v1/health')).text) as Record<string, unknown>
      assert.deepEqual([health['writable'], health['corrupt']], [true, { database: false, blobs: 3 }])
      assert.match((await send(server, 'GET', '/metrics')).text, /^slipway_storage_corrupt_blobs 3$/m)
      const doctor = await slipway({ SLIPWAY_DATA: data }, 'doctor')
      assert.match(doctor.text, /FAIL Storage: 3 files are not what was stored: sha256:/)

      await upload(server, 'again', files.small)
      assert.deepEqual(await download(server, 'small'), files.small, 'the same bytes, stored again, mend it')
      const bad = [digestOf(files.large), digestOf(files.unread)].sort()
      assert.deepEqual(Object.keys(await listedOf(server, 2)).sort(), bad)
      await server.stop()
      const next = await start(t, data, house.env)
      assert.deepEqual(Object.keys(await corruptOf(next)).sort(), bad, 'it is known after a start')
      await next.stop()

      const file = join(root, `${name}.tar`)
      const refused = await slipway(house.env, 'backup', file, '--data', data)
      assert.notEqual(refused.code, 0)
      for (const digest of bad) assert.ok(refused.text.includes(`corrupt: ${digest}`), refused.text)
      assert.match(refused.text, /--skip-corrupt/)
      const made = await slipway(house.env, 'backup', file, '--data', data, '--skip-corrupt')
      assert.equal(made.code, 0, made.text)
      const target = join(root, `restored-${name}`)
      const restored = await slipway({}, 'restore', file, '--data', target)
      assert.equal(restored.code, 0, restored.text)
      for (const digest of bad) for (const { text } of [made, restored]) assert.ok(text.includes(digest), text)
      const other = await start(t, target)
      assert.deepEqual(await download(other, 'small'), files.small)
      assert.equal(await download(other, 'large'), undefined)
      assert.deepEqual(Object.keys(await listedOf(other, 2)).sort(), bad, 'and the restored server says so too')
    },
  )
