/** What people do on the pages, in a real browser: keys, the search, and the table of runs with its address. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { axeBreaches, goBy } from './browser.ts'
import { fixtureSite } from './site.ts'

const FIRST_VIEW_BYTES = 200_000

const site = fixtureSite()
const { options, open } = site

/** The text of the row that has the focus. */
function focusedRow(page: Page): Promise<string> {
  return page.evaluate<string>("document.activeElement?.closest('[data-row]')?.textContent ?? ''")
}

test('the first view stays below 200 kB of JavaScript, gzipped', () => {
  const html = readFileSync(join(site.folder, 'index.html'), 'utf8')
  const scripts = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+\.js)"/g)].map((match) => match[1] ?? '')
  assert.ok(scripts.length > 0)
  const bytes = scripts.reduce((sum, script) => sum + gzipSync(readFileSync(join(site.folder, script))).length, 0)
  assert.ok(bytes < FIRST_VIEW_BYTES, `${bytes} bytes`)
})

test('keys go to pages, move between rows, choose them, and ask for help', options, async () => {
  await open('/', async (page) => {
    await page.getByText('6 items need attention').waitFor()
    await goBy(page, 'r')
    await page.waitForURL('**/runs')
    await page.getByText('brave-heron-0').waitFor()
    await page.keyboard.press('j')
    assert.match(await focusedRow(page), /brave-heron-0/)
    await page.keyboard.press('x')
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('k')
    assert.match(await focusedRow(page), /calm-kite-1/)
    await page.keyboard.press('x')
    await page.getByText('Compare 2 runs').waitFor()
    await page.keyboard.press('/')
    assert.equal(await page.evaluate<string>('document.activeElement.ariaLabel'), 'Filter runs')
    await page.keyboard.press('Escape')
    await page.locator('h1').click()
    await page.keyboard.press('?')
    await page.getByText('next and previous row').waitFor()
  })
})

test('Enter opens the row that has the focus', options, async () => {
  await open('/incidents', async (page) => {
    await page.getByText('not paged').waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/incidents/inc_1')
  })
})

test('search finds anything by a few letters and opens it', options, async () => {
  await open('/', async (page) => {
    await page.getByText('6 items need attention').waitFor()
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox', { name: /^Search runs/ }).fill('incident temp')
    await page.getByRole('option', { name: /Temperature and dew point/ }).waitFor()
    assert.deepEqual(await axeBreaches(page), [])
    await page.keyboard.press('Enter')
    await page.waitForURL('**/incidents/inc_1')
  })
})

test('the table of runs reads on near its end and draws only what is in sight', options, async () => {
  await open('/runs', async (page) => {
    await page.getByText('0.7753').waitFor()
    const table = page.getByRole('group', { name: 'Table of runs' })
    await table.evaluate((box: { scrollTop: number; scrollHeight: number }) => {
      box.scrollTop = box.scrollHeight
    })
    await page.getByText('200 loaded so far').first().waitFor()
    await table.evaluate((box: { scrollTop: number; scrollHeight: number }) => {
      box.scrollTop = box.scrollHeight
    })
    await page.getByText(/-199$/).first().waitFor()
    assert.ok((await page.locator('tbody tr[data-row]').count()) < 80)
  })
})

test('filter, order and columns live in the address and come back with it', options, async () => {
  await open('/runs', async (page) => {
    await page.getByLabel('Filter runs').fill('metrics.auc > 0.75')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'auc', exact: true }).click()
    await page.waitForURL(/order=metrics\.auc\+DESC|order=metrics\.auc%20DESC/)
    assert.match(decodeURIComponent(page.url()), /filter=metrics\.auc[ +]>[ +]0\.75/)
    await page.reload()
    assert.equal(await page.getByLabel('Filter runs').inputValue(), 'metrics.auc > 0.75')
    assert.equal(await page.locator('th[aria-sort=descending]').textContent(), 'auc ↓')
  })
})
