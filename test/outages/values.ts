/** By which values a route is asked for the things of the world. */

export type Json = Readonly<Record<string, unknown>>

/**
 * Values of fields by their names, by the beginning of a path; those of the longest beginning that names the field count, and those of ''
 * are the same everywhere. `$also` names optional fields that are to be sent.
 */
export type Values = Readonly<Record<string, Json>>

export const TRACE = `tr-${'a'.repeat(32)}`
export const SPEC =
  'project: default\npipeline:\n  params:\n    x: {type: int, default: 1, min: 1, max: 3}\n  steps:\n    one: {run: [python, -c, "print(1)"]}\n' +
  'search: {objective: steps.one.metrics.m, direction: minimize, params: {x: {}}, trials: 1}\n'

/** Of which a run is for a value of a list. */
export const DIVIDED =
  'project: divided\npipeline:\n  partitions: {values: [a, b]}\n  steps:\n    one: {run: [python, -c, "print(1)"]}\n'

/** Of which a call starts a run. */
export const CALLED =
  'project: called\npipeline:\n  triggers: {hook: {on: webhook}}\n  steps:\n    one: {run: [python, -c, "print(1)"]}\n'

const DIGEST = `sha256:${'1'.repeat(64)}`

export function traceInfo(experiment_id: string, trace_id = TRACE): Json {
  return {
    trace_info: {
      trace_id,
      trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id } },
      request_time: '2026-01-01T00:00:00Z',
      execution_duration: '0.2s',
      state: 'OK',
      tags: { t: '1' },
    },
  }
}

export const ASSESSMENT = {
  assessment_name: 'good',
  source: { source_type: 'HUMAN', source_id: 'a' },
  feedback: { value: true },
}

export const SCORER = JSON.stringify({ instructions_judge_pydantic_data: { model: 'gateway:/judge' } })

/** What was made, by names; the ids of it. */
export function valuesOf(made: Json): Values {
  return { ...common(made), ...own(made), ...tracking(made), ...registry(made), ...traces(made), ...llm(made) }
}

/** The values of a call of MLflow's protocol, in either version. */
function wire(path: string, of: Json): Values {
  return { [`/2.0/mlflow/${path}`]: of, [`/3.0/mlflow/${path}`]: of }
}

function common(made: Json): Values {
  const { experiment_id, run } = made
  return {
    '': {
      ...made,
      name: 'world',
      nonce: 'ab'.repeat(32),
      version: '1',
      project: 'default',
      experiment_ids: [experiment_id],
      experiment_name: 'world',
      run_id: run,
      run_uuid: run,
      run_ids: [run],
      ids: String(run),
      id: run,
      key: 'm',
      value: '1',
      metric_key: 'm',
      timestamp: 1_700_000_000_000,
      path: 'model/MLmodel',
      time: '2026-01-01T00:00:00Z',
      from: '2026-01-01T00:00:00Z',
      until: '2026-01-02T00:00:00Z',
      reason: 'a test',
      model: 'world',
      new_name: 'world2',
      file: 'a.txt',
      digest: made['tree'],
      webhook_id: made['webhook_id'],
      trace_id: TRACE,
      trace_ids: [TRACE],
      request_id: TRACE,
    },
  }
}

/** Of the bodies of Feast's routes, each of which takes what it knows. */
const OF_FEAST = {
  features: ['world:a'],
  entities: { key: [1] },
  push_source_name: 'world',
  feature_view_name: 'world',
  df: { key: [1], at: ['2024-01-01T00:00:00Z'], a: [1] },
  start_ts: '2024-01-01T00:00:00Z',
  end_ts: '2024-01-02T00:00:00Z',
}

const OF_MODEL = { name: 'world', version: '1', alias: 'champion', path: 'MLmodel' }

