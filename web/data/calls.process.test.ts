/** What the pages ask of the server: every call exists in the contract with this query, and every refusal is told. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import type { z } from 'zod'
import { CallError } from '../../src/client/client.ts'
import { authApi } from '../../src/contract/auth.ts'
import { costApi } from '../../src/contract/cost.ts'
import { endpointViewApi } from '../../src/contract/endpoint-view.ts'
import { monitoringApi } from '../../src/contract/monitoring.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { registryApi } from '../../src/contract/registry.ts'
import { rolloutApi } from '../../src/contract/rollout.ts'
import type { Route } from '../../src/contract/route.ts'
import { runTableApi } from '../../src/contract/tracking/run-table.ts'
import { searchesApi } from '../../src/contract/tracking/searches.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { systemApi } from '../../src/contract/system.ts'
import { tracesApi } from '../../src/contract/traces.ts'
import { trackingApi } from '../../src/contract/tracking.ts'
import { featuresApi } from '../../src/contract/features/catalogue.ts'
import { featureJobsApi } from '../../src/contract/features/jobs.ts'
import { onlineApi } from '../../src/contract/features/online.ts'
import { describe as described, isLoggedOut, isRouteUnknown, isTransient } from './api.ts'
import { touched } from './live.ts'
import { ask, each, send } from './mlflow.ts'
import { prompts } from './models/prompts.ts'
import * as features from './features/queries.ts'
import * as read from './queries.ts'
import * as runs from './runs/queries.ts'
import { dataset, datasetRecords, datasets } from './traces/datasets.ts'
import * as traces from './traces/queries.ts'
import { callError } from '../../src/client/call-error.fixture.ts'

interface Asked {
  readonly url: string
  readonly method: string
  readonly body: unknown
  readonly signal: unknown
}

const before = globalThis.fetch
let asked: Asked[] = []
let answer: (url: string) => Response | Promise<Response> = () => Response.json({ items: [] })

beforeEach(() => {
  asked = []
  answer = () => Response.json({ items: [], runs: [] })
  globalThis.fetch = (async (url: string, init: RequestInit = {}) => {
    const body = typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : undefined
    asked.push({ url, method: init.method ?? 'GET', body, signal: init.signal })
    return await answer(url)
  }) as typeof fetch
})

afterEach(() => {
  globalThis.fetch = before
})

const ROUTES: readonly Route[] = [
  authApi,
  costApi,
  endpointViewApi,
  featuresApi,
  featureJobsApi,
  onlineApi,
  monitoringApi,
  pipelinesApi,
  registryApi,
  rolloutApi,
  runTableApi,
  searchesApi,
  servingApi,
  systemApi,
  tracesApi,
  trackingApi,
].flatMap((api) => Object.values(api))

/** The route of an address: paths without parameters before those with them. */
function routeOf(method: string, path: string): Route | undefined {
  const fits = (route: Route): boolean =>
    route.method === method && new RegExp(`^${route.path.replaceAll(/(?<=\/):\w+/g, '[^/]+')}$`).test(path)
  return ROUTES.filter(fits).sort((a, b) => a.path.split(':').length - b.path.split(':').length)[0]
}

/** A query as the server parses it: a text, or a list of texts where it was given more than once. */
function queryOf(params: URLSearchParams): Record<string, string | string[]> {
  return Object.fromEntries(
    [...new Set(params.keys())].map((key) => {
      const values = params.getAll(key)
      return [key, values.length > 1 ? values : (values[0] ?? '')]
    }),
  )
}

interface Options {
  readonly queryKey: readonly unknown[]
  readonly queryFn?: unknown
  readonly initialPageParam?: unknown
}

async function run(options: Options, pageParam: unknown = options.initialPageParam): Promise<unknown> {
  const call = options.queryFn as (context: object) => Promise<unknown>
  return await call({ signal: new AbortController().signal, pageParam, queryKey: options.queryKey })
}

const RUNS = {
  filter: "params.lr = '0.1'",
  order: 'metrics.auc DESC',
  experiment: '7',
  columns: ['metrics.auc', 'params.lr', 'tags.team', 'metrics.a,b'],
  stage: 'deleted' as const,
}
const PLAIN = { filter: '', order: '', experiment: '', columns: [] }
const GROUPS = {
  by: 'params.lr',
  filter: 'metrics.auc > 0',
  experiment: '7',
  metrics: ['auc', 'loss'],
  stage: 'deleted' as const,
}
const RANGE = { from: '2013-07-01T00:00:00.000Z', to: '2013-08-01T00:00:00.000Z' }
const ID = '00019c1f4be27a60b3d85c14'

