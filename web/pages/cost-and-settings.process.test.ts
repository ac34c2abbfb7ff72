/** Settings and Cost: rows of money, prices, tokens and the audit trail, and which of their acts are offered to whom. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pageMarkup, textOf } from '../../test/web/components.ts'
import type { Surroundings } from '../../test/web/components.ts'

const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString()
const rowsOf = (html: string, heading: string): string[] => {
  const [panel = ''] = new RegExp(`>${heading}<.*?</section>`).exec(html) ?? []
  return [...panel.matchAll(/<tbody>(.*?)<\/tbody>/g)].flatMap(([, body = '']) =>
    [...body.replaceAll(/<dialog.*?<\/dialog>/g, '').matchAll(/<tr.*?<\/tr>/g)].map(([row]) => textOf(row)),
  )
}

const ENTRY = {
  key: 'e',
  label: '',
  micro_dollars: 0,
  cpu_seconds: 0,
  memory_gib_seconds: 0,
  predictions: 0,
  micro_dollars_per_1k: null,
  micro_dollars_per_1m_tokens: null,
  unpriced_calls: 0,
  unmeasured: 0,
}

function cost(by: string, items: readonly object[], total: number, rates: readonly object[] = []): Promise<string> {
  return pageMarkup('cost', 'CostPage', {
    at: `/cost?by=${by}`,
    route: '/cost',
    data: [
      [['cost', by, ''], { items, total_micro_dollars: total }],
      [['cost', 'rates'], { items: rates }],
    ],
  })
}

const COSTS: readonly (readonly [by: string, heading: string, entry: object, row: string, href?: string])[] = [
  [
    'day',
    'Days',
    { key: '2026-05-03', micro_dollars: 2_500_000, cpu_seconds: 7200 },
    '2026-05-03 $2.50 25 % 2 h 0 0 – –',
  ],
  [
    'endpoint',
    'Endpoints',
    {
      key: 'e',
      predictions: 12_000,
      micro_dollars: 1_200_000,
      micro_dollars_per_1k: 100_000,
      micro_dollars_per_1m_tokens: 2_500_000,
    },
    'e $1.20 12 % 0 ms 0 12,000 $0.10 $2.50',
    '/endpoints/e',
  ],
  [
    'run',
    'Runs',
    { key: 'p1', label: 'flights', memory_gib_seconds: 5400 },
    'flights $0.00 0 % 0 ms 1.5 0 – –',
    '/pipelines/p1',
  ],
  ['project', 'Projects', { key: '', micro_dollars: 12 }, 'unassigned $0.000012 0 % 0 ms 0 0 – –'],
  [
    'endpoint',
    'Endpoints',
    { key: 'red/chat', label: 'chat of project red', unpriced_calls: 3 },
    'chat of project red unpriced 0 % 0 ms 0 0 – –',
    '/llm?endpoint=chat&amp;project=red',
  ],
  ['endpoint', 'Endpoints', { key: '' }, 'unassigned $0.00 0 % 0 ms 0 0 – –'],
]

test('a line of the cost has its share of the whole, and leads to what it was spent for', async () => {
  for (const [by, heading, entry, row, href] of COSTS) {
    const html = await cost(by, [{ ...ENTRY, ...entry }], 10_000_000)
    assert.deepEqual(rowsOf(html, heading), [row])
    const [body = ''] = /<tbody>.*?<\/tbody>/.exec(html) ?? []
    assert.equal(/href="([^"]*)"/.exec(body)?.[1], href)
    assert.match(textOf(html), /Total \$10\.00/)
  }
})

test('what is not in the total is said beside it', async () => {
  const note = async (more: object) => textOf(await cost('day', [{ ...ENTRY, ...more }], 10_000_000))
  assert.match(await note({}), /all measured/)
  assert.match(await note({ unpriced_calls: 2 }), /at least: the price of 2 calls of language models is not known/)
  assert.match(await note({ unmeasured: 1, unpriced_calls: 1 }), /1 attempt was not measured, the price of 1 call of/)
})

test('where nothing cost anything no share is made up', async () => {
  const html = await cost('day', [ENTRY], 0)
  assert.deepEqual(rowsOf(html, 'Days'), ['e $0.00 0 % 0 ms 0 0 – –'])
  assert.match(html, /width:0%/)
})

test('prices are told with their unit and since when', async () => {
  const rates = [{ resource: 'vCPU hour', unit: 'hour', micro_dollars: 31_250, from: ago(90), note: 'list price' }]
  assert.deepEqual(rowsOf(await cost('day', [ENTRY], 0, rates), 'Rate card'), [
    'vCPU hour $0.031 hour 1 h ago list price',
  ])
})

const TOKEN = {
  id: 't1',
  name: 'deploy robot',
  role: 'service',
  project: null,
  created_by: 'ada',
  created_at: ago(90),
  expires_at: null,
  revoked_at: null,
}
const MACHINE = {
  id: 'mt1',
  name: 'models-main',
  issuer: 'https://issuer',
  audience: 'https://slipway',
  subject: 'repo:octo/models:ref:refs/heads/main',
  claims: { repository_id: '4711', environment: 'production' },
  role: 'contributor',
  project: 'flights',
  minutes: 30,
  created_at: ago(90),
  created_by: 'ada',
}
const SERVER = {
  version: '0.1.0',
  url: 'http://h:7000',
  gateway_url: 'http://h:7001',
  database: 'sqlite',
  isolation: { mode: 'auto', layers: ['mount', 'landlock'], held: ['read the data folder'], open: [], detail: '' },
  started_at: ago(90),
}
const AUDIT = {
  seq: 7,
  actor: 'ada',
  verb: 'promote',
  resource: 'models',
  resource_id: 'm@production',
  hash: 'cd'.repeat(32),
  at: ago(90),
}

function settings({
  tokens = [TOKEN],
  machines = [MACHINE],
  server = SERVER,
  role = 'admin',
}: {
  tokens?: readonly object[]
  machines?: readonly object[]
  server?: object
  role?: Surroundings['role']
} = {}): Promise<string> {
  return pageMarkup('settings', 'SettingsPage', {
    at: '/settings',
    role,
    data: [
      [['server'], server],
      [['tokens'], { items: tokens }],
      [['machine-trusts'], { items: machines }],
      [['audit'], { pages: [{ items: [AUDIT] }], pageParams: [''] }],
    ],
  })
}

const TOKENS: readonly (readonly [change: object, row: string])[] = [
  [{}, 'deploy robot service all ada 1 h ago valid Revoke'],
  [{ project: 'flights', role: 'viewer' }, 'deploy robot viewer flights ada 1 h ago valid Revoke'],
  [{ revoked_at: ago(5) }, 'deploy robot service all ada 1 h ago revoked'],
  [{ revoked_at: ago(5), expires_at: ago(-90) }, 'deploy robot service all ada 1 h ago revoked'],
]

test('a token is valid or revoked, and only a valid one can be revoked', async () => {
  for (const [change, row] of TOKENS)
    assert.deepEqual(rowsOf(await settings({ tokens: [{ ...TOKEN, ...change }] }), 'Tokens'), [row])
  assert.match(
    rowsOf(await settings({ tokens: [{ ...TOKEN, expires_at: ago(-150) }] }), 'Tokens')[0] ?? '',
    /valid in 2 h ?Revoke$/,
  )
})

test('a machine is shown with all that its ID token has to say, and can be removed', async () => {
  assert.deepEqual(rowsOf(await settings(), 'Machines'), [
    'models-main repo:octo/models:ref:refs/heads/mainrepository_id 4711, environment production by https://issuer, for https://slipway contributor of flights, 30 min ada 1 h ago Remove',
  ])
  assert.match(textOf(await settings({ machines: [] })), /No machine is trusted: jobs of CI need a stored token/)
})

test('claims are read a line each, and what is none is not sent', async () => {
  const { claimsOf } = await import('../parts/settings/claims.ts')
  assert.deepEqual(claimsOf(' repository_id = 4711\n\nenvironment=a=b\n'), {
    repository_id: '4711',
    environment: 'a=b',
  })
  for (const text of ['', '\n', 'repository_id', '=4711', 'repository_id=', 'a=1\nb c=2', 'a=1\na=2'])
    assert.equal(claimsOf(text), undefined, text)
})

test('the audit trail has who did what to what, and the beginning of its hash', async () => {
  assert.deepEqual(rowsOf(await settings(), 'Audit trail'), ['7 ada promote models m@production cdcdcdcdcdcd 1 h ago'])
})

const OFFERS: readonly (readonly [role: Surroundings['role'], tokens: boolean, audit: boolean])[] = [
  ['admin', true, true],
  ['maintainer', false, true],
  ['contributor', false, false],
  ['viewer', false, false],
  [null, false, false],
]

for (const [role, tokens, audit] of OFFERS) {
  test(`${role ?? 'nobody known yet'} sees ${tokens ? 'the' : 'no'} tokens and ${audit ? 'the' : 'no'} audit trail`, async () => {
    const html = await settings({ role })
    assert.equal(html.includes('deploy robot'), tokens)
    assert.equal(/>Create a token<\/button>/.test(html), tokens)
    assert.equal(html.includes('models-main'), tokens)
    assert.equal(/>Trust a machine<\/button>/.test(html), tokens)
    assert.equal(html.includes('Only admins may see the machines'), !tokens)
    assert.equal(html.includes('m@production'), audit)
    assert.equal(/>Verify the chain<\/button>/.test(html), audit)
    assert.equal(html.includes('Only admins may see the tokens'), !tokens)
    assert.equal(html.includes('may see the audit trail'), !audit)
  })
}

test('what is open of the promises is said, each by itself, with the reason', async () => {
  const isolation = {
    mode: 'auto',
    layers: ['landlock'],
    held: ['read it'],
    open: ['they can A', 'they can B'],
    detail: 'no rights',
  }
  const text = textOf(await settings({ server: { ...SERVER, isolation } }))
  assert.match(
    text,
    /confined in part, by landlock \(no rights\) open they can A open they can B 1 promise tried at the start and kept held they cannot read it /,
  )
  const none = { ...isolation, layers: [], held: [] }
  assert.match(
    textOf(await settings({ server: { ...SERVER, isolation: none } })),
    /not confined \(no rights\) open they can A/,
  )
  assert.doesNotMatch(textOf(await settings({ server: { ...SERVER, isolation: none } })), /tried at the start/)
})

test('the server says where predictions go, and who is logged in', async () => {
  assert.match(
    textOf(await settings()),
    /Version 0\.1\.0 Address http:\/\/h:7000 Predictions http:\/\/h:7001 Database sqlite Steps, models and builds confined by mount and landlock 1 promise tried at the start and kept held they cannot read the data folder Running since 1 h ago Logged in as ada, admin/,
  )
  assert.match(
    textOf(await settings({ server: { ...SERVER, gateway_url: '' }, role: null })),
    /Predictions no gateway .* Logged in as –/,
  )
})
