/** The statements that carry the load use their indexes: no statement of a page walks a whole table on SQLite. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTemporaryStore } from '../../store/open.ts'

const PLANS: readonly (readonly [what: string, statement: string, index: RegExp])[] = [
  [
    'the first page of runs',
    "SELECT * FROM runs r WHERE r.lifecycle_stage = 'active' AND r.experiment_id IN ('1') ORDER BY r.start_time DESC, r.run_id LIMIT 10",
    /USING INDEX runs_by_start/,
  ],
  [
    'runs in the order of a metric',
    "SELECT r.* FROM latest_metrics o0 CROSS JOIN runs r WHERE r.run_id = o0.run_id AND o0.experiment_id = '1' AND o0.key = 'k' AND o0.is_nan = 0 ORDER BY o0.value DESC, r.start_time DESC LIMIT 10",
    /o0 USING COVERING INDEX latest_metrics_by_value/,
  ],
  [
    'runs with a rare param',
    "SELECT x.run_id FROM run_params x WHERE x.key = 'k' AND substr(x.value, 1, 64) = 'v' AND x.value = 'v'",
    /USING INDEX run_params_by_value/,
  ],
  [
    'runs with a rare tag',
    "SELECT x.run_id FROM run_tags x WHERE x.key = 'k' AND substr(x.value, 1, 64) = 'v' AND x.value = 'v'",
    /USING INDEX run_tags_by_value/,
  ],
  [
    'history in pages',
    "SELECT * FROM metric_points WHERE run_id = 'r' AND key = 'k' ORDER BY timestamp, step, value, is_nan LIMIT 10",
    /USING PRIMARY KEY/,
  ],
  ['silent runs', "SELECT * FROM runs WHERE status = 'RUNNING' AND heartbeat_at < 5", /USING INDEX runs_by_heartbeat/],
]

for (const [what, statement, index] of PLANS) {
  test(what, async () => {
    const store = await openTemporaryStore()
    const plan = await store.db.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${statement}`)
    await store.close()
    const steps = plan.map((step) => step.detail).join('; ')
    assert.match(steps, index)
    assert.doesNotMatch(steps, /SCAN|TEMP B-TREE FOR ORDER BY/)
  })
}
