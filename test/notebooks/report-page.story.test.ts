/** The report's page in a real browser: the verdict first, each cell by the keyboard, nothing foreign, nothing run, nothing cut off. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { reportPage } from '../../src/notebook/output/report-page.ts'
import type { Report, ReportCell } from '../../src/notebook/output/report.ts'
import { CHROMIUM_MISSING, findChromium } from '../tools.ts'
import { until } from '../until.ts'
import { axeBreaches, fits, keepPicture, openBrowser, openContext, SCHEMES, SIZES } from '../web/browser.ts'

const HOSTILE = `</pre><script>document.title = "run"</script><img src=x onerror="document.title='run'">'"&`
const executable = findChromium()
const options = executable === undefined ? { skip: CHROMIUM_MISSING } : {}

/** A report of 40 cells: long differences, each state, and hostile text wherever research code can bring one in. */
function report(): Report {
  const long = Array.from({ length: 300 }, (_, at) =>
    at === 150 ? `-old ${HOSTILE}` : at === 151 ? '+new' : ` line ${at}`,
  )
  const wide = [`-${'x = very_long_name + '.repeat(40)}1`, '+x = 1']
  const states = ['verified', 'within tolerance', 'not verified', 'nothing to compare']
  const cells = Array.from({ length: 40 }, (_, at): ReportCell => ({
    cell: at + 1,
    functions: at % 4 === 3 ? [] : [`make_step_${at}`],
    verdict: states[at % 4] ?? '',
    why: at % 4 === 2 ? [`df: ${HOSTILE}`] : [],
    skipped: at === 5 ? [`ax: ${HOSTILE}`] : [],
    changes:
      at % 3 === 0
        ? [{ code: 'D6', cell: at + 1, line: 2, found: HOSTILE, treatment: 'changed', action: HOSTILE }]
        : [],
    diff: at === 0 ? long : at === 1 ? wide : ['-a = 1', '+a = 2', ' b = a'],
  }))
  return {
    source: `explore ${HOSTILE}.ipynb`,
    package: 'explore',
    order: cells.map(({ cell }) => cell),
    model: HOSTILE,
    proof: {
      verdict: 'not verified',
      why: `cell 3: ${HOSTILE}`,
      cells: [],
      predictions: 'not compared',
      saved: { verdict: 'not verified', why: HOSTILE },
    },
    cells,
    findings: [
      { code: 'D11', cell: 3, line: 1, found: HOSTILE, treatment: 'reported', action: HOSTILE },
      { code: 'D2', cell: null, found: HOSTILE, treatment: 'changed', action: HOSTILE },
    ],
    rotate: [HOSTILE],
    lost: [{ cell: 4, text: HOSTILE }],
    samples: [{ input: 'table_path', bytes: 2e9, kept: 51_000, rows: 1_000_000, why: '' }],
    lock: { hashed: false, why: HOSTILE, packages: 50, added: [] },
    python: '3.11.7',
    files: {},
    settings: { LIMIT: HOSTILE },
    inputs: {},
    step: undefined,
    packages: {},
    installed: {},
    project: {},
  }
}

describe('the page of a report', options, () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-report-'))
  const url = pathToFileURL(join(folder, 'report.html')).href
  let browser: Browser
  before(async () => {
    writeFileSync(join(folder, 'report.html'), reportPage(report()))
    browser = await openBrowser(executable ?? '')
  })
  after(async () => {
    await browser.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** The page at a size and in a scheme; nothing but itself may have been asked for. */
  async function opened(
    look: { readonly colorScheme: (typeof SCHEMES)[number]; readonly width: number; readonly height: number },
    use: (page: Page) => Promise<void>,
  ): Promise<void> {
    const { colorScheme, width, height } = look
    const context = await openContext(browser, { colorScheme, viewport: { width, height } })
    const page = await context.newPage()
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    await page.goto(url)
    await use(page)
    assert.deepEqual(asked, [url])
    await context.close()
  }

  for (const colorScheme of SCHEMES)
    for (const { name, width, height } of SIZES)
      it(`${colorScheme}, ${name}: no breach of accessibility, nothing wider than the window, nothing run`, async () => {
        await opened({ colorScheme, width, height }, async (page) => {
          assert.deepEqual(await axeBreaches(page), [])
          await fits(page)
          assert.match(await page.title(), /^Not verified\.: explore <\/pre><script>/)
          assert.equal(await page.locator('script, img, iframe, link').count(), 0)
          const verdict = await page.locator('.verdict').boundingBox()
          assert.ok(verdict !== null && verdict.y + verdict.height < height, 'the verdict is seen without scrolling')
          await keepPicture(page, `package-report-${colorScheme}-${name}`)
        })
      })

  it('says everything as the text that it is', async () => {
    await opened({ colorScheme: 'light', width: 1440, height: 900 }, async (page) => {
      for (const place of ['h1', '.verdict', 'dl', '.why', '.skipped', '#cell-1 li', '#cell-1 .del', 'main section li'])
        assert.ok((await page.locator(place).first().innerText()).includes(HOSTILE), place)
    })
  })

  it('leads by the keyboard to each cell, and to what is folded and what is wide', async () => {
    await opened({ colorScheme: 'light', width: 1440, height: 900 }, async (page) => {
      assert.equal(await page.locator('tbody tr').count(), 40)
      await page.locator('a[href="#cell-40"]').first().focus()
      await page.keyboard.press('Enter')
      const box = await page.locator('#cell-40').boundingBox()
      assert.ok(box !== null && box.y >= 0 && box.y < 900, JSON.stringify(box))
      const folded = page.locator('#cell-1 summary').first()
      assert.match(await folded.innerText(), /147 equal lines/)
      assert.equal(await page.getByText('line 100', { exact: true }).isVisible(), false)
      await folded.focus()
      await page.keyboard.press('Enter')
      assert.equal(await page.getByText('line 100', { exact: true }).isVisible(), true)
      const wide = page.locator('#cell-2 .diff')
      await wide.focus()
      await page.keyboard.press('ArrowRight')
      const scrolled = (): Promise<number> => wide.evaluate((part: { scrollLeft: number }) => part.scrollLeft)
      await until('a wide line that is scrolled', async () => (await scrolled()) > 0)
    })
  })
})
