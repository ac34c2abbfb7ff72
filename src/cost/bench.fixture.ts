/** A cost room on a fresh database for the cases of the ledger, emptied before each. */
import { after, before, beforeEach } from 'node:test'
import { auditLog } from '../auth/audit.ts'
import type { Principal } from '../contract/access.ts'
import type { Db } from '../store/db.ts'
import type { Cost, EntryRow, Subject } from './ledger-rows.ts'
import type { Use } from './ledger.ts'
import type { ServingSample } from './meters.ts'

export const HOUR = 3_600_000
export const DAY = 24 * HOUR
/** 2026-05-03T00:00:00Z */
export const START = 1_777_766_400_000

export const root: Principal = { id: 'root', name: 'root', role: 'admin', project: null, token_id: null }

export const NOTHING: Use = {
  from_at: START,
  to_at: START,
  cpu_ms: 0,
  memory_kib_s: 0,
  storage_kib_s: 0,
  predictions: 0,
}

export type OpenDb = () => Promise<{ db: Db; close(): Promise<void> }>

export interface Bench {
  /** The room; there once the suite has begun. */
  room(): Cost
  /** What the room's clock shows, ms; START before each case. */
  now: number
  entries(): Promise<EntryRow[]>
}

/** To be called in a suite: opens the database before it and closes it after; before each case entries and added prices are deleted. */
export function costBench(open: OpenDb): Bench {
  let opened: Awaited<ReturnType<OpenDb>> | undefined
  let room: Cost | undefined
  const made = (): Cost => {
    if (room === undefined) throw new Error('the suite has not begun')
    return room
  }
  const bench: Bench = {
    room: made,
    now: START,
    entries: () => made().db.all<EntryRow>('SELECT * FROM cost_entries ORDER BY id'),
  }
  const clock = (): number => bench.now
  before(async () => {
    opened = await open()
    room = { db: opened.db, clock, audit: auditLog(clock) }
  })
  beforeEach(async () => {
    bench.now = START
    await made().db.tx(async (t) => {
      await t.run('DELETE FROM cost_entries')
      await t.run('DELETE FROM cost_samples')
      await t.run('DELETE FROM cost_rates WHERE from_at > 0')
    })
  })
  after(() => opened?.close())
  return bench
}

/** What an entry of serving is for. */
export function subjectOf(id: string, more: Partial<Subject> = {}): Subject {
  return {
    id,
    kind: 'serving',
    project: 'flights',
    run: null,
    endpoint: 'delay',
    model: null,
    version: '1',
    outcome: null,
    ...more,
  }
}

/** A look at a process of the gateway that has done nothing yet. */
export function sampleOf(more: Partial<ServingSample> = {}): ServingSample {
  return {
    project: 'flights',
    endpoint: 'delay',
    version: '1',
    pid: 1,
    predictions: 0,
    requests: 0,
    gateway_cpu_seconds: 0,
    scorer_cpu_seconds: 0,
    gateway_bytes: 0,
    scorer_bytes: 0,
    ...more,
  }
}
