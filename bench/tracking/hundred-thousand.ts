/** Makes a data folder with an experiment of 100,000 runs, through the room's own functions: `node bench/tracking/hundred-thousand.ts DIR`. */
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { auditLog } from '../../src/auth/audit.ts'
import { SYSTEM } from '../../src/auth/tokens.ts'
import { prng } from '../../src/stats/prng.ts'
import { lockFolder } from '../../src/store/folder-lock.ts'
import { openStore } from '../../src/store/open.ts'
import { logBatch } from '../../src/tracking/batches/batch.ts'
import { createExperiment } from '../../src/tracking/experiments/experiments.ts'
import type { MetricPoint } from '../../src/tracking/context/points.ts'
import { writePoints } from '../../src/tracking/metrics/rows.ts'
import { hexId } from '../../src/tracking/context/ids.ts'
import type { Tracking } from '../../src/tracking/context/context.ts'
import { createRun, insertRuns, updateRun } from '../../src/tracking/runs/runs.ts'
import type { RunRow } from '../../src/tracking/runs/runs.ts'
import { insertRows } from '../../src/store/sql/sql.ts'

export interface Wanted {
  /** A data folder that no server uses now. */
  readonly dataDir: string
  readonly databaseUrl?: string
  readonly runs: number
  /** Points of the metric `curve` of one more run. */
  readonly points: number
}

export interface Made {
  readonly experiment_id: string
  /** The run with the long curve, the newest of all. */
  readonly curve_run_id: string
}

/** Runs of one transaction. */
const CHUNK = 500

/** 2026-01-01T00:00:00Z, and a run each minute from then on. */
const FIRST_START = 1_767_225_600_000
const MINUTE = 60_000

/**
 * Writes the runs. Each has the metrics acc, loss and auc, whose last values are a permutation of 0 … 1 in the runs' order,
 * a curve of loss with 8 points, 4 params (lr of 10 values, model of 7, seed of 5, width) and a tag team of 5 values.
 */
export async function makeRuns(wanted: Wanted): Promise<Made> {
  const { databaseUrl } = wanted
  const store = await openStore({ dataDir: wanted.dataDir, ...(databaseUrl !== undefined && { databaseUrl }) })
  try {
    const record = auditLog(Date.now).record
    const room: Tracking = { ...store, clock: Date.now, random: randomBytes, record }
    const name = `${wanted.runs} runs`
    const experiment_id = await createExperiment(room, SYSTEM, { name })
    const runs = Array.from({ length: wanted.runs }, (_, i) => ({ i, row: rowOf(room, experiment_id, i) }))
    // in the order of the tables: the result is the same, and pages are filled one after the other
    runs.sort((left, right) => (left.row.run_id < right.row.run_id ? -1 : 1))
    for (let at = 0; at < runs.length; at += CHUNK) await writeRuns(room, runs.slice(at, at + CHUNK), wanted.runs)
    return { experiment_id, curve_run_id: await writeCurve(room, experiment_id, wanted) }
  } finally {
    await store.db.close()
  }
}

async function writeRuns(room: Tracking, runs: readonly { i: number; row: RunRow }[], of: number): Promise<void> {
  await room.db.tx(async (t) => {
    await insertRuns(
      t,
      runs.map(({ row }) => row),
    )
    const params = runs.flatMap(({ i, row }) => paramsOf(i).map(([key, value]) => [row.run_id, key, value]))
    const tags = runs.flatMap(({ i, row }) => tagsOf(i, row).map(([key, value]) => [row.run_id, key, value]))
    await insertRows(t, 'INSERT INTO run_params (run_id, key, value)', params)
    await insertRows(t, 'INSERT INTO run_tags (run_id, key, value)', tags)
    await writePoints(
      t,
      runs.map(({ i, row }) => ({ run: row, points: metricsOf(i, of, row.start_time) })),
    )
  })
}

function rowOf(room: Tracking, experiment_id: string, i: number): RunRow {
  const run_id = hexId(room)
  const start_time = FIRST_START + i * MINUTE
  const end_time = start_time + 30_000 + (i % 1000) * 37
  return {
    run_id,
    experiment_id,
    project: 'default',
    run_name: `run-${i}`,
    user_id: `user-${i % 9}`,
    status: i % 50 === 0 ? 'FAILED' : 'FINISHED',
    start_time,
    end_time,
    artifact_uri: `mlflow-artifacts:/${experiment_id}/${run_id}/artifacts`,
    lifecycle_stage: 'active',
    deleted_time: null,
    heartbeat_at: end_time,
  }
}

function paramsOf(i: number): [key: string, value: string][] {
  return [
    ['lr', String(10 ** -(1 + (i % 10) / 2))],
    ['model', `net${i % 7}`],
    ['seed', String(i % 5)],
    ['width', String(32 * (1 + (i % 16)))],
  ]
}

function tagsOf(i: number, row: RunRow): [key: string, value: string][] {
  return [
    ['mlflow.runName', row.run_name],
    ['mlflow.user', row.user_id],
    ['team', `t${Math.floor(i / 3) % 5}`],
  ]
}

function metricsOf(i: number, of: number, start: number): MetricPoint[] {
  const last = (prime: number): number => ((i * prime) % of) / of
  const point = (key: string, value: number, step: number): MetricPoint => ({
    key,
    value,
    timestamp: start + step * 1000,
    step,
  })
  const loss = last(104_729)
  const curve = Array.from({ length: 8 }, (_, step) => point('loss', loss + (7 - step) ** 2 / 50, step))
  return [point('acc', last(7919), 7), point('auc', last(1_299_709), 7), ...curve]
}

/** A noisy falling curve, 1,000 points a batch. */
async function writeCurve(room: Tracking, experiment_id: string, wanted: Wanted): Promise<string> {
  const start_time = FIRST_START + wanted.runs * MINUTE
  const { run_id } = await createRun(room, SYSTEM, { experiment_id, run_name: 'long-curve', start_time })
  const random = prng(7)
  for (let from = 0; from < wanted.points; from += 1000) {
    const length = Math.min(1000, wanted.points - from)
    const metrics = Array.from({ length }, (_, at) => {
      const step = from + at
      const value = 3 * Math.exp(-step / (wanted.points / 5)) + random.normal() / 20
      return { key: 'curve', value, timestamp: start_time + step * 10, step }
    })
    await logBatch(room, SYSTEM, run_id, { metrics })
  }
  await updateRun(room, SYSTEM, { run_id, status: 'FINISHED', end_time: start_time + wanted.points * 10 })
  return run_id
}

if (import.meta.main) await main()

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '100000' },
      points: { type: 'string', default: '100000' },
      'database-url': { type: 'string' },
    },
  })
  const [dataDir] = positionals
  const [runs, points] = [Number(values.runs), Number(values.points)]
  if (dataDir === undefined || !Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(points) || points < 0) {
    process.stderr.write(
      'Usage: node bench/tracking/hundred-thousand.ts DIR [--runs N] [--points N] [--database-url postgres://…]\n',
    )
    process.exitCode = 2
    return
  }
  const release = lockFolder(dataDir)
  if (release === undefined) throw new Error(`a server uses ${dataDir}; stop it first`)
  const began = performance.now()
  const databaseUrl = values['database-url']
  const made = await makeRuns({ dataDir, runs, points, ...(databaseUrl !== undefined && { databaseUrl }) })
  release()
  const seconds = Math.round((performance.now() - began) / 1000)
  process.stdout.write(`${JSON.stringify({ ...made, runs, seconds })}\n`)
}
