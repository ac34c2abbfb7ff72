/** The release of an endpoint: which act is offered in which state, to whom and under which freeze, and what the panel says of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { markupOf, textOf } from '../../../test/web/components.ts'
import type { Surroundings } from '../../../test/web/components.ts'
import { comparison, rollouts } from '../../../test/web/fixture-rollouts.ts'

// an end of a freeze is told in the zone of who reads
process.env['TZ'] = 'UTC'

const NOW = Date.now()
const CANARY = { ...rollouts(NOW)[0], state: 'canary', gates: [], frozen: null, awaits: null }
const FAILING = [{ gate: 'latency', slice: null, status: 'failing' }]
const PASSING = [{ gate: 'latency', slice: null, status: 'passing' }]
const AWAITS = { before: 'promote', role: 'admin' }
const NAME = CANARY.endpoint ?? ''

interface Frozen {
  readonly endpoint: string
  readonly reason: string
  readonly until: string | null
  readonly by: string | null
}

const BY_HAND: Frozen = { endpoint: NAME, reason: 'audit', until: null, by: 'ada' }
const CALENDAR: Frozen = { endpoint: NAME, reason: '', until: '2130-01-02T10:00:00.000Z', by: null }

/** What a part about the rollout shows, among these freezes. */
function part(
  [path, name]: readonly [string, string],
  props: object,
  { freezes = [], role = 'maintainer', data = [] }: Surroundings & { readonly freezes?: readonly Frozen[] } = {},
): Promise<string> {
  return markupOf(
    `endpoint/${path}`,
    name,
    { ...props },
    {
      role,
      data: [[['rollouts', 'freezes'], { items: freezes }], ...data],
    },
  )
}

/** The buttons that open an act, in their order; those inside of dialogs are left out. */
function offered(html: string): string[] {
  const outside = html.replaceAll(/<dialog.*?<\/dialog>/g, '')
  return [...outside.matchAll(/<button[^>]*>(.*?)<\/button>/g)].map(([, text]) => textOf(text ?? ''))
}

const ACTS: readonly (readonly [
  what: string,
  change: object,
  acts: readonly string[],
  role?: NonNullable<Surroundings['role']> | null,
])[] = [
  ['starts', { state: 'starting' }, ['Abort', 'Promote']],
  ['is in shadow', { state: 'shadow' }, ['Abort', 'Promote']],
  ['is a canary', {}, ['Abort', 'Promote']],
  ['is paused with nothing that fails', { state: 'paused', gates: PASSING }, ['Abort', 'Resume', 'Promote']],
  ['is paused by a gate that fails', { state: 'paused', gates: FAILING }, ['Abort', 'Promote']],
  ['waits for an approval', { awaits: AWAITS }, ['Approve promotion', 'Abort', 'Promote']],
  [
    'waits for an approval of a share',
    { awaits: { before: 2500, role: 'maintainer' } },
    ['Approve 25 %', 'Abort', 'Promote'],
  ],
  ['is promoted', { state: 'promoted' }, []],
  ['is watched', { state: 'watching' }, []],
  ['was rolled back', { state: 'rolled_back' }, []],
  ['kept stable', { state: 'kept' }, []],
  ['was aborted', { state: 'aborted' }, []],
  ['is looked at by a viewer', { awaits: AWAITS }, [], 'viewer'],
  ['is looked at by a contributor', { awaits: AWAITS }, [], 'contributor'],
  ['is looked at by an admin', {}, ['Abort', 'Promote'], 'admin'],
  ['is looked at by nobody known yet', {}, [], null],
]

for (const [what, change, acts, role = 'maintainer'] of ACTS) {
  test(`a rollout that ${what} offers ${acts.join(', ') || 'nothing'}`, async () => {
    const html = await part(['release-actions', 'ReleaseActions'], { rollout: { ...CANARY, ...change } }, { role })
    assert.deepEqual(offered(html), acts)
  })
}

