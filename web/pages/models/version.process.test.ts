/** The page of a version: whether it may be promoted and by whom, how it is served and on what proof, where it comes from. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pageMarkup, textOf } from '../../../test/web/components.ts'
import type { Surroundings } from '../../../test/web/components.ts'
import { mergeTimes } from '../../../test/web/fixture-rollouts.ts'
import { recordedAttestations } from '../../../test/web/fixture-reproductions.ts'
import { proofTexts, trainingText, versionFiles } from '../../../test/web/fixture-proofs.ts'
import { versions } from '../../../test/web/fixture-serving.ts'
import { readProof } from '../../data/models/package-proof.ts'

const VERSION = versions(Date.now()).find((one) => one.version === '3')
const { model } = VERSION ?? { model: '' }

/** The page of version 3 with so much of it changed. */
function page(change: object = {}, around: Surroundings = {}): Promise<string> {
  return pageMarkup('models/version', 'VersionPage', {
    at: `/models/${model}/versions/3`,
    route: '/models/$name/versions/$version',
    ...around,
    data: [
      [['models', 'version', model, '3'], { ...VERSION, refusal: null, ...change }],
      [['models', 'history', model], { items: [] }],
      ...(around.data ?? []),
    ],
  })
}

/** The button that opens the promotion: whether it can be pressed, and what describes it; undefined where there is none. */
function promotion(html: string): { disabled: boolean; because: string } | undefined {
  const button = /<button type="button" class="button primary"([^>]*)>Promote to production<\/button>/.exec(html)?.[1]
  if (button === undefined) return undefined
  const id = /aria-describedby="([^"]*)"/.exec(button)?.[1]
  const because = id === undefined ? '' : (html.split(`id="${id}"`)[1] ?? '').replace(/^[^>]*>/, '').split('</span>')[0]
  return { disabled: button.includes('disabled'), because: textOf(because ?? '') }
}

const PROMOTIONS: readonly (readonly [
  what: string,
  change: object,
  role: NonNullable<Surroundings['role']> | null,
  expected: unknown,
])[] = [
  ['nothing is known against it', {}, 'maintainer', { disabled: false, because: '' }],
  [
    'a file of it does harm',
    { refusal: 'malicious: os.system at byte 0 of model.pkl' },
    'maintainer',
    { disabled: true, because: 'Its gates refuse it. Malicious: os.system at byte 0 of model.pkl.' },
  ],
  [
    'a gate failed',
    { refusal: 'auc at least 0.8: auc is 0.7, below 0.8' },
    'admin',
    { disabled: true, because: 'Its gates refuse it. Auc at least 0.8: auc is 0.7, below 0.8.' },
  ],
  // a verdict of before, and a scan that the server does not hold against it: it is judged when the alias moves
  [
    'only its last verdict failed',
    { verdict: { ...VERSION?.verdict, passed: false } },
    'admin',
    { disabled: false, because: '' },
  ],
  ['it is in production', { aliases: ['candidate', 'production'] }, 'admin', undefined],
  ['the role may not', {}, 'contributor', undefined],
  ['the role may not, and it is refused', { refusal: 'auc' }, 'viewer', undefined],
  ['nobody knows yet who looks', {}, null, undefined],
]

for (const [what, change, role, expected] of PROMOTIONS) {
  test(`promotion, where ${what}`, async () => {
    const html = await page(change, { role })
    assert.deepEqual(promotion(html), expected)
    const because = promotion(html)?.because ?? ''
    assert.equal(html.includes('Its gates refuse it'), because !== '', 'no reason without the button that it is for')
    assert.equal(/moves to version 3 if its gates pass/.test(textOf(html)), promotion(html)?.disabled === false)
  })
}

const LOWERED = { state: 'native', reason: null, probes: 2000, worst_ulp: 3, onnx: null }
const GRAPH = {
  origin: 'given',
  path: 'data/model.onnx',
  digest: `sha256:${'ab'.repeat(32)}`,
  bytes: 3072,
  output: 'p',
  deviation: 0.00012,
}

