/** The Runs page among 100,000 runs in a real browser: first rows, filter, scroll, groups, and a comparison of 100 runs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { authApi } from '../../src/contract/auth.ts'
import { trackingApi } from '../../src/contract/tracking.ts'
import { startTestServer } from '../../test/server.ts'
import type { TestServer } from '../../test/server.ts'
import { CHROMIUM_MISSING, findChromium } from '../../test/tools.ts'
import { openBrowser } from '../../test/web/browser.ts'
import { makeRuns } from '../tracking/hundred-thousand.ts'
import { ms, thousands } from '../table.ts'
import type { Row } from '../table.ts'

type Browser = Awaited<ReturnType<typeof openBrowser>>
type Page = Awaited<ReturnType<Browser['newPage']>>

const RUNS = 100_000
const TIMES = 5
const COMPARED = 100
const WAIT_MS = 60_000
const SIZE = { width: 1440, height: 900 }

const FIRST = '(document.querySelector("tbody tr[data-row] a")?.textContent ?? "")'

const COLUMNS = ['metrics.acc', 'metrics.loss', 'metrics.auc', 'params.lr', 'params.model']

/** Each finds runs that the one before it does not begin with. */
const FILTERS = [
  'metrics.acc > 0.9',
  "params.model = 'net3' AND metrics.loss < 0.2",
  "tags.team = 't2' AND params.seed = '1'",
  'metrics.auc > 0.5 AND metrics.loss < 0.5',
  "attributes.status = 'FAILED'",
]

/** Rows of the page. Makes the runs first, which takes a minute or two. Throws where there is no Chromium. */
export async function ui(): Promise<Row[]> {
  const executable = findChromium()
  if (executable === undefined) throw new Error(CHROMIUM_MISSING)
  const data = mkdtempSync(join(tmpdir(), 'bench-ui-'))
  try {
    await makeRuns({ dataDir: data, runs: RUNS, points: 0 })
    const server = await startTestServer({ data })
    const browser = await openBrowser(executable)
    try {
      return await measured(browser, server)
    } finally {
      await browser.close()
      await server.stop()
    }
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

async function measured(browser: Browser, server: TestServer): Promise<Row[]> {
  const { url } = await server.client.call(authApi.createLoginLink)
  const { items } = await server.client.call(trackingApi.listRuns, { query: { limit: COMPARED } })
  // what is waited for is text that the page evaluates, which its own policy forbids
  const context = await browser.newContext({ viewport: SIZE, bypassCSP: true })
  const page = await context.newPage()
  page.setDefaultTimeout(WAIT_MS)
  await page.goto(url)
  const table = `${server.url}/runs?columns=${COLUMNS.join(',')}&spark=loss`
  const compare = `${server.url}/runs/compare?ids=${items.map((run) => run.id).join(',')}`
  const rows = await times(() => opened(page, table, `${FIRST} !== ''`))
  const sparks = await times(() => opened(page, table, CURVES_DRAWN))
  const filters = await filtered(page, table)
  const scrolls = await times(() => scrolled(page, table))
  const groups = await times(() => opened(page, `${table}&group=params.model`, GROUPED))
  const spreads = await times(() => opened(page, `${table}&group=params.model`, SPREAD))
  const compared = await times(() => opened(page, compare, COMPARED_DRAWN))
  return [
    row('first rows', rows, 1000),
    row('first rows with their curves', sparks),
    row('filter applied', filters, 300),
    row('scroll to the end of a page: next page there', scrolls),
    row('grouped by a param: groups', groups),
    row('grouped by a param: spread of three metrics', spreads),
    row(`comparison of ${items.length} runs, curves drawn`, compared, 2000),
  ]
}

const CURVES_DRAWN = "document.querySelectorAll('svg.sparkline').length > 10"
const GROUPED = 'document.querySelectorAll("tbody tr[data-row]").length >= 7'
const SPREAD = `${GROUPED} && document.querySelector('tbody tr[data-row] td div.muted') !== null`
const COMPARED_DRAWN =
  'document.querySelectorAll("table.side tbody tr").length >= 6 && document.querySelectorAll(".uplot canvas").length > 0'

async function times(measure: () => Promise<number>): Promise<number[]> {
  await measure()
  const taken: number[] = []
  while (taken.length < TIMES) taken.push(await measure())
  return taken
}

/** From the address to what is waited for, ms. The browser has the scripts, as one who works with the page has. */
async function opened(page: Page, address: string, shown: string): Promise<number> {
  await page.goto('about:blank')
  const began = performance.now()
  await page.goto(address, { waitUntil: 'commit' })
  await page.waitForFunction(shown)
  return performance.now() - began
}

async function filtered(page: Page, address: string): Promise<number[]> {
  await opened(page, address, `${FIRST} !== ''`)
  const taken: number[] = []
  for (const filter of FILTERS) {
    // who types a filter has seen the curves of the last one come
    await page.waitForFunction(CURVES_DRAWN)
    const before = await page.evaluate<string>(FIRST)
    await page.getByLabel('Filter runs').fill(filter)
    const began = performance.now()
    await page.keyboard.press('Enter')
    await page.waitForFunction(`${FIRST} !== ${JSON.stringify(before)} && ${FIRST} !== ''`)
    taken.push(performance.now() - began)
  }
  return taken
}

async function scrolled(page: Page, address: string): Promise<number> {
  await opened(page, address, `${FIRST} !== ''`)
  const began = performance.now()
  await page.evaluate("{ const box = document.querySelector('.scroller'); box.scrollTop = box.scrollHeight }")
  await page.waitForFunction("document.querySelector('.scroller table').ariaRowCount >= 201")
  return performance.now() - began
}

function row(what: string, taken: readonly number[], most?: number): Row {
  const sorted = taken.toSorted((a, b) => a - b)
  const [middle = Number.NaN, worst = Number.NaN] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)]
  return {
    name: `UI, ${thousands(RUNS)} runs: ${what}`,
    measured: `p50 ${ms(middle)}, worst of ${taken.length} ${ms(worst)}`,
    target: most === undefined ? '' : `≤ ${most < 1000 ? `${most} ms` : `${most / 1000} s`}`,
    beside: '',
    ok: most === undefined ? null : middle <= most,
    figures: { ms: taken },
  }
}
