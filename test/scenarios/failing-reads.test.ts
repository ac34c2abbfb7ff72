/** Reads of a database that fails: every route that reads answers with an error, never with an empty list or another answer made of it. */
import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { App } from '../../src/options.ts'
import { startTestApp } from '../app.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'failing-reads-'))
let app: App
let token: string

/** Tables that are read before a handler is reached; without them no handler would be asked. */
const OF_AUTHENTICATION = new Set(['tokens', 'sessions', 'migrations'])

before(async () => {
  app = await startTestApp({ dataDir, logLevel: 'fatal' })
  token = readFileSync(app.tokenFile, 'utf8').trim()
  assert.equal(await statusOf('POST', '/api/2.0/mlflow/runs/search', { experiment_ids: ['0'] }), 200)
  const db = new Database(join(dataDir, 'slipway.db'), { timeout: 10_000 })
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'").all()
  db.pragma('legacy_alter_table = ON')
  for (const { name } of tables as { name: string }[])
    if (!OF_AUTHENTICATION.has(name) && !name.startsWith('sqlite_'))
      db.exec(`ALTER TABLE "${name}" RENAME TO "${name}_gone"`)
  db.close()
})
after(async () => {
  await app.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

async function statusOf(method: string, path: string, body?: object): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const request = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
  const reply = await fetch(app.url + path, { ...request, signal: AbortSignal.timeout(60_000) })
  await reply.body?.cancel()
  return reply.status
}

/** Routes that answer from the process itself. */
const WITHOUT_DATABASE: ReadonlySet<string> = new Set([
  '/feast/{project}/health',
  '/v1/me',
  // reads the table of the tokens, which is there
  '/v1/tokens',
  '/v1/health',
  '/v1/server',
  '/v1/changes',
  // names of tables, not their rows
  '/v1/transfer/tables',
])

const RUN = '0'.repeat(32)

describe('on MLflow’s wire is a fault', () => {
  for (const path of [
    'experiments/get?experiment_id=0',
    'experiments/get-by-name?experiment_name=Default',
    `runs/get?run_id=${RUN}`,
    `metrics/get-history?run_id=${RUN}&metric_key=a`,
    `metrics/get-history-bulk?run_id=${RUN}&metric_key=a`,
    `artifacts/list?run_id=${RUN}`,
    'logged-models/m-1',
    'registered-models/get?name=a',
    'registered-models/search?max_results=10',
    'registered-models/alias?name=a&alias=a',
    'model-versions/get?name=a&version=1',
    'model-versions/search?max_results=10',
  ]) {
    test(`GET ${path}`, async () => assert.equal(await statusOf('GET', `/api/2.0/mlflow/${path}`), 500))
  }
})

describe('a search is a fault', () => {
  for (const [path, body] of [
    ['2.0/mlflow/runs/search', { experiment_ids: ['0'] }],
    ['2.0/mlflow/experiments/search', { max_results: 10 }],
    ['2.0/mlflow/logged-models/search', { experiment_ids: ['0'] }],
    [
      '3.0/mlflow/traces/search',
      { locations: [{ type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } }] },
    ],
    ['3.0/mlflow/issues/search', { experiment_id: '0' }],
  ] as const) {
    test(path, async () => {
      const status = await statusOf('POST', `/api/${path}`, body)
      assert.ok(status >= 500, String(status))
    })
  }
})

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

describe('a read is refused', () => {
  const file = resolve(import.meta.dirname, '../../docs/reference/openapi.json')
  const { paths } = JSON.parse(readFileSync(file, 'utf8')) as Described
  for (const [path, methods] of Object.entries(paths)) {
    if (methods['get'] === undefined || WITHOUT_DATABASE.has(path)) continue
    test(`GET ${path}`, async () => {
      const status = await statusOf('GET', path.replace(/\{\w+\}/g, '0'))
      assert.ok(status >= 400, String(status))
    })
  }
})
