/** The jobs room: one worker, one scheduler and the leases of this process. It has no routes. */
import type { Db } from '../store/db.ts'
import { Leases } from './leases.ts'
import { Scheduler } from './schedule.ts'
import { Worker } from './worker.ts'

export interface JobsDeps {
  readonly db: Db
  /** Told of failed attempts and of faults of the worker itself. */
  readonly onError: (error: unknown) => void
}

export interface JobsRoom {
  /** Port: rooms below say here who does their jobs. */
  readonly worker: Worker
  /** Port: of several processes, one runs a loop. */
  readonly leases: Leases
  /** Does jobs and asks for those that are due, from now on. */
  start(): void
  /** Takes no more jobs, gives those that run 5 s to end, and resolves when they have. */
  stop(): Promise<void>
}

/** Time that running jobs have to end at a stop, ms. */
const GRACE_MS = 5000

export function jobsRoom({ db, onError }: JobsDeps): JobsRoom {
  const worker = new Worker(db, { onError })
  const scheduler = new Scheduler(db)
  return {
    worker,
    leases: new Leases(db),
    start() {
      worker.start()
      scheduler.start()
    },
    async stop() {
      await scheduler.stop()
      await worker.stop(GRACE_MS)
    },
  }
}
