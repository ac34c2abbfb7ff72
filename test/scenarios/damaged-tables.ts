/** A server in this process on a data folder of which one table is damaged: it starts, says so, and answers what is sound. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { StorageState } from '../../src/contract/system.ts'
import { startTestApp } from '../app.ts'
import { damageTable } from './damaged-table.ts'
import { send } from '../fixtures/send.ts'

/** A folder that a server was at, or one that a restore has made and no server has seen. */
export type Former = 'started' | 'restored'

/** Reads of many tables. */
const READS = [
  '/v1/endpoints',
  '/v1/models',
  '/v1/pipelines',
  '/v1/pipeline-runs',
  '/v1/rollouts',
  '/v1/incidents',
  '/v1/data-sets',
  '/v1/traces',
  '/v1/environments',
  '/v1/triggers',
  '/v1/searches',
  '/api/2.0/mlflow/experiments/get?experiment_id=0',
]

/** Makes a data folder of a server that was started and stopped. */
export async function makeFormer(dataDir: string): Promise<void> {
  await (await startTestApp({ dataDir })).stop()
}

/** Copies the folder `from` to `to`, damages one table of it, starts a server there and holds what it says and answers. */
export async function assertReadsOn(table: string, former: Former, { from, to }: { from: string; to: string }) {
  rmSync(to, { recursive: true, force: true })
  mkdirSync(to, { mode: 0o700 })
  if (former === 'started') cpSync(from, to, { recursive: true })
  else cpSync(join(from, 'slipway.db'), join(to, 'slipway.db'))
  damageTable(join(to, 'slipway.db'), table)
  const app = await startTestApp({ dataDir: to, logLevel: 'silent' })
  try {
    assert.equal(app.loginUrl, null)
    const server = { url: app.url, token: readFileSync(app.tokenFile, 'utf8').trim() }
    const health = JSON.parse((await send(server, 'GET', '/v1/health')).text) as Record<string, unknown>
    assert.deepEqual([health['writable'], health['corrupt']], [false, { database: true, blobs: 0 }])
    const { database } = JSON.parse((await send(server, 'GET', '/v1/storage')).text) as StorageState
    assert.equal(database.state, 'corrupt')
    assert.match(database.detail, /malformed|invalid|page/i)
    assert.equal(database.remedy, 'restore the newest backup: slipway restore')
    await assertSoundRead(server)
    const { status, text } = await send(server, 'POST', '/api/2.0/mlflow/experiments/create', { name: 'x' })
    // a token that could be kept nowhere reads, and does no more
    const lent = former === 'restored' || table === 'tokens'
    assert.equal(status, lent ? 403 : 507, text)
  } finally {
    await app.stop()
  }
}

/** Most of what is asked is answered; what lies on the damaged pages is refused with the remedy. */
async function assertSoundRead(server: Parameters<typeof send>[0]): Promise<void> {
  const refused: string[] = []
  for (const path of READS) {
    const { status, text } = await send(server, 'GET', path)
    if (status === 200) continue
    refused.push(path)
    assert.equal(status, 503, `${path}: ${text}`)
    assert.match(text, /estore the newest backup: slipway restore/)
    assert.doesNotMatch(text, /try again/i)
  }
  assert.ok(refused.length <= READS.length / 3, `these are refused: ${refused.join(', ')}`)
}
