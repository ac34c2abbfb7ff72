/** Home: what it says is waiting, what it must not say while something could not be read, and where each line leads. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from '../../src/client/client.ts'
import { pageMarkup, textOf } from '../../test/web/components.ts'
import { feedIncident, feedRollout, feedRun } from '../data/feed.fixture.ts'

const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString()

const INCIDENT = { ...feedIncident(ago(90)), affected: { rows: 1204 } }
const ROLLOUT = { ...feedRollout(ago(200)), endpoint: 'shop', reason: 'a gate fails' }
const PIPELINE = {
  ...feedRun(ago(130), ago(125)),
  project: 'flights',
  outcome: 'refused',
  message: 'auc is too low',
}
const RUN = { id: 'run1', name: 'brave', status: 'FAILED', ended_at: ago(3) }
const STABLE = {
  role: 'stable',
  version: '2',
  weight: 10_000,
  tripped: null,
  fault: null,
  stats: { requests: 100, errors: 0, requests_per_s: 2, p99_ms: 1.5 },
}
const ENDPOINT = { name: 'e', model: 'm', variants: [STABLE] }

const GIB = 1024 ** 3
const QUEUE = {
  cpus: { taken: 3, total: 4 },
  memory_bytes: { taken: 6 * GIB, total: 12.5 * GIB },
  running: 2,
  waiting: 5,
  oldest_wait_ms: 127_000,
  failed_last_day: 1,
  slow_starts: null,
  clusters: [],
}
const KEYS = {
  incidents: ['incidents', 'list', ''],
  rollouts: ['rollouts', 'list', ''],
  open: ['rollouts', 'under way'],
  pipelines: ['pipelines', 'list', ''],
  newest: ['pipelines', 'newest'],
  failed: ['runs', 'failed'],
  runs: ['runs', 'recent'],
  endpoints: ['endpoints', 'list'],
} as const
type Part = keyof typeof KEYS
const NO_MERGES = { items: [], median_ms: null, slowest: null }

/** Home where the parts hold these items; a part without a list is not read yet, one with an error failed. */
function home(
  parts: Partial<Record<Part, readonly object[] | Error | undefined>> = {},
  merges: object = NO_MERGES,
  faults: readonly object[] = [],
): Promise<string> {
  const nothing = { incidents: [], rollouts: [], open: [], pipelines: [], newest: [], failed: [], runs: [] }
  // of few runs of one project the first is its newest, and those that failed are among the newest
  const beside = {
    ...(Array.isArray(parts.pipelines) && { newest: parts.pipelines.slice(0, 1) }),
    ...(Array.isArray(parts.runs) && { failed: parts.runs }),
  }
  const whole = { ...nothing, endpoints: [ENDPOINT], ...beside, ...parts }
  const entries = Object.entries(whole) as [Part, readonly object[] | Error | undefined][]
  // a list says by a token that there is more, as a page of the API does
  const page = (items: readonly object[]) =>
    items.length > 100 ? { items: items.slice(0, 100), next_page_token: 'more' } : { items }
  const lists = entries.flatMap(([part, items]) => (Array.isArray(items) ? [[KEYS[part], page(items)] as const] : []))
  return pageMarkup('home', 'HomePage', {
    data: [
      ...lists,
      [['pipelines', 'queue'], QUEUE],
      [['rollouts', 'merges', '', ''], merges],
      [['models', 'all environments'], { items: [], faults }],
    ],
    failed: entries.flatMap(([part, error]) => (error instanceof Error ? [[KEYS[part], error] as const] : [])),
  })
}

/** The lines of one list: their words, and where they lead. */
function lines(html: string, list: 'needs' | 'changes'): [text: string, href: string][] {
  const [, inside = ''] = new RegExp(`<ul class="${list}">(.*?)</ul>`).exec(html) ?? []
  return [...inside.matchAll(/<li.*?<\/li>/g)].map(([line]) => {
    // a time is not of the words, and each element begins a new one
    const words = line.replaceAll(/<time.*?<\/time>/g, '').replaceAll('</', ' </')
    return [textOf(words), /href="([^"]*)"/.exec(line)?.[1] ?? '']
  })
}

test('everything that waits is one line with its page and its act, and all together are counted', async () => {
  const html = await home({ incidents: [INCIDENT], rollouts: [ROLLOUT], pipelines: [PIPELINE] })
  assert.deepEqual(lines(html, 'needs'), [
    ['high unit changed e, 1,204 rows affected · Investigate', '/incidents/i1'],
    ['paused The rollout of version 3 on shop waits for a decision A gate fails · Review', '/endpoints/shop'],
    ['refused A gate refused the model of flights Auc is too low · Show the gates', '/pipelines/p1'],
  ])
  assert.match(textOf(html), /3 items need attention\./)
  assert.match(textOf(await home({ incidents: [INCIDENT] })), /1 item needs attention\./)
})

