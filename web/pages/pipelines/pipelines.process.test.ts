/** Pipelines: the list of runs and the page of one: what it says while it runs and after, what may be done, which step is shown. */
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { pageMarkup, textOf } from '../../../test/web/components.ts'
import type { Surroundings } from '../../../test/web/components.ts'

// what goes on is told to the second, and a page takes longer than one to render on a busy machine
mock.timers.enable({ apis: ['Date'], now: Date.now() })

const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString()

const STEP = {
  name: 'train',
  state: 'succeeded',
  needs: ['load'],
  attempts: [
    {
      id: 'a1',
      number: 1,
      state: 'succeeded',
      wall_ms: 1,
      cpu_seconds: 1,
      max_rss_bytes: 1,
      started_at: ago(9),
      queued_at: ago(9),
      failure: null,
      silent: false,
    },
  ],
  duration_ms: 61_000,
  finished_at: ago(8),
  failure: null,
  cache: null,
  metrics: {},
}
const LOAD = { ...STEP, name: 'load', state: 'cached', needs: [], duration_ms: 900 }
const RUN = {
  id: 'run_01k2b9d',
  project: 'flights',
  state: 'succeeded',
  outcome: 'succeeded',
  message: 'all steps succeeded',
  trigger: 'cli',
  created_by: 'ada',
  created_at: ago(92),
  started_at: ago(91),
  finished_at: ago(8),
  duration_ms: 4_980_000,
  critical_path: ['load', 'train'],
  critical_path_ms: 61_900,
  cpu_seconds: 12.5,
  registered: null,
  reproduction: null,
  steps: [LOAD, STEP],
}

/** The page of a run, changed so much; `at` is what the address asks for. */
function page(change: object = {}, { at = '', ...around }: Surroundings = {}): Promise<string> {
  return pageMarkup('pipelines/pipeline-run', 'PipelineRunPage', {
    ...around,
    at: `/pipelines/p1${at}`,
    route: '/pipelines/$id',
    data: [[['pipelines', 'one', 'p1'], { ...RUN, ...change }], ...(around.data ?? [])],
  })
}

const part = (html: string, from: string, to: string): string =>
  textOf(html.slice(html.indexOf(from), html.indexOf(to, html.indexOf(from))))

const LEADS: readonly (readonly [change: object, says: RegExp])[] = [
  [{}, /^All steps succeeded\. Started 1 h ago by ada \(cli\)\.$/],
  [{ message: '' }, /^Started 1 h ago by ada/],
  [{ message: 'is it late?' }, /^Is it late\? Started/],
  [
    { not_granted: ['the schedule of the project stayed: cora, as contributor, may not change it'] },
    /\(cli\)\.\s*Not taken over: the schedule of the project stayed: cora/,
  ],
  [{ started_at: null, created_at: ago(150) }, /Started 2 h ago by ada/],
  [
    { registered: { model: 'm', version: '4', verdict: 'refused', detail: 'auc is too low' } },
    /\(cli\s?\)\. m version 4 ?refused: auc is too low$/,
  ],
]

test('a run is told in one sentence, with the version that came of it', async () => {
  for (const [change, says] of LEADS) {
    const html = await page(change)
    const lead = /<div class="lead">(.*?)<\/div>/.exec(html)?.[1] ?? ''
    assert.match(textOf(lead), says)
    assert.equal(lead.includes('href="/models/m/versions/4"'), 'registered' in change)
  }
})

const STATES: readonly (readonly [what: string, change: object, act: string, status: string, length: RegExp])[] = [
  ['ended', {}, 'Run again', 'succeeded', /Duration 1 h 23 min total/],
  ['failed', { state: 'failed', outcome: 'failed' }, 'Run again', 'failed', /Duration 1 h 23 min total/],
  ['was refused by gates', { outcome: 'refused' }, 'Run again', 'refused', /total/],
  [
    'runs',
    { state: 'running', outcome: null, finished_at: null, duration_ms: null, started_at: ago(5) },
    'Cancel the run',
    'running',
    /Duration 5 min so far/,
  ],
  [
    'has not begun',
    {
      state: 'waiting',
      outcome: null,
      finished_at: null,
      started_at: null,
      duration_ms: null,
      critical_path_ms: null,
      critical_path: [],
    },
    'Cancel the run',
    'waiting',
    /Duration – so far Critical path –/,
  ],
]

