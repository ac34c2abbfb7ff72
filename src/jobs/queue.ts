/** Jobs as rows: asked for inside the caller's transaction, claimed with a lease and a fence, finished only by the holder of the fence. */
import { randomBytes } from 'node:crypto'
import { problem } from '../contract/errors.ts'
import type { Db, Reader, Tx } from '../store/db.ts'
import { inList } from '../store/sql/sql.ts'

export type JobState = 'waiting' | 'running' | 'done' | 'dead'

/** What is asked for. */
export interface NewJob {
  readonly kind: string
  /** While a job of this kind with this key waits, asking again changes nothing but an earlier `run_at`. */
  readonly key?: string
  /** Jobs of one lane run one at a time. Default: kind and key where there is a key. */
  readonly lane?: string
  /** Anything that JSON can hold. */
  readonly payload: unknown
  /** Not before this time, ms. Default: now. */
  readonly run_at?: number
  /** A job that has failed this often is dead. Default 5. */
  readonly max_attempts?: number
}

/** A job as it is. Times are ms. */
export interface Job {
  readonly id: string
  readonly kind: string
  readonly key: string | null
  readonly lane: string | null
  readonly payload: unknown
  readonly state: JobState
  readonly run_at: number
  /** Times it was claimed since it last succeeded or was asked for. */
  readonly attempts: number
  readonly max_attempts: number
  readonly fence: number
  readonly worker: string | null
  readonly lease_until: number | null
  readonly last_error: string | null
  readonly created_at: number
  readonly finished_at: number | null
}

/** Where times and ids come from. */
export interface JobDeps {
  readonly now: () => number
  readonly newId: () => string
}

/** The wall clock and random ids that sort by time. */
export const JOB_DEPS: JobDeps = {
  now: Date.now,
  newId: () => `job_${Date.now().toString(36).padStart(9, '0')}${randomBytes(8).toString('hex')}`,
}

const DEFAULT_MAX_ATTEMPTS = 5

/** Longest error text kept with a job. */
const ERROR_CHARS = 4000

/** Called after the commit of an `enqueue` of this process, so that its workers look at once. */
const listeners = new Set<() => void>()