test('an image that stands where it would be refused now waits for somebody', async () => {
  const revoked = {
    model: 'tide',
    environment: 'production',
    digest: `sha256:${'a'.repeat(64)}`,
    version: '7',
    at: ago(500),
    actor: 'ada',
    refusal: 'signature names the key 7af5f4a7aa117e72…, which is revoked',
    revoked: true,
  }
  const html = await home({}, NO_MERGES, [revoked, { ...revoked, environment: 'staging', revoked: false }])
  assert.deepEqual(lines(html, 'needs'), [
    [
      'high The image of tide 7 in production is signed by a revoked key Signature names the key 7af5f4a7aa117e72…, which is revoked · Review',
      '/models/tide',
    ],
    [
      'high The image of tide 7 in staging would be refused now Signature names the key 7af5f4a7aa117e72…, which is revoked · Review',
      '/models/tide',
    ],
  ])
})

test('where more incidents are open than are read, the figure says that it is cut', async () => {
  const many = (count: number, state: string) =>
    Array.from({ length: count }, (_, i) => ({ ...INCIDENT, id: `${state}${i}`, state }))
  const cut = textOf(await home({ incidents: many(150, 'open') }))
  assert.match(cut, /At least 100 items need attention: only the newest 100 open incidents are read here\./)
  const whole = textOf(await home({ incidents: [...many(40, 'open'), ...many(110, 'resolved')] }))
  assert.match(whole, /40 items need attention\./)
})

test('a failed run and a project that failed are told however many runs began later', async () => {
  const later = Array.from({ length: 150 }, (_, i) => ({
    ...RUN,
    id: `run-${i}`,
    status: 'FINISHED',
    ended_at: ago(1),
  }))
  const others = Array.from({ length: 150 }, (_, i) => ({
    ...PIPELINE,
    id: `q${i}`,
    project: 'busy',
    outcome: 'succeeded',
    state: 'succeeded',
    finished_at: ago(1500),
  }))
  const html = await home({ runs: later, failed: [RUN], pipelines: others, newest: [others[0] ?? {}, PIPELINE] })
  assert.deepEqual(lines(html, 'changes'), [['failed Run brave failed', '/runs/run1']])
  assert.deepEqual(lines(html, 'needs'), [
    ['refused A gate refused the model of flights Auc is too low · Show the gates', '/pipelines/p1'],
  ])
  assert.match(textOf(html), /1 item needs attention\./)
  assert.match(textOf(html), /Last 24 hours of the newest 100 pipeline runs/)
})

test('a list that is cut says of what it tells', async () => {
  const failed = Array.from({ length: 13 }, (_, i) => ({ ...RUN, id: `run${i}`, ended_at: ago(i) }))
  assert.match(textOf(await home({ failed })), /Last 24 hours the newest 12 /)
  assert.equal(lines(await home({ failed }), 'changes').length, 12)
  assert.doesNotMatch(textOf(await home({ failed: failed.slice(1) })), /the newest 12/)
  const rollouts = Array.from({ length: 101 }, (_, i) => ({ ...ROLLOUT, id: `r${i}`, state: 'promoted' }))
  const incidents = Array.from({ length: 101 }, (_, i) => ({ ...INCIDENT, id: `i${i}`, state: 'resolved' }))
  assert.match(
    textOf(await home({ rollouts, incidents })),
    /Last 24 hours the newest 12, of the newest 100 incidents and 100 rollouts/,
  )
  const newest = Array.from({ length: 101 }, (_, i) => ({ ...PIPELINE, id: `p${i}`, project: `p${i}` }))
  assert.match(
    textOf(await home({ newest })),
    /At least 100 items need attention: only the newest 100 projects are read here/,
  )
})

test('a rollout that waits behind newer ones is named, and one that both lists have is named once', async () => {
  const older = { ...ROLLOUT, id: 'older', endpoint: 'forgotten' }
  const html = await home({ rollouts: [ROLLOUT], open: [ROLLOUT, older] })
  assert.deepEqual(
    lines(html, 'needs').map(([, href]) => href),
    ['/endpoints/shop', '/endpoints/forgotten'],
  )
})

test('what changed is told from the newest on, each where it can be looked at', async () => {
  const html = await home({
    incidents: [{ ...INCIDENT, state: 'resolved', resolved_at: ago(10) }],
    rollouts: [{ ...ROLLOUT, state: 'promoted', finished_at: ago(60) }],
    pipelines: [PIPELINE],
    runs: [RUN],
  })
  assert.deepEqual(lines(html, 'changes'), [
    ['failed Run brave failed', '/runs/run1'],
    ['resolved Incident resolved: unit changed', '/incidents/i1'],
    ['promoted shop: version 3 promoted', '/endpoints/shop'],
    ['high Incident opened: unit changed', '/incidents/i1'],
    ['refused flights: run refused. Auc is too low', '/pipelines/p1'],
  ])
})

test('how the steps of pipelines stand in line is told', async () => {
  assert.match(
    textOf(await home()),
    /Steps of all pipelines, now Running 2 Waiting 5 the oldest for 2 min 7 s Cores 3 taken of 4 Memory 6 GiB taken of 12\.5 GiB Failed attempts 1 in 24 hours/,
  )
})

