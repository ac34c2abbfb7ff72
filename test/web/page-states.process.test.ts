/** Every page while it loads, where there is nothing, and where the server refuses: it says so, and never shows less. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from '../../src/client/client.ts'
import { component, drawn, textOf } from './components.ts'
import { stepQueue } from './fixture-tracking.ts'
import type { Surroundings } from './components.ts'

interface PageCase {
  /** Below `web/pages`; the component has the name of the file. */
  readonly file: string
  readonly at: string
  readonly route?: string
  /** Key of the query without which the page has nothing to show. */
  readonly key: readonly unknown[]
  /** Other answers that the page needs before it asks for that. */
  readonly beside?: Surroundings['data']
  /** The answer of a server on which nothing has happened, and what the page then says. */
  readonly empty?: readonly [answer: unknown, says: RegExp]
}

const NO_ITEMS = { items: [] }
const NO_FEATURES = { entities: [], views: [], on_demand: [], services: [] }
const NO_PAGES = { pages: [{ items: [] }], pageParams: [''] }
const NEWEST = {
  filter: '',
  order: 'attributes.start_time DESC',
  experiment: '',
  columns: ['metrics.auc'],
  stage: undefined,
}

const PAGES: readonly PageCase[] = [
  {
    file: 'home',
    at: '/',
    key: ['incidents', 'list', ''],
    beside: [
      [['rollouts', 'list', ''], NO_ITEMS],
      [['rollouts', 'under way'], NO_ITEMS],
      [['pipelines', 'list', ''], NO_ITEMS],
      [['pipelines', 'newest'], NO_ITEMS],
      [['runs', 'failed'], NO_ITEMS],
      [['runs', 'recent'], NO_ITEMS],
      [['models', 'all environments'], { items: [], faults: [] }],
      [['endpoints', 'list'], NO_ITEMS],
    ],
    empty: [NO_ITEMS, /slipway demo/],
  },
  {
    file: 'runs/runs',
    at: '/runs?columns=%5B%22metrics.auc%22%5D',
    key: ['runs', 'list', NEWEST],
    empty: [NO_PAGES, /No runs yet.*slipway env/],
  },
  { file: 'runs/run', at: '/runs/r1', route: '/runs/$id', key: ['runs', 'one', 'r1'] },
  { file: 'runs/compare', at: '/runs/compare?ids=%5B%22a%22%2C%22b%22%5D', key: ['runs', 'compare', ['a', 'b']] },
  {
    file: 'runs/experiments',
    at: '/experiments?stage=deleted',
    key: ['runs', 'experiments', 'deleted'],
    empty: [NO_ITEMS, /No deleted experiments/],
  },
  { file: 'models/models', at: '/models', key: ['models', 'list'], empty: [NO_ITEMS, /No models yet.*slipway ship/] },
  {
    file: 'models/model',
    at: '/models/churn',
    route: '/models/$name',
    key: ['models', 'versions', 'churn'],
    beside: [[['models', 'history', 'churn'], NO_ITEMS]],
    empty: [NO_ITEMS, /No versions yet.*No alias moves yet/],
  },
  {
    file: 'models/version',
    at: '/models/churn/versions/3',
    route: '/models/$name/versions/$version',
    key: ['models', 'version', 'churn', '3'],
  },
  {
    file: 'endpoints/endpoints',
    at: '/endpoints',
    key: ['endpoints', 'list'],
    empty: [NO_ITEMS, /No endpoints yet.*slipway ship/],
  },
  { file: 'endpoints/endpoint', at: '/endpoints/e', route: '/endpoints/$name', key: ['endpoints', 'one', 'e'] },
  { file: 'monitoring/monitors', at: '/monitoring', key: ['endpoints', 'list'], empty: [NO_ITEMS, /No monitors yet/] },
  {
    file: 'monitoring/monitoring',
    at: '/monitoring/e',
    route: '/monitoring/$name',
    key: ['monitors', 'heatmap', 'e', {}, 24],
    beside: [[['monitors', 'performance', 'e', {}, 'week', ''], NO_ITEMS]],
    empty: [{ buckets: [], features: [] }, /Nothing to compare yet.*No labels yet/],
  },
  {
    file: 'monitoring/incidents',
    at: '/incidents',
    key: ['incidents', 'list', ''],
    empty: [NO_ITEMS, /No incidents.*compared with its own history/],
  },
  { file: 'monitoring/incident', at: '/incidents/i1', route: '/incidents/$id', key: ['incidents', 'one', 'i1'] },
  {
    file: 'pipelines/pipelines',
    at: '/pipelines',
    key: ['pipelines', 'list', ''],
    empty: [NO_ITEMS, /No pipeline runs yet.*slipway init/],
  },
  { file: 'pipelines/pipeline-run', at: '/pipelines/p1', route: '/pipelines/$id', key: ['pipelines', 'one', 'p1'] },
  {
    file: 'queue/queue',
    at: '/queue',
    key: ['pipelines', 'waiting'],
    beside: [[['pipelines', 'running'], { items: [], left_out: 0 }]],
    empty: [{ items: [], left_out: 0 }, /Nothing waits.*Nothing runs/],
  },
  {
    file: 'queue/pools',
    at: '/pools',
    key: ['pipelines', 'pools'],
    empty: [NO_ITEMS, /No pools yet.*slipway pools set/],
  },
  {
    file: 'queue/clusters',
    at: '/clusters',
    key: ['pipelines', 'drivers'],
    empty: [NO_ITEMS, /No clusters yet.*SLIPWAY_KUBECONFIG.*SLIPWAY_SLURM_URL.*SLIPWAY_RAY_URL/],
  },
  {
    file: 'data/data-sets',
    at: '/data',
    key: ['data-sets', 'list'],
    empty: [NO_ITEMS, /No data sets yet.*slipway data add/],
  },
  { file: 'data/data-set', at: '/data/d', route: '/data/$name', key: ['data-sets', 'one', 'd', ''] },
  {
    file: 'features/features',
    at: '/features',
    key: ['features', 'list', ''],
    empty: [NO_FEATURES, /No feature views in project default yet.*windows:.*slipway features apply/],
  },
  {
    file: 'features/look-up',
    at: '/features/look-up?project=flights',
    key: ['features', 'list', 'flights'],
    empty: [NO_FEATURES, /No feature services in project flights yet/],
  },
  {
    file: 'features/feature-view',
    at: '/features/views/trips?version=%222%22',
    route: '/features/views/$name',
    key: ['features', 'view', '', 'trips', '2'],
  },
  {
    file: 'features/feature-service',
    at: '/features/services/no_show',
    route: '/features/services/$name',
    key: ['features', 'service', '', 'no_show', ''],
  },
  {
    file: 'pipelines/partitioned',
    at: '/partitions',
    key: ['pipelines', 'partitioned'],
    empty: [NO_ITEMS, /No partitioned pipelines yet.*slipway backfill/],
  },
  {
    file: 'pipelines/partitions',
    at: '/partitions/p1',
    route: '/partitions/$project',
    key: ['pipelines', 'partition-matrix', 'p1'],
  },
  { file: 'pipelines/backfill', at: '/backfills/b1', route: '/backfills/$id', key: ['pipelines', 'backfill', 'b1'] },
  {
    file: 'pipelines/triggers',
    at: '/triggers',
    key: ['pipelines', 'triggers'],
    empty: [NO_ITEMS, /No triggers yet.*slipway triggers/],
  },
  {
    file: 'pipelines/trigger',
    at: '/triggers/p1/t1',
    route: '/triggers/$project/$name',
    key: ['pipelines', 'trigger', 'p1', 't1'],
  },
  {
    file: 'pipelines/reproductions',
    at: '/reproductions',
    key: ['pipelines', 'reproducible'],
    beside: [[['pipelines', 'reproduction-schedule'], { schedule: null }]],
    empty: [NO_ITEMS, /Nobody has set one.*No models in production yet.*slipway reproduce --all --dry-run/],
  },
  {
    file: 'pipelines/studies',
    at: '/studies',
    key: ['pipelines', 'studies'],
    empty: [NO_ITEMS, /No searches yet.*slipway search/],
  },
  { file: 'pipelines/study', at: '/studies/s1', route: '/studies/$id', key: ['pipelines', 'study', 's1'] },
  {
    file: 'pipelines/report',
    at: '/pipelines/p1/report',
    route: '/pipelines/$id/report',
    key: ['pipelines', 'report', 'p1', ''],
  },
  {
    file: 'llm/traces',
    at: '/traces',
    key: ['runs', 'traces', { filter: '', experiment: '' }],
    empty: [NO_PAGES, /No traces yet/],
  },
  { file: 'llm/trace', at: '/traces/t1', route: '/traces/$id', key: ['runs', 'trace', 't1'] },
  { file: 'llm/prompts', at: '/prompts', key: ['models', 'prompts'], empty: [NO_ITEMS, /No prompts yet/] },
  {
    file: 'llm/prompt',
    at: '/prompts/greeting',
    route: '/prompts/$name',
    key: ['models', 'versions', 'greeting'],
    beside: [[['models', 'history', 'greeting'], NO_ITEMS]],
    empty: [NO_ITEMS, /No versions.*No alias moves yet/],
  },
  { file: 'llm/datasets', at: '/datasets', key: ['runs', 'datasets'], empty: [NO_ITEMS, /No datasets yet/] },
  {
    file: 'llm/dataset',
    at: '/datasets/d1',
    route: '/datasets/$id',
    key: ['runs', 'dataset-records', 'd1'],
    beside: [
      [
        ['runs', 'dataset', 'd1'],
        { dataset_id: 'd1', name: 'golden', created_time: 0, last_update_time: 0, tags: '{broken' },
      ],
    ],
    empty: [NO_PAGES, /golden.*No records yet/],
  },
  {
    file: 'llm/overview',
    at: '/llm',
    key: ['llm', 'overview', 'endpoint', { range: '24h', since: undefined, until: undefined }],
    beside: [
      [['llm', 'providers'], NO_ITEMS],
      [['llm', 'endpoints'], NO_ITEMS],
      [['llm', 'prices'], NO_ITEMS],
      [['llm', 'keys'], NO_ITEMS],
    ],
    empty: [{ total: { requests: 0 } }, /No language models yet.*slipway llm providers add.*curl/],
  },
  { file: 'llm/llm-call', at: '/llm/calls/c1', route: '/llm/calls/$id', key: ['llm', 'call', 'c1'] },
  {
    file: 'llm/llm-keys',
    at: '/llm/keys',
    key: ['llm', 'keys'],
    beside: [[['llm', 'budgets'], NO_ITEMS]],
    empty: [NO_ITEMS, /No budgets yet.*slipway llm budgets add.*No keys yet.*slipway llm keys add/],
  },
  {
    file: 'llm/llm-providers',
    at: '/llm/providers',
    key: ['llm', 'providers'],
    beside: [
      [['llm', 'health'], { providers: [] }],
      [['llm', 'endpoints'], NO_ITEMS],
      [['llm', 'prices'], NO_ITEMS],
    ],
    empty: [NO_ITEMS, /Nothing to tell yet.*No endpoints of language models yet.*No providers yet.*No prices yet/],
  },
  {
    file: 'llm/playground',
    at: '/llm/playground',
    key: ['llm', 'endpoints'],
    empty: [NO_ITEMS, /No endpoints of language models yet.*slipway llm providers add.*slipway llm endpoints add/],
  },
  {
    file: 'cost',
    at: '/cost',
    key: ['cost', 'day', ''],
    beside: [[['cost', 'rates'], NO_ITEMS]],
    empty: [{ items: [], total_micro_dollars: 0 }, /Nothing has been metered yet/],
  },
  {
    file: 'settings',
    at: '/settings',
    key: ['server'],
    beside: [
      [['tokens'], NO_ITEMS],
      [['machine-trusts'], NO_ITEMS],
      [['audit'], NO_PAGES],
    ],
  },
]

