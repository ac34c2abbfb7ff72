/** Opens the pages in a real Chromium, for the browser tests. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'

const root = resolve(import.meta.dirname, '../..')
const ARTIFACTS = join(root, 'test/artifacts')
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Widths and heights that pages are looked at. */
export const SIZES = [
  { name: 'wide', width: 1440, height: 900 },
  { name: 'phone', width: 390, height: 844 },
] as const
export const SCHEMES = ['light', 'dark'] as const

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

/** Presses `g` and a letter together: the second counts only within a moment of the first, and on a busy machine one press may take as long. */
export async function goBy(page: Page, letter: string): Promise<void> {
  await Promise.all([page.keyboard.press('g'), page.keyboard.press(letter)])
}

/** How many pixels the page is wider than its window: 0 when nothing is cut off. What follows a new size has ten seconds to do so. */
export async function overflow(page: Page): Promise<number> {
  const wide = (): Promise<number> =>
    page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth')
  for (const end = performance.now() + 10_000; performance.now() < end; await page.waitForTimeout(50))
    if ((await wide()) <= 0) return 0
  return wide()
}

/** Opens a page in a context of its own, gives it to the test, and demands that no script of it failed and that nothing was noted. */
export async function lookAt(
  browser: Browser,
  how: BrowserContextOptions & { readonly patience: number },
  use: (page: Page, failures: string[]) => Promise<void>,
): Promise<void> {
  const { patience, ...options } = how
  const context = await browser.newContext({ timezoneId: 'UTC', ...options })
  try {
    const page = await context.newPage()
    page.setDefaultTimeout(patience)
    const failures: string[] = []
    page.on('pageerror', (error) => failures.push(error.message))
    await use(page, failures)
    assert.deepEqual(failures, [])
  } finally {
    await context.close()
  }
}
