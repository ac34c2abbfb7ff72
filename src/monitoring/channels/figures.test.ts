/** The text for Prometheus, line by line, from rows that a test wrote. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { newIncident } from '../incidents/rows.ts'
import { writeIncident } from '../incidents/writing.ts'
import { putLabels } from '../labels/labels.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import { prometheusText } from './prometheus.ts'

const START = Date.UTC(2026, 0, 10)

test('each family has the figures of the endpoints that the caller sees', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const { db } = store
  const mergeTimes = async (project: string | null) => ({
    items: [],
    median_ms: project === null ? 150_000 : 90_500,
    slowest: null,
  })
  const deps = testDeps(db, () => START, { mergeTimes })
  await addEndpoint(db, 'e', { webhook: 'https://alerts.example.org/in' })
  await addEndpoint(db, 'quiet')
  await addEndpoint(db, 'theirs', {}, 'other')
  const row = (id: string, et: number) => ({ id, et, score: 0.5 })
  // a week of event time before the newest row, and what is older, are not of the last week
  await ingest(deps, 'e', [
    row('a', START),
    row('b', START - 7 * DAY_MS),
    row('c', START - 7 * DAY_MS - 1),
    row('d', START),
  ])
  await ingest(deps, 'theirs', [row('x', START)])
  await putLabels(deps, 'e', [
    { prediction_id: 'a', label: 1 },
    { prediction_id: 'c', label: 1 },
  ])
  const results = [
    ['temp', 'z', 6, 4, 100, 1, 1],
    ['temp', 'psi', 0.1, 0.25, 100, 0, 1],
    ['age', 'psi', 0.1, 0.25, 100, 0, 1],
  ]
  const run = `INSERT INTO pipeline_runs (id, project, version_id, state, desired_state, message, trigger_kind, params, options,
      created_at, created_by, preparation_failures)
    VALUES (?, ?, 'v', 'preparing', 'run', '', 'manual', '{}', '{}', 0, 'ana', ?)`
  const cause = { rank: 1, kind: 'shift' as const, title: 'x', score: 1, features: [], evidence: {} }
  const course = { severity: 'high', began: 0, opened: 0, seen: 0, ended: null, clear: 0, paged: null } as const
  const followed = [
    { ...cause, course },
    { ...cause, course: { ...course, severity: 'low' as const } },
    { ...cause, course: { ...course, ended: 3 } },
    { ...cause, kind: 'deploy' as const },
  ]
  const incident = { endpoint: 'e', kind: 'drift', opened_at: 0, opened_event: 0, until: 1 } as const
  await db.tx(async (tx) => {
    for (const [hour, checks] of [
      [4, [['temp', 'z', 40, 4, 100, 1, 1]]],
      [5, results],
    ] as const)
      await tx.run('INSERT INTO monitor_windows (endpoint, hour, rows, results) VALUES (?,?,?,?)', [
        'e',
        hour,
        1,
        JSON.stringify(checks),
      ])
    await tx.run("UPDATE monitors SET evaluated_hour = 9, judged_hour = 6, last_run_at = 1500 WHERE endpoint = 'e'")
    await tx.run(
      `UPDATE monitors SET late_rows = 3, too_late_rows = 2, ahead_rows = 1, newest_event = ${START} WHERE endpoint = 'e'`,
    )
    for (const [i, [project, failures]] of [
      ['default', 6],
      ['default', 0],
      ['default', 2],
      ['other', 1],
      ['calm', 0],
    ].entries())
      await tx.run(run, [`pr${i}`, project ?? '', failures ?? 0])
    for (const [name, state, readyAt] of [
      ['a', 'ready', START - 2500],
      ['b', 'running', START - 9000],
    ] as const)
      await tx.run(
        `INSERT INTO pipeline_steps (run_id, name, project, position, state, reason, changes, outputs, metrics, ready_at)
         VALUES ('pr0', ?, 'default', 0, ?, '', '[]', '{}', '{}', ?)`,
        [name, state, readyAt],
      )
    for (const [id, project, driver, ended, limit, waited, made] of [
      ['att1', 'other', 'local', 'infrastructure', null, null, null],
      ['att2', 'default', 'local', 'succeeded', null, 1000, 3],
      ['att3', 'default', 'local', 'succeeded', null, 1001, null],
      ['att4', 'default', 'slurm', 'preempted', null, 90_000_000, 4],
      ['att5', 'default', 'slurm', 'timeout', 'silent', 500, null],
      ['att6', 'default', 'slurm', null, null, null, null],
    ] as const)
      await tx.run(
        `INSERT INTO pipeline_attempts (id, run_id, step, number, state, fence, driver, queued_at, silent, log_bytes,
           project, ended_as, limit_hit, waited_ms, checkpoints_made)
         VALUES (?, 'pr3', ?, 1, 'lost', 'f', ?, 0, 0, 0, ?, ?, ?, ?, ?)`,
        [id, id, driver, project, ended, limit, waited, made],
      )
    await tx.run("UPDATE pipeline_steps SET driver = 'slurm', pool = 'gpus', unplaced_at = 5 WHERE name = 'b'")
    await tx.run("UPDATE pipeline_runs SET overdue = 'took 2 h' WHERE id IN ('pr1', 'pr3')")
    await tx.run(
      "INSERT INTO pipeline_pools (name, places, note, changed_at, changed_by) VALUES ('gpus', 2, '', 0, 'ana')",
    )
    await writeIncident(tx, newIncident({ ...incident, id: 'i1', severity: 'high', causes: followed }))
    await writeIncident(tx, { ...newIncident({ ...incident, id: 'i2', severity: 'high' }), state: 'acknowledged' })
    await writeIncident(tx, { ...newIncident({ ...incident, id: 'i3', severity: 'low' }), state: 'resolved' })
    await writeIncident(
      tx,
      newIncident({ ...incident, id: 'i4', severity: 'low', endpoint: 'theirs', kind: 'quality' }),
    )
  })
  const samples = async (project: string | null): Promise<string[]> =>
    (await prometheusText(deps, project)).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const own = [
    'slipway_predictions_total{endpoint="e"} 4',
    'slipway_feature_drift_ratio{endpoint="e",feature="temp"} 1.5',
    'slipway_feature_drift_ratio{endpoint="e",feature="age"} 0.4',
    'slipway_label_coverage_ratio{endpoint="e"} 0.5',
    'slipway_monitor_last_success_timestamp_seconds{endpoint="e"} 1.5',
    `slipway_monitor_evaluated_until_timestamp_seconds{endpoint="e"} ${(6 * HOUR_MS) / 1000}`,
    'slipway_monitor_untimely_rows_total{endpoint="e",kind="late"} 3',
    'slipway_monitor_untimely_rows_total{endpoint="e",kind="too_late"} 2',
    'slipway_monitor_untimely_rows_total{endpoint="e",kind="ahead"} 1',
    'slipway_incidents_open{endpoint="e",severity="high"} 2',
    'slipway_incident_causes_open{endpoint="e",severity="high"} 1',
    'slipway_incident_causes_open{endpoint="e",severity="low"} 1',
    'slipway_messages{endpoint="e",webhook="webhook",state="waiting"} 2',
    'slipway_messages{endpoint="e",webhook="webhook",state="dead"} 0',
    'slipway_webhook_failing{endpoint="e",webhook="webhook"} 0',
    'slipway_incidents_opened_total{endpoint="e",kind="drift"} 3',
    'slipway_endpoint_watched{endpoint="e",state="waiting",reason="no_version"} 1',
    'slipway_endpoint_watched{endpoint="quiet",state="waiting",reason="no_version"} 1',
    'slipway_pipeline_preparation_failures_total{project="default"} 8',
    'slipway_pipeline_steps{project="default",state="waiting"} 1',
    'slipway_pipeline_steps{project="default",state="running"} 1',
    'slipway_pipeline_steps_by_pool{project="default",driver="local",pool="",state="waiting"} 1',
    'slipway_pipeline_steps_by_pool{project="default",driver="local",pool="",state="running"} 0',
    'slipway_pipeline_steps_by_pool{project="default",driver="slurm",pool="gpus",state="waiting"} 0',
    'slipway_pipeline_steps_by_pool{project="default",driver="slurm",pool="gpus",state="running"} 1',
    'slipway_pipeline_queue_age_seconds{project="default"} 2.5',
    'slipway_pipeline_attempts_failed_total{project="default"} 2',
    'slipway_pipeline_attempts_ended_total{project="default",driver="local",ended="succeeded"} 2',
    'slipway_pipeline_attempts_ended_total{project="default",driver="slurm",ended="preempted"} 1',
    'slipway_pipeline_attempts_ended_total{project="default",driver="slurm",ended="timeout"} 1',
    // a bucket holds all that waited at most so long: 0.5 s and 1 s, then 1.001 s, and more than a day above all bounds
    ...[2, 3, 3, 3, 3, 3, 3].map(
      (n, i) =>
        `slipway_pipeline_wait_seconds_bucket{project="default",le="${[1, 10, 60, 300, 1800, 7200, 43200][i]}"} ${n}`,
    ),
    'slipway_pipeline_wait_seconds_bucket{project="default",le="+Inf"} 4',
    'slipway_pipeline_wait_seconds_sum{project="default"} 90002.501',
    'slipway_pipeline_wait_seconds_count{project="default"} 4',
    'slipway_pipeline_checkpoints_total{project="default"} 7',
    'slipway_pipeline_limits_hit_total{project="default",limit="queued"} 1',
    'slipway_pipeline_limits_hit_total{project="default",limit="run"} 1',
    'slipway_pipeline_limits_hit_total{project="default",limit="silent"} 1',
  ]
  const median = (seconds: number): string => `slipway_merge_to_promoted_seconds{stat="median"} ${seconds}`
  assert.deepEqual(await samples('default'), [...own, median(90.5)])
  const all = await samples(null)
  for (const line of own) assert.ok(all.includes(line), line)
  assert.deepEqual(
    all.filter((line) => !own.includes(line)),
    [
      'slipway_predictions_total{endpoint="theirs"} 1',
      'slipway_label_coverage_ratio{endpoint="theirs"} 0',
      ...['late', 'too_late', 'ahead'].map(
        (kind) => `slipway_monitor_untimely_rows_total{endpoint="theirs",kind="${kind}"} 0`,
      ),
      'slipway_incidents_open{endpoint="theirs",severity="low"} 1',
      'slipway_incidents_opened_total{endpoint="theirs",kind="quality"} 1',
      'slipway_endpoint_watched{endpoint="theirs",state="waiting",reason="no_version"} 1',
      'slipway_pipeline_preparation_failures_total{project="other"} 1',
      // runs that are open, with no step in line
      ...['calm', 'other'].flatMap((project) =>
        ['waiting', 'running'].map((state) => `slipway_pipeline_steps{project="${project}",state="${state}"} 0`),
      ),
      ...['calm', 'other'].map((project) => `slipway_pipeline_queue_age_seconds{project="${project}"} 0`),
      'slipway_pipeline_attempts_failed_total{project="other"} 1',
      'slipway_pipeline_attempts_ended_total{project="other",driver="local",ended="infrastructure"} 1',
      'slipway_pipeline_limits_hit_total{project="other",limit="run"} 1',
      median(150),
      'slipway_unsealed_addresses{where="endpoints"} 0',
      'slipway_unsealed_addresses{where="versions"} 0',
      'slipway_unsealed_addresses{where="files"} 1',
      'slipway_storage_free_bytes 5000000000',
      'slipway_storage_database_corrupt 0',
      'slipway_storage_corrupt_blobs 1',
      'slipway_storage_missing_blobs 0',
      'slipway_storage_last_look_timestamp_seconds{what="database"} 1',
      'slipway_pipeline_places{resource="cpus",state="held"} 2',
      'slipway_pipeline_places{resource="memory_bytes",state="held"} 300',
      'slipway_pipeline_places{resource="cpus",state="free"} 6',
      'slipway_pipeline_places{resource="memory_bytes",state="free"} 700',
      'slipway_pipeline_places{resource="cpus",state="asked"} 9',
      'slipway_pipeline_places{resource="memory_bytes",state="asked"} 5',
      'slipway_pool_places{pool="gpus",state="total"} 2',
      'slipway_pool_places{pool="gpus",state="held"} 0',
      'slipway_wrong_credentials_total 0',
      'slipway_throttled_credentials_total 0',
    ],
  )
  const types = (await prometheusText(deps, null)).split('\n').filter((line) => line.startsWith('# TYPE'))
  assert.deepEqual(
    types.map((line) => line.split(' ').at(-1)),
    [
      'counter',
      'gauge',
      'gauge',
      'gauge',
      'gauge',
      'counter',
      'gauge',
      'gauge',
      'gauge',
      'gauge',
      'counter',
      'gauge',
      'counter',
      'gauge',
      'gauge',
      'gauge',
      'gauge',
      'counter',
      'counter',
      'histogram',
      'counter',
      'counter',
      'gauge',
      'gauge',
      'gauge',
      'gauge',
      'gauge',
      'gauge',
      'gauge',
      'gauge',
      'gauge',
      'counter',
      'counter',
    ],
  )

  // the reference has each family with its type
  const page = readFileSync(new URL('../../../docs/reference/metrics.md', import.meta.url), 'utf8')
  const listed = [...page.matchAll(/^\| `(slipway_\w+)` \| (\w+) \|/gm)].map(
    ([, name, type]) => `# TYPE ${name} ${type}`,
  )
  assert.deepEqual(listed.toSorted(), types.toSorted())
})
