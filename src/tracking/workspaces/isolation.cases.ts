/** Cases: whatever call of MLflow's protocol one project makes with the ids of another, it learns and changes nothing there. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { otlpRequest } from '../../../test/otlp.ts'
import { datasetCalls } from '../../evaluation/datasets/calls.ts'
import { putRecords, recordsOf } from '../../evaluation/datasets/records.ts'
import { createSet } from '../../evaluation/datasets/sets.ts'
import { scorerCalls } from '../../evaluation/scorers/calls.ts'
import { registerScorer } from '../../evaluation/scorers/scorers.ts'
import { gatewayCalls } from '../../llm/settings/calls.ts'
import { createSecret } from '../../llm/settings/secrets.ts'
import { Problem } from '../../contract/errors.ts'
import { readFields } from '../../mlflow/input.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { traceCalls } from '../../traces/calls.ts'
import { issueCalls } from '../../traces/issues/calls.ts'
import { createIssue } from '../../traces/issues/issues.ts'
import { readExport } from '../../traces/otlp/export-request.fixture.ts'
import { logSpans } from '../../traces/spans/ingest.ts'
import { logBatch } from '../batches/batch.ts'
import type { Bench } from '../bench.cases.ts'
import { experimentCalls } from '../calls/experiments.ts'
import { historyCalls } from '../calls/metrics.ts'
import { modelCalls } from '../calls/models.ts'
import { runCalls } from '../calls/runs.ts'
import { createExperiment } from '../experiments/experiments.ts'
import { createLoggedModel } from '../models/logged-models.ts'
import { createRun } from '../runs/runs.ts'

/** Stands in every text of the red project, and in no other. */
const MARK = 'redmark'

const TABLES = [
  'experiments',
  'experiment_tags',
  'runs',
  'run_params',
  'run_tags',
  'latest_metrics',
  'logged_models',
  'logged_model_params',
  'logged_model_tags',
  'traces',
  'trace_spans',
  'trace_tags',
  'trace_metadata',
  'trace_links',
  'trace_issues',
  'scorers',
  'scorer_versions',
  'evaluation_datasets',
  'evaluation_dataset_tags',
  'evaluation_dataset_experiments',
  'evaluation_records',
  'gateway_secrets',
]

interface Red {
  readonly experiment: string
  readonly run: string
  readonly model: string
  readonly dataset: string
  readonly trace: string
  readonly issue: string
  readonly secret: string
}

/** What a caller sends who knows all of red's ids; a call takes of it what it has fields for. */
function sentWith(red: Red): Record<string, unknown> {
  const pair = { key: 'k', value: 'blue' }
  const metric = { key: 'm', value: 9, timestamp: 1, step: 1 }
  return {
    ...pair,
    name: `${MARK} scorer`,
    new_name: 'blue name',
    experiment_id: red.experiment,
    experiment_ids: [red.experiment],
    experiment_name: `${MARK} experiment`,
    run_id: red.run,
    run_uuid: red.run,
    run_ids: [red.run],
    source_run_id: red.run,
    model_id: red.model,
    model_ids: [red.model],
    dataset_id: red.dataset,
    trace_id: red.trace,
    trace_ids: [red.trace],
    request_id: red.trace,
    request_ids: [red.trace],
    issue_id: red.issue,
    secret_id: red.secret,
    metric_key: 'm',
    metrics: [metric],
    params: [pair],
    tags: [pair],
    timestamp: 1,
    step: 1,
    max_results: 50,
    status: 'FINISHED',
    description: 'blue',
    serialized_scorer: '{}',
    max_timestamp_millis: 2 ** 50,
    models: [{ model_id: red.model }],
    locations: [{ type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: red.experiment } }],
    records: '[{"inputs": {"blue": 1}}]',
  }
}

