/** The pages of language models: what is told of costs that nobody knows, of content that is not to be read, and what each role is offered. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from '../../../src/client/client.ts'
import { pageMarkup, textOf } from '../../../test/web/components.ts'
import type { Surroundings } from '../../../test/web/components.ts'
import * as llm from '../../../test/web/recorded/llm.ts'
import { health } from '../../../test/web/recorded/llm-health.ts'
import { brokenState, state } from '../../../test/web/recorded/llm-state.ts'

type Role = NonNullable<Surroundings['role']>
type Data = NonNullable<Surroundings['data']>

const NOW = Date.parse('2026-03-17T12:00:00Z')
const LAST_DAY = { range: '24h', since: undefined, until: undefined }
const SET_UP: Data = [
  [['llm', 'keys'], { items: llm.keys(NOW) }],
  [['llm', 'budgets'], { items: llm.budgets(NOW) }],
  [['llm', 'providers'], { items: llm.providers(NOW) }],
  [['llm', 'endpoints'], { items: llm.endpoints(NOW) }],
  [['llm', 'prices'], { items: llm.prices() }],
]

const overview = (data: Data, at = '/llm') =>
  pageMarkup('llm/overview', 'OverviewPage', { role: 'viewer', at, route: '/llm', data })

const called = (by: string, of = llm.overview(NOW, by, false)): Data => [
  [['llm', 'overview', by, LAST_DAY], of],
  [['llm', 'calls', LAST_DAY, '', '', '', ''], { pages: [{ items: llm.calls(NOW) }], pageParams: [''] }],
]

const keysPage = (role: Role, data: Data = SET_UP) =>
  pageMarkup('llm/llm-keys', 'LlmKeysPage', { role, at: '/llm/keys', data })

const callPage = (id: string, beside: Data = []) =>
  pageMarkup('llm/llm-call', 'LlmCallPage', {
    role: 'viewer',
    at: `/llm/calls/${id}`,
    route: '/llm/calls/$id',
    data: [[['llm', 'call', id], llm.calls(NOW).find((one) => one.id === id)], ...beside],
  })

const buttons = (html: string, label: string): number =>
  html.replaceAll(/<dialog.*?<\/dialog>/gs, '').split(`>${label}</button>`).length - 1

test('calls whose price is not known are told as such, and cost no $0.00', async () => {
  const text = textOf(await overview([...called('endpoint'), ...SET_UP]))
  assert.match(text, /Without a price 61,300 calls/)
  assert.match(text, /notes 61,300 0.21 % .* unpriced –/)
  assert.match(text, /\$214.92\+ 61,300 unpriced/)
  assert.doesNotMatch(text, /\$0\.00(?!\d)/)
  assert.match(text, /The price of llama-3.3-70b is not known/)
  const all = llm.overview(NOW, 'endpoint', false)
  const known = textOf(
    await overview(called('endpoint', { ...all, total: { ...all.total, unpriced: 0 } }).concat(SET_UP)),
  )
  assert.match(known, /Without a price none/)
})

test('what fails on the server stands above the calls, and nothing where all is well', async () => {
  const around: Data = [...called('endpoint'), ...SET_UP]
  const plain = textOf(await overview(around))
  const of = async (value: ReturnType<typeof state>) => textOf(await overview([...around, [['llm', 'state'], value]]))
  assert.equal(await of(state(NOW)), plain)
  const off = { ...state(NOW).retention, state: 'off', calls_ms: null, content_ms: null } as const
  assert.equal(await of({ ...state(NOW), retention: off }), plain, 'what is off is not wrong')
  const text = await of(brokenState(NOW))
  for (const trouble of [
    /Budgets: server ml-2:\/var\/slipway was last seen at 2026-03-17 [\d:]+ \S+ and holds \$198\.25 of budgets/,
    /Budgets: this server may spend nothing of bud_1 of project default: /,
    /Settings: old since 2026-03-17 [\d:]+ \S+, gateways go on with those of 2026-03-17 .*: the database does not answer\./,
    /Retention: old calls stay since /,
    /Log: 5 MiB wait, the oldest call for 7 min; /,
    /Log: 3 bytes or records of the last day could not be read/,
  ])
    assert.match(text, trouble)
  const error = new CallError(503, { code: 'unavailable', message: 'busy', help: '', request_id: 'req_9' })
  const unread = await pageMarkup('llm/overview', 'OverviewPage', {
    at: '/llm',
    data: around,
    failed: [[['llm', 'state'], error]],
  })
  assert.match(textOf(unread), /Whether budgets, settings, retention and the log are well could not be read/)
})

test('where no call has a price, the sum of costs says so', async () => {
  const all = llm.overview(NOW, 'endpoint', false)
  const unpriced = { ...all, total: { ...all.total, cost_nanodollars: 0, unpriced: all.total.requests } }
  const text = textOf(await overview(called('endpoint', unpriced).concat(SET_UP)))
  assert.match(text, /Cost unpriced Without a price 214,380 calls/)
  assert.doesNotMatch(text, /\$0\.00(?!\d)/)
})

test('what caches answered and guardrails did is told where it is counted', async () => {
  const all = llm.overview(NOW, 'endpoint', false)
  const none = {
    ...all,
    cache: { hits: 0, misses: 0, saved_usd: 0 },
    guards: { block: 0, redact: 0, flag: 0, failed: 0 },
  }
  assert.doesNotMatch(textOf(await overview(called('endpoint', none).concat(SET_UP))), /from a cache|by guardrails/)
  const counted = {
    ...none,
    cache: { hits: 31, misses: 69, saved_usd: 25.02 },
    guards: { block: 4, redact: 12, flag: 0, failed: 1 },
  }
  const text = textOf(await overview(called('endpoint', counted).concat(SET_UP)))
  assert.match(text, /Answered from a cache 31 % 31 · \$25.02 saved/)
  assert.match(text, /Blocked by guardrails 4 12 redacted · 1 not looked at/)
})

test('groups stand under their own heading while another grouping is read', async () => {
  const text = textOf(await overview(called('key', llm.overview(NOW, 'endpoint', false)).concat(SET_UP), '/llm?by=key'))
  assert.match(text, /By endpoint .* chat 96,200/)
  assert.doesNotMatch(text, /By key/)
})

test('equal names of endpoints of two projects are told apart', async () => {
  const all = llm.overview(NOW, 'endpoint', false)
  const [first] = all.groups
  assert.ok(first !== undefined)
  const groups = [first, { ...first, project: 'flights', requests: 7 }]
  const html = await overview(called('endpoint', { ...all, groups }).concat(SET_UP))
  assert.match(textOf(html), /chatproject default 96,200 .* chatproject flights 7 /)
  assert.match(html, /href="[^"]*endpoint=chat[^"]*project=flights/)
})

test('percentiles of a part of the calls say of how many', async () => {
  assert.match(textOf(await overview(called('endpoint').concat(SET_UP))), /times are those of the newest 100,000 calls/)
  const whole = { ...llm.overview(NOW, 'endpoint', false), cut: false }
  assert.doesNotMatch(textOf(await overview(called('endpoint', whole).concat(SET_UP))), /of the newest/)
})

test('keys have their names, and calls without one are a group of their own', async () => {
  const text = textOf(await overview([...called('key'), ...SET_UP], '/llm?by=key'))
  assert.match(text, /support-bot 132,300/)
  assert.match(text, /without a key 34,400/)
})

test('where nobody has called, the way to the first call stands', async () => {
  const empty: Data = [
    [['llm', 'overview', 'endpoint', LAST_DAY], llm.overview(NOW, 'endpoint', true)],
    [['llm', 'providers'], { items: [] }],
    [['llm', 'endpoints'], { items: [] }],
    [['llm', 'keys'], { items: [] }],
    [['llm', 'prices'], { items: [] }],
    [['server'], { gateway_url: '' }],
  ]
  const text = textOf(await overview(empty))
  assert.match(text, /No language models yet 4 steps/)
  assert.match(text, /slipway llm providers add.*slipway llm endpoints add.*slipway llm keys add.*curl/)
  assert.match(text, /runs without a gateway/)
  const ready = textOf(await overview([empty[0] ?? [[], null], ...SET_UP]))
  assert.match(ready, /No calls in the last 24 hours all is set up/)
})

test('a call tells its attempts, its price, what a translation lost, and its content', async () => {
  const text = textOf(await callPage('llm_01k2chat', SET_UP))
  assert.match(text, /anthropic\/claude-haiku-4-5 529 overloaded_error: Overloaded 180 ms/)
  assert.match(text, /\$0.40 in, \$1.60 out, a million tokens, by genai-prices/)
  assert.match(text, /Charged to key support-bot project default/)
  assert.match(text, /\$\.top_k/)
  assert.match(text, /Will UA 221 be late\?/)
})

test('a call says why it shows no content, and what was never asked', async () => {
  const refused = textOf(await callPage('llm_01k2refused'))
  assert.match(refused, /the budget of key support-bot is spent/)
  assert.match(refused, /No provider was asked/)
  assert.match(refused, /only digests are kept: its key or the server keeps no content, or the days .* are over/)
  assert.match(refused, /nothing was sent to a provider/)
})

test('a call is told whole where its budgets, prices and models can no longer be read', async () => {
  const text = textOf(await callPage('llm_01k2chat'))
  assert.match(text, /mdl_haiku 529/)
  assert.match(text, /bud_support/)
  assert.match(text, /genai-prices:openai:gpt-4.1-mini:2026-05-01/)
})

test('keys and budgets are made, changed and ended by admins alone', async () => {
  const [seen, offered] = [await keysPage('maintainer'), await keysPage('admin')]
  for (const [label, n] of [
    ['New key', 1],
    ['New budget', 1],
    ['Revoke', 2],
    ['Change', 4],
    ['Remove', 4],
  ] as const)
    assert.deepEqual([buttons(seen, label), buttons(offered, label)], [0, n], label)
})

test('a budget whose state is not known says so, and not that nothing is spent', async () => {
  const html = await keysPage('viewer')
  assert.match(textOf(html), /team travelof project default not known \$400.00 week refused not known/)
  assert.match(html, /aria-label="what is spent is not known"/)
  assert.match(textOf(html), /passed, 108 % of it/)
})

test('what keys did of late is left open where not all groups are listed', async () => {
  const day = llm.overview(NOW, 'key', false)
  const dayOf = (of: typeof day): Data => [...SET_UP, [['llm', 'overview', 'key', LAST_DAY], of]]
  assert.match(textOf(await keysPage('viewer', dayOf(day))), /old-eval.*kept 0 \$0.00/)
  assert.match(textOf(await keysPage('viewer', dayOf({ ...day, more_groups: 3 }))), /old-eval.*kept – –/)
})

test('providers and prices tell what is off, and how a price is set', async () => {
  const text = textOf(
    await pageMarkup('llm/llm-providers', 'LlmProvidersPage', { role: 'viewer', at: '/llm/providers', data: SET_UP }),
  )
  assert.match(text, /summaries.*not answered none of its models can be called/)
  assert.match(text, /watson.*not called watsonx has an API that is not called yet not known/)
  assert.match(text, /openai\/gpt-4.1-mini 75 %/)
  assert.match(text, /fallback 1 price not known/)
  assert.match(text, /sources differ \$1.00 \$5.00 .*litellm says \$0.80 in, \$4.00 out/)
  assert.match(text, /slipway llm prices add vllm\/llama-3.3-70b --input DOLLARS/)
})

const providersPage = (role: Role, data: Data = []) =>
  pageMarkup('llm/llm-providers', 'LlmProvidersPage', {
    role,
    at: '/llm/providers',
    data: [...SET_UP, [['llm', 'health'], health(NOW, false)], ...data],
  })

test('the health of a provider is its state, its failures, and its last failure in words', async () => {
  const html = await providersPage('viewer')
  const text = textOf(html)
  assert.match(text, /anthropic answers 3,864 3.5 % 540 ms 1.3 s rate limited, 429 /)
  assert.match(
    text,
    /claude-haiku-4-5 answers .*135 failed: 14 rate limited, 121 server error claude-sonnet-4-5 answers/,
  )
  assert.match(text, /old-proxyremoved failing 138 2.2 % .* no answer .* connect ECONNREFUSED/)
  assert.match(text, /openaigpt-4.1-mini answers/)
  assert.match(text, /watson idle 0 – – – none/)
  assert.match(text, /14 calls went to models that are set up no longer/)
  // what the strip shows to who does not see it
  assert.match(
    html,
    /aria-label="anthropic, 48 parts: 42 without a failure, 3 with failures, 1 mostly failed, 2 without calls\. Among them: from/,
  )
  const cut = { ...health(NOW, false), cut_parts: ['2026-03-17T02:00:00.000Z', '2026-03-17T02:30:00.000Z'] }
  const part = textOf(await providersPage('viewer', [[['llm', 'health'], cut]]))
  assert.match(part, /2 parts of the time are told by their newest calls, 20,000 in all/)
})

test('providers and endpoints are made and removed by maintainers and admins', async () => {
  const [seen, offered] = [await providersPage('contributor'), await providersPage('maintainer')]
  for (const [label, n] of [
    ['New provider', 1],
    ['New endpoint', 1],
    ['Remove', 7],
  ] as const)
    assert.deepEqual([buttons(seen, label), buttons(offered, label)], [0, n], label)
  assert.match(textOf(offered), /openai is used by chat\. Remove it first/)
})

test('an expired key is told as such', async () => {
  const [first] = llm.keys(NOW)
  assert.ok(first !== undefined)
  const expired = { ...first, name: 'left-over', expires_at: '2026-01-01T00:00:00Z' }
  const html = await keysPage('admin', [[['llm', 'keys'], { items: [expired] }], ...SET_UP.slice(1)])
  assert.match(textOf(html), /left-overof project default expired ended/)
})

test('one list that fails is named, and the others are shown', async () => {
  const error = new CallError(403, { code: 'forbidden', message: 'not yours', help: '', request_id: 'req_9' })
  const text = textOf(
    await pageMarkup('llm/llm-keys', 'LlmKeysPage', {
      role: 'viewer',
      at: '/llm/keys',
      data: SET_UP.filter(([[, what]]) => what !== 'budgets'),
      failed: [[['llm', 'budgets'], error]],
    }),
  )
  assert.match(text, /The budgets could not be loadednot yours.*req_9/)
  assert.match(text, /support-bot/)
})
