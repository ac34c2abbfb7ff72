/** A registry and a tracking room on one database with tables, whose clock stands until a test moves it. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migratedSqlite } from '../../test/databases.ts'
import { auditLog } from '../auth/audit.ts'
import { makeIds } from '../contract/ids.ts'
import { openDiskBlobs } from '../store/blobs/disk.ts'
import type { Db } from '../store/db.ts'
import type { Bench } from './bench.cases.ts'
import type { Registry } from './context/context.ts'

export interface Opened {
  readonly bench: Bench
  close(): Promise<void>
}

/** Opens both rooms; `close` closes the database and removes the files. */
export async function openRegistry(
  open: () => Promise<{ db: Db; close(): Promise<void> }> = migratedSqlite,
): Promise<Opened> {
  const opened = await open()
  const { db } = opened
  const folder = mkdtempSync(join(tmpdir(), 'slipway-registry-'))
  let now = 1_700_000_000_000
  const clock = (): number => now
  const blobs = openDiskBlobs(join(folder, 'blobs'))
  const audit = auditLog(clock)
  const ids = makeIds(clock, randomBytes)
  const bench: Bench = {
    tracking: { db, blobs, clock, random: randomBytes, record: audit.record },
    room: { db, blobs, clock, ids, audit, modelsDir: join(folder, 'models') },
    wait(ms) {
      now += ms
    },
  }
  const close = async (): Promise<void> => {
    await opened.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { bench, close }
}

/** The room, with `meanwhile` run each time before a transaction of it; it gets the number of the transaction, from 1. */
export function interrupted(room: Registry, meanwhile: (transaction: number) => Promise<unknown>): Registry {
  const { db } = room
  let transactions = 0
  const tx: Db['tx'] = async (work) => {
    await meanwhile(++transactions)
    return db.tx(work)
  }
  const other = Object.create(db, {
    tx: { value: tx },
    get: { value: db.get.bind(db) },
    all: { value: db.all.bind(db) },
  }) as Db
  return { ...room, db: other }
}