export function isolationCases(bench: Bench): void {
  describe('two projects', () => {
    const red = bench.member('red')
    const blue = bench.member('blue')

    async function fill(): Promise<Red> {
      const { room } = bench
      const tag = { key: 'k', value: MARK }
      const experiment = await createExperiment(room, red, { name: `${MARK} experiment`, tags: [tag] })
      const { run_id } = await createRun(room, red, { experiment_id: experiment, run_name: `${MARK} run`, tags: [tag] })
      const metrics = [{ key: 'm', value: 1, timestamp: 1, step: 1 }]
      await logBatch(room, red, run_id, { params: [tag], metrics })
      const model = await createLoggedModel(room, red, {
        experiment_id: experiment,
        name: `${MARK} model`,
        params: [tag],
        tags: [tag],
      })
      const set = await createSet(room, red, { name: `${MARK} set`, experiment_ids: [experiment], tags: { k: MARK } })
      await putRecords(room, red, set.dataset_id, recordsOf(JSON.stringify([{ inputs: { k: MARK } }])))
      const span = {
        trace: 'ab'.repeat(16),
        id: '01'.repeat(8),
        name: `${MARK} span`,
        start: 1_700_000_000_000_000_001n,
      }
      await logSpans(room, red, { experiment_id: experiment, run_id }, readExport(otlpRequest([span])).spans)
      const issue = await createIssue(room, red, {
        experiment_id: experiment,
        name: `${MARK} issue`,
        description: MARK,
      })
      await registerScorer(room, red, {
        experiment_id: experiment,
        name: `${MARK} scorer`,
        serialized_scorer: JSON.stringify({ k: MARK }),
      })
      const secret = (await createSecret(room, red, {
        secret_name: `${MARK} secret`,
        secret_value: { api_key: 'sk-0123456789' },
        provider: undefined,
        auth_config: { k: MARK },
      })) as { secret_id: string }
      return {
        experiment,
        run: run_id,
        model: String(model.info['model_id']),
        dataset: set.dataset_id,
        trace: `tr-${span.trace}`,
        issue: issue.issue_id,
        secret: secret.secret_id,
      }
    }

    /** Every row in which red's mark or one of its ids stands. */
    async function rowsOf(ids: Red): Promise<Set<string>> {
      const rows = new Set<string>()
      for (const table of TABLES) {
        for (const row of await bench.room.db.all(`SELECT * FROM ${table}`)) {
          const text = JSON.stringify(row)
          if (text.includes(MARK) || Object.values(ids).some((id) => text.includes(`"${id}"`)))
            rows.add(`${table} ${text}`)
        }
      }
      return rows
    }

    it('no call with the ids of the other tells or changes anything of it', async () => {
      const { room } = bench
      const ids = await fill()
      const before = await rowsOf(ids)
      assert.ok(before.size > 20, String(before.size))
      const calls: Rpc[] = [
        ...experimentCalls(room),
        ...runCalls(room),
        ...historyCalls(room),
        ...modelCalls(room),
        ...datasetCalls(room),
        ...scorerCalls(room),
        ...traceCalls(room),
        ...issueCalls(room),
        ...gatewayCalls(room),
      ]
      let unknown = 0
      for (const call of calls) {
        const what = `${[call.method].flat().join()} ${call.path}`
        try {
          const answer = await call.handle(readFields(call.fields, sentWith(ids)), blue, {})
          assert.ok(!JSON.stringify(answer).includes(MARK), `${what} tells ${JSON.stringify(answer).slice(0, 200)}`)
        } catch (error) {
          if (!(error instanceof Problem)) throw error
          if (error.data['mlflow_code'] === 'RESOURCE_DOES_NOT_EXIST') unknown++
        }
        const after = await rowsOf(ids)
        for (const row of before) assert.ok(after.has(row), `${what} changed ${row.slice(0, 200)}`)
      }
      assert.ok(unknown >= 30, `${unknown} of ${calls.length} calls did not find what they named`)
    })

    it('the same calls by their own project find what they name', async () => {
      const { room } = bench
      const found = await room.db.get<{ experiment_id: string }>(
        'SELECT experiment_id FROM experiments WHERE name = ?',
        [`${MARK} experiment`],
      )
      const get = experimentCalls(room).find((call) => call.path === 'experiments/get') as Rpc
      const answer = await get.handle(readFields(get.fields, { experiment_id: found?.experiment_id }), red, {})
      assert.match(JSON.stringify(answer), new RegExp(MARK))
    })
  })
}
