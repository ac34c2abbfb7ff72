/** A monitoring room's dependencies over a real database, for tests: what a test does not expect to be asked for fails it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { auditLog } from '../auth/audit.ts'
import { makeIds } from '../contract/ids.ts'
import { freshSeal } from '../auth/seal.fixture.ts'
import type { Clock } from '../contract/ids.ts'
import type { StorageState } from '../contract/system.ts'
import { writeRecords } from '../serving/records/rows.ts'
import type { PredictionRecord } from '../gateway/records/records.ts'
import type { Db } from '../store/db.ts'
import { awaited } from '../store/awaited.fixture.ts'
import { onPredictions } from './profiles/hours.ts'
import type { MonitoringDeps } from './context/context.ts'

const unexpected = async (): Promise<never> => assert.fail('not asked for')

/** A store with one corrupt file, whose database was looked at one second after 1970. */
const STORED: StorageState = {
  disk: { free_bytes: 5e9, least_bytes: 2e8, low: false },
  database: {
    kind: 'sqlite',
    state: 'sound',
    detail: '',
    remedy: null,
    looked_at: '1970-01-01T00:00:01.000Z',
    checksums: null,
  },
  blobs: {
    corrupt: [],
    corrupt_count: 1,
    missing_count: 0,
    looked_at: null,
    compared_at: null,
    round: { began_at: null, ended_at: null, blobs: 0, bytes: 0 },
  },
}

const SEAL = freshSeal()

/** Dependencies with a clock and whatever a test replaces. A transaction that does not wait for its statements fails. */
export function testDeps(db: Db, clock: Clock, more: Partial<MonitoringDeps> = {}): MonitoringDeps {
  return {
    clock,
    ids: makeIds(clock, randomBytes),
    audit: auditLog(clock),
    referenceOf: async () => undefined,
    readTable: unexpected,
    findRuns: unexpected,
    stored: async () => STORED,
    openAddresses: async () => ({ endpoints: 0, versions: 0, files: 1 }),
    inputNames: async () => ['carrier'],
    eventLog: async () => [],
    onLabels: async () => undefined,
    saveSettings: unexpected,
    retrain: unexpected,
    rollback: unexpected,
    halt: unexpected,
    logLosses: unexpected,
    unanswered: unexpected,
    places: async () => ({
      held: { cpus: 2, memory_bytes: 300 },
      free: { cpus: 6, memory_bytes: 700 },
      asked: { cpus: 9, memory_bytes: 5 },
    }),
    mergeTimes: async () => ({ items: [], median_ms: null, slowest: null }),
    credentials: () => ({ failed: 0, throttled: 0 }),
    send: unexpected,
    seal: SEAL,
    pagesUrl: () => 'http://127.0.0.1:4600',
    random: Math.random,
    env: {},
    changed: () => undefined,
    onError: (error) => assert.fail(String(error)),
    log: () => undefined,
    ...more,
    db: awaited(more.db ?? db),
  }
}

export interface GivenRow {
  readonly id: string
  /** Event time and time of arrival, ms. */
  readonly et: number
  readonly at?: number
  readonly score: number
  readonly x?: readonly unknown[]
  /** What each input added to the score, of a row that was explained. */
  readonly added?: readonly number[]
}

/** Ingests predictions of version 1 as serving does, with the monitor's hook in the same transaction. */
export async function ingest(deps: MonitoringDeps, endpoint: string, rows: readonly GivenRow[]): Promise<void> {
  const records = rows.map(({ id, et, at = et, score, x = ['UA'], added }): PredictionRecord => ({
    t: 'p',
    id,
    ep: endpoint,
    role: 'stable',
    ver: '1',
    ep_epoch: 1,
    et,
    at,
    us: 50,
    st: 200,
    key: null,
    x: [...x],
    s: score,
    p: 0,
    ...(added !== undefined && { ex: { base: 0, contributions: added } }),
  }))
  await deps.db.tx(async (t) => void (await writeRecords(t, records, { onPredictions: onPredictions(deps) })))
}
