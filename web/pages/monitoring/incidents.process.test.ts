/** Incidents: what the list and the page of one say of it, which acts are offered to whom, and what a search that found runs leaves out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { markupOf, pageMarkup, partText, textOf } from '../../../test/web/components.ts'
import type { Surroundings } from '../../../test/web/components.ts'
import { incidents } from '../../../test/web/fixture-monitoring.ts'

const [DRIFT] = incidents(Date.now())
assert.ok(DRIFT !== undefined)

/** The page of an incident that is the drift of the fixtures, changed so much. */
function page(change: object = {}, role: Surroundings['role'] = 'maintainer'): Promise<string> {
  return pageMarkup('monitoring/incident', 'IncidentPage', {
    at: '/incidents/i1',
    route: '/incidents/$id',
    role,
    data: [[['incidents', 'one', 'i1'], { ...DRIFT, id: 'i1', endpoint: 'e', ...change }]],
  })
}

const AFFECTED = { rows: 4182, share: 0.0831, marked_bad: 0 }

const LEADS: readonly (readonly [change: object, says: RegExp])[] = [
  [
    { kind: 'drift', affected: AFFECTED, began_event_time: '2013-09-04T05:20:00.000Z', pages: true },
    /^Drift of e: the data began to differ at 2013-09-04 05:20 UTC; 4,182 rows \(8\.3 %\) are affected\. Paged .* ago\.$/,
  ],
  [{ affected: { ...AFFECTED, rows: 1 } }, /; 1 row \(8\.3 %\) is affected\./],
  [{ affected: { ...AFFECTED, rows: 0, share: 0 } }, /; 0 rows \(0 %\) are affected\./],
  [{ pages: false }, /Notified without paging .* ago\.$/],
  [{ resolved_at: new Date(Date.now() - 9_000_000).toISOString() }, /Resolved 2 h ago\.$/],
  [{ times_paged: 2 }, /Paged .* ago, 2 times in all\.$/],
  [
    { kind: 'search', began_event_time: '2013-09-04T05:20:00.000Z' },
    /^Search of e: a watched search found runs at 2013-09-04 05:20 UTC\. /,
  ],
  [
    { kind: 'notification', began_event_time: '2013-09-04T05:20:00.000Z' },
    /^Notification of e: messages about its incidents do not arrive since 2013-09-04 05:20 UTC\. /,
  ],
]

for (const [change, says] of LEADS) {
  test(`an incident is one sentence: ${JSON.stringify(change)}`, async () => {
    const [, lead = ''] = /<div class="lead">(.*?)<\/div>/.exec(await page(change)) ?? []
    assert.match(textOf(lead), says)
    assert.match(lead, /href="\/endpoints\/e"/)
  })
}

const all = ['acknowledge', 'resolve', 'mark_bad', 'retrain', 'rollback', 'false_alarm']
const acts = (names: readonly string[], allowed = true) =>
  names.map((action) => ({ action, allowed, preview: `what ${action} does` }))

interface Offer {
  readonly what: string
  readonly actions: readonly object[]
  readonly role?: Surroundings['role']
  /** The buttons that open an act; those that cannot be pressed in brackets. */
  readonly offered: readonly string[]
  readonly says?: RegExp
}

const OFFERS: readonly Offer[] = [
  {
    what: 'all acts, in the order of the server',
    actions: acts(all),
    offered: ['Acknowledge', 'Resolve', 'Mark the rows bad', 'Retrain', 'Roll back', 'False alarm'],
  },
  {
    what: 'what cannot be done now',
    actions: [...acts(['rollback'], false), ...acts(['resolve'])],
    offered: ['(Roll back)', 'Resolve'],
  },
  { what: 'acts of a later server beside known ones', actions: acts(['page_ceo', 'resolve']), offered: ['Resolve'] },
  { what: 'acts of a later server alone', actions: acts(['page_ceo']), offered: [], says: /No actions left\./ },
  { what: 'none', actions: [], offered: [], says: /No actions left\./ },
  {
    what: 'acts to a viewer',
    actions: acts(all),
    role: 'viewer',
    offered: [],
    says: /Only maintainers and admins may act on an incident\./,
  },
  {
    what: 'acts to a contributor',
    actions: acts(all),
    role: 'contributor',
    offered: [],
    says: /Only maintainers and admins/,
  },
  { what: 'acts to an admin', actions: acts(['resolve']), role: 'admin', offered: ['Resolve'] },
]