/** Everything that pages read from the native API. */
const QUERIES: readonly (readonly [name: string, options: Options])[] = [
  ['me', read.me],
  ['server', read.server],
  ['tokens', read.tokens],
  ['audit', read.audit],
  ['experiments', read.experiments],
  ['deleted experiments', read.experimentsOf('deleted')],
  ['active experiments', read.experimentsOf(undefined)],
  ['runs', read.runs(RUNS)],
  ['plain runs', read.runs(PLAIN)],
  ['first runs', read.firstRuns(RUNS, 20)],
  ['recent runs', read.recentRuns],
  ['failed runs', read.failedRuns],
  ['runs by name', read.runsCalled("it's 100 %")],
  ['run by id', read.runsCalled(ID)],
  ['run', read.run('a/b c')],
  ['run keys', runs.runKeys('7')],
  ['all run keys', runs.runKeys('')],
  ['views', runs.savedViews],
  ['groups', runs.runGroups(GROUPS)],
  ['plain groups', runs.runGroups({ by: 'attributes.status', filter: '', experiment: '', metrics: [] })],
  ['curves', runs.runCurves([ID], 'loss, of train', 500, { from: 1.5, to: 9.2 })],
  ['all of the curves', runs.runCurves([ID, ID], 'auc', 40)],
  ['comparison', runs.comparison([ID, ID])],
  ['models', read.models],
  ['model', read.model('churn é')],
  ['versions', read.versions('churn')],
  ['version', read.version('churn', '3')],
  ['lineage', read.lineage('churn', '3')],
  ['moves', read.moves('churn')],
  ['policy', read.policy('churn')],
  ['endpoints', read.endpoints],
  ['endpoint', read.endpoint('e')],
  ['predictions', read.predictions('e')],
  ['latency', read.latency('e', 3600)],
  ['rollouts', read.rollouts()],
  ['rollouts of one', read.rollouts('e')],
  ['rollouts under way', read.openRollouts],
  ['freezes', read.freezes],
  ['rollout', read.rollout('ro_1')],
  ['curve', read.curve('ro_1')],
  ['incidents', read.incidents()],
  ['incidents of one', read.incidents('e')],
  ['incident', read.incident('inc_1')],
  ['monitor', read.monitor('e')],
  ['heat map', read.heatmap('e', RANGE, 24)],
  ['feature', read.feature('e', 'a/b', RANGE)],
  ['performance', read.performance('e', RANGE, 'week')],
  ['performance of a slice', read.performance('e', {}, 'all', 'carrier')],
  ['pipeline runs', read.pipelineRuns()],
  ['newest pipeline runs', read.newestPipelineRuns],
  ['pipeline runs of one', read.pipelineRuns('p')],
  ['pipeline run', read.pipelineRun('run_1')],
  ['explanation', read.explanation('run_1', 'train')],
  ['cost', read.cost('endpoint')],
  ['cost since', read.cost('day', RANGE.from)],
  ['rates', read.rates],
  ['features', features.catalogue('flights')],
  ['features of whoever asks', features.catalogue(undefined)],
  ['feature view', features.featureView({ project: 'flights', name: 'trips' })],
  ['version of a feature view', features.featureView({ project: undefined, name: 'trips', version: '2' })],
  ['feature service', features.featureService({ project: 'flights', name: 'no_show', version: '2' })],
  [
    'difference of features',
    features.featureDifferences({ kind: 'services', project: 'flights', name: 'no_show', from: 1, to: 2 }),
  ],
  ['joins', features.featureJobs({ project: 'flights', kind: 'join', name: 'no_show', limit: 20 })],
  ['materialisations', features.featureJobs({ project: undefined, kind: 'materialise' })],
  ['features of an entity', features.entityFeatures({ service: 'no_show', entities: [{ customer_id: 1 }] })],
  ['traces', traces.traces({ filter: "status = 'ERROR'", experiment: '7' })],
  ['trace', traces.trace('tr-1')],
]

for (const [name, options] of QUERIES) {
  test(`${name}: the contract has the route, and takes the query`, async () => {
    await run(options)
    assert.equal(asked.length, 1)
    for (const { url, method, signal } of asked) {
      const { pathname, searchParams } = new URL(url, 'http://slipway.test')
      const route = routeOf(method, pathname)
      assert.ok(route !== undefined, `${method} ${pathname} is no route`)
      const query = queryOf(searchParams)
      if (route.query === undefined) assert.deepEqual(query, {})
      else {
        const parsed = (route.query as z.ZodType<object>).safeParse(query)
        assert.ok(parsed.success, JSON.stringify(parsed.error?.issues))
        assert.deepEqual(
          Object.keys(query).filter((key) => !(key in parsed.data)),
          [],
          'the server would drop these',
        )
      }
      assert.ok(signal instanceof AbortSignal, 'a read is given up when its page is left')
    }
  })
}

