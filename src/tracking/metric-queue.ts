/** Points that wait together are written together: those of calls that arrive while a commit is under way share one transaction. */
import type { Principal } from '../contract/access.ts'
import type { Clock } from '../contract/ids.ts'
import type { Problem } from '../contract/errors.ts'
import type { Db, Tx } from '../store/db.ts'
import { writePoints } from './metric-rows.ts'
import type { MetricPoint } from './points.ts'
import { beat } from './heartbeat.ts'
import { refusalOf } from './runs.ts'
import type { RunRow } from './runs.ts'
import type { Tracking } from './room.ts'
import { fetchAll, inList, sql } from './sql.ts'

/** Points of one transaction, unless a single call has more: on SQLite they keep the event loop for some 20 ms. */
const MOST = 4096

const queues = new WeakMap<Db, MetricQueue>()

/** The queue of the room's database. */
export function queueOf(room: Tracking): MetricQueue {
  let queue = queues.get(room.db)
  if (queue === undefined) queues.set(room.db, (queue = metricQueue(room.db, room.clock)))
  return queue
}

interface Waiting {
  readonly who: Principal
  readonly run_id: string
  readonly points: readonly MetricPoint[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export interface MetricQueue {
  /** Writes checked points of a run, all or none; resolves when they are durable. Refused alone where the run may not be written to. */
  add(who: Principal, runId: string, points: readonly MetricPoint[]): Promise<void>
}

/**
 * One transaction is under way at a time. A lone caller waits for nobody; sixty-four callers cost one transaction, one look at
 * the run and one row of the latest table a metric, instead of sixty-four.
 */
function metricQueue(db: Db, clock: Clock): MetricQueue {
  let waiting: Waiting[] = []
  let busy = false
  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = waiting
      waiting = group.splice(fitting(group))
      await writeGroup(db, clock, group)
    }
    busy = false
  }
  return {
    add(who, run_id, points) {
      return new Promise((resolve, reject) => {
        waiting.push({ who, run_id, points, resolve, reject })
        if (busy) return
        busy = true
        // what arrives in the same turn of the event loop is taken along
        setImmediate(() => void drain())
      })
    },
  }
}

/** How many of the calls, one at least, go into one transaction. */
function fitting(calls: readonly Waiting[]): number {
  let points = 0
  const over = calls.findIndex((call) => (points += call.points.length) > MOST)
  return over < 0 ? calls.length : Math.max(1, over)
}

/** Never rejects. A transaction that failed as a whole is tried again call by call, so that one cannot fail another. */
async function writeGroup(db: Db, clock: Clock, group: readonly Waiting[]): Promise<void> {
  let refusals: ReadonlyMap<Waiting, Problem> = new Map()
  try {
    refusals = await db.tx((t) => write(t, clock, group))
  } catch (error) {
    if (group.length === 1) group[0]?.reject(error)
    else for (const one of group) await writeGroup(db, clock, [one])
    return
  }
  for (const one of group) {
    const refusal = refusals.get(one)
    if (refusal === undefined) one.resolve()
    else one.reject(refusal)
  }
}

async function write(t: Tx, clock: Clock, group: readonly Waiting[]): Promise<Map<Waiting, Problem>> {
  const ids = [...new Set(group.map((one) => one.run_id))].sort()
  const rows = await fetchAll<RunRow>(t, sql`SELECT * FROM runs WHERE run_id IN ${inList(ids)}`)
  const runs = new Map(rows.map((row) => [row.run_id, row]))
  const refusals = new Map<Waiting, Problem>()
  const written = new Map<string, { run: RunRow; points: MetricPoint[] }>()
  for (const one of group) {
    const run = runs.get(one.run_id)
    const refusal = refusalOf(run, one.who, one.run_id)
    if (refusal !== undefined || run === undefined) {
      if (refusal !== undefined) refusals.set(one, refusal)
      continue
    }
    const known = written.get(run.run_id)
    if (known === undefined) written.set(run.run_id, { run, points: [...one.points] })
    else known.points.push(...one.points)
  }
  const batches = [...written.values()]
  await writePoints(t, batches)
  await beat(
    t,
    clock(),
    batches.map(({ run }) => run),
  )
  return refusals
}
