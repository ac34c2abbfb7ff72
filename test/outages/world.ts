/** A server with one of everything, so that each route has something to read, and the values by which a route is asked for it. */
import assert from 'node:assert/strict'

import { tar } from '../fixtures/tar.ts'
import { until } from '../until.ts'
import { ASSESSMENT, CALLED, DIVIDED, SCORER, SPEC, TRACE, traceInfo, valuesOf } from './values.ts'
import type { Json, Values } from './values.ts'

const MLMODEL = 'flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n'

/** Makes one of everything through the API of the server at `url`, which lets everyone in. Throws what was refused. */
export async function makeWorld(url: string): Promise<Values> {
  const calls = callsOf(url)
  const { wire, bytes } = calls
  const { experiment_id } = await wire('POST', 'experiments/create', { name: 'world', tags: [pair('t')] })
  const { run, other } = await makeRuns(wire, String(experiment_id))
  const { model_id } = part(await wire('POST', 'logged-models', loggedModel(experiment_id, run)), 'model', 'info')
  await wire('PATCH', `logged-models/${String(model_id)}`, { status: 'LOGGED_MODEL_READY' })
  const artifacts = '/api/2.0/mlflow-artifacts/artifacts'
  await bytes('PUT', `${artifacts}/${String(experiment_id)}/${run}/artifacts/model/MLmodel`, MLMODEL)
  await bytes(
    'PUT',
    `${artifacts}/${String(experiment_id)}/models/${String(model_id)}/artifacts/model/MLmodel`,
    MLMODEL,
  )
  const link = await linkOf(url, `${String(experiment_id)}/${run}/artifacts/model/MLmodel`)
  await wire('POST', 'registered-models/create', { name: 'world', tags: [pair('t')] })
  await wire('POST', 'model-versions/create', { name: 'world', source: `runs:/${run}/model`, run_id: run })
  await wire('POST', 'registered-models/alias', { name: 'world', alias: 'champion', version: '1' })
  const traced = await makeTraced(calls, String(experiment_id), run)
  const evaluated = await makeEvaluated(wire, String(experiment_id))
  const llm = await makeLlm(calls)
  await wire('POST', 'workspaces', { name: 'spare' })
  const hook = part(
    await wire('POST', 'webhooks', {
      name: 'world',
      url: 'https://hooks.invalid/',
      events: [{ entity: 'MODEL_VERSION', action: 'CREATED' }],
    }),
    'webhook',
  )
  const own = await makeOwn(calls)
  await settled(url)
  return valuesOf({ experiment_id, run, other, model_id, ...link, ...traced, ...evaluated, ...llm, ...hook, ...own })
}

/** Resolves when no pipeline runs, and no search and no backfill goes on: what runs changes what is read. */
export async function settled(url: string): Promise<void> {
  await until('the end of all runs', async () => {
    const lists = await Promise.all(
      ['studies', 'backfills', 'pipeline-runs'].map(async (list) => {
        const reply = await fetch(`${url}/v1/${list}`)
        return ((await reply.json()) as { items: readonly { readonly finished_at: string | null }[] }).items
      }),
    )
    return lists.flat().every(({ finished_at }) => finished_at !== null)
  })
}

type Send = (method: string, path: string, body: unknown, headers?: Readonly<Record<string, string>>) => Promise<Json>
type SendBytes = (method: string, path: string, body: string | Buffer) => Promise<Json>

interface Calls {
  readonly send: Send
  /** MLflow's call of this path. */
  readonly wire: Send
  readonly bytes: SendBytes
}