for (const { what, actions, role, offered, says } of OFFERS) {
  test(`what to do, where the server tells ${what}`, async () => {
    const html = await page({ actions }, role)
    const [panel = ''] = />What to do<.*?<\/section>/.exec(html) ?? []
    const outside = panel.replaceAll(/<dialog.*?<\/dialog>/g, '')
    const found = [...outside.matchAll(/<button([^>]*)>(.*?)<\/button>/g)].map(([, how = '', text = '']) =>
      how.includes('disabled') ? `(${text})` : text,
    )
    assert.deepEqual(found, offered)
    if (says !== undefined) assert.match(textOf(panel), says)
  })
}

test('each act says what it does; only a false alarm must be explained', async () => {
  const html = await page({ actions: acts(all) })
  const dialogs = [...html.matchAll(/<dialog.*?<\/dialog>/g)].map(([dialog]) => dialog)
  assert.deepEqual(
    dialogs.map((dialog) => /what \w+ does/.exec(dialog)?.[0]),
    all.map((action) => `what ${action} does`),
  )
  assert.deepEqual(
    dialogs.map((dialog) => /Reason \([^)]*\)/.exec(dialog)?.[0] === 'Reason (optional)'),
    [true, true, true, true, true, false],
  )
})

test('an incident of a search speaks of runs, not of rows, suspects and checks', async () => {
  const runs = { more_than: 0, runs: [{ id: 'r1', name: 'nightly', started_at: 0 }] }
  const text = textOf(await page({ kind: 'search', causes: [{ ...DRIFT.causes[0], evidence: runs }] }))
  assert.match(text, /nightly/)
  assert.doesNotMatch(text, /Suspects|Affected|Checks|Share of the predictions/)
  assert.match(textOf(await page()), /Suspects.*Affected.*Checks/)
})

test('the features around an incident are those of the first suspect, from a week before', async () => {
  const change = { began_event_time: '2013-09-08T06:00:00.000Z', affected: { ...AFFECTED, marked_bad: 12 } }
  const link = async (causes: readonly object[]): Promise<URL> => {
    const html = await page({ ...change, causes })
    const href = [...html.matchAll(/href="([^"]*)">Show the features/g)].at(-1)?.[1] ?? ''
    return new URL(href.replaceAll('&amp;', '&'), 'http://slipway.test')
  }
  const cause = DRIFT.causes[0]
  const { pathname, searchParams } = await link([
    { ...cause, features: ['dewp', 'temp'] },
    { ...cause, rank: 2, features: ['x'] },
  ])
  assert.deepEqual(
    [pathname, searchParams.get('from'), searchParams.get('feature')],
    ['/monitoring/e', '2013-09-01T06:00:00.000Z', 'dewp'],
  )
  assert.equal((await link([])).searchParams.get('feature'), null)
  assert.match(
    textOf(await page(change)),
    /Rows 4,182 Share of the predictions 8\.3 % Marked bad 12 excluded from training/,
  )
})

/** The rows of the list that the address shows. */
async function rows(items: readonly object[], at = '/incidents'): Promise<string[]> {
  const html = await pageMarkup('monitoring/incidents', 'IncidentsPage', {
    at,
    route: '/incidents',
    data: [[['incidents', 'list', ''], { items }]],
  })
  return [...html.matchAll(/<tr data-row.*?<\/tr>/g)].map(([row]) => textOf(row))
}