test('a freeze holds up what goes forward and never what goes back, each with its sentence', async () => {
  const rollout = { ...CANARY, state: 'paused', awaits: AWAITS, gates: PASSING }
  for (const [freeze, says] of [
    [BY_HAND, `${NAME} is frozen by ada until it is lifted: audit.`],
    [CALENDAR, `${NAME} is frozen by the calendar of its plan until 2130-01-02`],
  ] as const) {
    const html = await part(['release-actions', 'ReleaseActions'], { rollout }, { freezes: [freeze] })
    const dialogs = [...html.matchAll(/<dialog.*?<\/dialog>/g)].map(([dialog]) => textOf(dialog))
    assert.deepEqual(
      dialogs.map((dialog) => dialog.includes(says)),
      [false, false, true, true],
      'approve, abort, resume, promote',
    )
  }
  const elsewhere = await part(
    ['release-actions', 'ReleaseActions'],
    { rollout },
    { freezes: [{ ...BY_HAND, endpoint: 'other' }] },
  )
  assert.doesNotMatch(elsewhere, /is frozen/)
})

const CONTROLS: readonly (readonly [
  what: string,
  freezes: readonly Frozen[],
  role: NonNullable<Surroundings['role']> | null,
  expected: readonly string[],
])[] = [
  ['free', [], 'maintainer', ['Freeze']],
  ['frozen by hand', [BY_HAND], 'maintainer', ['Lift the freeze']],
  ['frozen by its calendar, which a hand may outlast', [CALENDAR], 'maintainer', ['Freeze']],
  ['beside one that is frozen', [{ ...BY_HAND, endpoint: 'other' }], 'admin', ['Freeze']],
  ['looked at by who may not', [BY_HAND], 'contributor', []],
]

for (const [what, freezes, role, expected] of CONTROLS) {
  test(`an endpoint that is ${what} offers ${expected.join(', ') || 'nothing'} to ${role ?? 'nobody'}`, async () => {
    assert.deepEqual(offered(await part(['freeze', 'FreezeControl'], { endpoint: NAME }, { freezes, role })), expected)
  })
}

test('a freeze is not offered before it is known whether there is one', async () => {
  assert.equal(await markupOf('endpoint/freeze', 'FreezeControl', { endpoint: NAME }), '')
})

const STATES: readonly (readonly [freezes: readonly Frozen[], says: RegExp])[] = [
  [[], /^$/],
  [[{ ...BY_HAND, endpoint: 'other' }], /^$/],
  [
    [BY_HAND],
    /^frozen audit, by ada, until it is lifted\. No step starts and nothing is promoted or deployed; rolling back is always possible\.$/,
  ],
  [[CALENDAR], /^frozen by the calendar of its plan, until 2130-01-02 10:00:00 UTC \(in \d+ [dy]\)\. No step/],
]

test('the panel says what freezes the endpoint, by whom and until when', async () => {
  for (const [freezes, says] of STATES) {
    assert.match(textOf(await part(['freeze', 'FreezeState'], { endpoint: NAME }, { freezes })), says)
  }
})

/** What the whole panel says of these rollouts, newest first. */
async function panel(items: readonly object[]): Promise<string> {
  return textOf(
    await part(
      ['release', 'ReleasePanel'],
      { endpoint: NAME, model: NAME },
      {
        data: [
          [['rollouts', 'list', NAME], { items }],
          [['rollouts', 'curve', CANARY.id], { series: [] }],
        ],
      },
    ),
  )
}

