/**
 * The places of steps: cores and memory. They are taken by attempts that have not ended, as their rows say, and free by the write
 * that ends an attempt.
 */
import { availableParallelism, totalmem } from 'node:os'
import { Problem } from '../../contract/errors.ts'
import type { Reader } from '../../store/db.ts'
import { stepOf, type Context } from '../context/context.ts'
import type { PipelinesDeps, Resources } from '../context/deps.ts'
import { readState, type AttemptRow } from '../context/rows.ts'
import type { StepSpec } from '../spec/spec.ts'
import { isUnreadable } from '../spec/versions.ts'
import { WAITS_FOR_EQUAL } from './flight.ts'
import { memoryFor } from './retry.ts'

/** The lock of transactions that take a place. */
export const PLACES = 'pipelines.places'

/** A step that has waited longer holds back those that came later, ms. */
const PATIENCE_MS = 60_000
/** One that does not come though nothing has run for so long is kept by something else, and holds nobody back, ms. */
const STALL_MS = 5000
/** Share of the machine's memory that steps may take. */
const MEMORY_SHARE = 0.8

/** A step that holds others back, with what it waits for. */
export interface Head {
  readonly run_id: string
  readonly name: string
  readonly demand: Resources
}

/** What steps may take of this machine where the configuration does not say it: all cores, of one core two steps, and most of its memory. */
export function machineCapacity(): Resources {
  const limit = process.constrainedMemory()
  const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  return { cpus: Math.max(2, availableParallelism()), memory_bytes: Math.floor(memory * MEMORY_SHARE) }
}

/** What the next attempt of a step takes: what it names, else one core and a core's share of the memory; never more than there is. */
export function demandOf(deps: PipelinesDeps, step: StepSpec, attempts: readonly AttemptRow[]): Resources {
  const { capacity, stepMemory } = deps
  const earlier = attempts.filter((attempt) => attempt.step === step.name)
  const memory = memoryFor(step.memory_bytes ?? stepMemory ?? null, earlier)
  return {
    cpus: Math.min(step.cpus ?? 1, capacity.cpus),
    memory_bytes: Math.min(memory ?? Math.floor(capacity.memory_bytes / capacity.cpus), capacity.memory_bytes),
  }
}

/** What attempts that have not ended take. */
export async function takenPlaces(reader: Reader): Promise<Resources> {
  const taken = await reader.get<Resources>(
    `SELECT CAST(coalesce(sum(a.cpus), 0) AS BIGINT) AS cpus,
       CAST(coalesce(sum(a.memory_bytes), 0) AS BIGINT) AS memory_bytes
     FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id
     WHERE a.state IN ('submitting', 'running') AND r.state IN ('waiting', 'preparing', 'running')`,
  )
  return taken ?? { cpus: 0, memory_bytes: 0 }
}

/** True while there is room for `demand`, and for what `head` waits for besides. */
export async function hasPlace(
  reader: Reader,
  capacity: Resources,
  demand: Resources,
  head: Head | undefined,
): Promise<boolean> {
  const all = [await takenPlaces(reader), demand, head?.demand].filter((one) => one !== undefined)
  const sum = (of: keyof Resources): number => all.reduce((total, one) => total + one[of], 0)
  return sum('cpus') <= capacity.cpus && sum('memory_bytes') <= capacity.memory_bytes
}

/** Steps that wait for a place, the oldest first, of runs that go on. */
const WAITING = `SELECT s.run_id, s.name, r.version_id, coalesce(s.retry_at, s.ready_at) AS since
     FROM pipeline_runs r JOIN pipeline_steps s ON s.run_id = r.id
     WHERE r.state = 'running' AND r.desired_state = 'run' AND s.state = 'ready'
       AND (s.retry_at IS NULL OR s.retry_at <= ?) AND NOT ${WAITS_FOR_EQUAL}
     ORDER BY coalesce(s.retry_at, s.ready_at), s.run_id, s.position`

interface WaitingStep {
  readonly run_id: string
  readonly name: string
  readonly version_id: string
  readonly since: number
}

/** Waiting steps that are looked at for what they ask; beyond these the sum is of the oldest. */
const ASKED_AT_MOST = 500

/** What steps hold, what is free, and what those that wait for a place ask for. */
export interface Places {
  readonly held: Resources
  readonly free: Resources
  readonly asked: Resources
}

/** The places of the whole server as they are now. */
export async function placesNow(context: Context): Promise<Places> {
  const { db, clock, capacity } = context.deps
  const held = await takenPlaces(db)
  const waiting = await db.all<WaitingStep>(`${WAITING} LIMIT ?`, [clock(), ASKED_AT_MOST])
  const demands = (await Promise.all(waiting.map((step) => demandIn(context, step)))).filter((one) => one !== undefined)
  const sum = (of: keyof Resources): number => demands.reduce((total, one) => total + one[of], 0)
  return {
    held,
    free: {
      cpus: Math.max(0, capacity.cpus - held.cpus),
      memory_bytes: Math.max(0, capacity.memory_bytes - held.memory_bytes),
    },
    asked: { cpus: sum('cpus'), memory_bytes: sum('memory_bytes') },
  }
}

/** What a waiting step takes; undefined where the project file cannot be read: that is its own run's fault, and holds no other back. */
async function demandIn(context: Context, { version_id, run_id, name }: WaitingStep): Promise<Resources | undefined> {
  try {
    const step = stepOf(await context.spec(version_id), name)
    return demandOf(context.deps, step, (await readState(context.deps.db, run_id))?.attempts ?? [])
  } catch (error) {
    if (error instanceof Problem && !isUnreadable(error)) throw error
    return undefined
  }
}

/** The step that has waited longest, once it has waited so long that it holds others back. */
export async function findHead(context: Context): Promise<Head | undefined> {
  const { db, clock } = context.deps
  const now = clock()
  const first = await db.get<WaitingStep>(`${WAITING} LIMIT 1`, [now])
  if (first === undefined || now - first.since <= PATIENCE_MS || (await isIdle(context))) return undefined
  const demand = await demandIn(context, first)
  return demand === undefined ? undefined : { run_id: first.run_id, name: first.name, demand }
}

async function isIdle({ deps: { db, clock } }: Context): Promise<boolean> {
  const active = await db.get("SELECT id FROM pipeline_attempts WHERE state IN ('submitting', 'running') LIMIT 1")
  if (active !== undefined) return false
  const last = await db.get<{ at: number | null }>('SELECT max(finished_at) AS at FROM pipeline_attempts')
  return clock() - (last?.at ?? 0) > STALL_MS
}