const LISTED = { ...DRIFT, title: 'units changed', endpoint: 'e', affected: AFFECTED, causes: [] }
const STATES = ['open', 'acknowledged', 'resolved']

test('the list shows the state that the address asks for', async () => {
  const items = STATES.map((state) => ({ ...LISTED, id: state, state, title: `it is ${state}` }))
  assert.equal((await rows(items)).length, 3)
  for (const state of STATES) {
    const shown = await rows(items, `/incidents?state=${state}`)
    assert.deepEqual(
      shown.map((row) => /it is \w+/.exec(row)?.[0]),
      [`it is ${state}`],
    )
  }
  assert.deepEqual(await rows(items, '/incidents?state=unheard'), [])
})

const LINES: readonly (readonly [change: object, says: RegExp, never?: RegExp])[] = [
  [{ pages: false }, /not paged/],
  [{ pages: true }, /high/, /not paged/],
  [{ kind: 'search' }, /runs only/, /4,182/],
  [{ kind: 'drift' }, /4,182 rows/, /runs only/],
  [{ affected: { ...AFFECTED, rows: 1 } }, /\b1 row\b/],
  [{ causes: [{ ...DRIFT.causes[0], title: 'a sensor was replaced' }] }, /units changed ?a sensor was replaced/],
  [
    { title: 'units changed at JFK', causes: [{ ...DRIFT.causes[0], title: 'units changed' }] },
    /units changed at JFK ?e /,
    /JFK ?units changed/,
  ],
  [{ began_event_time: '2013-09-04T05:20:00.000Z' }, /2013-09-04 05:20 UTC/],
]

test('a line of the list says what is affected, and its first suspect where the title does not', async () => {
  for (const [change, says, never] of LINES) {
    const [row = ''] = await rows([{ ...LISTED, ...change }])
    assert.match(row, says)
    if (never !== undefined) assert.doesNotMatch(row, never)
  }
})

test('an endpoint is monitored until a time, with so many incidents open; what is not read yet is no zero', async () => {
  const line = async (data: Surroundings['data'] = []): Promise<string> => {
    const items = [{ name: 'e', model: 'm', variants: [] }]
    const html = await pageMarkup('monitoring/monitors', 'MonitorsPage', {
      data: [[['endpoints', 'list'], { items }], ...data],
    })
    return textOf(/<tr data-row.*?<\/tr>/.exec(html)?.[0] ?? '')
  }
  const open = STATES.map((state) => ({ ...LISTED, state }))
  const until = (at: string | null) => [['monitors', 'settings', 'e'], { evaluated_until: at }] as const
  assert.equal(await line(), 'e – – –')
  assert.equal(await line([until(null), [['incidents', 'list', 'e'], { items: [] }]]), 'e – – 0')
  assert.equal(
    await line([until('2013-09-15T23:00:00.000Z'), [['incidents', 'list', 'e'], { items: open }]]),
    'e – 2013-09-15 23:00 UTC 2',
  )
})

test('what happened in order is told in event time where there is one, and leads only to pages', async () => {
  const entry = {
    at: new Date(Date.now() - 5_400_000).toISOString(),
    event_time: null,
    kind: 'alias_move',
    text: 'moved',
    href: null,
  }
  const entries = [
    { ...entry, event_time: '2013-09-04T05:20:00.000Z', kind: 'drift', text: 'began', href: '/v1/pipeline-runs/p1' },
    { ...entry, href: 'https://evil.test/x' },
  ]
  const html = await markupOf('incident/timeline', 'Timeline', { entries })
  assert.match(textOf(html), /^2013-09-04 05:20 UTC ?drift began ?1 h ago ?alias move moved$/)
  assert.deepEqual(
    [...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href),
    ['/pipelines/p1'],
  )
  assert.equal(await partText('incident/timeline', 'Timeline', { entries: [] }), 'No events around that time.')
})
