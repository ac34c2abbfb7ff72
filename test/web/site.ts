/** The built pages with recorded replies in a real browser, for the tests of one file. */
import type { BrowserContextOptions, Page } from 'playwright-core'
import { openContext } from './browser.ts'
import { startFixture } from './fixture-server.ts'
import type { FixtureServer } from './fixture-server.ts'
import { startedSite } from './started.ts'

export interface Site {
  /** Options of a test that needs the browser. */
  readonly options: { readonly skip: string | false }
  /** The folder of the built pages. */
  readonly folder: string
  readonly server: FixtureServer
  /** Opens a page in a context of its own; `prepare` acts before anything is asked of the server. */
  readonly open: (path: string, use: (page: Page) => Promise<void>, how?: How) => Promise<void>
}

export interface How extends BrowserContextOptions {
  readonly prepare?: (page: Page) => Promise<unknown>
}

/** Called once at the top of a test file: builds and starts before its tests, stops after them. */
export function fixtureSite(): Site {
  const started = startedSite((folder) => startFixture(folder))
  return {
    options: { skip: started.skip },
    get folder() {
      return started.folder
    },
    get server() {
      return started.server
    },
    open: async (path, use, { prepare, ...how } = {}) => {
      const context = await openContext(started.browser, { viewport: { width: 1440, height: 900 }, ...how })
      try {
        const page = await context.newPage()
        await prepare?.(page)
        await page.goto(started.server.url + path)
        await use(page)
      } finally {
        await context.close()
      }
    },
  }
}
