/** How long a real browser takes to show the first page of the web UI, nothing cached. */
import { authApi } from '../../src/contract/auth.ts'
import { startTestServer } from '../../test/server.ts'
import type { TestServer } from '../../test/server.ts'
import { CHROMIUM_MISSING, findChromium } from '../../test/tools.ts'
import { openBrowser } from '../../test/web/browser.ts'
import { ms } from '../table.ts'
import type { Row } from '../table.ts'

type Browser = Awaited<ReturnType<typeof openBrowser>>

const VIEWS = 9

interface View {
  /** From the click on the link to the browser's first paint of content, and to the text of Home, ms. */
  readonly painted: number
  readonly shown: number
}

/** One row: the first view of Home after the login link. Throws where there is no Chromium. */
export async function firstView(): Promise<Row[]> {
  const executable = findChromium()
  if (executable === undefined) throw new Error(CHROMIUM_MISSING)
  const server = await startTestServer()
  const browser = await openBrowser(executable)
  try {
    await view(browser, server) // the browser's own start is not ours
    const views: View[] = []
    while (views.length < VIEWS) views.push(await view(browser, server))
    return [row(views)]
  } finally {
    await browser.close()
    await server.stop()
  }
}

function row(views: readonly View[]): Row {
  const shown = views.map((one) => one.shown).toSorted((a, b) => a - b)
  const painted = views.map((one) => one.painted).toSorted((a, b) => a - b)
  const [middle = Number.NaN, worst = Number.NaN] = [shown[Math.floor(VIEWS / 2)], shown.at(-1)]
  return {
    name: 'UI, first view in Chromium',
    measured: `Home shown p50 ${ms(middle)}, worst of ${VIEWS} ${ms(worst)}; first paint p50 ${ms(painted[Math.floor(VIEWS / 2)] ?? Number.NaN)}`,
    target: '≤ 1 s',
    beside: '',
    ok: middle <= 1000,
    figures: { shown_ms: shown, painted_ms: painted },
  }
}

/** A browser context has a cache of its own, so each view loads everything. */
async function view(browser: Browser, server: TestServer): Promise<View> {
  const { url } = await server.client.call(authApi.createLoginLink)
  const context = await browser.newContext()
  try {
    const page = await context.newPage()
    const began = performance.now()
    await page.goto(url, { waitUntil: 'commit' })
    await page.getByText('./slipway demo').waitFor()
    const shown = performance.now() - began
    // the browser tells its first paint since the last navigation, of which the redirect from the link is a part
    const painted = await page.evaluate<number>(
      `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN`,
    )
    return { painted, shown }
  } finally {
    await context.close()
  }
}