const SENTENCES: readonly (readonly [change: object, says: RegExp])[] = [
  [{ weight: 2500 }, /version 3 against version 2, serves 25 % of the keys\. Started .* by ada\./],
  [{ state: 'shadow' }, /, scores copies of requests without answering them\./],
  [{ state: 'watching' }, /, is promoted; late labels are still being compared\./],
  [{ state: 'kept' }, /, was compared; the stable version stays\./],
  [{ state: 'rolled_back' }, /, rolled back\./],
  [{ stable_version: null }, /version 3 is the first version of this endpoint,/],
  [{ reason: 'a gate fails' }, /by ada\. A gate fails\./],
  [{ failed_requests: 1 }, /The candidate failed 1 request, which/],
  [{ failed_requests: 0 }, /The candidate failed 0 requests, which/],
  [{ challengers: ['7', '8'] }, /Compared in parallel with version 7, 8\./],
  [
    {
      approvals: [
        { before: 5000, by: 'grace' },
        { before: 'promote', by: 'alan' },
      ],
    },
    /50 % approved by grace\. Promotion approved by alan\./,
  ],
  [
    { plan: { ...CANARY.plan, mode: 'blue_green' } },
    /Plan \(blue\/green\): shadow for 1,000 rows, then 100 %, at least 500 requests each; on failure: pause\./,
  ],
  [{ plan: comparison(NOW)[0]?.plan }, /Plan \(A\/B\): shadow for 1,000 rows, then 50 %, at least/],
  [
    {},
    /Plan: shadow for 1,000 rows, then 10 %, 25 %, 50 %, at least 500 requests each; on failure: pause\. Risk of rejecting an equally good version: 5 %\./,
  ],
]

for (const [change, says] of SENTENCES) {
  test(`the release is told: ${says.source.slice(0, 60)}`, async () => {
    assert.match(await panel([{ ...CANARY, reason: '', ...change }]), says)
  })
}

test('earlier rollouts are folded below the newest; without one the page says how to begin', async () => {
  const text = await panel([CANARY, { ...CANARY, id: 'ro_0', version: '2', state: 'aborted', reason: 'of before' }])
  assert.match(text, /1 earlier aborted version 2 ?of before/)
  assert.doesNotMatch(await panel([CANARY]), /earlier/)
  assert.match(await panel([]), /No rollout yet.*slipway ship/)
})

const JUDGED = (version: string, outcome: string): object => ({
  version,
  scan: null,
  verdict: { gates: [{ name: 'auc at least 0.8', outcome }] },
})

for (const [what, versions, options, selected] of [
  [
    'the newest that nothing speaks against',
    [
      JUDGED('5', 'failed'),
      JUDGED('4', 'waiting'),
      JUDGED('3', 'passed'),
      JUDGED('2', 'passed'),
      JUDGED('1', 'passed'),
    ],
    ['5 (refused: auc at least 0.8)', '4 (waits: auc at least 0.8)', '3 (rolled back: it failed)', '2'],
    '2',
  ],
  ['none where all are bad', [JUDGED('5', 'failed')], ['Choose a version', '5 (refused: auc at least 0.8)'], ''],
] as const) {
  test(`a deploy by hand says what speaks against each version and chooses ${what}`, async () => {
    const endpoint = { name: NAME, model: 'm', variants: [{ role: 'stable', version: '1' }] }
    const html = await part(['deploy', 'Deploy'], { endpoint }, {
      data: [
        [['models', 'versions', 'm'], { items: versions }],
        [['rollouts', 'list', NAME], { items: [{ version: '3', state: 'rolled_back', reason: 'it failed' }] }],
        [['models', 'version', 'm', '2'], { refusal: 'auc: too low' }],
      ],
    }) // prettier-ignore
    const found = [...html.matchAll(/<option([^>]*)>(.*?)<\/option>/g)]
    assert.deepEqual(found.map(([, , text]) => textOf(text ?? '')), options) // prettier-ignore
    const chosen = found.find(([, attributes]) => attributes?.includes('selected'))?.[1]
    assert.equal(/value="([^"]*)"/.exec(chosen ?? '')?.[1], selected)
    assert.equal(textOf(html).includes('The server will refuse it. Auc: too low.'), selected === '2')
  })
}