function callsOf(url: string): Calls {
  const ask = async (method: string, path: string, body: string | Buffer, headers: object): Promise<Json> => {
    const reply = await fetch(url + path, {
      method,
      body,
      headers: headers as Record<string, string>,
    })
    const text = await reply.text()
    assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${text.slice(0, 500)}`)
    return JSON.parse(text) as Json
  }
  const send: Send = (method, path, body, headers = {}) =>
    ask(method, path, JSON.stringify(body), { 'content-type': 'application/json', ...headers })
  const version = (path: string): string =>
    /^(?:traces|issues|datasets|scorers|gateway|workspaces)\b/.test(path) ? '3.0' : '2.0'
  return {
    send,
    wire: (method, path, body) => send(method, `/api/${version(path)}/mlflow/${path}`, body),
    bytes: (method, path, body) => ask(method, path, body, { 'content-type': 'application/octet-stream' }),
  }
}

/** The parts of a link by which an artifact is read without a credential. */
async function linkOf(url: string, path: string): Promise<Json> {
  const reply = await fetch(`${url}/api/2.0/mlflow-artifacts/presigned/${path}`)
  const [, secret, name] = /\/links\/([^/]+)\/([^/"?]+)/.exec(await reply.text()) ?? []
  assert.ok(secret !== undefined, `no link: ${reply.status}`)
  return { secret, file_name: name }
}

function part(of: Json, ...keys: readonly string[]): Json {
  return keys.reduce<Json>((inner, key) => inner[key] as Json, of)
}

function pair(key: string): Json {
  return { key, value: '1' }
}

async function makeRuns(wire: Send, experiment_id: string): Promise<{ run: string; other: string }> {
  const make = async (run_name: string): Promise<string> => {
    const made = await wire('POST', 'runs/create', { experiment_id, run_name, start_time: 1_700_000_000_000 })
    const run_id = String(part(made, 'run', 'info')['run_id'])
    const metrics = [0, 1, 2].map((step) => ({ key: 'm', value: step, timestamp: 1_700_000_000_000 + step, step }))
    await wire('POST', 'runs/log-batch', { run_id, metrics, params: [pair('p')], tags: [pair('t')] })
    const dataset = { name: 'd', digest: 'd', source_type: 's', source: 's' }
    await wire('POST', 'runs/log-inputs', { run_id, datasets: [{ tags: [], dataset }] })
    return run_id
  }
  return { run: await make('one'), other: await make('two') }
}

function loggedModel(experiment_id: unknown, source_run_id: string): Json {
  return { experiment_id, name: 'model', source_run_id, params: [pair('p')], tags: [pair('t')] }
}

/** A view whose rows are pushed, and a service that reads it. */
const FEATURES = {
  entities: { world: { keys: { key: 'int' } } },
  views: { world: { entities: ['world'], push: true, event_time: 'at', features: { a: 'float' } } },
  services: { world: { features: ['world:a'] } },
}

/** What a client of OpenTelemetry sends of the trace. */
const SPANS = {
  resourceSpans: [
    {
      scopeSpans: [
        {
          spans: [
            {
              traceId: 'a'.repeat(32),
              spanId: 'd'.repeat(16),
              name: 'a span',
              startTimeUnixNano: '1767225600000000000',
              endTimeUnixNano: '1767225600100000000',
            },
          ],
        },
      ],
    },
  ],
}

async function makeTraced({ wire, send }: Calls, experiment_id: string, run_id: string): Promise<Json> {
  await wire('POST', 'traces', { trace: traceInfo(experiment_id) })
  await send('POST', '/v1/traces', SPANS, { 'x-mlflow-experiment-id': experiment_id })
  await wire('POST', 'traces/link-to-run', { trace_ids: [TRACE], run_id })
  const made = await wire('POST', `traces/${TRACE}/assessments`, { assessment: ASSESSMENT })
  const issue = await wire('POST', 'issues', { experiment_id, name: 'issue', description: 'an issue' })
  return {
    assessment_id: part(made, 'assessment')['assessment_id'],
    issue_id: part(issue, 'issue')['issue_id'],
  }
}

async function makeEvaluated(wire: Send, experiment_id: string): Promise<Json> {
  const made = await wire('POST', 'datasets/create', {
    name: 'world',
    experiment_ids: [experiment_id],
    tags: '{"t":"1"}',
  })
  const { dataset_id } = part(made, 'dataset')
  const records = JSON.stringify([{ inputs: { question: 'a' }, expectations: { answer: 'b' } }])
  await wire('POST', `datasets/${String(dataset_id)}/records`, { records })
  const scorer = await wire('POST', 'scorers/register', { experiment_id, name: 'world', serialized_scorer: SCORER })
  return { dataset_id, scorer_id: scorer['scorer_id'] }
}

async function makeLlm({ send, wire }: Calls): Promise<Json> {
  const secret = { secret_name: 'world', secret_value: { api_key: 'x' }, provider: 'openai' }
  const { secret_id } = part(await wire('POST', 'gateway/secrets/create', secret), 'secret')
  const definition = { name: 'world', secret_id, provider: 'openai', model_name: 'gpt-4o' }
  const defined = await wire('POST', 'gateway/model-definitions/create', definition)
  const { model_definition_id } = part(defined, 'model_definition')
  const model_configs = [{ model_definition_id, linkage_type: 'PRIMARY', weight: 1 }]
  const made = await wire('POST', 'gateway/endpoints/create', { name: 'world', model_configs })
  const { id: llm_key } = part(await send('POST', '/v1/llm/keys', { name: 'world' }), 'key')
  const { id: llm_budget } = await send('POST', '/v1/llm/budgets', { scope: 'project', window: 'day', limit: '1' })
  return { secret_id, model_definition_id, llm_endpoint: part(made, 'endpoint')['endpoint_id'], llm_key, llm_budget }
}

/** What only Slipway's own API makes. */
async function makeOwn({ send, bytes }: Calls): Promise<Json> {
  const { id: token } = part(await send('POST', '/v1/tokens', { name: 'world', role: 'viewer' }), 'row')
  await send('PUT', '/v1/endpoints/world', { project: 'default', model: 'world' })
  await send('POST', '/v1/features/apply', { features: FEATURES })
  const rollout = await send('POST', '/v1/endpoints/world/rollouts', { version: '1' })
  await send('PUT', '/v1/endpoints/world/freeze', { reason: 'a test' })
  const search = await send('POST', '/v1/searches', { name: 'world', filter: 'metrics.m > 0' })
  const rule = await send('POST', '/v1/retention', { name: 'world', stage: 'deleted', older_than_days: 30 })
  const tree = await bytes('POST', '/v1/trees', tar([{ path: 'a.py', body: 'x = 1' }]))
  const pipeline = await send('POST', '/v1/pipelines', { text: SPEC, tree: tree['digest'] })
  const run = await send('POST', '/v1/pipeline-runs', { pipeline_version: pipeline['id'] })
  const study = await send('POST', '/v1/studies', { pipeline_version: pipeline['id'] })
  await send('POST', `/v1/studies/${String(study['id'])}/stop`, {})
  await send('POST', '/v1/pipelines', { text: CALLED, tree: tree['digest'] })
  await send('POST', '/v1/triggers/called/hook/secret', {})
  const divided = await send('POST', '/v1/pipelines', { text: DIVIDED, tree: tree['digest'] })
  const backfill = await send('POST', '/v1/backfills', { pipeline_version: divided['id'] })
  await send('POST', `/v1/backfills/${String(backfill['id'])}/cancel`, {})
  const data = await bytes('POST', '/v1/data-trees', tar([{ path: 'a.csv', body: 'a\n1\n' }]))
  await send('POST', '/v1/data-sets', { name: 'world', tree: data['digest'] })
  const imported = await send('POST', '/v1/imports', { kind: 'bundle', place: 'world' })
  return {
    token,
    rollout: rollout['id'],
    search: search['id'],
    rule: rule['id'],
    tree: tree['digest'],
    data: data['digest'],
    pipeline: pipeline['id'],
    pipeline_run: run['id'],
    study: study['id'],
    divided: divided['id'],
    backfill: backfill['id'],
    import: part(imported, 'import')['id'],
  }
}
