/** The built pages with recorded replies in a real browser, for the tests of one file. */
import { after, before } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { CHROMIUM_MISSING, findChromium } from '../tools.ts'
import { openBrowser } from './browser.ts'
import { buildPages } from './built.ts'
import { startFixture } from './fixture-server.ts'
import type { FixtureServer } from './fixture-server.ts'

export interface Site {
  /** Options of a test that needs the browser. */
  readonly options: { readonly skip: string | false; readonly timeout: number }
  /** The folder of the built pages. */
  readonly folder: string
  readonly server: FixtureServer
  /** Opens a page in a context of its own; `prepare` acts before anything is asked of the server. */
  readonly open: (path: string, use: (page: Page) => Promise<void>, how?: How) => Promise<void>
}

export interface How extends BrowserContextOptions {
  readonly prepare?: (page: Page) => Promise<unknown>
}

const WINDOW = { viewport: { width: 1440, height: 900 }, timezoneId: 'UTC', locale: 'en-US' }

/** Called once at the top of a test file: builds and starts before its tests, stops after them. */
export function fixtureSite(): Site {
  const executable = findChromium()
  let folder = ''
  let browser: Browser
  let server: FixtureServer
  before(async () => {
    folder = buildPages()
    if (executable === undefined) return
    server = await startFixture(folder)
    browser = await openBrowser(executable)
  })
  after(async () => {
    if (executable === undefined) return
    await browser.close()
    await server.stop()
  })
  return {
    options: { skip: executable === undefined ? CHROMIUM_MISSING : false, timeout: 60_000 },
    get folder() {
      return folder
    },
    get server() {
      return server
    },
    open: async (path, use, { prepare, ...how } = {}) => {
      const context = await browser.newContext({ ...WINDOW, ...how })
      try {
        const page = await context.newPage()
        page.setDefaultTimeout(8000)
        await prepare?.(page)
        await page.goto(server.url + path)
        await use(page)
      } finally {
        await context.close()
      }
    },
  }
}