function around(page: PageCase, given: Surroundings = {}): Surroundings {
  const data = [...(page.beside ?? []), ...(given.data ?? [])]
  return { ...given, at: page.at, data, ...(page.route !== undefined && { route: page.route }) }
}

const REFUSAL = new CallError(503, {
  code: 'unavailable',
  message: 'The database is being moved.',
  help: 'Try again in a minute.',
  request_id: 'req_42',
})

/** `models/models` is ModelsPage. */
function nameOf(page: PageCase): string {
  const words = page.file.slice(page.file.lastIndexOf('/') + 1).split('-')
  return `${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}Page`
}

async function show(page: PageCase, given: Surroundings = {}): Promise<string> {
  return drawn(await component(`pages/${page.file}.tsx`, nameOf(page)), {}, around(page, given))
}

for (const page of PAGES) {
  const name = nameOf(page)
  test(`${name}: a read that fails is told with its request, what to do, and a way to try again`, async () => {
    const html = await show(page, { failed: [[page.key, REFUSAL]] })
    const text = textOf(html)
    assert.match(text, /could not be loaded/)
    assert.match(text, /The database is being moved\. ?Try again in a minute\. ?Request req_42/)
    assert.match(html, /<button type="button" class="button">Try again<\/button>/)
    assert.match(html, /role="alert"/)
    assert.match(html, /<h1>[^<]+<\/h1>/, 'the page keeps its title')
    assert.doesNotMatch(text, /undefined|\[object|\{"/)
  })

  test(`${name}: while it is read, it says so under its title`, async () => {
    const html = await show(page)
    assert.match(html, /<h1>[^<]+<\/h1>/)
    assert.match(html, /role="status">\s*Loading/)
    assert.doesNotMatch(html, /could not be loaded/)
    assert.doesNotMatch(textOf(html), /undefined|NaN/)
  })

  test(`${name}: a server without this part says that, not a failure to retry`, async () => {
    const unknown = new CallError(404, { code: 'no_route', message: 'no such route' })
    const text = textOf(await show(page, { failed: [[page.key, unknown]] }))
    // Home leaves such a part out; lists that are read page by page tell it as a failure
    const told = /does not offer/.test(text) || /could not be loaded/.test(text) || name === 'HomePage'
    assert.ok(told, text)
  })

  const { empty } = page
  if (empty !== undefined) {
    test(`${name}: where there is nothing, it says what the page is for`, async () => {
      // the line of steps stands above the runs
      const html = await show(page, {
        data: [
          [page.key, empty[0]],
          [['pipelines', 'queue'], stepQueue(true)],
        ],
      })
      assert.match(textOf(html), empty[1])
      assert.doesNotMatch(html, /could not be loaded|role="status">\s*Loading/)
    })
  }
}

test('a comparison without runs says where to select them', async () => {
  const text = textOf(
    await drawn(await component('pages/runs/compare.tsx', 'ComparePage'), {}, { at: '/runs/compare' }),
  )
  assert.match(text, /Comparison of 0 runs.*No runs selected.*select two or more/)
})

test('a filter that matches nothing says so instead of how to begin', async () => {
  const ask = { ...NEWEST, filter: "params.x = '1'" }
  const at = `/runs?columns=%5B%22metrics.auc%22%5D&filter=${encodeURIComponent(ask.filter)}`
  const text = textOf(
    await drawn(
      await component('pages/runs/runs.tsx', 'RunsPage'),
      {},
      { at, route: '/runs', data: [[['runs', 'list', ask], NO_PAGES]] },
    ),
  )
  assert.match(text, /No runs match/)
  assert.doesNotMatch(text, /No runs yet/)
})

test('one list of Home that fails is named, and the others are shown', async () => {
  const home = PAGES[0] as PageCase
  const run = {
    id: 'r1',
    name: 'brave',
    status: 'FAILED',
    started_at: new Date().toISOString(),
    ended_at: new Date().toISOString(),
  }
  const data = (home.beside ?? []).map(([key, value]) => [key, key[1] === 'failed' ? { items: [run] } : value] as const)
  const text = textOf(await show({ ...home, beside: data }, { failed: [[home.key, REFUSAL]] }))
  assert.match(text, /The incidents could not be loaded/)
  assert.match(text, /Run brave failed/)
  assert.doesNotMatch(text, /Nothing needs attention/, 'nobody knows that')
})

test('a page that breaks while it is drawn is told, with a way to try again', async () => {
  const PageFailure = await component('parts/page/placeholders.tsx', 'PageFailure')
  const html = await drawn(PageFailure, { error: new TypeError('x is not a function'), reset: () => undefined })
  assert.match(textOf(html), /This page failed.*The page could not be loaded.*x is not a function.*Try again/)
})

test('an address that names no page leads home', async () => {
  const html = await drawn(await component('parts/page/placeholders.tsx', 'Missing'), {})
  assert.match(textOf(html), /No such page.*There is no page at this address/)
  assert.match(html, /href="\/"/)
})

test('who is not logged in learns how to be; who is goes on where they were', async () => {
  const LoginPage = await component('pages/login.tsx', 'LoginPage')
  assert.match(textOf(await drawn(LoginPage, {}, { role: null, at: '/login' })), /slipway env --link/)
  const used = textOf(await drawn(LoginPage, {}, { role: null, at: '/login?link=used' }))
  assert.match(used, /This login link was used before, or is older than 15 minutes.*slipway env --link/)
  const html = await drawn(LoginPage, {}, { role: 'viewer', at: '/login?back=%2Fruns' })
  assert.match(textOf(html), /logged in as ada/)
  assert.match(html, /href="\/runs"/)
})
