/** Schedules: cron expressions in a time zone that ask for jobs: each time asks once, however many processes look and however late. */
import { HOUR_MS } from '../contract/ids.ts'
import { problem } from '../contract/errors.ts'
import type { Db, Reader, Tx } from '../store/db.ts'
import { faultPoint } from '../store/fault.ts'
import { watchClock, type WatchedClock } from './clock-jumps.ts'
import { assertCron, nextFire } from './cron.ts'
import { enqueue, JOB_DEPS, type JobDeps } from './queue.ts'

/** What to do about times that passed while no scheduler ran: nothing, one job for the last, or one for each. */
export type Missed = 'skip' | 'last' | 'all'

/** What to do while the job of an earlier time is unfinished: run both, leave this time out, or run it afterwards. */
export type Overlap = 'allow' | 'skip' | 'queue'

export interface NewSchedule {
  readonly name: string
  /** Kind of the jobs. */
  readonly kind: string
  /** Payload of the jobs; `scheduled_at` (ms) is added to it. */
  readonly payload: Readonly<Record<string, unknown>>
  readonly cron: string
  /** IANA name. */
  readonly timezone: string
  /** Default `last`. */
  readonly missed?: Missed
  /** Default `skip`. */
  readonly overlap?: Overlap
}

/** A schedule as it is. Times are ms. */
export interface Schedule extends Required<NewSchedule> {
  readonly enabled: boolean
  /** Null when it never fires again or is not enabled. */
  readonly next_fire: number | null
  readonly last_fire: number | null
  readonly last_job: string | null
}

/** A time that is seen at most this late, ms, is not missed. */
const ON_TIME_MS = 60_000

/** Most jobs that one schedule asks for at once after a long pause; older times are dropped. */
const MOST_MISSED = 100

/** Makes or changes a schedule, in the caller's transaction. Its next time is after now. Throws `invalid_field`. */
export async function setSchedule(t: Tx, schedule: NewSchedule, now: number): Promise<void> {
  assertCron(schedule.cron, schedule.timezone)
  await t.run(
    `INSERT INTO schedules (name, kind, payload, cron, timezone, missed, overlap, enabled, next_fire)
     VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)
     ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, payload = excluded.payload, cron = excluded.cron,
       timezone = excluded.timezone, missed = excluded.missed, overlap = excluded.overlap, enabled = 1,
       next_fire = CASE WHEN schedules.cron = excluded.cron AND schedules.timezone = excluded.timezone AND schedules.enabled = 1
         THEN schedules.next_fire ELSE excluded.next_fire END`,
    [
      schedule.name,
      schedule.kind,
      JSON.stringify(schedule.payload),
      schedule.cron,
      schedule.timezone,
      schedule.missed ?? 'last',
      schedule.overlap ?? 'skip',
      nextFire(schedule.cron, schedule.timezone, now) ?? null,
    ],
  )
}

/** Stops a schedule until `setSchedule` names it again. Throws `not_found`. */
export async function disableSchedule(t: Tx, name: string): Promise<void> {
  const changed = await t.run('UPDATE schedules SET enabled = 0, next_fire = NULL WHERE name = ?', [name])
  if (changed === 0) throw problem('not_found', { what: 'schedule', id: name })
}

/** Deletes a schedule; its jobs stay. False when there was none. */
export async function removeSchedule(t: Tx, name: string): Promise<boolean> {
  return (await t.run('DELETE FROM schedules WHERE name = ?', [name])) === 1
}

/** A schedule; undefined when there is none of that name. */
export async function readSchedule(db: Reader, name: string): Promise<Schedule | undefined> {
  const row = await db.get<StoredSchedule>('SELECT * FROM schedules WHERE name = ?', [name])
  return row === undefined ? undefined : parsed(row)
}

/** Every schedule, by name. */
export async function listSchedules(db: Reader): Promise<Schedule[]> {
  return (await db.all<StoredSchedule>('SELECT * FROM schedules ORDER BY name')).map(parsed)
}

/** Asks for the jobs of all times up to now, in one transaction, and moves the schedules on. Returns how many jobs. */
export function fireDue(db: Db, deps: JobDeps = JOB_DEPS): Promise<number> {
  return db.tx(async (t) => {
    await t.lock('schedules')
    const now = deps.now()
    const due = await t.all<StoredSchedule>(
      'SELECT * FROM schedules WHERE enabled = 1 AND next_fire <= ? ORDER BY name',
      [now],
    )
    let jobs = 0
    for (const row of due) jobs += await fire(t, parsed(row), now, deps)
    faultPoint('schedules.fired')
    return jobs
  })
}

/** A clock that was set back by more than this, ms, was wrong before; after a smaller correction, times that have fired do not fire again. */
const CORRECTED_MS = 3 * HOUR_MS