const SERVED: readonly (readonly [what: string, change: object, says: RegExp, never?: RegExp])[] = [
  [
    'natively',
    { lowering: LOWERED },
    /Served natively in the gateway Why a replay gave the same answers as Python Parity 2,000 rows replayed, largest difference 3 ulp Size/,
    /ONNX/,
  ],
  ['natively, without a distance', { lowering: { ...LOWERED, worst_ulp: null } }, /Parity 2,000 rows replayed Size/],
  [
    'by a graph that was given',
    { lowering: { ...LOWERED, state: 'onnx', worst_ulp: null, onnx: GRAPH } },
    /by ONNX Runtime in the gateway Why the ONNX graph gave the same answers as Python Parity 2,000 rows replayed, largest difference 1\.2e-4 of the answer ONNX stored with the model as data\/model\.onnx, 3 KiB, sha256:abababababababab; uses output p/,
  ],
  [
    'by a graph that was made',
    { lowering: { ...LOWERED, state: 'onnx', onnx: { ...GRAPH, origin: 'exported', path: null } } },
    /ONNX exported from the model, 3 KiB/,
  ],
  [
    'in Python, and why',
    { lowering: { ...LOWERED, state: 'python', reason: 'no native form of Foo', probes: null } },
    /Served by Python scorers Why no native form of Foo Parity – Size/,
  ],
  ['not at all yet', { lowering: { ...LOWERED, state: 'pending', probes: null } }, /Served pending Why – Parity –/],
  [
    'by a way of a later server',
    { lowering: { ...LOWERED, state: 'on_device', reason: 'new' } },
    /Served on device Why new/,
  ],
  [
    'with a grade',
    { reproducibility: 'B: the same metrics' },
    /Reproducibility B: the same metrics/,
    /slipway reproduce/,
  ],
  [
    'without a grade',
    { reproducibility: null },
    /Reproducibility not checked yet Check it with slipway reproduce flight-delay/,
  ],
  ['without files', { tree: null, size: 0 }, /Size 0 B Files –/],
]

for (const [what, change, says, never] of SERVED) {
  test(`served ${what}`, async () => {
    const text = textOf(await page(change))
    assert.match(text, says)
    if (never !== undefined) assert.doesNotMatch(text, never)
  })
}

const ORIGINS: readonly (readonly [what: string, change: object, says: RegExp, links: readonly string[]])[] = [
  [
    'a run of a pipeline',
    {},
    /by ada in a pipeline run \(what it changed\), logged as run 00019c1f\./,
    ['/pipelines/run_01k2b9d', '/pipelines/run_01k2b9d/report', '/runs/00019c1f4be27a60b3d85c14'],
  ],
  ['a client', { run_id: null, pipeline_run_id: null, created_by: 'eve' }, /Created .* by eve\./, []],
  ['a run alone', { pipeline_run_id: null }, /by ada, logged as run 00019c1f\./, ['/runs/00019c1f4be27a60b3d85c14']],
]

for (const [what, change, says, links] of ORIGINS) {
  test(`made by ${what}`, async () => {
    const [lead = ''] = /<div class="lead">.*?<\/div>/.exec(await page(change)) ?? []
    assert.match(textOf(lead), says)
    assert.deepEqual(
      [...lead.matchAll(/href="([^"]*)"/g)].map(([, href]) => href),
      links,
    )
  })
}

test('a verdict says whether the version may go to production, and against which it was judged', async () => {
  const verdict = { ...VERSION?.verdict, passed: false, against: `${model}/2` }
  assert.match(textOf(await page({ verdict })), /may not go to production evaluated .* against flight-delay\/2/)
  assert.match(
    textOf(await page({ verdict: { ...verdict, passed: true, against: null } })),
    /may go to production evaluated/,
  )
  assert.match(textOf(await page({ verdict: null })), /Gates Not evaluated yet/)
})

