/** Every page in a real browser, at two sizes, dark and light: what it says, axe, nothing cut off; pictures are kept. Two files share them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { CHROMIUM_MISSING, findChromium } from '../tools.ts'
import { axeBreaches, COLOURS, keepPicture, openBrowser, overflow, SCHEMES, SIZES } from './browser.ts'
import { buildPages } from './built.ts'
import { startFixture } from './fixture-server.ts'
import type { FixtureServer } from './fixture-server.ts'

/** Each page with texts that must be on it. */
const PAGES: readonly (readonly [name: string, path: string, texts: readonly string[]])[] = [
  [
    'home',
    '/',
    [
      '5 items need attention',
      'in production is signed by a revoked key',
      'Temperature and dew point arrive in °C',
      'flight-delay',
      '2 75 %',
      'the last 20 merges to main that were promoted',
      'taken of 4',
      'Last 24 hours',
    ],
  ],
  ['runs', '/runs', ['brave-heron-0', 'log_loss', '100 loaded so far', 'Select runs to compare', 'auc by step']],
  ['run-groups', '/runs?group=params.seed', ['Runs by seed', '3 groups', 'mean, minimum and maximum']],
  [
    'run',
    '/runs/00019c1f4be27a60b3d85c14?smooth=0.6&file=calibration.csv',
    [
      'calm-kite-1',
      'Smoothing 0.60',
      'learning_rate',
      'model.skops',
      '1.76 MiB',
      'of step train in',
      'iteration 60',
      'step 50',
      '1,204',
    ],
  ],
  [
    'compare',
    '/runs/compare?ids=%5B%2200009c1f4be27a60b3d85c14%22%2C%2200019c1f4be27a60b3d85c14%22%2C%2200029c1f4be27a60b3d85c14%22%5D',
    [
      'Comparison of 3 runs',
      '3 params and 4 metrics differ',
      'Parallel axes',
      'Scatter',
      'A contour needs 4 runs with all three values; 3 have them.',
    ],
  ],
  ['traces', '/traces', ['answer a passenger', 'error', 'will UA 221 be late?', 'correct true']],
  [
    'trace',
    '/traces/tr-1',
    [
      'answer a passenger',
      'look up the flight',
      '412 ms',
      'KeyError',
      'correct',
      'the gate had changed',
      '1,204 tokens',
    ],
  ],
  ['models', '/models', ['flight-delay', 'production 2']],
  [
    'model',
    '/models/flight-delay',
    [
      '3 of 5 passed',
      'the rollout passed every gate',
      'one image digest passes all of them',
      'no image yet',
      'stands, signed by a revoked key',
      'which is revoked',
      'p95 doubled after the promotion',
    ],
  ],
  [
    'version',
    '/models/flight-delay/versions/4',
    [
      'may not go to production',
      'Its gates refuse it. Malicious: os.system at byte 1204',
      'not believable',
      'not enough data: 120 of 500',
      '2,000 rows replayed',
      'dep_hour',
      'os.system',
      'approved by grace',
      'signed with a trusted key',
      'No proof',
    ],
  ],
  [
    'version-proof-of-other-code',
    '/models/flight-delay/versions/2',
    ['Proof of the notebook', 'not of this code', 'explore/train.py', 'Prove it again'],
  ],
  [
    'version-onnx',
    '/models/flight-delay/versions/3',
    [
      'by ONNX Runtime in the gateway',
      'exported from the model',
      '2.2 MiB',
      '2.4e-7 of the answer',
      'probabilities',
      'explore_v3_FINAL.ipynb',
      'the function log_charge of the notebook',
    ],
  ],
  [
    'endpoints',
    '/endpoints',
    ['flight-delay', 'iris', 'idle', 'Freezes', 'end of quarter', 'by the calendar of its plan', 'Freeze an endpoint'],
  ],
  [
    'endpoint',
    '/endpoints/flight-delay',
    [
      'Version 2 serves 75 % of the traffic',
      'Roll back to version 1',
      'fails at 800',
      'failed requests of both, in the same minutes',
      '2 of 5412 of stable; 1.5 times as often is allowed',
      '4.53 / 80',
      '6 gates, 1 failing',
      '1 more slice, none failing',
      'Curves of 1 more slice',
      'carrier = UA',
      '120 of 500',
      'Re-evaluate',
      'windows of 30 s, 2 requests failed',
      'Fill from the latest prediction',
      'slipway predict',
      'Error budget',
      'requests failed; the budget is',
      'Freeze',
    ],
  ],
  [
    'endpoint-comparison',
    '/endpoints/iris',
    [
      'Approve promotion',
      'end of quarter, by ada',
      'Lift the freeze',
      'Metrics by version',
      'decides',
      'Compared in parallel with version 6',
      '50 % approved by grace',
    ],
  ],
  [
    'endpoint-biased',
    '/endpoints/shop',
    [
      'the traffic split is biased',
      '1376 of 3120 users met the candidate; the plan gives it 50 %',
      'in fewer than 1 of 1,000 A/B tests',
      'This A/B test cannot be resumed',
      'weekend, by the calendar of its plan',
      '44.1 %',
    ],
  ],
  ['monitors', '/monitoring', ['flight-delay', '2013-09-15 23:00 UTC']],
  [
    'monitoring',
    '/monitoring/flight-delay?feature=temp',
    [
      'Features over time',
      'hatched: not enough data',
      'Feature temp',
      'ROC AUC',
      'carrier = HA',
      'not enough data',
      '2,911 explained rows in the baseline, NDCG of the ranking 0.912',
      'alert, not paged',
    ],
  ],
  ['incidents', '/incidents', ['Temperature and dew point arrive in °C', 'not paged', 'runs only']],
  [
    'incident',
    '/incidents/inc_1',
    ['unit changed °F → °C, temp and dewp', '4,182 rows (8.3 %)', 'Mark the rows bad', 'temp and dewp began to differ'],
  ],
  [
    'incident-search',
    '/incidents/inc_3',
    ['a watched search found runs', 'Matching runs', 'at most 0 runs allowed', 'monitor of flight-delay'],
  ],
  ['pipelines', '/pipelines', ['refused', 'train failed', 'the oldest for 2 min 7 s']],
  [
    'pipeline-run',
    '/pipelines/run_01k2b9d?step=features',
    ['the leak gate refused', 'params.leaky', 'iteration 60', 'Critical path'],
  ],
  [
    'change-report',
    '/pipelines/run_01k2b9d/report',
    [
      'report of a change',
      'roc_auc is 0.7602',
      'carrier = <UA & co>',
      'no run was made of the merge base',
      'slipway reproduce flight-delay@7',
    ],
  ],
  ['pipeline-failed', '/pipelines/run_01k2a8f', ['Why train failed', 'KeyError']],
  ['cost', '/cost', ['Total', 'vCPU hour']],
  [
    'settings',
    '/settings',
    ['deploy robot', 'Verify the chain', 'sqlite', 'repo:octo/models:ref:refs/heads/main', 'Trust a machine'],
  ],
]