/** Slipway's own API. */
function own(made: Json): Values {
  const { run, other } = made
  return {
    '/v1/runs': { id: run, other, by: 'params.p', ids: `${String(run)},${String(other)}` },
    '/v1/tokens': { id: made['token'] },
    '/v1/change-reports': { commit: 'a'.repeat(40) },
    '/v1/machine-trusts': {
      name: 'new',
      issuer: 'https://issuer.example',
      audience: 'https://slipway.example',
      subject: 'repo:o/r:ref:refs/heads/main',
      claims: { repository_id: '1' },
    },
    '/v1/searches': { id: made['search'], name: 'new' },
    '/v1/retention': { id: made['rule'], name: 'new' },
    '/v1/rollouts': { id: made['rollout'], action: 'abort' },
    '/v1/models/': OF_MODEL,
    '/v1/models/:name/images': {
      digest: DIGEST,
      documents: ['{}', '{}'],
      repository: 'registry.example.org/dev/world',
    },
    '/v1/models/:name/promotions': { environment: 'dev', digest: DIGEST },
    '/v1/environments': { name: 'dev', repository: 'registry.example.org/dev/{model}' },
    '/v1/pipelines': { id: made['pipeline'], text: SPEC, tree: made['tree'] },
    '/v1/pipeline-plans': { text: SPEC, tree: made['tree'] },
    '/v1/pipeline-runs': { id: made['pipeline_run'], pipeline_version: made['pipeline'], step: 'one' },
    '/v1/backfills': { id: made['backfill'], pipeline_version: made['divided'] },
    '/v1/partitioned-pipelines': { project: 'divided' },
    '/v1/triggers': { project: 'called', name: 'hook' },
    '/v1/hooks': { project: 'called', name: 'hook' },
    '/v1/reproductions/schedule': { cron: '0 4 1 1 *' },
    '/v1/studies': { id: made['study'], pipeline_version: made['pipeline'] },
    '/v1/data-sets': { $also: ['tree'], name: 'world', version: '1', tree: made['data'] },
    '/v1/incidents': { id: 'inc_1' },
    '/v1/features/': { kind: 'views', name: 'world', from: '1' },
    '/v1/features/joins': { $also: ['tree'], service: 'none', tree: made['data'] },
    '/v1/features/views/:name/materialise': { name: 'none' },
    '/v1/features/views/:name/rows': { rows: [{ key: 1, at: '2024-01-01T00:00:00Z', a: 1 }] },
    '/v1/features:read': { $also: ['service'], service: 'world', entities: [{ key: 1 }] },
    '/v1/features:look-up': {
      $also: ['at'],
      service: 'world',
      entities: [{ key: 1 }],
      at: '2024-01-01T00:00:00Z',
    },
    '/v1/endpoints/:name/features': { service: 'world' },
    '/feast/': {
      $also: Object.keys(OF_FEAST),
      project: 'default',
      ...OF_FEAST,
    },
    '/v1/imports': { id: made['import'], kind: 'bundle', place: 'other', parts: ['a'] },
    '/v1/transfer/tables': { table: 'runs' },
    '/v1/transfer/blobs': { digest: made['tree'] },
    '/v1/transfer/missing': { digests: [made['tree']] },
    '/v1/traces/': { id: TRACE },
    '/v1/webhooks': { id: made['webhook_id'] },
    '/v1/endpoints/:name/labels': { labels: [{ prediction_id: 'a', label: 1 }] },
    '/v1/endpoints/:name/try': { inputs: { a: 1 } },
    '/v1/endpoints/:name/metrics': { values: [{ metric: 'm', version: '1', value: 1 }] },
  }
}

function tracking(made: Json): Values {
  const { experiment_id, run, model_id } = made
  const query = `{ mlflowGetRun(input: { runId: "${String(run)}" }) { run { info { runId } } } }`
  return {
    '/graphql': { query },
    ...wire('graphql', { query }),
    ...wire('runs/search', { $also: ['experiment_ids'] }),
    ...wire('experiments/search-datasets', { $also: ['experiment_ids'] }),
    ...wire('upload-artifact', { path: 'b.txt' }),
    ...wire('scorers/online-configs', { scorer_ids: [made['scorer_id']] }),
    ...wire('model-versions/get-artifact', { path: 'MLmodel' }),
    '/get-artifact': { $also: ['run_id', 'path'] },
    '/model-versions/get-artifact': { path: 'MLmodel' },
    '//model-versions/get-artifact': { path: 'MLmodel' },
    '/v1/models/:name/versions/:version/mlflow-artifacts': { '*': 'MLmodel' },
    ...wire('runs', { key: 't', params: [{ key: 'q', value: '1' }], models: [{ model_id, step: 0 }] }),
    ...wire('runs/log-model', { model_json: MODEL_JSON(String(run)) }),
    ...wire('runs/log-parameter', { key: 'q' }),
    ...wire('runs/log-batch', { $also: ['tags'], tags: [{ key: 'u', value: '1' }] }),
    ...wire('runs/create-promptlab-run', {
      prompt_template: 'a {{ b }}',
      prompt_parameters: [{ key: 'b', value: 'c' }],
      model_route: 'r',
      model_input: 'a c',
      mlflow_version: '3.0.0',
    }),
    ...wire('logged-models', { params: [{ key: 'q', value: '1' }], tags: [{ key: 't', value: '2' }], tag_key: 't' }),
    ...wire('logged-models/:model_id', { status: 'LOGGED_MODEL_READY', artifact_file_path: 'model/MLmodel' }),
    ...wire('experiments/create', { name: 'another' }),
    ...wire('experiments', { key: 't' }),
    ...wire('registered-models/create', { name: 'another' }),
    ...wire('registered-models/rename', { new_name: 'renamed' }),
    ...wire('workspaces', { workspace_name: 'spare', name: 'another' }),
    '/2.0/mlflow-artifacts': { '*': `${String(experiment_id)}/${String(run)}/artifacts/model/MLmodel`, part: '1' },
    '/2.0/mlflow-artifacts/links': { secret: made['secret'], name: made['file_name'] },
    '/2.0/mlflow-artifacts/mpu': { '*': `${String(experiment_id)}/${String(run)}/artifacts`, upload_id: 'x' },
  }
}

