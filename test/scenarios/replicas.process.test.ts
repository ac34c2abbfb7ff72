/** Two control processes on one PostgreSQL and one S3 server: both answer, and what one acknowledged outlives it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import pg from 'pg'
import { startPostgres } from '../postgres.ts'
import { NO_S3, startS3 } from '../s3.ts'
import { startTestServer, type TestServer } from '../server.ts'
import { until } from '../until.ts'

const s3 = await startS3()
const skip = s3 === undefined ? NO_S3 : false
after(() => s3?.stop())

/** A call of MLflow's REST API. Throws when it is not acknowledged. */
async function mlflow<T>(server: TestServer, path: string, body: unknown): Promise<T> {
  const reply = await fetch(`${server.url}/api/2.0/mlflow/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (reply.status !== 200) throw new Error(`${path} answered ${reply.status}: ${await reply.text()}`)
  return (await reply.json()) as T
}

async function newRun(server: TestServer, experiment: string): Promise<string> {
  const { run } = await mlflow<{ run: { info: { run_id: string } } }>(server, 'runs/create', {
    experiment_id: experiment,
    start_time: 1,
  })
  return run.info.run_id
}

/** The steps of a metric as a server tells them. */
async function steps(server: TestServer, run: string): Promise<number[]> {
  const query = new URLSearchParams({ run_id: run, metric_key: 'm', max_results: '25000' })
  const reply = await fetch(`${server.url}/api/2.0/mlflow/metrics/get-history?${query.toString()}`, {
    headers: { authorization: `Bearer ${server.token}` },
  })
  const { metrics = [] } = (await reply.json()) as { metrics?: { step: number | string }[] }
  return metrics.map(({ step }) => Number(step)).sort((a, b) => a - b)
}

/** Logs step after step until the server is gone; returns the steps that it acknowledged. */
async function logUntilGone(server: TestServer, run: string, count: { acknowledged: number }): Promise<number[]> {
  const acknowledged: number[] = []
  for (let step = 0; ; step++) {
    try {
      await mlflow(server, 'runs/log-metric', { run_id: run, key: 'm', value: step, timestamp: step + 1, step })
      acknowledged.push(step)
      count.acknowledged += 1
    } catch {
      return acknowledged
    }
  }
}

test(
  'two replicas answer alike; one is killed under load and nothing that it acknowledged is lost',
  { skip },
  async (t) => {
    const database = await startPostgres()
    const env = { ...s3?.env, SLIPWAY_DATABASE_URL: database.url }
    const [one, two] = await Promise.all([startTestServer({ env }), startTestServer({ env })])
    const sql = new pg.Client({ connectionString: database.url })
    await sql.connect()
    t.after(async () => {
      await sql.end()
      await Promise.all([one.stop(), two.stop()])
      await database.stop()
    })
    const { experiment_id } = await mlflow<{ experiment_id: string }>(one, 'experiments/create', { name: 'shared' })
    const runs = await Promise.all(Array.from({ length: 6 }, (_, i) => newRun(i % 2 === 0 ? one : two, experiment_id)))

    const file = randomBytes(9_000_000)
    const path = `api/2.0/mlflow-artifacts/artifacts/${experiment_id}/${runs[0]}/artifacts/file.bin`
    const sent = await fetch(`${one.url}/${path}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${one.token}` },
      body: file,
    })
    assert.equal(sent.status, 200, await sent.text())
    const got = await fetch(`${two.url}/${path}`, { headers: { authorization: `Bearer ${two.token}` } })
    assert.ok(file.equals(Buffer.from(await got.arrayBuffer())), 'a file stored by one is read from the other')

    const count = { acknowledged: 0 }
    const logging = runs.map((run) => logUntilGone(one, run, count))
    await until('the load', () => count.acknowledged > 100)
    await one.kill()
    const acknowledged = await Promise.all(logging)
    for (const [i, run] of runs.entries()) {
      const kept = await steps(two, run)
      const wanted = acknowledged[i] ?? []
      assert.equal(new Set(kept).size, kept.length, 'no point twice')
      assert.deepEqual(kept.slice(0, wanted.length), wanted)
      assert.ok(kept.length - wanted.length <= 1, 'at most the point that was under way')
    }

    await until('every lease to be held by the living', async () => {
      const { rows } = await sql.query<{ holder: string | null }>(
        // that of a machine is kept for it
        "SELECT holder FROM leases WHERE name NOT LIKE 'machine:%'",
      )
      return rows.length > 0 && rows.every(({ holder }) => holder?.includes(`/${two.pid}/`) === true)
    })
    const after = await newRun(two, experiment_id)
    await mlflow(two, 'runs/log-metric', { run_id: after, key: 'm', value: 1, timestamp: 1, step: 0 })
    assert.deepEqual(await steps(two, after), [0])
  },
)