const ATTESTED = recordedAttestations(Date.now(), '2', false)

for (const [what, found, says] of [
  [
    'when signing is off',
    { items: [], signing_key: null },
    /Signing is off ?This server has no signing key.*graded but not attested/,
  ],
  ['before the first', { items: [], signing_key: 'k' }, /No attestations yet.* slipway reproduce flight-delay@3/],
  [
    'of a server that signs',
    ATTESTED,
    /verified C ?different results proof of pr_01m81 train .*key c0ffee5ec0ffee5e verified A ?the same bytes/,
  ],
  [
    'and nothing vouches for one',
    ATTESTED,
    /not verified Its content was changed after it was signed\. it says A proof/,
  ],
  ['and more than are shown', { ...ATTESTED, next_page_token: '1.x' }, /Attestations the newest 20/],
  [
    'and signing is off by now, and one cannot be read',
    { items: ATTESTED.items.map((one) => ({ ...one, says: null, fault: 'the bundle is no JSON' })), signing_key: null },
    /not verified The bundle is no JSON\. cannot be read proof .* Signing is off: later reproductions/,
  ],
] as const)
  test(`attestations, ${what}`, async () => {
    const text = textOf(await page({}, { data: [[['models', 'attestations', model, '3'], found]] }))
    assert.match(text, says)
  })

test('of the history of the model only the moves from and to this version are told', async () => {
  const move = (from: string | null, to: string | null, reason: string) => ({
    model,
    alias: 'production',
    at: '2026-05-03T10:00:00.000Z',
    actor: 'ada',
    imported_at: null,
    from,
    to,
    reason,
  })
  const items = [
    move('3', '2', 'rolled back'),
    move('2', '3', 'better'),
    move('1', '2', 'of others'),
    move('3', null, ''),
  ]
  const text = textOf(
    await pageMarkup('models/version', 'VersionPage', {
      at: `/models/${model}/versions/3`,
      route: '/models/$name/versions/$version',
      data: [
        [['models', 'version', model, '3'], { ...VERSION, refusal: null }],
        [['models', 'history', model], { items }],
      ],
    }),
  )
  assert.match(
    text,
    /production version 3 version 2 rolled back ada.*version 2 version 3 better ada.*version 3 removed – ada/,
  )
  assert.doesNotMatch(text, /of others/)
})

test('lineage leads to the pages of what it names; what has no page is no link', async () => {
  const own = `/models/${model}/versions/3`
  const nodes = [
    ['pipeline_run', 'run 2b9d', '/v1/pipeline-runs/p1'],
    ['dataset', 'flights 9ad2', null],
    ['step', 'train', '/v1/unknown/1'],
    ['incident', 'about it', `/incidents/i1${own}`],
    ['version', 'another', `/models/${model}/versions/2`],
    ['version', 'itself', own],
  ].map(([kind, label, href], i) => ({ id: `n${i}`, kind, label, href }))
  const known = { nodes, edges: [] }
  const html = await page({}, { data: [[['models', 'lineage', model, '3'], known]] })
  const graph = html.slice(html.indexOf('>Lineage<'), html.indexOf('>Signature<'))
  assert.deepEqual(
    [...graph.matchAll(/<a href="([^"]*)">/g)].map(([, href]) => href),
    ['/pipelines/p1', `/incidents/i1${own}`, `/models/${model}/versions/2`, own],
  )
  const chosen = [...graph.matchAll(/<g class="node chosen"[^>]*>.*?<title>([^<]*)<\/title>/g)].map(
    ([, title]) => title,
  )
  assert.deepEqual(chosen, ['itself: version'])
})

test('where it answers although its gates do not hold is told with who said so and why', async () => {
  const told = {
    by: 'eve',
    role: 'admin',
    at: '2026-01-02T03:04:05.000Z',
    reason: 'the desk waits',
    refusal: 'auc at least 0.8',
  }
  const html = textOf(await page({ overridden: [{ ...told, endpoint: 'flights', variant: 'stable' }] }))
  assert.match(html, /On flights stable, gates overridden by eve: the desk waits \(auc at least 0\.8\)/)
  assert.doesNotMatch(textOf(await page()), /overridden/)
})

