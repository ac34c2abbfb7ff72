/** Moving in from a running MLflow server over HTTP: a real one, a kill in the middle, and both compared through their public API. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { transferApi } from '../../src/contract/transfer.ts'
import { sendSource } from '../../src/transfer/send.ts'
import type { Report } from '../../src/transfer/send.ts'
import { mlflowServer } from '../../src/transfer/server/source.ts'
import { startMlflow, startProxy } from '../clients/mlflow-server.ts'
import type { Proxy, RealServer } from '../clients/mlflow-server.ts'
import { testEnv } from '../python-env.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { assertUntouched, PACKAGES, runClient, sum } from './moving.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const RUNS = 32

let folder: string
let python: string
let mlflow: RealServer
let proxy: Proxy
let server: TestServer
/** What both servers said before anything was changed. */
let agreed: unknown

async function script(program: string, ...args: string[]): Promise<string> {
  const token = args[0]?.startsWith(server.url) === true ? { MLFLOW_TRACKING_TOKEN: server.token } : {}
  return runClient(python, program, args, token)
}

async function dump(url: string): Promise<unknown> {
  return JSON.parse(await script('mlflow_dump.py', url))
}

async function bringIn(url: string, dryRun = false): Promise<Report> {
  const source = await mlflowServer(url, {})
  return sendSource(server.client, source, { dryRun, progress: () => undefined })
}

type Things = Readonly<Record<string, unknown>>

interface Dump extends Readonly<Record<'experiments' | 'runs' | 'models' | 'traces' | 'sets', Things>> {
  readonly registry: Readonly<Record<string, { readonly versions: readonly unknown[] }>>
}

describe('moving in from a running MLflow server', () => {
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-transfer-server-'))
    python = process.env['SLIPWAY_MLFLOW_PYTHON'] ?? (await testEnv(PACKAGES))
    server = await startTestServer()
    await script('mlflow_store.py', folder, String(RUNS))
    mlflow = await startMlflow(python, `sqlite:///${join(folder, 'mlflow.db')}`, join(folder, 'proxied'))
    await script('mlflow_more.py', mlflow.url)
    proxy = await startProxy(mlflow.url)
  })

  after(async () => {
    await proxy?.stop()
    await mlflow?.stop()
    await server?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('a dry run counts and writes nothing', async () => {
    const report = await bringIn(proxy.url, true)
    assert.equal(report.tables['runs']?.added, RUNS + 3)
    await assertUntouched(server)
  })

  test('an import that is killed in the middle goes on where it was', async () => {
    proxy.pass = 180
    const args = [MAIN, 'import', 'mlflow', proxy.url, '--url', server.url]
    const child = spawn(process.execPath, args, {
      env: { ...process.env, SLIPWAY_TOKEN: server.token },
      stdio: 'ignore',
    })
    const ended = new Promise((done) => child.on('close', done))
    while (proxy.hanging() === 0 && child.exitCode === null) await sleep(50)
    assert.equal(child.exitCode, null)
    child.kill('SIGKILL')
    await ended
    const before = (await server.client.call(transferApi.list)).items[0]
    assert.equal(before?.state, 'running')
    assert.ok(before.added > 0)
    proxy.pass = Number.POSITIVE_INFINITY
    const report = await bringIn(proxy.url)
    assert.ok(report.parts_before > 0 && report.parts_before < report.parts)
    assert.deepEqual(report.notes, [])
    const again = await bringIn(proxy.url)
    assert.equal(sum(again, 'added'), 0)
    assert.equal(again.tables['runs']?.same, RUNS + 3)
    assert.equal(again.tables['metric_points']?.same, RUNS * 7 + 4 + 26_000 + 3)
  })

  test('both servers say the same to the mlflow client', async () => {
    const [here, there] = await Promise.all([dump(server.url), dump(mlflow.url)])
    assert.deepEqual(here, there)
    agreed = there
  })

  test('what has changed since is caught up by the next import, and nothing comes twice', async () => {
    const plan = JSON.parse(await script('mlflow_change.py', mlflow.url)) as Record<string, string>
    const check = await bringIn(proxy.url, true)
    assert.ok((check.tables['runs']?.changed ?? 0) >= 3, JSON.stringify(check.tables['runs']))

    // killed in the middle, and again
    proxy.pass = 60
    const args = [MAIN, 'import', 'mlflow', proxy.url, '--url', server.url]
    const env = { ...process.env, SLIPWAY_TOKEN: server.token }
    const child = spawn(process.execPath, args, { env, stdio: 'ignore' })
    const ended = new Promise((done) => child.on('close', done))
    while (proxy.hanging() === 0 && child.exitCode === null) await sleep(50)
    child.kill('SIGKILL')
    await ended
    proxy.pass = Number.POSITIVE_INFINITY
    const report = await bringIn(proxy.url)
    assert.deepEqual(report.notes, [
      'not changed here: model_aliases ranker/champion: version is 3 here and 1 in the import',
    ])
    const [there, here] = (await Promise.all([dump(mlflow.url), dump(server.url)])) as [Dump, Dump]
    assert.notDeepEqual(there, agreed)
    for (const id of Object.values(plan)) assert.ok(id in here.runs, id)
    for (const what of ['experiments', 'runs', 'models', 'traces', 'sets'] as const)
      assert.deepEqual(here[what], there[what])
    assert.equal(here.registry['ranker']?.versions.length, there.registry['ranker']?.versions.length)
    const again = await bringIn(proxy.url)
    const changed = Object.values(again.tables).reduce((total, count) => total + count.changed, 0)
    assert.deepEqual([sum(again, 'added'), changed], [0, 0])
  })

  test('a run of the same id that no import brought is refused and not overwritten', async () => {
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
      const source = await mlflowServer(proxy.url, {})
      const refused = sendSource(other.client, source, { dryRun: false, progress: () => undefined })
      await assert.rejects(refused, { code: 'conflict', message: /run_name is "as it was" here/ })
    } finally {
      await other.stop()
    }
  })

  test('a server that wants credentials is told from one that is no MLflow server and from nobody at all', async () => {
    proxy.wanted = `Basic ${Buffer.from('ada:secret').toString('base64')}`
    await assert.rejects(bringIn(proxy.url), /wants credentials: set SLIPWAY_IMPORT_TOKEN, or SLIPWAY_IMPORT_USER/)
    assert.equal((await mlflowServer(proxy.url, { user: 'ada', password: 'secret' })).place, proxy.url)
    proxy.wanted = undefined
    await assert.rejects(
      bringIn(`${mlflow.url}/nowhere`),
      /does not answer as an MLflow server: .* is not there \(404\)/,
    )
    await assert.rejects(bringIn('http://ada:secret@127.0.0.1:1'), /expected an address without a password/)
    await assert.rejects(bringIn('ftp://127.0.0.1'), /expected http:\/\/host:port/)
    const other = createServer((asked, reply) => {
      if (asked.url?.startsWith('/login/') === true) reply.writeHead(302, { location: '/signin' }).end()
      else reply.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
    })
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done))
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    try {
      await assert.rejects(bringIn(url), /does not answer as an MLflow server: .* is no JSON/)
      await assert.rejects(bringIn(`${url}/login`), /it sends \S+ to \/signin/)
    } finally {
      other.closeAllConnections()
      await new Promise((done) => other.close(done))
    }
    await assert.rejects(bringIn(url), /failed: connect ECONNREFUSED/)
  })
})
