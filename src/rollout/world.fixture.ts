/** The world of the cases of the rollout room: a fresh database, a bench over it, and what every case asks of them. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before } from 'node:test'
import type { Principal } from '../contract/access.ts'
import { Rollout } from '../contract/rollout.ts'
import { variantsOf } from '../serving/context/rows.ts'
import type { Db } from '../store/db.ts'
import { newest, openRolloutBench, round, ship } from './bench.fixture.ts'
import type { RolloutBench, Shipped } from './bench.fixture.ts'
import { getRollout } from './read.ts'
import { replayVerdict } from './controller/verdicts.ts'

/** A maintainer of every project. */
export const ann: Principal = { id: 'p1', name: 'ann', role: 'maintainer', project: null, token_id: null }

export type Open = () => Promise<{ db: Db; close(): Promise<void> }>

export interface World {
  readonly bench: RolloutBench
  readonly db: Db
  /** The folder of the versions' files. */
  readonly folder: string
}

export interface Asking {
  /** `role version weight` of each variant. */
  readonly variants: (endpoint: string) => Promise<string[]>
  /** Replays every verdict of a rollout, and holds what the API shows against the contract; the decisions. */
  readonly allReplay: (id: string) => Promise<string[]>
  /** Version 1 in use, version 2 in its first step: the rollout of the second. */
  readonly begun: (endpoint: string, second?: Partial<Shipped>) => Promise<string>
}

/** Sets the world up for the cases of the describe in which it is called; `ready` gets it before the first case. */
export function rolloutWorld(open: Open, ready: (world: World) => void): Asking {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-rollout-'))
  let opened: Awaited<ReturnType<Open>>
  let bench: RolloutBench
  before(async () => {
    opened = await open()
    bench = openRolloutBench(opened.db, folder)
    ready({ bench, db: opened.db, folder })
  })
  after(async () => {
    await opened.close()
    rmSync(folder, { recursive: true, force: true })
  })
  afterEach(() => assert.deepEqual(bench.errors.splice(0), []))
  return {
    variants: async (endpoint) =>
      (await variantsOf(opened.db, endpoint)).map(({ role, version, weight }) => `${role} ${version} ${weight}`),
    async allReplay(id) {
      const shown = await getRollout(opened.db, id)
      Rollout.parse(JSON.parse(JSON.stringify(shown)))
      for (const verdict of shown.verdicts) {
        const { same, stored, replayed } = await replayVerdict(opened.db, id, verdict.id)
        assert.ok(same, JSON.stringify({ stored, replayed }))
      }
      return shown.verdicts.map((one) => one.decision)
    },
    async begun(endpoint, second = {}) {
      await ship(bench, { model: endpoint, ...second, auc: 0.8 })
      await round(bench)
      await ship(bench, { model: endpoint, ...second })
      await round(bench)
      const row = await newest(opened.db, endpoint)
      assert.equal(row.version, '2', row.reason)
      return row.id
    },
  }
}
