/** Tracking on PostgreSQL with its own disk syncs: batches of many clients, and the searches beside the same on SQLite. */
import pg from 'pg'
import { startOwnPostgres } from '../../test/postgres.ts'
import { measured } from '../load/loaded.ts'
import type { Loaded } from '../load/loaded.ts'
import { familyOf } from '../load/process.ts'
import { batchOf } from './runs.ts'
import { RUNS, SEARCHES, searchTimes, withRuns } from './searches.ts'
import type { SearchTimes } from './searches.ts'
import { ms, thousands } from '../table.ts'
import type { Options, Row } from '../table.ts'
import { createRun, waits } from './tracker.ts'
import type { Tracker } from './tracker.ts'

const CLIENTS = 50

/** Rows of the batches and of each search. Throws where no PostgreSQL can be started. */
export async function postgres(options: Options): Promise<Row[]> {
  const database = await startOwnPostgres(true)
  try {
    const own = await withRuns(database.url, async (tracker, made) => {
      await settle(database.url)
      return { searched: await searchTimes(tracker, made), batches: await batches(tracker, database.pid, options) }
    })
    const sqlite = await withRuns(undefined, searchTimes)
    return [batchRow(own.batches), ...searchRows(own.searched, sqlite)]
  } finally {
    await database.stop()
  }
}

/** Does now what PostgreSQL's own daemon would do to the new rows within minutes, in the middle of what is measured. */
async function settle(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('VACUUM (ANALYZE)')
    await client.query('CHECKPOINT')
  } finally {
    await client.end()
  }
}

/** Every client logs to a run of its own. The CPU is that of the server and of PostgreSQL. */
async function batches(tracker: Tracker, database: number, options: Options): Promise<Loaded> {
  const runs: string[] = []
  for (let i = 0; i < CLIENTS; i++) runs.push(await createRun(tracker))
  const target = { port: Number(new URL(tracker.url).port), pids: [...familyOf(tracker.pid), ...familyOf(database)] }
  const bodies = (i: number): string => batchOf(runs[i % CLIENTS] ?? '', i)
  const load = { path: '/api/2.0/mlflow/runs/log-batch', headers: tracker.headers, bodies, clients: CLIENTS }
  return measured(target, load, options)
}

function batchRow(result: Loaded): Row {
  const points = `${thousands(result.perSecond * 100)} points/s, ${Math.round(result.cpuUs)} µs CPU a batch, PostgreSQL's included`
  return {
    name: `PostgreSQL: log-batch of 100 metrics, ${CLIENTS} clients`,
    measured: `p50 ${ms(result.p50)}, p95 ${ms(result.p95)}, ${points}`,
    target: 'p95 ≤ 25 ms',
    beside: '',
    ok: result.p95 <= 25 && result.refused === 0,
    figures: { clients: CLIENTS, ...result },
  }
}

function searchRows(own: SearchTimes, sqlite: SearchTimes): Row[] {
  return (Object.keys(SEARCHES) as (keyof SearchTimes)[]).map((search) => ({
    name: `PostgreSQL: runs/search of ${thousands(RUNS)}: ${SEARCHES[search]}`,
    measured: waits(own[search]),
    target: '≤ 2 × SQLite',
    beside: `SQLite ${waits(sqlite[search])}`,
    ok: own[search].p50 <= 2 * sqlite[search].p50,
    figures: { postgres: own[search], sqlite: sqlite[search] },
  }))
}
