/** A data folder with as much as a busy project has: rows of an endpoint, hold-outs, rollouts, windows of a monitor, runs. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { inputOf, ONE_TREE, writeDocument } from '../../src/scoring/native/document.fixture.ts'
import { Plan } from '../../src/contract/rollout/plan.ts'
import { DAY_MS, HOUR_MS } from '../../src/contract/ids.ts'
import { freshEvidence } from '../../src/rollout/evidence/evidence.ts'
import { packExplained } from '../../src/serving/records/explained.ts'
import { putManifest, putTree } from '../../src/store/blobs/trees.ts'
import type { Blobs } from '../../src/store/blobs/blobs.ts'
import type { Tx } from '../../src/store/db.ts'
import { openStore } from '../../src/store/open.ts'
import { insertRows } from '../../src/store/sql/sql.ts'

/** Rows of the endpoint `busy`, all of one day and one version, with labels. */
const ROWS = 150_000
/** Rows of each hold-out. */
const HELD_OUT = 30_000
/** The first hour of the day. */
export const DAY = Date.UTC(2026, 4, 4)
const INPUTS = 12

/** Fills the folder of a server that does not run. */
export async function seedData(dataDir: string): Promise<void> {
  const { db, blobs } = await openStore({ dataDir })
  const trees = await putTables(blobs, join(dataDir, 'made'))
  for (const part of [seedEndpoint, seedMonitor, seedRollouts, seedRuns]) await db.tx(part)
  await db.tx((t) => seedModel(t, trees))
  await db.close()
}

/** One statement makes all rows: to carry them over would take longer than all tests of them. */
async function seedEndpoint(t: Tx): Promise<void> {
  await t.run(
    `INSERT INTO endpoints (name, project, model, salt, threshold, monitor, previous_version, created_at, updated_at)
     VALUES ('busy', 'default', 'm', 's', NULL, '{"slices":["x0"]}', NULL, 0, 0)`,
  )
  const inputs = Array.from({ length: INPUTS }, (_, i) => ({ name: `x${i}`, kind: i === 0 ? 'string' : 'number' }))
  await t.run(
    "INSERT INTO endpoint_versions (endpoint, version, inputs, backend, created_at) VALUES ('busy', '1', ?, ?, 0)",
    [JSON.stringify(inputs), '{"kind":"native","dir":""}'],
  )
  await t.run(
    "INSERT INTO endpoint_variants (endpoint, role, version, weight, since) VALUES ('busy', 'stable', '1', 10000, 0)",
  )
  const numbers = 'WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)'
  const cells = Array.from({ length: INPUTS - 1 }, (_, i) => `, ${i}.25`).join('')
  const explained = packExplained(0.5, { base: 0, contributions: Array.from({ length: INPUTS }, (_, i) => i / 7) })
  await t.run(
    `INSERT INTO predictions (endpoint, id, role, version, epoch, event_time, at, latency_us, status, inputs, score, prediction, fallback)
     ${numbers} SELECT 'busy', 'p' || i, 'stable', '1', 1, ? + i * 500, ? + i * 500, 50, 200, '["' || char(65 + i % 20) || '"${cells}]',
       ((i * 7919) % 99991) / 99991.0, ?, 0 FROM n`,
    [ROWS, DAY, DAY, explained],
  )
  await t.run(
    `INSERT INTO labels (endpoint, prediction_id, label, text, at, received_at, joined, conflicts)
     ${numbers} SELECT 'busy', 'p' || i, ((i * 7919) % 99991 > 50000) + 0.0, '1', 0, 0, 1, 0 FROM n`,
    [ROWS],
  )
  await t.run("INSERT INTO monitor_days (endpoint, day, seq) VALUES ('busy', ?, 1)", [DAY / DAY_MS])
}

