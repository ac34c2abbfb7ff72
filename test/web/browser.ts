/** Builds the pages and opens them in a real Chromium, for the browser tests. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'

const root = resolve(import.meta.dirname, '../..')
const ARTIFACTS = join(root, 'test/artifacts')
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Widths and heights that pages are looked at. */
export const SIZES = [
  { name: 'wide', width: 1440, height: 900 },
  { name: 'phone', width: 390, height: 844 },
] as const
export const SCHEMES = ['light', 'dark'] as const

/** A fresh folder that goes with this process. */
function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-web-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'web')
}

/** Builds the UI into a folder (default a fresh one) and gives it, with the sizes that the bundler printed. */
export function buildPages(folder = freshFolder()): {
  folder: string
  report: string
} {
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const built = spawnSync(process.execPath, [vite, 'build', 'web', '--outDir', folder, '--emptyOutDir'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 120_000,
  })
  if (built.status !== 0) throw new Error(`the pages could not be built:\n${built.stdout}\n${built.stderr}`)
  return { folder, report: built.stdout }
}

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

/** Breaches of WCAG A and AA on the page, each as one line. */
export async function axeBreaches(page: Page): Promise<string[]> {
  // the page's own policy forbids injected script elements; evaluation is not bound by it
  await page.evaluate(axe)
  const found = await page.evaluate<string[]>(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })
       .then((result) => result.violations.map((one) => one.id + ': ' + one.nodes.slice(0, 3).map((node) => node.html.slice(0, 140) + ' ' + (node.any[0]?.message ?? '')).join(' | ')))`,
  )
  return found
}

/** Keeps a picture of the page for people to look at. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  mkdirSync(ARTIFACTS, { recursive: true })
  await page.screenshot({ path: join(ARTIFACTS, `${name}.png`), fullPage: true })
}

/** How many pixels the page is wider than its window: 0 when nothing is cut off. */
export async function overflow(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth')
}
