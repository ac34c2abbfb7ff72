/** A tracking room on an open store, with a clock that is the test's. */
import { randomBytes } from 'node:crypto'
import { auditLog } from '../../auth/audit.ts'
import type { Tracking } from './context.ts'

export function roomOn({ db, blobs }: Pick<Tracking, 'db' | 'blobs'>, clock: () => number): Tracking {
  return { db, blobs, clock, random: randomBytes, record: auditLog(clock).record }
}