/** After the clock was set back: schedules whose next time lies further ahead than it can are set anew. Returns how many. */
export function rewind(db: Db, now: number): Promise<number> {
  return db.tx(async (t) => {
    await t.lock('schedules')
    let changed = 0
    for (const row of await t.all<StoredSchedule>('SELECT * FROM schedules WHERE enabled = 1 AND next_fire > ?', [
      now,
    ])) {
      const { name, cron, timezone, next_fire } = parsed(row)
      const next = nextFire(cron, timezone, now) ?? null
      if (next === null || next_fire === null || next_fire - next <= CORRECTED_MS) continue
      changed += await t.run('UPDATE schedules SET next_fire = ? WHERE name = ?', [next, name])
    }
    return changed
  })
}

/** When the next schedule is due, ms; undefined when none is. */
export async function nextScheduled(db: Reader): Promise<number | undefined> {
  const row = await db.get<{ at: number | null }>('SELECT min(next_fire) AS at FROM schedules WHERE enabled = 1')
  return row?.at ?? undefined
}

export interface SchedulerOptions {
  readonly deps?: JobDeps
  /** Longest time between two looks, ms: how late a schedule of another process is noticed. Default 5000. */
  readonly pollMs?: number
  readonly onError?: (error: unknown) => void
}

/** Looks at the schedules in time, until it is stopped. Several may run: each time fires once. */
export class Scheduler {
  readonly #db: Db
  readonly #deps: JobDeps
  readonly #pollMs: number
  readonly #onError: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #started = false
  readonly #clock: WatchedClock
  /** False before the first look, which assumes that the clock went back while no scheduler ran. */
  #rewound = false

  constructor(db: Db, options: SchedulerOptions = {}) {
    this.#db = db
    this.#deps = options.deps ?? JOB_DEPS
    this.#pollMs = options.pollMs ?? 5000
    this.#onError = options.onError ?? (() => undefined)
    this.#clock = watchClock(this.#deps.now)
  }

  start(): void {
    if (this.#started) return
    this.#started = true
    this.#looking = this.#look()
  }

  async stop(): Promise<void> {
    this.#started = false
    clearTimeout(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    let pause = this.#pollMs
    try {
      if (this.#clock.jumped() < 0 || !this.#rewound) await rewind(this.#db, this.#deps.now())
      this.#rewound = true
      const next = await nextScheduled(this.#db)
      if (next !== undefined && next <= this.#deps.now()) await fireDue(this.#db, this.#deps)
      const then = await nextScheduled(this.#db)
      pause = Math.min(pause, Math.max(0, (then ?? Infinity) - this.#deps.now()))
    } catch (error) {
      this.#onError(error)
    }
    if (!this.#started) return
    this.#timer = setTimeout(() => {
      this.#looking = this.#look()
    }, pause)
  }
}

type StoredSchedule = Omit<Schedule, 'payload' | 'enabled'> & { readonly payload: string; readonly enabled: number }

function parsed(row: StoredSchedule): Schedule {
  return { ...row, payload: JSON.parse(row.payload) as Record<string, unknown>, enabled: row.enabled === 1 }
}

async function fire(t: Tx, schedule: Schedule, now: number, deps: JobDeps): Promise<number> {
  const { times, next } = timesUntil(schedule, now)
  let lastJob = schedule.last_job
  let jobs = 0
  for (const at of wanted(times, schedule.missed, now)) {
    if (schedule.overlap === 'skip' && (await isUnfinished(t, lastJob))) continue
    lastJob = await enqueue(t, jobOf(schedule, at), deps)
    jobs += 1
  }
  await t.run('UPDATE schedules SET next_fire = ?, last_fire = ?, last_job = ? WHERE name = ?', [
    next ?? null,
    times.at(-1) ?? schedule.last_fire,
    lastJob,
    schedule.name,
  ])
  return jobs
}

function jobOf(schedule: Schedule, at: number): Parameters<typeof enqueue>[1] {
  const job = { kind: schedule.kind, payload: { ...schedule.payload, scheduled_at: at }, run_at: at }
  return schedule.overlap === 'queue' ? { ...job, lane: `schedule:${schedule.name}` } : job
}

/** The latest due times, oldest first, and the first time after now. */
function timesUntil(schedule: Schedule, now: number): { times: number[]; next: number | undefined } {
  const times: number[] = []
  let at = schedule.next_fire ?? undefined
  while (at !== undefined && at <= now) {
    times.push(at)
    if (times.length > MOST_MISSED) times.shift()
    at = nextFire(schedule.cron, schedule.timezone, at)
  }
  return { times, next: at }
}

/** The policy is about times that were missed; the others always count. */
function wanted(times: readonly number[], missed: Missed, now: number): readonly number[] {
  if (missed === 'all') return times
  const onTime = times.filter((at) => at >= now - ON_TIME_MS)
  return missed === 'last' && onTime.length === 0 ? times.slice(-1) : onTime
}

async function isUnfinished(t: Tx, job: string | null): Promise<boolean> {
  if (job === null) return false
  const row = await t.get<{ state: string }>('SELECT state FROM jobs WHERE id = ?', [job])
  return row?.state === 'waiting' || row?.state === 'running'
}
