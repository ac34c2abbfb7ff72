/** Parts of the pages of runs, versions, pipelines and traces, and charts, drawn without a browser: what they say of their data. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { component, drawn, markupOf, partText, textOf } from './components.ts'

const AT = '2026-05-03T10:00:00.000Z'

test('a run’s provenance is told where it was recorded', async () => {
  const tags = { 'slipway.record.commit': 'abc', 'slipway.record.argv': '["a","b"]', other: 'x' }
  const text = await partText('run/run-record', 'RunRecord', { tags })
  assert.match(text, /Provenance.*Commit ?abc ?Uncommitted changes ?none ?Command ?\["a", "b"\]/)
  assert.equal(await partText('run/run-record', 'RunRecord', { tags: { other: 'x' } }), '')
  assert.match(
    await partText('run/run-record', 'RunRecord', { tags: { ...tags, 'slipway.record.patch': 'sha256:1' } }),
    /Uncommitted changes ?sha256:1/,
  )
})

test('repeated runs are told by mean and interval, by a calculation of their own', async () => {
  const runOf = (id: string, auc?: number) => ({
    id,
    name: id,
    metrics: auc === undefined ? {} : { auc },
    params: {},
    tags: {},
  })
  const groups = [
    { label: 'lr 0.1', runs: [runOf('a', 1), runOf('b', 2), runOf('c', 3)] },
    { label: 'lr 0.2', runs: [runOf('d', 5)] },
    { label: 'lr 0.3', runs: [runOf('e')] },
  ]
  const text = await partText('compare/seed-table', 'SeedTable', { seed: 'seed', groups, metrics: ['auc'] })
  // t(2) = 4.303 times s / √3 with s = 1
  assert.match(text, /lr 0\.1 ?3 ?2 ± 2\.5 /)
  assert.match(text, /lr 0\.2 ?1 ?5 \(1 run\)/)
  assert.match(text, /lr 0\.3 ?1 ?–/)
})

test('runs side by side show what differs; what is equal is counted and hidden', async () => {
  const runOf = (id: string, lr: string, auc: number) => ({
    id,
    name: '',
    metrics: { auc, same: 1 },
    params: { lr, depth: '3' },
    tags: {},
  })
  const props = {
    runs: [runOf('aaaaaaaaaa', '0.1', 0.71), runOf('bbbbbbbbbb', '0.2', 0.72)],
    differing: { params: ['lr'], metrics: ['auc'] },
  }
  const text = await partText('compare/side-by-side', 'SideBySide', props)
  assert.match(
    text,
    /1 param and 1 metric differ.*show 2 equal rows.*aaaaaaaa.*bbbbbbbb.*lr differs.*0\.1 ?0\.2.*auc differs.*0\.71 ?0\.72/,
  )
  assert.doesNotMatch(text, /depth/)
})

test('findings of a scan are cut after fifty, and say so', async () => {
  const finding = (i: number) => ({
    level: 'malicious',
    what: `os.system${i}`,
    file: 'model.pkl',
    offset: 1204 + i,
    reason: 'runs commands',
  })
  const scan = {
    verdict: 'malicious',
    files: 4,
    bytes: 1000,
    at: AT,
    findings: Array.from({ length: 60 }, (_, i) => finding(i)),
  }
  const text = await partText('version/scan', 'ScanResult', { scan })
  assert.match(text, /os\.system49.*The first 50 of 60\./)
  assert.doesNotMatch(text, /os\.system50/)
  assert.match(await partText('version/scan', 'ScanResult', { scan: null }), /Not scanned yet/)
  assert.match(await partText('version/scan', 'ScanResult', { scan: { ...scan, findings: [] } }), /No findings/)
})

test('nobody approves a version that they made, and an approval can be withdrawn', async () => {
  const version = { model: 'm', version: '4', created_by: 'grace', approvals: [], signed: null }
  const trust = (change: object): Promise<string> =>
    partText('version/trust', 'Trust', { version: { ...version, ...change } }, { role: 'maintainer' })
  assert.match(await trust({}), /No approvals yet\. ?Not signed\. ?Approve this version/)
  assert.doesNotMatch(await trust({ created_by: 'ada' }), /Approve this version/)
  assert.match(
    await trust({ approvals: [{ by: 'ada', role: 'maintainer', at: AT, comment: 'seen' }] }),
    /approved by ada.*: seen.*Withdraw my approval/,
  )
  assert.match(
    await trust({ signed: { trusted: false, by: 'eve', at: AT, key: 'k'.repeat(64) } }),
    /signed with an untrusted key.*by eve/,
  )
})

test('gates of a version that were not evaluated say when they are', async () => {
  assert.match(await partText('version/gates', 'Gates', { verdict: null }), /Not evaluated yet.*slipway\.yaml/)
  const gate = {
    name: 'auc at least 0.7',
    slice: 'origin = LGA',
    outcome: 'no_data',
    value: null,
    threshold: 0.7,
    interval: [0.1, 0.2],
    n: 120,
    reason: 'not enough data',
  }
  assert.match(
    await partText('version/gates', 'Gates', { verdict: { id: 'v', gates: [gate] } }),
    /auc at least 0\.7 ?origin = LGA ?no data ?– ?0\.7 ?\[0\.1, 0\.2\] ?120 ?not enough data.*Re-evaluate/,
  )
})

test('a step says why it ran, and a failed one its traceback first', async () => {
  const attempt = {
    id: 'a1',
    number: 1,
    state: 'failed',
    wall_ms: 61_000,
    cpu_seconds: 12,
    measured: 'whole',
    max_rss_bytes: 1024 ** 2,
    started_at: AT,
    queued_at: AT,
    failure: { message: 'KeyError: x' },
  }
  const step = {
    name: 'train',
    state: 'failed',
    attempts: [attempt],
    waits_for: null,
    reads: [],
    finished_at: AT,
    failure: { class: 'user', message: 'KeyError: x', traceback: 'File "train.py"' },
    cache: {
      hit: false,
      reason: 'its code changed',
      from_run: 'run_0',
      changes: [{ component: 'code', what: 'train.py', before: null, after: `sha256:${'a'.repeat(64)}` }],
    },
  }
  const text = await partText('pipeline-run/step', 'StepPanels', { run: 'run_1', step })
  assert.ok(text.startsWith('Why train failed user KeyError: x'), text)
  assert.match(
    text,
    /File "train\.py".*Its code changed.*Show that run.*train\.py ?– ?sha256:aaaaaaaaa….*1 ?failed ?KeyError: x ?1 min 1 s ?12 s ?1 MiB/,
  )
  const cached = await partText('pipeline-run/step', 'StepPanels', {
    run: 'run_1',
    step: { ...step, state: 'cached', failure: null, attempts: [], cache: { ...step.cache, hit: true, changes: [] } },
  })
  assert.match(cached, /Not run: the result came from the cache\..*Why it did not run.*No attempts yet\./)
  const waiting = await partText('pipeline-run/step', 'StepPanels', {
    run: 'run_1',
    step: { ...step, state: 'waiting', failure: null, attempts: [], cache: null },
  })
  assert.match(waiting, /Not started yet\..*The cache key is computed once/)
  const told = await partText('pipeline-run/step', 'StepPanels', {
    run: 'run_1',
    step: {
      ...step,
      state: 'ready',
      waits_for: { run: 'run_01k2a7c', step: 'train' },
      reads: [
        { kind: 'file', name: '/data/x.csv', digest: null },
        { kind: 'project', name: 'tools/y.py', digest: null },
      ],
    },
  })
  assert.match(told, /Waits for run 1k2a7c ?, step train, with the same key, and takes its result\./)
  assert.match(
    told,
    /It read file \/data\/x\.csv, which its cache key does not hold\. ?It read project file tools\/y\.py/,
  )
})

test('a reproduction says its grade in words and where it first differs', async () => {
  const proof = {
    grade: 'C',
    detail: 'it diverged',
    of_run: 'run_01k2a7c',
    tolerance: 0.001,
    first_divergent_step: 'train',
    missing: ['a lock'],
    sources: [{ step: 'load', source: 'file /data/x.csv was edited since' }],
    steps: [
      {
        step: 'train',
        outputs: 'different',
        metrics: [
          { metric: 'auc', equal: false, before: 0.71, after: 0.73 },
          { metric: 'loss', equal: true },
        ],
      },
    ],
  }
  const text = await partText('pipeline-run/reproduction', 'ReproductionPanel', { reproduction: proof })
  assert.match(
    text,
    /grade C: different results.*It diverged\. Reproduces run k2a7c|It diverged\. Reproduces run 1k2a7c/,
  )
  assert.match(
    text,
    /with a tolerance of 0\.001\. First differing step: train\. Step load: file \/data\/x\.csv was edited since\. Missing: a lock\..*auc 0\.71 then 0\.73, loss equal/,
  )
  assert.match(
    await partText('pipeline-run/reproduction', 'ReproductionPanel', {
      reproduction: { ...proof, grade: null, steps: [] },
    }),
    /still running/,
  )
  const doubted = { ...proof, grade: 'B', not_regraded: 'no version "pv_gone" is kept' }
  assert.match(
    await partText('pipeline-run/reproduction', 'ReproductionPanel', { reproduction: doubted }),
    /Graded by earlier rules It could not be graded anew: No version "pv_gone" is kept\./,
  )
})

test('a waterfall indents spans, marks those that failed and places bars by time', async () => {
  const span = { id: 's1', name: 'answer', type: 'chain', depth: 0, failed: false }
  const row = { ...span, offset: 0, length: 400_000, hasChildren: true, folded: true }
  const html = await markupOf('trace/waterfall', 'Waterfall', {
    rows: [
      row,
      { ...row, id: 's2', name: 'look up', depth: 2, failed: true, offset: 100_000, length: null, hasChildren: false },
    ],
    total: 400_000,
    chosen: 's2',
    onChoose: () => undefined,
    onFold: () => undefined,
  })
  assert.match(html, /aria-label="Show what is inside answer"/)
  assert.match(html, /margin-left:25%;width:max\(3px, 75%\)/, 'a span that still runs reaches to the end')
  assert.match(textOf(html), /answer ?chain ?400 ms ?starts after 0 ms.*look up ?failed ?chain ?running/)
})

test('a span shows what went in and came out, and an exception open', async () => {
  const span = {
    id: 's',
    name: 'look up',
    type: 'RETRIEVER',
    status_message: 'KeyError',
    attributes: { 'mlflow.spanInputs': '{"q":1}', 'mlflow.spanOutputs': null, model: 'm' },
    events: [
      { name: 'exception', offset_us: 60_000, attributes: { 'exception.type': 'KeyError' } },
      { name: 'retry', offset_us: 1, attributes: {} },
    ],
  }
  const html = await markupOf('trace/span-detail', 'SpanDetail', { span })
  assert.match(
    textOf(html),
    /look up retriever, span s KeyError Inputs ?\{ "q": 1 \} ?Events exception after 60 ms ?exception\.type ?KeyError.*retry.*1 attribute ?model ?m/,
  )
  assert.equal(html.split('<details open="">').length - 1, 1)
})

test('a signature of any shape is a table, and none says how to get one', async () => {
  assert.match(
    await partText('version/signature', 'Signature', {
      signature: { inputs: '[{"name":"x","type":"double","required":false}]' },
    }),
    /input ?x ?double ?no/,
  )
  for (const none of [null, {}, { inputs: '{' }])
    assert.match(await partText('version/signature', 'Signature', { signature: none }), /infer_signature/)
})

test('a long value is folded after 120 characters and kept whole', async () => {
  const text = 'v'.repeat(300)
  const html = await markupOf('page/long-text', 'LongText', { text })
  assert.match(html, new RegExp(`<summary>v{120}…</summary>${text}</details>`))
  assert.equal(await markupOf('page/long-text', 'LongText', { text: 'v'.repeat(120) }), 'v'.repeat(120))
})

test('a time carries the exact moment; what was there at setup has none', async () => {
  const html = await markupOf('page/relative-time', 'RelativeTime', { at: AT })
  assert.match(html, /<time dateTime="2026-05-03T10:00:00\.000Z" title="2026-05-03 /)
  assert.equal(await partText('page/relative-time', 'RelativeTime', { at: '1970-01-01T00:00:00.000Z' }), 'at setup')
})

test('a chart says in words what it shows', async () => {
  const chart = async (path: string, name: string, props: Record<string, unknown>): Promise<string> =>
    drawn(await component(`charts/${path}.tsx`, name), props)
  assert.match(
    await chart('evidence', 'Evidence', {
      title: 'latency',
      boundary: 80,
      points: [
        { n: 1, evidence: 1 },
        { n: 660, evidence: 0.04 },
      ],
      failing: false,
    }),
    /aria-label="latency: 0\.04 after 660; fails at 80"/,
  )
  assert.match(
    await chart('evidence', 'Evidence', { title: 'latency', boundary: 80, points: [], failing: false }),
    /no observation yet/,
  )
  assert.match(
    await chart('bars', 'Bars', {
      bins: [
        { label: 'a', baseline: 3, window: 0 },
        { label: 'b', baseline: 1, window: 5 },
      ],
    }),
    /Distribution\. a: 75 % then, 0 % now; b: 25 % then, 100 % now/,
  )
  const point = {
    from: AT,
    to: AT,
    estimate: 0.73,
    interval: [0.72, 0.74],
    labelled: 2100,
    n: 2500,
    coverage: 0.84,
    provisional: true,
  }
  assert.match(
    await chart('quality', 'QualityChart', { title: 'ROC AUC', points: [point, { ...point, estimate: null }] }),
    /last 0\.73 \[0\.72, 0\.74\] from 2,100 labels, provisional/,
  )
  assert.match(await chart('quality', 'QualityChart', { title: 'ROC AUC', points: [] }), /not enough labels/)
  assert.match(
    await chart('parallel', 'Parallel', { axes: ['params.lr', 'metrics.auc'], lines: [] }),
    /Parallel axes of params\.lr, metrics\.auc/,
  )
})

test('a map of features tells each cell, hatches what is unknown and marks alerts', async () => {
  const html = await drawn(await component('charts/heat-map.tsx', 'HeatMap'), {
    columns: ['d1', 'd2', 'd3'],
    columnText: (column: string) => `day ${column}`,
    rows: [{ name: 'temp', values: [null, 0.5, 2.5], alerts: [false, false, true] }],
    chosen: 'temp',
    column: 'd2',
    onChoose: () => undefined,
  })
  assert.match(html, /class="none" title="day d1: not enough data"/)
  assert.match(html, /class="chosen" title="day d2: 0\.5"/)
  assert.match(html, /title="day d3: 2\.5, alert".*<span aria-label="alert">!<\/span>/)
  assert.match(html, /aria-pressed="true">▸ temp/)
})

test('a graph links its boxes and says the state of each', async () => {
  const html = await drawn(await component('charts/graph.tsx', 'Graph'), {
    label: 'Steps',
    nodes: [
      { id: 'a', name: 'a very long name of a step', detail: 'succeeded', state: 'succeeded', href: '?step=a' },
      { id: 'b', name: 'b', detail: 'waiting' },
    ],
    edges: [{ from: 'a', to: 'b', strong: true }],
    chosen: 'a',
    onFollow: () => undefined,
  })
  assert.match(html, /<a href="\?step=a"><g class="node chosen".*<title>a very long name of a step: succeeded<\/title>/)
  assert.match(html, /a very long nam…/)
  assert.match(html, /class="edge critical"/)
  assert.equal(html.split('<a ').length - 1, 1, 'a box without a page is no link')
})

test('items of a step are told by state, with why each stands so, and the log of those that ran', async () => {
  const run = 'pr_1'
  const item = (number: number, state: string, more: object = {}) => ({
    name: `fit[${number}]`,
    number,
    item: { month: number },
    state,
    cache: { key: 'k', hit: false, reason: 'this item has not run before', changes: [], from_run: null },
    outputs: {},
    metrics: {},
    failure: null,
    tracking_run_id: null,
    started_at: AT,
    finished_at: AT,
    duration_ms: 4000,
    retry_at: null,
    attempts: [],
    ...more,
  })
  const failure = { class: 'user', message: 'no rows', traceback: null }
  const rows = [
    item(0, 'succeeded', { attempts: [{}] }),
    item(1, 'failed', { failure, attempts: [{}, {}] }),
    item(2, 'skipped', { skipped: 'too many items failed', duration_ms: null }),
  ]
  const props = {
    run,
    step: { name: 'fit', state: 'running' },
    items: { count: 3, states: { skipped: 1, succeeded: 1, failed: 1 }, needed: 2 },
  }
  const data = [[['pipelines', 'items', run, 'fit', ''], { pages: [{ items: rows }], pageParams: [''] }]] as const
  const text = await partText('pipeline-run/items', 'ItemPanels', props, { data })
  assert.match(text, /Items of fit.*3, of which 2 must succeed.*1 succeeded 1 failed 1 skipped/)
  assert.match(text, /0 month=0 succeeded This item has not run before\.? ?1 ?4/)
  assert.match(text, /1 month=1 failed user: no rows ?2/)
  assert.match(text, /2 month=2 skipped Too many items failed\.? ?0/)
  const html = await markupOf('pipeline-run/items', 'ItemPanels', props, { data })
  assert.deepEqual(
    [...html.matchAll(/The log of fit\[(\d)\]/g)].map(([, number]) => number),
    ['0', '1'],
  )
  const none = { ...props, items: { count: 0, states: {}, needed: 0 } }
  const empty = [[['pipelines', 'items', run, 'fit', ''], { pages: [{ items: [] }], pageParams: [''] }]] as const
  assert.match(await partText('pipeline-run/items', 'ItemPanels', none, { data: empty }), /over nothing.*No items\./)
})