test('each query has a key of its own', () => {
  const keys = QUERIES.map(([, { queryKey }]) => JSON.stringify(queryKey))
  assert.equal(new Set(keys).size, keys.length)
})

/** Read again only when somebody looks anew, or kept up to date by the act that changes them. */
const UNTOUCHED = ['auth', 'server', 'run-keys', 'run-names', 'feature-rows']

test('a change of every kind refreshes the queries of its room', () => {
  const rooms = new Set(QUERIES.map(([, { queryKey }]) => String(queryKey[0])))
  const kinds = [
    'runs',
    'artifacts',
    'models',
    'endpoints',
    'rollouts',
    'monitors',
    'incidents',
    'pipelines',
    'features',
    'cost',
    'tokens',
    'audit',
  ]
  const refreshed = new Set(kinds.flatMap((kind) => touched(kind) ?? []))
  assert.deepEqual(
    [...rooms].filter((room) => !refreshed.has(room) && !UNTOUCHED.includes(room)),
    [],
    'nothing refreshes these',
  )
  assert.deepEqual(
    [...refreshed].filter((room) => !rooms.has(room)),
    [],
    'no query is called like these',
  )
})

test('columns are asked for by their kind', async () => {
  await run(read.runs(RUNS))
  const { searchParams } = new URL(asked[0]?.url ?? '', 'http://slipway.test')
  assert.deepEqual(searchParams.getAll('metrics'), ['auc', 'a,b'])
  assert.deepEqual(searchParams.getAll('params'), ['lr'])
  assert.deepEqual(searchParams.getAll('tags'), ['team'])
  assert.deepEqual([searchParams.get('view'), searchParams.get('experiment_id')], ['deleted', '7'])
})

test('the next page is asked for by its token, until there is none', async () => {
  await run(read.runs(PLAIN), 'token of page 2')
  assert.equal(new URL(asked[0]?.url ?? '', 'http://slipway.test').searchParams.get('page_token'), 'token of page 2')
  const { getNextPageParam } = read.runs(PLAIN)
  assert.equal(getNextPageParam({ items: [], next_page_token: 't' }, [], '', []), 't')
  assert.equal(getNextPageParam({ items: [] }, [], '', []), undefined)
  assert.equal(
    datasetRecords('d').getNextPageParam({ items: [], next_page_token: '' }, [], '', []),
    undefined,
    'an empty token ends the records',
  )
})

test('a hundred runs are compared by parts of fifty, and what differs is found over all of them', async () => {
  const ids = Array.from({ length: 101 }, (_, i) => `run${i}`)
  answer = (url) => {
    const part = new URL(url, 'http://slipway.test').searchParams.getAll('ids')
    // within a part all are equal; only the last run, alone in the third, has another param
    const runsOfPart = part.map((id) => ({ id, metrics: {}, params: { lr: id === 'run100' ? '2' : '1' }, tags: {} }))
    return Response.json({ runs: runsOfPart, differing: { params: [], metrics: [], tags: [] } })
  }
  const found = (await run(runs.comparison(ids))) as { runs: { id: string }[]; differing: { params: string[] } }
  assert.equal(asked.length, 3)
  assert.deepEqual(
    found.runs.map(({ id }) => id),
    ids,
  )
  assert.deepEqual(found.differing.params, ['lr'])
})

test('a part of the steps is asked for in whole steps around it', async () => {
  await run(runs.runCurves(['a'], 'loss', 500, { from: 1.5, to: 9.2 }))
  const { searchParams } = new URL(asked[0]?.url ?? '', 'http://slipway.test')
  assert.deepEqual([searchParams.get('from_step'), searchParams.get('to_step')], ['1', '10'])
})

test('a name that is looked for cannot end its quotes or become a pattern', async () => {
  await run(read.runsCalled("a' OR metrics.x > 1 % '"))
  const filter = new URL(asked[0]?.url ?? '', 'http://slipway.test').searchParams.get('filter') ?? ''
  assert.equal(filter.split("'").length, 3, filter)
  assert.equal(filter.split('%').length, 3, filter)
})

test('datasets and prompts are asked of MLflow’s protocol', async () => {
  answer = () =>
    Response.json({
      datasets: [],
      records: '[{"inputs":{"q":1}}]',
      next_page_token: '',
      dataset: { name: 'd' },
      registered_models: [],
    })
  await run(datasets)
  await run(dataset('d-1'))
  const records = (await run(datasetRecords('d-1'))) as { items: unknown[] }
  await run(prompts)
  assert.deepEqual(records.items, [{ inputs: { q: 1 } }])
  const { searchParams } = new URL(asked.at(-1)?.url ?? '', 'http://slipway.test')
  assert.equal(searchParams.get('filter'), "tags.`mlflow.prompt.is_prompt` = 'true'", 'of all models only the prompts')
  assert.deepEqual(
    asked.map(({ method, url }) => `${method} ${url.split('?')[0]}`),
    [
      'POST /ajax-api/3.0/mlflow/datasets/search',
      'GET /ajax-api/3.0/mlflow/datasets/d-1',
      'GET /ajax-api/3.0/mlflow/datasets/d-1/records',
      'GET /ajax-api/2.0/mlflow/registered-models/search',
    ],
  )
})

