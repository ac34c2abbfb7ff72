/** What the registry must do on every database; each driver's test file runs these cases on a fresh one. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe } from 'node:test'
import { auditLog } from '../auth/audit.ts'
import { makeIds } from '../contract/ids.ts'
import type { Db } from '../store/db.ts'
import { openDiskBlobs } from '../store/blobs/disk.ts'
import { migrate } from '../store/migrate.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { depthCases } from './gates/depth.cases.ts'
import { loweringCases } from './lowering/lowering.cases.ts'
import { promotionCases } from './aliases/promotion.cases.ts'
import type { Registry } from './context/context.ts'
import { wireCases } from './wire/wire.cases.ts'

export function registryCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  describe(`${name}: registry`, () => {
    let opened: Awaited<ReturnType<typeof open>>
    let now = 1_700_000_000_000
    const folder = mkdtempSync(join(tmpdir(), 'slipway-registry-'))
    const bench = { room: undefined as unknown as Registry, tracking: undefined as unknown as Tracking, wait }
    before(async () => {
      opened = await open()
      const { db } = opened
      await migrate(db)
      const clock = () => now
      const blobs = openDiskBlobs(join(folder, 'blobs'))
      const audit = auditLog(clock)
      const ids = makeIds(clock, randomBytes)
      bench.tracking = { db, blobs, clock, random: randomBytes, record: audit.record }
      bench.room = { db, blobs, clock, ids, audit, modelsDir: join(folder, 'models') }
    })
    after(async () => {
      await opened.close()
      rmSync(folder, { recursive: true, force: true })
    })
    function wait(ms: number): void {
      now += ms
    }
    promotionCases(bench)
    wireCases(bench)
    depthCases(bench)
    loweringCases(bench)
  })
}
