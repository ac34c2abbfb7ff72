/** A database file, or its log, that is taken away or replaced under a running server: told at once, nothing is acknowledged that would be lost, what it held is saved. */
import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { temporaryFolder } from '../fixtures/folder.ts'
import { storageApi, systemApi } from '../../src/contract/system.ts'
import { send } from '../fixtures/send.ts'
import { refusedStart, startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const root = temporaryFolder('moved')

const start = async (t: TestContext, data: string): Promise<TestServer> => {
  const server = await startTestServer({ data, gateways: 1, env: { SLIPWAY_LOG_LEVEL: 'error' } })
  t.after(() => server.stop())
  return server
}

/** Makes experiments one after the other until one is refused; returns the names of those that were acknowledged, and the refusal. */
async function untilRefused(server: TestServer, name: string) {
  const kept: string[] = []
  return until('a write that is refused', async () => {
    const one = `${name}-${kept.length}`
    const { status, text } = await send(server, 'POST', '/api/2.0/mlflow/experiments/create', { name: one })
    if (status !== 200) return { kept, status, text }
    kept.push(one)
    return undefined
  })
}

const savedIn = (data: string): string[] => readdirSync(data).filter((name) => /^slipway\.db\.saved-[\w-]+$/.test(name))

function namesIn(file: string): string[] {
  const db = new Database(file, { readonly: true })
  const names = db.prepare('SELECT name FROM experiments').pluck().all() as string[]
  assert.equal(db.pragma('integrity_check', { simple: true }), 'ok')
  db.close()
  return names
}

const FAULTS: Record<string, { act: (file: string, data: string) => void; says: RegExp }> = {
  'is removed': { act: (file) => rmSync(file), says: /slipway\.db was removed or moved away/ },
  'is moved away': { act: (file, data) => renameSync(file, join(data, '..', 'away.db')), says: /was removed or moved/ },
  'is replaced by a copy': {
    act(file) {
      copyFileSync(file, `${file}.copy`)
      renameSync(`${file}.copy`, file)
    },
    says: /slipway\.db was replaced by another file/,
  },
  'loses its log': { act: (file) => rmSync(`${file}-wal`), says: /slipway\.db-wal was removed/ },
  'loses the index of its log': { act: (file) => rmSync(`${file}-shm`), says: /slipway\.db-shm was removed/ },
}

for (const [fault, { act, says }] of Object.entries(FAULTS))
  test(`a database that ${fault} takes no more writes, and every one that was acknowledged is saved`, async (t) => {
    const data = mkdtempSync(join(root, 'data-'))
    const file = join(data, 'slipway.db')
    const server = await start(t, data)
    for (let i = 0; i < 5; i++)
      await send(server, 'POST', '/api/2.0/mlflow/experiments/create', { name: `before-${i}` })
    act(file, data)
    const { kept, status, text } = await untilRefused(server, 'after')
    assert.deepEqual([status, kept], [507, []], 'not one write is acknowledged any more')
    assert.match(text, says)
    assert.match(text, /while the server had it open/)

    await until('the copy', () => savedIn(data).length === 1)
    const [copy = ''] = savedIn(data)
    const names = namesIn(join(data, copy))
    for (let i = 0; i < 5; i++) assert.ok(names.includes(`before-${i}`), names.join())
    assert.equal(statSync(join(data, copy)).mode & 0o777, 0o600)
    await until('the remedy', async () => (await server.client.call(storageApi.state)).database.remedy?.includes(copy))
    const state = await server.client.call(storageApi.state)
    assert.equal(state.database.state, 'corrupt')
    assert.match(state.database.detail, says)
    const health = await server.client.call(systemApi.live)
    assert.deepEqual([health.writable, health.corrupt.database], [false, true])
    const doctor = await promisify(execFile)(process.execPath, [MAIN, 'doctor'], {
      env: { ...process.env, SLIPWAY_DATA: data },
    }).catch((error: { stdout: string }) => error)
    assert.match(doctor.stdout, new RegExp(`FAIL Storage: .*mv \\S*${copy} `))
    assert.match(server.errors(), says)
    assert.match(server.errors(), /what it held is saved: stop the server/)
    assert.equal(
      (await send(server, 'GET', '/api/2.0/mlflow/experiments/get?experiment_id=0')).status,
      200,
      'reads go on',
    )
    assert.equal((await fetch(`${server.gatewayUrl}/v2/health/live`)).status, 200, 'and predictions')
    assert.equal(await server.stop(), 0)
    assert.equal(savedIn(data).length, 1, 'it is saved once')

    if (!existsSync(file)) {
      const { code, errors } = await refusedStart({ data })
      assert.equal(code, 3, errors)
      assert.match(
        errors,
        new RegExp(`Put the copy in its place: rm -f \\S+-wal \\S+-shm; mv \\S+${copy} \\S+slipway\\.db`),
      )
    }
    for (const end of ['-wal', '-shm']) rmSync(file + end, { force: true })
    renameSync(join(data, copy), file)
    const again = await start(t, data)
    for (let i = 0; i < 5; i++) {
      const found = await send(again, 'GET', `/api/2.0/mlflow/experiments/get-by-name?experiment_name=before-${i}`)
      assert.equal(found.status, 200, found.text)
    }
    assert.equal((await send(again, 'POST', '/api/2.0/mlflow/experiments/create', { name: 'again' })).status, 200)
  })

test('a server that nobody writes on notices it too, also where the whole folder was taken away', async (t) => {
  const data = mkdtempSync(join(root, 'idle-'))
  const server = await start(t, data)
  await send(server, 'POST', '/api/2.0/mlflow/experiments/create', { name: 'kept' })
  renameSync(data, `${data}-away`)
  await until('the copy in a new folder', () => existsSync(data) && savedIn(data).length === 1)
  assert.ok(namesIn(join(data, savedIn(data)[0] ?? '')).includes('kept'))
  assert.match(server.errors(), /slipway\.db was removed or moved away while the server had it open/)
  assert.equal(await server.stop(), 0)
})