test('a call without items in its answer is an empty list', async () => {
  answer = () => Response.json({})
  assert.deepEqual(await run(datasets), { items: [] })
  assert.deepEqual(await run(prompts), { items: [] })
})

test('an act is sent as JSON by its method', async () => {
  await send('runs/set-tag', { run_id: 'r', key: 'k', value: 'v' })
  await send('registered-models/delete-tag', { name: 'm', key: 'k' }, 'DELETE')
  assert.deepEqual(
    asked.map(({ method, url, body }) => [method, url, body]),
    [
      ['POST', '/ajax-api/2.0/mlflow/runs/set-tag', { run_id: 'r', key: 'k', value: 'v' }],
      ['DELETE', '/ajax-api/2.0/mlflow/registered-models/delete-tag', { name: 'm', key: 'k' }],
    ],
  )
})

test('a refusal of MLflow’s protocol keeps its status, its code and its words', async () => {
  answer = () => Response.json({ error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'No run r' }, { status: 404 })
  const { status, code, message } = await callError(send('runs/delete', { run_id: 'r' }))
  assert.deepEqual([status, code, message], [404, 'RESOURCE_DOES_NOT_EXIST', 'No run r'])
})

test('a refusal that is no JSON is told by its text, cut where it is long', async () => {
  answer = () => new Response('<html>bad gateway</html>', { status: 502 })
  const error = await callError(send('runs/delete', {}))
  assert.deepEqual([error.status, error.code, error.message], [502, 'unknown', '<html>bad gateway</html>'])
  answer = () => new Response('x'.repeat(2000), { status: 500 })
  assert.equal((await callError(send('runs/delete', {}))).message.length, 500)
})

test('a server that does not answer is told as that; a read that was given up is no failure of the server', async () => {
  answer = () => Promise.reject(new TypeError('fetch failed'))
  const error = await callError(send('runs/delete', {}))
  assert.deepEqual([error.status, error.code], [0, 'unreachable'])
  answer = () => Promise.reject(new DOMException('given up', 'AbortError'))
  await assert.rejects(ask('datasets/search', {}, new AbortController().signal), { name: 'AbortError' })
})

test('the same is done to each, eight at a time, and stops at the first refusal', async () => {
  let [running, most, done] = [0, 0, 0]
  const act = async (): Promise<void> => {
    running += 1
    most = Math.max(most, running)
    await Promise.resolve()
    running -= 1
    done += 1
  }
  await each(Array.from({ length: 20 }), act)
  assert.deepEqual([most, done], [8, 20])
  const tried: number[] = []
  const refusing = async (i: number): Promise<void> => {
    tried.push(i)
    await Promise.resolve()
    if (i === 3) throw new CallError(403, { code: 'forbidden', message: 'no' })
  }
  await assert.rejects(
    each(
      Array.from({ length: 30 }, (_, i) => i),
      refusing,
    ),
    { code: 'forbidden' },
  )
  assert.ok(tried.length <= 8, 'nothing is begun after a refusal')
})

test('failures are told apart: no session, no such part, one that a later try may mend', () => {
  const error = (status: number, code = 'x'): CallError =>
    new CallError(status, { code, message: 'm', help: 'h', request_id: 'req_1' })
  assert.deepEqual(
    [401, 403, 500].map((status) => isLoggedOut(error(status))),
    [true, false, false],
  )
  assert.deepEqual([isRouteUnknown(error(404, 'no_route')), isRouteUnknown(error(404, 'not_found'))], [true, false])
  assert.deepEqual(
    [0, 400, 404, 429, 500, 502, 503, 504].map((status) => isTransient(error(status))),
    [true, false, false, false, false, true, true, true],
  )
  for (const other of [new Error('m'), 'text', null, undefined]) {
    assert.deepEqual([isLoggedOut(other), isRouteUnknown(other), isTransient(other)], [false, false, false])
  }
})

test('any failure is described: its sentence, what to do, the id to quote', () => {
  const error = new CallError(409, {
    code: 'conflict',
    message: 'It moved.',
    help: 'Read it again.',
    request_id: 'req_7',
  })
  assert.deepEqual(described(error), { message: 'It moved.', help: 'Read it again.', requestId: 'req_7' })
  assert.deepEqual(described(new Error('plain')), { message: 'plain', help: '', requestId: '' })
  assert.deepEqual(described('thrown text'), { message: 'thrown text', help: '', requestId: '' })
})