/** What clients before MLflow 2 tell of a model. */
const MODEL_JSON = (run_id: string): string =>
  JSON.stringify({ run_id, artifact_path: 'model', flavors: {}, utc_time_created: '2026-01-01 00:00:00.0' })

function registry({ run }: Json): Values {
  return {
    ...wire('registered-models', OF_MODEL),
    ...wire('model-versions', { ...OF_MODEL, source: `runs:/${String(run)}/model`, stage: 'Staging' }),
    ...wire('webhooks', {
      name: 'another',
      url: 'https://hooks.invalid/',
      events: [{ entity: 'MODEL_VERSION', action: 'CREATED' }],
    }),
  }
}

function traces({ experiment_id }: Json): Values {
  const location = { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id } }
  return {
    ...wire('traces', {
      trace: traceInfo(String(experiment_id), `tr-${'b'.repeat(32)}`),
      locations: [location],
      filter_string1: "trace.status = 'OK'",
      filter_string2: "trace.status = 'ERROR'",
      view_type: 'TRACES',
      metric_name: 'trace_count',
      aggregations: [{ aggregation_type: 'COUNT' }],
      assessment: ASSESSMENT,
      update_mask: 'rationale',
      key: 't',
      max_timestamp_millis: 1_800_000_000_000,
      prompt_versions: [{ name: 'world', version: '1' }],
    }),
    ...wire('issues', { name: 'another', description: 'another issue' }),
    ...wire('datasets', { tags: '{"t":"2"}', records: '[{"inputs":{"question":"c"}}]', key: 't' }),
    ...wire('datasets/create', { name: 'another' }),
    ...wire('scorers', { serialized_scorer: SCORER, sample_rate: 0 }),
  }
}

function llm(made: Json): Values {
  return {
    ...wire('gateway', {
      endpoint_id: made['llm_endpoint'],
      provider: 'openai',
      secret_name: 'world',
      secret_value: { api_key: 'y' },
      model_name: 'gpt-4o',
      resource_type: 'scorer',
      resource_id: 'a',
      key: 't',
    }),
    ...wire('gateway/endpoints/create', { $also: ['model_configs'], name: 'another', model_configs: [configOf(made)] }),
    ...wire('gateway/secrets/create', { secret_name: 'another' }),
    ...wire('gateway/model-definitions/create', { name: 'another' }),
    ...wire('gateway/endpoints/models/attach', { model_config: configOf(made) }),
    ...wire('gateway/budgets', {
      budget_policy_id: made['llm_budget'],
      budget_unit: 'USD',
      budget_amount: 1.5,
      duration: { unit: 'DAYS', value: 1 },
      target_scope: 'WORKSPACE',
      budget_action: 'REJECT',
    }),
    '/v1/llm/providers': { id: made['secret_id'], name: 'another one', provider: 'ollama' },
    '/v1/llm/endpoints': {
      $also: ['routing'],
      id: made['llm_endpoint'],
      name: 'another one',
      models: [{ provider: 'world', model: 'a' }],
      routing: 'cost',
    },
    '/v1/llm/keys': { $also: ['rpm'], id: made['llm_key'], name: 'another', rpm: 60 },
    '/v1/llm/budgets': {
      $also: ['hard'],
      id: made['llm_budget'],
      scope: 'project',
      window: 'day',
      limit: '1.5',
      hard: false,
    },
    '/v1/llm/servers': { id: 'srv-that-is-gone' },
    '/v1/llm/playground': { endpoint: 'none', role: 'user', content: 'Hello' },
    '/v1/llm/prices': { provider: 'ollama', input: '0.1', output: '0.2', prices: PRICES },
  }
}

const PRICES = { a: { litellm_provider: 'ollama', input_cost_per_token: 1e-7 } }

function configOf(made: Json): Json {
  return { model_definition_id: made['model_definition_id'], linkage_type: 'PRIMARY', weight: 1 }
}