for (const [what, change, act, status, length] of STATES) {
  test(`a run that ${what} says so and offers: ${act}`, async () => {
    const html = await page(change, { role: 'contributor' })
    const outside = html.replaceAll(/<dialog.*?<\/dialog>/g, '')
    assert.deepEqual(
      ['Run again', 'Cancel the run'].filter((label) => outside.includes(`>${label}</button>`)),
      [act],
    )
    // there is no report before the end
    assert.equal(/href="[^"]*\/report"/.test(html), act === 'Run again')
    assert.equal(part(html, '<h1>', '<div class="lead">'), `flights run 1k2b9d ${status}`)
    assert.match(textOf(html), length)
    assert.doesNotMatch(await page(change, { role: 'viewer' }), /Run again|Cancel the run/)
  })
}

test('the cost of a run is told where it is known', async () => {
  const cost = (items: readonly object[]) => [['cost', 'run', ''], { items }] as const
  const text = async (items: readonly object[]): Promise<string> =>
    textOf(await page({ id: 'p1' }, { data: [cost(items)] }))
  assert.match(
    await text([
      { key: 'other', micro_dollars: 9e6 },
      { key: 'p1', micro_dollars: 1_250_000 },
    ]),
    /CPU time 12\.5 s Cost \$1\.25/,
  )
  assert.doesNotMatch(await text([{ key: 'other', micro_dollars: 9e6 }]), /Cost/)
})

const SOURCE = {
  name: 'flights',
  kind: 'file',
  place: '/srv/flights.csv',
  digest: `sha256:${'ab12'.repeat(16)}`,
  size: 2048,
  files: 1,
  rows: 1500,
  version: null,
  data_at: '2026-01-01T00:00:00.000Z',
  read_at: '2026-01-02T00:00:00.000Z',
  unchanged: false,
  stale: null,
}

test('sources are told with what they gave; a run without any has no word of them', async () => {
  assert.doesNotMatch(await page(), /Sources/)
  assert.match(textOf(await page({ sources: [] })), /Sources .*They have not been read\./)
  const text = textOf(
    await page({
      sources: [
        SOURCE,
        {
          ...SOURCE,
          name: 'page',
          kind: 'http',
          version: '"v7"',
          rows: null,
          data_at: null,
          unchanged: true,
          stale: 'too old',
        },
      ],
    }),
  )
  assert.match(
    text,
    /flights file \/srv\/flights\.csv – ab12ab12ab12 1,500 2 KiB 1 d [^–]*page http \/srv\/flights\.csv ?Too old\. "v7" ab12ab12ab12 – 2 KiB –/,
  )
  assert.match(text, / stale .*, unchanged/)
})

const ATTEMPT = STEP.attempts[0]
const DETAILS: readonly (readonly [change: object, detail: string])[] = [
  [{}, 'succeeded, 1 min 1 s'],
  [{ state: 'cached' }, 'cached'],
  [{ state: 'waiting', duration_ms: null, attempts: [] }, 'waiting'],
  [{ state: 'running', duration_ms: null }, 'running'],
  [{ attempts: [ATTEMPT, { ...ATTEMPT, id: 'a2', number: 2 }] }, 'succeeded, 1 min 1 s, attempt 2'],
  [{ state: 'running', duration_ms: null, attempts: [{ ...ATTEMPT, silent: true }] }, 'no heartbeat'],
  [{ state: 'running', attempts: [ATTEMPT, { ...ATTEMPT, id: 'a2', silent: true }] }, 'no heartbeat, attempt 2'],
  [
    {
      state: 'running',
      duration_ms: null,
      attempts: [
        { ...ATTEMPT, silent: true },
        { ...ATTEMPT, id: 'a2' },
      ],
    },
    'running, attempt 2',
  ],
]

test('a box of the graph says the state of its step, how long it took and how often it was tried', async () => {
  for (const [change, detail] of DETAILS) {
    const html = await page({ steps: [LOAD, { ...STEP, ...change }] })
    assert.ok(html.includes(`<title>train: ${detail}</title>`), `${detail} in ${/<title>train[^<]*/.exec(html)?.[0]}`)
  }
})

const CHOICES: readonly (readonly [at: string, states: readonly [string, string], shown: string])[] = [
  ['', ['cached', 'succeeded'], 'train'],
  ['?step=load', ['cached', 'succeeded'], 'load'],
  ['?step=gone', ['cached', 'succeeded'], 'train'],
  ['', ['failed', 'waiting'], 'load'],
  ['', ['running', 'waiting'], 'load'],
  ['?step=train', ['failed', 'waiting'], 'train'],
]

test('the step that is asked for is shown, else the one that tells most', async () => {
  for (const [at, [load, train], shown] of CHOICES) {
    const html = await page(
      {
        steps: [
          { ...LOAD, state: load },
          { ...STEP, state: train },
        ],
      },
      { at },
    )
    const chosen = [...html.matchAll(/class="node chosen"[^>]*>.*?<title>(\w+):/g)].map(([, name]) => name)
    assert.deepEqual(chosen, [shown], at)
    assert.match(textOf(html), new RegExp(`Log of ${shown} `))
  }
})