/** Pages of a server on which nothing has happened. */
const EMPTY: readonly (readonly [path: string, text: string])[] = [
  ['/', './slipway demo'],
  ['/runs', 'eval "$(slipway env)"'],
  ['/traces', 'No traces yet'],
  ['/models', 'No models yet'],
  ['/endpoints', 'No endpoints yet'],
  ['/monitoring', 'No monitors yet'],
  ['/incidents', 'No incidents'],
  ['/pipelines', 'No pipeline runs yet'],
  ['/cost', 'Nothing has been metered yet'],
]

const executable = findChromium()
const skip = executable === undefined ? CHROMIUM_MISSING : false
let browser: Browser
let full: FixtureServer
let empty: FixtureServer

before(async () => {
  if (executable === undefined) return
  const folder = buildPages()
  full = await startFixture(folder)
  empty = await startFixture(folder, { empty: true })
  browser = await openBrowser(executable)
})

after(async () => {
  if (executable === undefined) return
  await browser.close()
  await full.stop()
  await empty.stop()
})

/** Opens a page, gives it to the test, and demands that nothing failed in it. */
async function look(
  url: string,
  as: { width: number; height: number; scheme: 'light' | 'dark' },
  then: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({ viewport: as, colorScheme: as.scheme, timezoneId: 'UTC', locale: 'en-US' })
  try {
    const page = await context.newPage()
    page.setDefaultTimeout(10_000)
    const failures: string[] = []
    page.on('pageerror', (error) => failures.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') failures.push(message.text())
    })
    await page.goto(url)
    await then(page)
    assert.deepEqual(failures, [])
  } finally {
    await context.close()
  }
}

const PARTS = 4

/** Looks at a quarter of the pages (0 to 3), so that no file takes a minute; the last has the empty server too. */
export function pageCases(part: 0 | 1 | 2 | 3): void {
  for (const [name, path, texts] of PAGES.filter((_, at) => at % PARTS === part)) {
    test(
      `${name} says what it must, at both sizes, dark and light, axe-clean`,
      { skip, timeout: 120_000 },
      async () => {
        await look(full.url + path, { ...SIZES[0], scheme: 'light' }, async (page) => {
          for (const text of texts) await page.getByText(text).first().waitFor({ state: 'attached' })
          await page.locator('.skeleton').first().waitFor({ state: 'detached' })
          const wrong: string[] = []
          for (const size of SIZES) {
            await page.setViewportSize(size)
            for (const scheme of SCHEMES) {
              await page.emulateMedia({ colorScheme: scheme })
              await keepPicture(page, `${name}-${size.name}-${scheme}`)
              const seen = (await overflow(page)) > 0 ? ['wider than its window'] : []
              // what stands on the page is the same, dark or light
              seen.push(...(await axeBreaches(page, scheme === 'dark' ? COLOURS : undefined)))
              wrong.push(...seen.map((line) => `${size.name} ${scheme}: ${line}`))
            }
          }
          assert.deepEqual(wrong, [])
        })
      },
    )
  }

  if (part === PARTS - 1)
    test('an empty server explains each page', { skip, timeout: 120_000 }, async () => {
      for (const [path, text] of EMPTY) {
        await look(empty.url + path, { width: 390, height: 844, scheme: 'light' }, async (page) => {
          await page.getByText(text).first().waitFor()
          await keepPicture(page, `empty${path.replaceAll('/', '-')}`)
          assert.deepEqual(await axeBreaches(page), [], path)
        })
      }
    })

  test('recorded replies satisfy the contract', { skip }, () => {
    assert.deepEqual(full.faults, [])
    assert.deepEqual(empty.faults, [])
  })
}
