/** The control process is killed with -9 at every point of a rollout: the next one ends it the same, and every row was counted once. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { endOf } from '../../test/output.ts'
import { verifyAudit } from '../auth/audit.ts'
import { aliasHistory } from '../registry/aliases/aliases.ts'
import { variantsOf } from '../serving/context/rows.ts'
import type { Db } from '../store/db.ts'
import { migrate } from '../store/migrate.ts'
import { openSqlite } from '../store/sqlite/sqlite.ts'
import { newest, openRolloutBench, ship } from './bench.fixture.ts'
import type { Observation } from './evidence/evidence.ts'
import { getRollout } from './read.ts'
import { evidenceOf } from './context/context.ts'
import { replayVerdict } from './controller/verdicts.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-rollout-crash-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** Point and passing. The first passings belong to version 1, which is promoted at once. */
const FAULTS = [
  'rollout.change@1',
  'rollout.promoted@1',
  'rollout.changed@1',
  'rollout.change@2',
  'rollout.changed@2',
  'rollout.change@3',
  'rollout.change@5',
  'rollout.promoted@2',
  'rollout.changed@5',
  'serving.ingest@1',
  'serving.ingest@7',
]

/** Resolves to the exit code, or the signal, of a process that ends the rollout. */
function control(dataDir: string, fault?: string): Promise<string> {
  return endOf(join(import.meta.dirname, 'crasher.fixture.ts'), [dataDir], fault)
}

async function prepare(dataDir: string): Promise<void> {
  mkdirSync(join(dataDir, 'log'), { recursive: true })
  const db = openSqlite(join(dataDir, 'slipway.db'))
  await migrate(db)
  const bench = openRolloutBench(db, dataDir)
  for (let i = 0; i < 2; i++) await ship(bench, { model: 'crash' })
  await db.close()
}

/** What must hold at the end, wherever it was killed. */
async function check(db: Db, dataDir: string): Promise<void> {
  const row = await newest(db, 'crash')
  assert.equal(row.state, 'promoted', row.reason)
  assert.equal((await db.all('SELECT id FROM rollouts')).length, 2)
  const { verdicts } = await getRollout(db, row.id)
  assert.deepEqual(
    verdicts.map((one) => one.decision),
    ['advance', 'advance', 'promote'],
  )
  for (const { id } of verdicts) assert.equal((await replayVerdict(db, row.id, id)).same, true)
  const { registry } = openRolloutBench(db, dataDir)
  assert.deepEqual(
    (await aliasHistory(registry, 'crash')).map((move) => [move.from, move.to]),
    [
      ['1', '2'],
      [null, '1'],
    ],
  )
  assert.deepEqual(
    (await variantsOf(db, 'crash')).map((one) => [one.role, one.version]),
    [['stable', '2']],
  )
  assert.equal((await verifyAudit(db)).ok, true)
  assert.equal((await db.all("SELECT seq FROM audit WHERE resource = 'rollouts'")).length, 2 + 5)
  assert.deepEqual(await db.all('SELECT prediction_id FROM rollout_pairs'), [])
  await countedOnce(db, row.id)
}

/** Each row that was ingested while the rollout ran is one observation. */
async function countedOnce(db: Db, rollout: string): Promise<void> {
  const rows = await db.all<{ observations: string }>(
    'SELECT observations FROM rollout_observations WHERE rollout_id = ?',
    [rollout],
  )
  const all = rows.flatMap((row) => JSON.parse(row.observations) as Observation[])
  const canary = all.filter((one) => one[0] === 'c' && one[3] === 0).length
  const pairs = all.filter((one) => one[0] === 'p').length
  const { counts } = evidenceOf(await newest(db, 'crash'))
  assert.deepEqual([canary, pairs], [counts.canary, counts.pairs])
  const answered = await db.all("SELECT id FROM predictions WHERE role = 'canary'")
  const shadows = await db.all('SELECT id FROM shadow_predictions')
  assert.deepEqual([canary, pairs], [answered.length, shadows.length])
}

describe('a rollout whose control process is killed', () => {
  for (const fault of FAULTS) {
    it(`at ${fault} ends the same`, async () => {
      const dataDir = join(root, fault)
      await prepare(dataDir)
      assert.equal(await control(dataDir, fault), 'SIGKILL')
      assert.equal(await control(dataDir), '0')
      const db = openSqlite(join(dataDir, 'slipway.db'))
      await check(db, dataDir)
      await db.close()
    })
  }
})