test('the time from merge to promoted is told with its slowest part, and that there is none yet', async () => {
  const one = { model: 'tide', version: '7', ms: 192_000 }
  const merges = { items: [one, one, one], median_ms: 245_000, slowest: { part: 'training', median_ms: 61_000 } }
  const html = await home({}, merges)
  assert.match(
    textOf(html),
    /Merge to promoted the last 20 merges to main that were promoted Median 4 min 5 s of 3 merges Newest 3 min 12 s tide 7 Slowest part training 1 min 1 s, median/,
  )
  assert.match(html, /href="\/models\/tide\/versions\/7"/)
  assert.match(
    textOf(await home()),
    /No merge has been promoted yet\. A job of the main branch measures it with slipway ship --merge/,
  )
})

const BROKEN = new CallError(500, { code: 'internal', message: 'it broke' })
const ABSENT = new CallError(404, { code: 'no_route', message: 'no such route' })

interface Said {
  readonly what: string
  readonly parts: Parameters<typeof home>[0]
  readonly says: readonly RegExp[]
  readonly never: readonly RegExp[]
}

const CLAIM = /Nothing needs attention/
const SAYINGS: readonly Said[] = [
  {
    what: 'all is read and nothing waits',
    parts: {},
    says: [/Nothing needs attention\. Needs attention Nothing needs attention/, /Nothing changed in the last 24 hours/],
    never: [/could not be loaded/, /Loading/, /slipway demo/],
  },
  {
    what: 'one list is not read yet',
    parts: { rollouts: undefined },
    says: [/Needs attention Loading/],
    never: [CLAIM, /Nothing changed/, /slipway demo/],
  },
  {
    what: 'one list failed and nothing else waits',
    parts: { rollouts: BROKEN },
    says: [/The rollouts could not be loaded ?it broke Try again/],
    never: [CLAIM, /Nothing changed/, /need attention\./],
  },
  {
    what: 'one list failed and something waits',
    parts: { runs: BROKEN, incidents: [INCIDENT] },
    says: [/1 item needs attention\./, /The runs could not be loaded/, /unit changed/],
    never: [CLAIM],
  },
  {
    what: 'two lists failed',
    parts: { runs: BROKEN, pipelines: BROKEN },
    says: [/The pipeline runs could not be loaded.*The runs could not be loaded/],
    never: [CLAIM],
  },
  {
    what: 'the server has no such part',
    parts: { incidents: ABSENT },
    says: [CLAIM],
    never: [/could not be loaded/, /does not offer/],
  },
  {
    what: 'the endpoints failed',
    parts: { endpoints: BROKEN },
    says: [/The endpoints could not be loaded/],
    never: [/No endpoints yet/, /slipway demo/],
  },
  {
    what: 'nothing has run',
    parts: { endpoints: [] },
    says: [/Nothing has run here yet\..*\.\/slipway demo.*slipway init my-project/],
    never: [CLAIM, /Last 24 hours/],
  },
  {
    what: 'nothing serves and something has run',
    parts: { endpoints: [], runs: [{ ...RUN, status: 'FINISHED' }] },
    says: [CLAIM, /No endpoints yet/],
    never: [/Nothing has run here yet/],
  },
  {
    what: 'nothing has run and a list failed',
    parts: { endpoints: [], runs: BROKEN },
    says: [/The runs could not be loaded/],
    never: [/Nothing has run here yet/, /slipway demo/],
  },
]

for (const { what, parts, says, never } of SAYINGS) {
  test(`where ${what}, Home says so and no more`, async () => {
    const text = textOf(await home(parts))
    for (const one of says) assert.match(text, one)
    for (const one of never) assert.doesNotMatch(text, one)
  })
}

const HEALTH: readonly (readonly [
  what: string,
  endpoint: object,
  incidents: readonly object[],
  says: RegExp,
  link: string,
])[] = [
  ['calm', {}, [], /e healthy 2 100 % 2 1\.5 ms 0 % no open incidents/, '/monitoring/e'],
  ['with an incident', {}, [INCIDENT], /e incident .* unit changed/, '/incidents/i1'],
  ['with two', {}, [INCIDENT, { ...INCIDENT, id: 'i2' }], /e incident .* 2 open incidents/, '/incidents/i1'],
  ['with one of another', {}, [{ ...INCIDENT, endpoint: 'f' }], /e healthy .* no open incidents/, '/monitoring/e'],
  ['without a version', { variants: [] }, [], /e no version 0 – – no open incidents/, '/monitoring/e'],
  [
    'with a shadow',
    { variants: [STABLE, { ...STABLE, role: 'shadow', version: '3', weight: 0 }] },
    [],
    /e releasing 2 100 % ?3 shadow 2 1\.5 ms/,
    '/monitoring/e',
  ],
]

for (const [what, endpoint, incidents, says, link] of HEALTH) {
  test(`an endpoint ${what} is one line`, async () => {
    const html = await home({ endpoints: [{ ...ENDPOINT, ...endpoint }], incidents })
    const [row = ''] = /<tr data-row.*?<\/tr>/.exec(html) ?? []
    assert.match(textOf(row), says)
    assert.equal([...row.matchAll(/href="([^"]*)"/g)].at(-1)?.[1], link)
  })
}