test('a version that a merge brought into production says how long that took and where the time went', async () => {
  const key = ['rollouts', 'merges', model, '3']
  const [merged] = mergeTimes(Date.now(), false).items
  const of = { items: [{ ...merged, model, version: '3' }], median_ms: 1, slowest: null }
  const text = textOf(await page({}, { data: [[key, of]] }))
  assert.match(
    text,
    /Merge to promoted Whole 4 min 31 s Commit 4f1c9ab20d3e Merged .* In queue 42 s In environment 8 s In training 1 min 36 s In gates 5 s In image 20 s In rollout 1 min 40 s Promoted on flight-delay/,
  )
  const none = textOf(await page({}, { data: [[key, { items: [], median_ms: null, slowest: null }]] }))
  assert.doesNotMatch(none, /Merge to promoted/)
})

const PROOFS: readonly (readonly [what: string, found: unknown, shown: RegExp, never: RegExp])[] = [
  ['none', { state: 'absent' }, /No proof/, /verified/i],
  ['a broken one', { state: 'broken', why: 'it has no verdict' }, /unreadable.*it has no verdict/is, /verified/i],
  [
    'one of this code',
    readProof(proofTexts('3'), versionFiles('3').items),
    /within tolerance.*verified, by the answers of cell 6.*Row by row verified, 14 rows.*Beware the answers depend on which rows are asked together: row 3, asked alone/s,
    /not of this code/,
  ],
  [
    'one of other code',
    readProof(proofTexts('2'), versionFiles('2').items),
    /not of this code.*not what was proved.*explore\/train\.py/s,
    /unreadable/,
  ],
  [
    'one of other settings, packages and data',
    readProof(proofTexts('5'), versionFiles('5').items),
    /not of these settings.*setting LIMIT: proved with 2\.5, now 0.*data churn_path.*package pandas: proved with 2\.3\.3, now 2\.2\.0/s,
    /not of this code/,
  ],
  [
    'one of other packages',
    readProof(
      {
        ...proofTexts('3'),
        training: trainingText('3').replace('"pandas":"2.3.3"', '"pandas":"2.2.0"'),
      },
      versionFiles('3').items,
    ),
    /not verified: other packages.*The proof said “within tolerance”.*Why it was trained with pandas 2\.2\.0, the proof ran with 2\.3\.3/s,
    /unreadable/,
  ],
  [
    'one whose training recorded nothing',
    readProof({ ...proofTexts('3'), training: undefined }, versionFiles('3').items),
    /of what is not known.*did not record settings/s,
    /not of this code/,
  ],
]

for (const [what, found, shown, never] of PROOFS)
  test(`the proof of a notebook: ${what}`, async () => {
    const html = await page({}, { data: [[['models', 'proof', model, '3'], found]] })
    const panel = html.split('<h2>Proof of the notebook')[1]?.split('</section>')[0] ?? ''
    assert.match(textOf(panel), shown)
    assert.doesNotMatch(textOf(panel), never)
  })

test('the proof of a notebook shows each cell, what was changed and why, and what was not compared', async () => {
  const html = await page(
    {},
    { data: [[['models', 'proof', model, '3'], readProof(proofTexts('3'), versionFiles('3').items)]] },
  )
  const panel = html.split('<h2>Proof of the notebook')[1]?.split('</section>')[0] ?? ''
  assert.equal(panel.match(/data-row/g)?.length, 20)
  assert.match(textOf(panel), /D6.*churn_v3_FINAL\.csv.*changed.*copied into data/s)
  assert.match(textOf(panel), /not compared: .*log_charge of the notebook/)
  assert.match(textOf(panel), /D2.*order 2 1 3/s)
})
