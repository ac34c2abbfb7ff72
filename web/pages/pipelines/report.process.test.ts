/** The report page: the verdict first, and every part of the document that a pull request is told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pageMarkup, textOf } from '../../../test/web/components.ts'
import { changeReport } from '../../../test/web/fixture-changes.ts'
import type { ChangeReport } from '../../../src/contract/changes/report.ts'

const AT = new Date(Date.now() - 90 * 60_000).toISOString()
const BASE = 'b'.repeat(40)

function page(changed: Partial<ChangeReport> = {}, base = ''): Promise<string> {
  return pageMarkup('pipelines/report', 'ReportPage', {
    at: `/pipelines/run_01k2b9d/report${base === '' ? '' : `?base=${base}`}`,
    route: '/pipelines/$id/report',
    data: [[['pipelines', 'report', 'run_01k2b9d', base], { ...changeReport(AT), ...changed }]],
  })
}

const panel = (html: string, title: string): string =>
  textOf(
    [...html.matchAll(/<section class="panel">.*?<\/section>/gs)].find(([one]) =>
      one.includes(`<h2>${title}</h2>`),
    )?.[0] ?? '',
  )

test('the verdict and its reason stand before everything else', async () => {
  const text = textOf(await page())
  assert.match(
    text,
    /^Pipelines ?\/ run 1k2b9d ?flight-delay: report of a change ?failed ?Roc_auc at least 0\.77: roc_auc is 0\.7602\. ?Gates/,
  )
  for (const [verdict, word] of [
    ['passed', 'passed'],
    ['waiting', 'waits for somebody'],
    ['error', 'no verdict'],
  ] as const)
    assert.match(textOf(await page({ verdict })), new RegExp(`report of a change ?${word}`))
})

test('a gate stands beside production and the merge base, with difference, interval and rows', async () => {
  const text = panel(await page(), 'Gates')
  assert.match(
    text,
    /roc_auc at least 0\.77 failed 0\.7602 0\.7707 – -0\.0105 \[-0\.0145, -0\.0065\] worse ?– 28,243 roc_auc is 0\.7602/,
  )
  assert.match(text, /signature compatible passed – – – – – – the same 22 inputs/)
  const [metric] = changeReport(AT).metrics
  assert.ok(metric)
  const base = { ...metric, merge_base: metric.production, production: null }
  assert.match(panel(await page({ metrics: [base] }), 'Gates'), /0\.7602 – 0\.7707 – -0\.0105 .* worse/)
  assert.match(panel(await page({ gates: [] }), 'Gates'), /The model has no gates/)
  const failed = panel(await page({ gates: [], model: null }), 'Gates')
  assert.match(failed, /No gate was judged: the run registered no version/)
})

test('a figure of all rows is not shown for a gate on a slice', async () => {
  const [gate] = changeReport(AT).gates
  assert.ok(gate)
  assert.match(
    panel(await page({ gates: [{ ...gate, slice: 'carrier = UA', value: 0.5 }] }), 'Gates'),
    /carrier = UA ?failed 0\.5 – – – – 28,243/,
  )
})

test('a metric whose gates are on slices alone has its figure of all rows among the others', async () => {
  const [gate] = changeReport(AT).gates
  assert.ok(gate)
  assert.match(panel(await page({ gates: [{ ...gate, slice: 'carrier = UA' }] }), 'Other metrics'), /roc_auc 0\.7602/)
})

test('what sets a baseline apart stands beside it', async () => {
  const { baselines } = changeReport(AT)
  const apart = { ...baselines.production, note: 'its run had params of its own' }
  assert.match(
    panel(await page({ baselines: { ...baselines, merge_base: apart } }), 'What is compared'),
    /Merge base ?version 5 of abababababab ?its run had params of its own/,
  )
})

const PARTS: readonly (readonly [title: string, says: RegExp])[] = [
  [
    'Other metrics',
    /log_loss 0\.548 0\.5315 – \+0\.0165 \[0\.0125, 0\.0205\] – brier, no longer measured – 0\.1767 – – –$/,
  ],
  [
    'Slices that became worse',
    /looked at carrier, origin .*carrier = <UA & co> roc_auc production -0\.041 \[-0\.06, -0\.02\] 4,660 0\.0067/,
  ],
  [
    'What is compared',
    /This change ?flight-delay version 7 ?Commit ?c0ffeec0ffee, and its folder differed from it .*Production ?version 5 of abababababab ?Merge base ?none: no run was made of the merge base/,
  ],
  [
    'Cost, time, size',
    /Cost of the run \$0\.041 – – Time of the run 1 min 32 s 1 min 28 s – CPU of the run 2 min 11 s 2 min – Size of the model 1\.15 MiB 1\.13 MiB – Latency p95 where it answers – 1\.8 ms –/,
  ],
  ['Calibration', /This change 0\.1845 0\.021 0\.379 0\.348 28,243 Production 0\.1767 0\.018 0\.3235 0\.348 28,243$/],
  ['Packages', /against production .*scikit-learn 1\.6\.1 1\.7\.2$/],
  [
    'Data: training',
    /128,000 rows before, 156,243 now\. Columns: wind_gust is new; tail was number and is text\. .*temp 0\.31 0 % 2\.1 %$/,
  ],
  ['Data: hold-out', /The same, byte for byte\./],
  [
    'Steps',
    /1 cached, 1 run, 0 failures .*ingest cached .*nothing changed train succeeded 1 min 1 s its code changed$/,
  ],
  ['Make it again', /slipway reproduce flight-delay@7/],
]

for (const [title, says] of PARTS) {
  test(`${title} is told`, async () => {
    assert.match(panel(await page(), title), says)
  })
}

test('what is not known is said, and the merge base of the address is asked for', async () => {
  const empty = await page(
    {
      model: null,
      reproduce: null,
      slices: [],
      packages: [],
      data: changeReport(AT)
        .data.slice(0, 1)
        .map((one) => ({ ...one, compared: false })),
      calibration: { candidate: null, production: null, merge_base: null },
      run: { ...changeReport(AT).run, commit: null },
    },
    BASE,
  )
  const text = textOf(empty)
  for (const part of [
    /no version was made/,
    /none: the run was made of a folder without git/,
    /It differs; it is no table or too large/,
    /Not known: no predictions/,
    /flights: report of a change/,
  ])
    assert.match(text, part)
  assert.doesNotMatch(text, /Make it again/)
})
