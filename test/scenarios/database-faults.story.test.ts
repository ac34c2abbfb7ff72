/** A database that is locked by others, loses its connections or is started again: 503 with a time to try again, nothing lost, no 500. */
import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { startOwnPostgres } from '../postgres.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'

interface Load {
  /** Steps of the points that were acknowledged. */
  readonly kept: Set<number>
  /** Answers other than 200: how many of each status, and the last of each. */
  readonly refused: Map<number, { count: number; text: string; retry: string | null }>
  /** Reads that were answered. */
  readonly reads: { answered: number; refused: number[] }
  readonly run: string
  stop(): Promise<void>
}

/** Clients that log points of one run, and one that reads it, until they are stopped. */
async function load(t: TestContext, server: TestServer): Promise<Load> {
  const call = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(server.url + path, {
      method,
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  const made = (await (await call('POST', '/api/2.0/mlflow/runs/create', { experiment_id: '0' })).json()) as {
    run: { info: { run_id: string } }
  }
  const run = made.run.info.run_id
  const kept = new Set<number>()
  const refused: Load['refused'] = new Map()
  const reads: Load['reads'] = { answered: 0, refused: [] }
  const stopping = new AbortController()
  let step = 0
  const writer = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const point = { run_id: run, key: 'a', value: 1, timestamp: 1, step: step++ }
      const reply = await call('POST', '/api/2.0/mlflow/runs/log-metric', point)
      const text = await reply.text()
      if (reply.status === 200) kept.add(point.step)
      else {
        const count = (refused.get(reply.status)?.count ?? 0) + 1
        refused.set(reply.status, { count, text, retry: reply.headers.get('retry-after') })
      }
      // by the clock: the pace of the load, which decides nothing
      await sleep(5)
    }
  }
  const reader = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const reply = await call('GET', `/v1/runs/${run}`)
      await reply.arrayBuffer()
      if (reply.status === 200) reads.answered++
      else reads.refused.push(reply.status)
      // by the clock: the pace of the load, which decides nothing
      await sleep(20)
    }
  }
  const all = [writer(), writer(), writer(), reader()]
  const stop = async (): Promise<void> => {
    stopping.abort()
    await Promise.all(all)
  }
  t.after(stop)
  await until('the first points', () => kept.size > 20 && reads.answered > 2)
  return { kept, refused, reads, run, stop }
}

/** What was refused is 503 in words with a time to try again, and nothing else. */
function onlyUnavailable({ refused }: Load): void {
  assert.deepEqual(
    [...refused.keys()].filter((status) => status !== 503),
    [],
    JSON.stringify([...refused]),
  )
  for (const { text, retry } of refused.values()) {
    assert.match(text, /the database is not available/)
    assert.ok(Number(retry) >= 1, `retry-after: ${retry}`)
  }
}

async function goesOn({ kept }: Load, what: string): Promise<void> {
  const before = kept.size
  await until(what, () => kept.size > before + 20)
}

test('SQLite: another process holds the database for seconds; reads are answered, writes wait, then are refused, then go on', async (t) => {
  const server = await startTestServer({ env: { SLIPWAY_LOG_LEVEL: 'fatal' } })
  t.after(() => server.stop())
  const work = await load(t, server)
  const other = new Database(join(server.data, 'slipway.db'), { timeout: 120_000 })
  t.after(() => other.close())

  // a short lock is waited for, and nobody is refused
  await until('a lock that is as short as it is meant to be', async () => {
    work.refused.clear()
    const began = performance.now()
    other.exec('BEGIN EXCLUSIVE')
    // by the clock: writes come meanwhile and wait
    await sleep(500)
    other.exec('COMMIT')
    const ms = performance.now() - began
    await goesOn(work, 'points after a short lock')
    // one that a busy machine has made as long as writes wait says nothing
    return ms <= 4000
  })
  assert.equal(work.refused.size, 0)

  other.exec('BEGIN EXCLUSIVE')
  const reads = work.reads.answered
  await until('reads while the database is locked', () => work.reads.answered > reads + 5)
  await until('a refusal', () => work.refused.size > 0)
  other.exec('COMMIT')
  await goesOn(work, 'points after the lock')
  await work.stop()
  onlyUnavailable(work)
  assert.deepEqual(work.reads.refused, [])
  const there = new Set(
    other.prepare('SELECT step FROM metric_points WHERE run_id = ?').pluck().all(work.run) as number[],
  )
  assert.deepEqual(
    [...work.kept].filter((step) => !there.has(step)),
    [],
  )
  assert.equal(other.pragma('integrity_check', { simple: true }), 'ok')
})

test('PostgreSQL: connections are killed, a table is locked, the server crashes; nothing acknowledged is lost', async (t) => {
  const database = await startOwnPostgres()
  const server = await startTestServer({
    env: { SLIPWAY_DATABASE_URL: database.url, SLIPWAY_LOG_LEVEL: 'fatal' },
  })
  t.after(async () => {
    await server.stop()
    await database.stop()
  })
  const work = await load(t, server)
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: database.url })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }
  const other = await connect()
  for (let i = 0; i < 5; i++) {
    await other.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'slipway'",
    )
    await goesOn(work, 'points after the connections were killed')
  }

  await other.query('BEGIN; LOCK TABLE metric_points IN ACCESS EXCLUSIVE MODE')
  await until('a refusal for the lock', () => /holds its lock/.test(work.refused.get(503)?.text ?? ''))
  await other.query('COMMIT')
  await goesOn(work, 'points after the lock')

  await database.restart()
  await goesOn(work, 'points after the restart')
  await work.stop()
  onlyUnavailable(work)
  assert.deepEqual(
    work.reads.refused.filter((status) => status !== 503),
    [],
  )
  const last = await connect()
  const { rows } = await last.query<{ step: string }>('SELECT step FROM metric_history WHERE run_id = $1', [work.run])
  await last.end()
  const there = new Set(rows.map((row) => Number(row.step)))
  assert.deepEqual(
    [...work.kept].filter((step) => !there.has(step)),
    [],
  )
})
