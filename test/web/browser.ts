/** Opens the pages in a real Chromium, for the browser tests. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { until } from '../until.ts'

const root = resolve(import.meta.dirname, '../..')
const ARTIFACTS = join(root, 'test/artifacts')
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Widths and heights that pages are looked at. */
export const SIZES = [
  { name: 'wide', width: 1440, height: 900 },
  { name: 'phone', width: 390, height: 844 },
] as const
export const SCHEMES = ['light', 'dark'] as const

/** Longest wait of a page for what is to come, ms: longer than anything takes on a busy machine. */
const PAGE_MS = 120_000

/** Starts the browser without any traffic of its own. */
export async function openBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** Opens a context, whose pages wait for as long as a busy machine may need. */
export async function openContext(browser: Browser, how: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser.newContext({ timezoneId: 'UTC', locale: 'en-US', ...how })
  context.setDefaultTimeout(PAGE_MS)
  return context
}

/** The rules that depend on colours, so that another colour scheme may breach them where the first did not. */
export const COLOURS = ['color-contrast', 'link-in-text-block'] as const
const ALL = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']

/** Breaches of WCAG A and AA on the page, or of these rules alone, each as one line. */
export async function axeBreaches(page: Page, rules?: readonly string[]): Promise<string[]> {
  // the page's own policy forbids injected script elements; evaluation is not bound by it
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(axe)
  const only = JSON.stringify(rules === undefined ? ALL : { type: 'rule', values: rules })
  const found = await page.evaluate<string[]>(
    `axe.run(document, { runOnly: ${only}, resultTypes: ['violations'], selectors: false })
       .then((result) => result.violations.map((one) => one.id + ': ' + one.nodes.slice(0, 3).map((node) => node.html.slice(0, 140) + ' ' + (node.any[0]?.message ?? '')).join(' | ')))`,
  )
  return found
}

/** Keeps a picture of the page for people to look at, where SLIPWAY_TEST_PICTURES asks for pictures: they cost as much as all else. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  if (process.env['SLIPWAY_TEST_PICTURES'] === undefined) return
  mkdirSync(ARTIFACTS, { recursive: true })
  await page.screenshot({ path: join(ARTIFACTS, `${name}.png`), fullPage: true })
}

/** Presses `g` and a letter at the same time of the page's clock: the second counts only within a moment of the first. */
export async function goBy(page: Page, letter: string): Promise<void> {
  const keys = await page.context().newCDPSession(page)
  const timestamp = Date.now() / 1000
  for (const key of ['g', letter]) {
    await keys.send('Input.dispatchKeyEvent', { type: 'keyDown', key, text: key, timestamp })
    await keys.send('Input.dispatchKeyEvent', { type: 'keyUp', key, timestamp })
  }
  await keys.detach()
}

/** Resolves when the page is no wider than its window; rejects where something stays cut off, with `what` and by how many pixels. */
export async function fits(page: Page, what = page.url()): Promise<void> {
  const wide = (): Promise<number> =>
    page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth')
  await until(
    async () => `${what} to be no wider than its window: ${await wide()} pixels are cut off`,
    async () => (await wide()) <= 0,
  )
}

/** Opens a page in a context of its own, gives it to the test, and demands that no script of it failed and that nothing was noted. */
export async function lookAt(
  browser: Browser,
  how: BrowserContextOptions,
  use: (page: Page, failures: string[]) => Promise<void>,
): Promise<void> {
  const context = await openContext(browser, how)
  try {
    const page = await context.newPage()
    const failures: string[] = []
    page.on('pageerror', (error) => failures.push(error.message))
    await use(page, failures)
    assert.deepEqual(failures, [])
  } finally {
    await context.close()
  }
}