test('metrics of the steps are one table', async () => {
  const steps = [
    { ...LOAD, metrics: { rows: 1204 } },
    { ...STEP, metrics: { auc: 0.7655512, loss: 'NaN' } },
  ]
  assert.match(textOf(await page({ steps })), /Step Metric Value load rows 1,204 train auc 0\.7656 train loss NaN/)
  assert.match(textOf(await page()), /No step has logged metrics\./)
})

/** The line of a run in the list. */
async function line(change: object): Promise<string> {
  const listed = { ...RUN, steps: { load: 'cached', train: 'succeeded' }, ...change }
  const html = await pageMarkup('pipelines/pipelines', 'PipelinesPage', {
    data: [[['pipelines', 'list', ''], { items: [listed] }]],
  })
  return /<tr data-row.*?<\/tr>/.exec(html)?.[0] ?? ''
}

const LINES: readonly (readonly [change: object, says: RegExp])[] = [
  [{}, /^succeeded flights 1k2b9d all steps succeeded cli · ada 1 h 23 min 1 h ago$/],
  [{ outcome: null, state: 'running', duration_ms: null }, /^running flights .* cli · ada – 1 h ago$/],
  [{ outcome: 'refused', message: 'auc' }, /^refused flights .* auc cli/],
  [{ started_at: null, created_at: ago(150) }, /2 h ago$/],
  [
    { registered: { model: 'm', version: '4', verdict: 'accepted', detail: '' } },
    /all steps succeeded ?m version 4, accepted/,
  ],
]

test('a line of the list says how a run ended, what came of it and who began it', async () => {
  for (const [change, says] of LINES) assert.match(textOf(await line(change)), says)
})

test('the steps of a line are marks with their states in words, hollow where nothing ran', async () => {
  const html = await line({ steps: { load: 'cached', train: 'failed', judge: 'waiting' } })
  assert.match(html, /role="img" aria-label="load cached, train failed, judge waiting"/)
  const marks = [...html.matchAll(/class="tone-(\w+)" style="([^"]*)"/g)].map(([, tone, style = '']) => [
    tone,
    style.includes('transparent'),
  ])
  assert.deepEqual(marks, [
    ['good', true],
    ['bad', false],
    ['idle', true],
  ])
})

test('the list begins with how steps stand in line, and says where none waits', async () => {
  const queue = {
    cpus: { taken: 0, total: 4 },
    memory_bytes: { taken: 0, total: 1024 ** 3 },
    running: 0,
    waiting: 0,
    oldest_wait_ms: null,
    failed_last_day: 0,
    slow_starts: null,
    clusters: [],
  }
  const html = await pageMarkup('pipelines/pipelines', 'PipelinesPage', {
    at: '/pipelines',
    data: [
      [['pipelines', 'queue'], queue],
      [['pipelines', 'list', ''], { items: [] }],
    ],
  })
  assert.match(textOf(html), /Running 0 Waiting 0 for a place Cores 0 taken of 4 .* Runs the newest first/)
})

test('a step that was skipped has neither the mark nor the tone of one that succeeded', async () => {
  const steps = { a: 'succeeded', b: 'skipped', c: 'cancelled' }
  const html = await pageMarkup('pipelines/pipelines', 'PipelinesPage', {
    at: '/pipelines',
    data: [[['pipelines', 'list', ''], { items: [{ ...RUN, steps }] }]],
  })
  const [, marks = ''] = /aria-label="a succeeded, b skipped, c cancelled"[^>]*>(.*?)<\/span><\/td>/.exec(html) ?? []
  const tones = [...marks.matchAll(/tone-(\w+)[^>]*background:(\w+)/g)].map(([, tone, fill]) => `${tone} ${fill}`)
  assert.deepEqual(tones, ['good currentColor', 'idle transparent', 'warn transparent'])
})

test('a run of a pipeline with params shows them, and offers a form by type to whoever may start one', async () => {
  const params = [
    { name: 'lr', type: 'float', default: 0.1, min: 0, max: 1, help: 'how fast' },
    { name: 'mode', type: 'choice', default: 'full', choices: ['full', 'quick'] },
    { name: 'sizes', type: 'list', of: 'int', default: [1, 2] },
  ]
  const change = { pipeline_version: 'pv_1', set: { lr: 0.25, mode: 'quick', sizes: [3, 4] } }
  const data = [[['pipelines', 'version', 'pv_1'], { params }]] as const
  const html = await page(change, { role: 'contributor', data })
  assert.match(part(html, '>Params<', '</section>'), /lr 0\.25 ?mode "quick" ?sizes \[3,4\]/)
  const dialog = /<dialog[^>]*>(?:(?!<\/dialog>).)*Start the run.*?<\/dialog>/s.exec(html)?.[0] ?? ''
  assert.match(dialog, /<input[^>]*value="0\.25"/)
  assert.match(dialog, /<option value="quick" selected="">/)
  assert.match(dialog, /<textarea[^>]*>3\n4<\/textarea>/)
  assert.match(textOf(dialog), /how fast \(float, at least 0, at most 1\)/)
  assert.doesNotMatch(await page(change, { role: 'viewer', data }), /Start the run/)
  assert.doesNotMatch(await page({}, { role: 'contributor', data }), /Start the run|>Params</)
})