async function seedMonitor(t: Tx): Promise<void> {
  const hour = DAY / HOUR_MS
  await t.run(
    `INSERT INTO monitors (endpoint, seq, newest_hour, newest_event, newest_at, evaluated_hour, orphans, state)
     VALUES ('busy', 1, ?, ?, ?, ?, 0, '{}')`,
    [hour + 22, DAY + 22 * HOUR_MS, DAY + 22 * HOUR_MS, hour + 22],
  )
  const results = JSON.stringify(
    Array.from({ length: 3 * INPUTS }, (_, i) => [
      `x${i % INPUTS}`,
      ['psi', 'ks', 'nulls'][i % 3],
      0.1,
      0.2,
      500,
      0,
      1,
    ]),
  )
  const windows = Array.from({ length: 2000 }, (_, i) => ['busy', hour - i, 500, results])
  await insertRows(t, 'INSERT INTO monitor_windows (endpoint, hour, rows, results)', windows)
}

const rolloutId = (i: number): string => `rol_${String(i).padStart(4, '0')}`
/** One of the rollouts. */
export const ROLLOUT = rolloutId(7)

async function seedRollouts(t: Tx): Promise<void> {
  const plan = Plan.parse({ slices: ['x0'], gates: { quality: { tolerance: 0.01 } } })
  const evidence = freshEvidence()
  const text = JSON.stringify(evidence)
  const gates = JSON.stringify(
    Array.from({ length: 24 }, (_, i) => ({
      gate: 'quality',
      slice: `x0=${String.fromCodePoint(65 + i)}`,
      n: 1000,
      evidence: 2.5,
      boundary: 20,
      state: 'open',
      candidate: 0.1,
      stable: 0.2,
      interval: [0, 1],
      threshold: 0.01,
    })),
  )
  const points = Array.from({ length: 300 }, (_, n) => ({ n: 100 * n, evidence: n / 7 }))
  const curve = JSON.stringify(
    Array.from({ length: 24 }, (_, i) => ({ gate: 'quality', slice: `${i}`, boundary: 20, points })),
  )
  const made = Array.from({ length: 200 }, (_, i) => [rolloutId(i), DAY + i, DAY + i])
  const same = [JSON.stringify(plan), text, curve, JSON.stringify(evidence.counts), DAY]
  await insertRows(
    t,
    `INSERT INTO rollouts (id, created_at, finished_at, plan, evidence, curve, step_from, canary_at, endpoint, model, version,
       stable_version, state, step, slices, reason, created_by, seq)`,
    made.map((own) => [...own, ...same, 'busy', 'm', '1', '1', 'promoted', 3, '["x0"]', '', 'ann', 0]),
  )
  const inputs = JSON.stringify({
    plan,
    from: evidence.counts,
    breaker: null,
    hours: 3,
    rules: evidence.rules,
    approvals: [],
  })
  await insertRows(
    t,
    'INSERT INTO rollout_verdicts (id, rollout_id, at, step, decision, reason, gates, seq, inputs)',
    made.flatMap((_, i) =>
      Array.from({ length: 8 }, (_, k) => [`vdt_${i}_${k}`, rolloutId(i), DAY + k, k, 'advance', '', gates, k, inputs]),
    ),
  )
}

/** The id of a run, from 0. */
export function runId(i: number): string {
  return String(i).padStart(32, '0')
}

async function seedRuns(t: Tx): Promise<void> {
  const ids = Array.from({ length: 3000 }, (_, i) => runId(i))
  const columns = 'run_id, experiment_id, project, run_name, user_id, status, start_time, artifact_uri, lifecycle_stage'
  await insertRows(
    t,
    `INSERT INTO runs (${columns}, heartbeat_at)`,
    ids.map((id, i) => [id, '0', 'default', `r${i}`, 'u', 'FINISHED', i, 'mlflow-artifacts:/0', 'active', i]),
  )
  const params = ids.flatMap((id) => Array.from({ length: 20 }, (_, k) => [id, `param${k}`, `${k}.5`]))
  await insertRows(t, 'INSERT INTO run_params (run_id, key, value)', params)
}

interface Trees {
  readonly evaluation: string
  readonly holdout: string
  readonly native: string
}