/** Registers a listener; returns how to remove it. */
export function onEnqueued(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Asks for a job in the caller's transaction and returns its id, or that of the waiting job with the same key. */
export async function enqueue(t: Tx, job: NewJob, deps: JobDeps = JOB_DEPS): Promise<string> {
  const now = deps.now()
  const lane = job.lane ?? (job.key === undefined ? null : `${job.kind}:${job.key}`)
  const row = await t.get<{ id: string }>(
    `INSERT INTO jobs (id, kind, key, lane, payload, state, run_at, attempts, max_attempts, fence, created_at)
     VALUES (?, ?, ?, ?, ?, 'waiting', ?, 0, ?, 0, ?)
     ON CONFLICT (kind, key) WHERE key IS NOT NULL AND state = 'waiting'
     DO UPDATE SET run_at = CASE WHEN excluded.run_at < jobs.run_at THEN excluded.run_at ELSE jobs.run_at END
     RETURNING id`,
    [
      deps.newId(),
      job.kind,
      job.key ?? null,
      lane,
      JSON.stringify(job.payload ?? null),
      job.run_at ?? now,
      job.max_attempts ?? DEFAULT_MAX_ATTEMPTS,
      now,
    ],
  )
  t.afterCommit(() => {
    for (const listener of listeners) listener()
  })
  return row?.id ?? ''
}

/** Who claims, what and for how long. */
export interface Claim {
  readonly worker: string
  readonly kinds: readonly string[]
  readonly now: number
  readonly leaseMs: number
  readonly limit: number
  /** How many more of a kind may be taken, ≥ 0; a kind without an entry has `limit` alone. */
  readonly most?: ReadonlyMap<string, number>
}

/**
 * Takes up to `limit` jobs: first those whose worker did not return before its lease ran out, then those that are due, oldest first.
 * Jobs without an attempt left become dead here.
 */
export async function claim(t: Tx, claim: Claim): Promise<Job[]> {
  // one claim at a time: two would take jobs of one lane, or the same job; a claim is short
  await t.lock('jobs.claim')
  await buryExhausted(t, claim)
  const claimed: Job[] = []
  const most = new Map(claim.most)
  while (claimed.length < claim.limit) {
    const kinds = claim.kinds.filter((kind) => (most.get(kind) ?? 1) > 0)
    if (kinds.length === 0) break
    const row = (await takeOne(t, { ...claim, kinds }, EXPIRED)) ?? (await takeOne(t, { ...claim, kinds }, DUE))
    if (row === undefined) break
    claimed.push(parsed(row))
    most.set(row.kind, (most.get(row.kind) ?? Infinity) - 1)
  }
  return claimed
}

/** Ends the leases of workers whose processes are known to have ended, so that their jobs are free at once. */
export async function freeEnded(t: Tx, hasEnded: (worker: string) => boolean, now: number): Promise<void> {
  const rows = await t.all<{ worker: string | null }>("SELECT DISTINCT worker FROM jobs WHERE state = 'running'")
  for (const { worker } of rows) {
    if (worker === null || !hasEnded(worker)) continue
    await t.run("UPDATE jobs SET lease_until = ? WHERE state = 'running' AND worker = ?", [now - 1, worker])
  }
}

/**
 * After the clock was set back: jobs that were asked for in what is now the future are due as soon after now as they were then, a
 * failed one waits no longer than the longest pause, and no lease runs longer than from now on.
 */
export async function clockWentBack(
  t: Tx,
  { now, leaseMs, pauseMs }: { readonly now: number; readonly leaseMs: number; readonly pauseMs: number },
): Promise<void> {
  await t.run(
    "UPDATE jobs SET run_at = run_at - created_at + ?, created_at = ? WHERE state = 'waiting' AND created_at > ?",
    [now, now, now],
  )
  await t.run("UPDATE jobs SET run_at = ? WHERE state = 'waiting' AND attempts > 0 AND run_at > ?", [
    now,
    now + pauseMs,
  ])
  await t.run("UPDATE jobs SET lease_until = ? WHERE state = 'running' AND lease_until > ?", [
    now + leaseMs,
    now + leaseMs,
  ])
}

/** Marks a claimed job done. False when another holds it by now: the caller must roll back. */
export async function complete(t: Tx, job: Job, now: number): Promise<boolean> {
  const sql = `UPDATE jobs SET state = 'done', finished_at = ?, lease_until = NULL, last_error = NULL WHERE ${HELD}`
  return (await t.run(sql, [now, job.id, job.fence])) === 1
}

/** How a claimed job goes back: when it is due, how many attempts count, and why. */
export interface Return {
  readonly runAt: number
  readonly attempts: number
  readonly error: string | null
  readonly now: number
}

/**
 * Gives a claimed job back, to wait. A keyed job that was asked for again meanwhile is done instead: the one that waits does its work.
 * False when another holds it by now.
 */
export async function putBack(t: Tx, job: Job, back: Return): Promise<boolean> {
  const next = await waitingTwin(t, job)
  if (next !== undefined) return complete(t, job, back.now)
  const sql = `UPDATE jobs SET state = 'waiting', run_at = ?, attempts = ?, last_error = ?, lease_until = NULL, worker = NULL WHERE ${HELD}`
  return (await t.run(sql, [back.runAt, back.attempts, short(back.error), job.id, job.fence])) === 1
}

/** Marks a claimed job dead, with its last error. */
export async function bury(t: Tx, job: Job, error: string, now: number): Promise<boolean> {
  const sql = `UPDATE jobs SET state = 'dead', finished_at = ?, last_error = ?, lease_until = NULL WHERE ${HELD}`
  return (await t.run(sql, [now, short(error), job.id, job.fence])) === 1
}

/** Extends the lease of a claimed job. False when another holds it by now. */
export async function renew(t: Tx, job: Job, leaseUntil: number): Promise<boolean> {
  return (await t.run(`UPDATE jobs SET lease_until = ? WHERE ${HELD}`, [leaseUntil, job.id, job.fence])) === 1
}

/** True while the caller still holds the job; a transaction that has called this cannot commit if another worker takes the job meanwhile. */
export async function holds(t: Tx, job: Job): Promise<boolean> {
  return (await t.run(`UPDATE jobs SET fence = fence WHERE ${HELD}`, [job.id, job.fence])) === 1
}

/** When there is something to claim of these kinds, ms: a waiting job whose lane is free, or a lease that runs out. */
export async function nextClaimable(db: Reader, kinds: readonly string[]): Promise<number | undefined> {
  const list = inList(kinds)
  const waiting = await db.get<{ at: number }>(
    `SELECT j.run_at AS at FROM jobs j WHERE ${FREE} AND j.kind IN ${list.text} ORDER BY j.run_at, j.id LIMIT 1`,
    list.params,
  )
  const leased = await db.get<{ at: number }>(
    `SELECT lease_until AS at FROM jobs WHERE state = 'running' AND kind IN ${list.text} ORDER BY lease_until LIMIT 1`,
    list.params,
  )
  const at = Math.min(waiting?.at ?? Infinity, (leased?.at ?? Infinity) + 1)
  return at === Infinity ? undefined : at
}

/** Throws `not_found`. */
export async function getJob(db: Reader, id: string): Promise<Job> {
  const row = await db.get<StoredJob>('SELECT * FROM jobs WHERE id = ?', [id])
  if (row === undefined) throw problem('not_found', { what: 'job', id })
  return parsed(row)
}

/** Jobs in a state, those that ran or wait longest first. */
export async function listJobs(db: Reader, state: JobState, limit = 100): Promise<Job[]> {
  const rows = await db.all<StoredJob>('SELECT * FROM jobs WHERE state = ? ORDER BY run_at, id LIMIT ?', [state, limit])
  return rows.map(parsed)
}

/** Lets a dead job run again, with fresh attempts. Throws `not_found`; `conflict` when it is not dead. */
export async function revive(t: Tx, id: string, now: number): Promise<void> {
  const job = await getJob(t, id)
  if (job.state !== 'dead') throw problem('conflict', { detail: `job ${id} is ${job.state}, not dead` })
  if ((await waitingTwin(t, job)) !== undefined) {
    throw problem('conflict', { detail: `a job of kind ${job.kind} with key ${job.key} waits already` })
  }
  await t.run(
    "UPDATE jobs SET state = 'waiting', attempts = 0, run_at = ?, finished_at = NULL, worker = NULL WHERE id = ?",
    [now, id],
  )
}

/** Deletes jobs that ended before a time, ms; returns how many. */
export function prune(db: Db, before: number): Promise<number> {
  return db.tx((t) => t.run("DELETE FROM jobs WHERE state IN ('done', 'dead') AND finished_at < ?", [before]))
}

type StoredJob = Omit<Job, 'payload'> & { readonly payload: string }

const HELD = "id = ? AND fence = ? AND state = 'running'"
const EXPIRED = "j.state = 'running' AND j.lease_until < ?"
const FREE = "j.state = 'waiting' AND NOT EXISTS (SELECT 1 FROM jobs r WHERE r.lane = j.lane AND r.state = 'running')"
const DUE = `${FREE} AND j.run_at <= ?`

async function takeOne(t: Tx, claim: Claim, which: string): Promise<StoredJob | undefined> {
  const kinds = inList(claim.kinds)
  const order = which === EXPIRED ? 'j.lease_until' : 'j.run_at'
  return t.get<StoredJob>(
    `UPDATE jobs SET state = 'running', worker = ?, lease_until = ?, fence = fence + 1, attempts = attempts + 1
     WHERE id = (SELECT j.id FROM jobs j WHERE ${which} AND j.kind IN ${kinds.text} ORDER BY ${order}, j.id LIMIT 1)
     RETURNING *`,
    [claim.worker, claim.now + claim.leaseMs, claim.now, ...kinds.params],
  )
}

async function buryExhausted(t: Tx, claim: Claim): Promise<void> {
  const kinds = inList(claim.kinds)
  await t.run(
    `UPDATE jobs SET state = 'dead', finished_at = ?, lease_until = NULL,
       last_error = 'its worker did not return before the lease ran out'
     WHERE state = 'running' AND lease_until < ? AND attempts >= max_attempts AND kind IN ${kinds.text}`,
    [claim.now, claim.now, ...kinds.params],
  )
}

async function waitingTwin(t: Tx, job: Job): Promise<string | undefined> {
  if (job.key === null) return undefined
  const sql = "SELECT id FROM jobs WHERE kind = ? AND key = ? AND state = 'waiting'"
  return (await t.get<{ id: string }>(sql, [job.kind, job.key]))?.id
}

function parsed(row: StoredJob): Job {
  return { ...row, payload: JSON.parse(row.payload) as unknown }
}

function short(error: string | null): string | null {
  return error === null ? null : error.replaceAll('\0', '').slice(0, ERROR_CHARS)
}