test('a step with a condition tells what it came to, by which values, and why it was skipped', async () => {
  const say = async (change: object): Promise<string> => {
    const step = { ...STEP, attempts: [], state: 'skipped', ...change }
    const html = await page({ steps: [LOAD, step] }, { at: '?step=train' })
    return textOf(html)
  }
  const when = { condition: 'params.deep', holds: false, detail: 'params.deep (params.deep is false)' }
  const skipped = 'its condition does not hold: params.deep (params.deep is false)'
  const own = await say({ when, skipped })
  assert.match(own, /Not run: the step was skipped\./)
  assert.match(own, /Why it did not run ?Its condition does not hold: params\.deep \(params\.deep is false\)/)
  assert.equal(own.split('params.deep is false').length, 2, 'once')
  assert.match(
    await say({ skipped: 'step "tune", which it needs, was skipped' }),
    /Why it did not run ?Step "tune", which it needs, was skipped/,
  )
  const open = { ...when, holds: null, detail: null }
  assert.match(await say({ state: 'waiting', when: open }), /Its condition is not decided yet: params\.deep/)
  const holds = { ...when, holds: true, detail: 'params.deep (params.deep is true)' }
  const cache = { key: 'k', hit: false, reason: 'the step has not run before', changes: [], from_run: null }
  assert.match(
    await say({ state: 'succeeded', when: holds, cache, waits_for: null }),
    /Why it ran ?Its condition holds: params\.deep \(params\.deep is true\) ?The step has not run before/,
  )
})

test('a step that waits says for what, and what is left of its limits of time', async () => {
  const limits = { queued: { limit_ms: 7_200_000, left_ms: 600_000 }, silent: { limit_ms: 90_000, left_ms: null } }
  const waiting = { ...STEP, state: 'ready', attempts: [], finished_at: null, due_at: ago(110) }
  const limit = { limit_ms: 14_400_000, left_ms: 60_000 }
  const say = async (more: object) =>
    textOf(await page({ finished_at: null, limit, steps: [LOAD, { ...waiting, ...more }] }, { at: '?step=train' }))
  const text = await say({ limits, waits: 'pool "gpus" is full' })
  assert.match(
    text,
    /Why it waits Pool "gpus" is full\. Wait for a place at most 2 h, 10 min left Silence at most 1 min 30 s /,
  )
  assert.match(text, /Time left 1 min of 4 h/)
  assert.match(await say({ limits }), /Limits of time Wait for a place/)
  assert.doesNotMatch(await say({}), /Why it waits|Limits of time/)
  // the wait is drawn as far as it goes
  assert.match(text, /Timeline .*train ?critical path ?1 h 50 min – – /)
})

test('a step tells its last checkpoint, how often it went on from one, what was lost, and what is wrong with them', async () => {
  const last = { number: 7, step: 41, made_at: ago(9), size: 2_097_152, took_ms: 1500 }
  const kept = { last, made: 7, resumed: null, damaged: 1, failed: 'No space left on device' }
  const [attempt] = STEP.attempts
  const step = { ...STEP, attempts: [{ ...attempt, checkpoints: kept }], checkpoints: { resumed: 2, lost_ms: 61_000 } }
  const made = { number: 6, step: 40, size: 1_048_576, made_at: ago(12), attempt: 3, run: 'run_before' }
  const data = [[['pipelines', 'checkpoints', RUN.id, 'train'], { items: [made] }]] as const
  const text = textOf(await page({ steps: [LOAD, step] }, { at: '?step=train', data }))
  assert.match(text, /Checkpoints Made 7 Resumed 2 times Work lost 1 min/)
  assert.match(text, /Takes 1 the beginning 7 7 at step 41 ?\d+ min ago 2 MiB 1\.5 s/)
  assert.match(text, /Age 6 40 attempt 3 ?run before 1 MiB \d+ min ago/)
  assert.match(text, /1 found damaged and not used.*could not be kept: No space left on device/s)
  assert.doesNotMatch(textOf(await page({}, { at: '?step=train' })), /Checkpoints/)
})
