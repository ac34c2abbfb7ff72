/** Points of calls that wait together are written together. */
import type { Principal } from '../../contract/access.ts'
import type { Clock } from '../../contract/ids.ts'
import type { Problem } from '../../contract/errors.ts'
import type { Db, Tx } from '../../store/db.ts'
import { writePoints } from './rows.ts'
import type { MetricPoint } from '../context/points.ts'
import { beat } from '../runs/heartbeat.ts'
import { refusalOf } from '../runs/runs.ts'
import type { RunRow } from '../runs/runs.ts'
import type { Tracking } from '../context/context.ts'
import { fetchAll, inList, raw, sql } from '../../store/sql/sql.ts'
import { coalesced } from './coalescing.ts'

/**
 * Points of one transaction, unless a single call has more, and transactions at once. On SQLite they keep the event loop for some
 * 20 ms; PostgreSQL works at one while the next is read and checked.
 */
const MOST = { sqlite: 4096, postgres: 2048 }
const LANES = { sqlite: 1, postgres: 2 }

interface Logged {
  readonly who: Principal
  readonly run_id: string
  readonly points: readonly MetricPoint[]
}

const queues = new WeakMap<Db, (call: Logged) => Promise<void>>()

/** Writes checked points of a run, all or none; resolves when they are durable. Refused alone where the run may not be written to. */
export function queuePoints({ db, clock }: Tracking, call: Logged): Promise<void> {
  let queue = queues.get(db)
  if (queue === undefined) {
    queue = coalesced<Logged>({
      choose: (calls) => fitting(calls, MOST[db.kind]),
      write: (take) => db.tx((t) => write(t, clock, take())),
      lanes: { count: LANES[db.kind], of: (one) => one.run_id },
    })
    queues.set(db, queue)
  }
  return queue(call)
}

/** As many calls as have few enough points. */
function fitting(calls: readonly Logged[], most: number): number[] {
  const places: number[] = []
  let points = 0
  for (const [place, call] of calls.entries()) {
    points += call.points.length
    if (place > 0 && points > most) break
    places.push(place)
  }
  return places
}

/** What is looked at of a run. */
type WrittenRun = Pick<RunRow, (typeof LOOKED_AT)[number]>
const LOOKED_AT = ['run_id', 'experiment_id', 'project', 'lifecycle_stage', 'heartbeat_at', 'lost_at'] as const
const RUNS = raw(`SELECT ${LOOKED_AT.join(', ')} FROM runs WHERE run_id IN`)

/** Sixty-four callers cost one transaction, one look at the run and one row of the latest table a metric, instead of sixty-four. */
async function write(t: Tx, clock: Clock, group: readonly Logged[]): Promise<Map<Logged, Problem>> {
  const ids = [...new Set(group.map((one) => one.run_id))].sort()
  const rows = await fetchAll<WrittenRun>(t, sql`${RUNS} ${inList(ids)}`)
  const runs = new Map(rows.map((row) => [row.run_id, row]))
  const refusals = new Map<Logged, Problem>()
  const written = new Map<string, { run: WrittenRun; points: MetricPoint[] }>()
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