async function putTables(blobs: Blobs, folder: string): Promise<Trees> {
  const table = async (lines: readonly string[]): Promise<string> => {
    const { digest, size } = await blobs.put(Buffer.from(lines.join('\n')))
    return (await putManifest(blobs, [{ path: 'data.csv', digest, size, executable: false }])).digest
  }
  const rows = Array.from({ length: HELD_OUT }, (_, i) => i)
  const slices = (i: number): string => `${i % 20},${i % 7},${i % 50}`
  const evaluation = await table([
    'id,y,score,a,b,c',
    ...rows.map((i) => `${i},${Number((i * 7919) % 9973 > 5000)},${((i * 104_729) % 9973) / 9973},${slices(i)}`),
  ])
  const names = Array.from({ length: 20 }, (_, k) => `x${k}`)
  const holdout = await table([
    `id,${names.join(',')}`,
    ...rows.map((i) => `${i},${names.map((_, k) => (i % (k + 3)) / 7).join(',')}`),
  ])
  writeNative(folder)
  const native = (await putTree(blobs, folder)).digest
  rmSync(folder, { recursive: true })
  return { evaluation, holdout, native }
}

/** One tree that asks whether `x0` is over a half. */
function writeNative(folder: string): void {
  const json = {
    format: 'slipway.native/1',
    estimator: 'sklearn.Tree',
    output: 'predict',
    classes: null,
    versions: {},
    inputs: [inputOf('x0', 'number')],
    tables: [],
    blocks: [{ input: 0, steps: [] }],
    width: 1,
    model: ONE_TREE,
  }
  writeDocument(folder, 'model', json, {
    roots: Int32Array.of(0),
    feature: Int32Array.of(0, -1, -1),
    threshold: Float64Array.of(0.5, 0, 0),
    left: Int32Array.of(1, 0, 1),
    right: Int32Array.of(2, 0, 1),
    flags: Uint8Array.of(1, 0, 0),
    leaves: Float64Array.of(0.25, 0.75),
    bitsets: new Uint32Array(0),
  })
}

/** Asked whenever a version is looked at. */
const GATES = [
  { metric: 'roc_auc', not_worse_than: 'production', margin: 0.01, confidence: 0.95 },
  { metric: 'roc_auc', at_least: 0.3, slice: 'a' },
]

/** A pipeline without steps. */
const SPEC = JSON.stringify({ project: 'default', tree: '', steps: [], rules: 1 })

/** Version 1 of `m` is in production; each of the others was made by a pipeline run `pr_N`, by figures of its own. */
async function seedModel(t: Tx, { evaluation, holdout, native }: Trees): Promise<void> {
  await t.run(
    `INSERT INTO registered_models (name, project, description, created_at, updated_at, created_by, last_version, gates)
     VALUES ('m', 'default', '', 1, 1, 'ann', 6, ?)`,
    [JSON.stringify(GATES)],
  )
  await t.run("INSERT INTO model_aliases (model, alias, version, moved_at) VALUES ('m', 'production', 1, 1)")
  await t.run(
    `INSERT INTO pipeline_versions (id, project, digest, tree, spec, body, created_at, created_by, submitted_at)
     VALUES ('pv_1', 'default', 'd', ?, ?, '{}', 1, 'ann', 1)`,
    [evaluation, SPEC],
  )
  for (const version of [1, 2, 3, 4, 5, 6]) {
    const metrics = JSON.stringify({ roc_auc: 0.5 + version / 1000, brier: 0.3 })
    await t.run(
      `INSERT INTO model_versions (model, version, created_at, updated_at, created_by, description, source, storage, run_link, stage,
         size, metrics, data, tree, lowering_state, lowering_tree, evaluation, holdout, pipeline_run_id)
       VALUES ('m', ?, 1, 1, 'ann', '', '', '', '', 'None', 0, ?, '[]', ?, 'native', ?, ?, ?, ?)`,
      [version, metrics, native, native, evaluation, holdout, `pr_${version}`],
    )
    const registered = {
      model: 'm',
      version: String(version),
      verdict: 'accepted',
      detail: '',
      tree: native,
      deployed: false,
    }
    await t.run(
      `INSERT INTO pipeline_runs (id, project, version_id, state, desired_state, outcome, message, trigger_kind, params, options,
         created_at, created_by, started_at, finished_at, registered)
       VALUES (?, 'default', 'pv_1', 'succeeded', 'run', 'succeeded', '', 'manual', '{}', '{}', 1, 'ann', 1, 2, ?)`,
      [`pr_${version}`, JSON.stringify(registered)],
    )
  }
}
