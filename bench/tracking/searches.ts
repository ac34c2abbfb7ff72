/** Searches among 100,000 runs: how long a caller waits, one search after the other. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTestServer } from '../../test/server.ts'
import { makeRuns } from './hundred-thousand.ts'
import type { Made } from './hundred-thousand.ts'
import { COMPILED } from '../program/serve.ts'
import { call, timed } from './tracker.ts'
import type { Reply, Timed, Tracker } from './tracker.ts'

export const RUNS = 100_000
export const POINTS = 100_000

/** Deep enough that a page that walked over the ones before it would show. */
const DEEP = 500

/** The waits of each search. */
export type SearchTimes = Record<'filter' | 'ordered' | 'rare' | 'first' | 'deep', Timed>

export const SEARCHES: Readonly<Record<keyof SearchTimes, string>> = {
  filter: 'a metric filter',
  ordered: 'and the order of another metric',
  rare: 'three metrics, 0.1 % of the runs',
  first: 'page 1',
  deep: `page ${DEEP}`,
}

/** Makes the runs on SQLite or in the database at `url`, and calls `work` with a server of them. */
export async function withRuns<T>(
  url: string | undefined,
  work: (tracker: Tracker, made: Made) => Promise<T>,
): Promise<T> {
  const data = mkdtempSync(join(tmpdir(), 'bench-runs-'))
  try {
    const made = await makeRuns({
      dataDir: data,
      runs: RUNS,
      points: POINTS,
      ...(url !== undefined && { databaseUrl: url }),
    })
    const env = { NODE_COMPILE_CACHE: COMPILED, ...(url !== undefined && { SLIPWAY_DATABASE_URL: url }) }
    const server = await startTestServer({ data, env })
    const headers = { Authorization: `Bearer ${server.token}` }
    try {
      return await work({ url: server.url, pid: server.pid, headers, token: server.token }, made)
    } finally {
      await server.stop()
    }
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

export async function searchTimes(tracker: Tracker, made: Made): Promise<SearchTimes> {
  const find = (more: object) => async () => {
    const asked = { experiment_ids: [made.experiment_id], max_results: 100, ...more }
    return call(tracker, 'POST', 'runs/search', asked)
  }
  const filter = 'metrics.acc > 0.5'
  return {
    filter: await timed(tracker, find({ filter })),
    ordered: await timed(tracker, find({ filter, order_by: ['metrics.loss ASC'] })),
    rare: await timed(tracker, find({ filter: 'metrics.acc > 0.9 AND metrics.loss < 0.1 AND metrics.auc < 0.1' })),
    first: await timed(tracker, find({})),
    deep: await timed(tracker, find({ page_token: await tokenOfPage(find, DEEP) })),
  }
}

async function tokenOfPage(find: (more: object) => () => Promise<Reply>, page: number): Promise<string> {
  let token = ''
  for (let at = 1; at < page; at++) token = (await find({ page_token: token })())['next_page_token'] as string
  return token
}
