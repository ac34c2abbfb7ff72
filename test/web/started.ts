/** The built pages, a server of them and a browser, for the tests of one file. */
import { after, before } from 'node:test'
import type { Browser } from 'playwright-core'
import { CHROMIUM_MISSING, findChromium } from '../tools.ts'
import { openBrowser } from './browser.ts'
import { buildPages } from './built.ts'

/** Where a server's pages lie, and the browser that looks at them. */
export interface Started<Server> {
  /** Why the tests are skipped where there is no browser. */
  readonly skip: string | false
  /** The folder of the built pages. */
  readonly folder: string
  readonly server: Server
  readonly browser: Browser
}

/** Called once at the top of a test file: builds and starts before its tests, stops after them. */
export function startedSite<Server extends { stop(): Promise<void> }>(
  start: (folder: string, browser: Browser) => Promise<Server>,
): Started<Server> {
  const executable = findChromium()
  let folder = ''
  let browser: Browser
  let server: Server
  before(async () => {
    folder = buildPages()
    if (executable === undefined) return
    browser = await openBrowser(executable)
    server = await start(folder, browser)
  })
  after(async () => {
    if (executable === undefined) return
    await server.stop()
    await browser.close()
  })
  return {
    skip: executable === undefined ? CHROMIUM_MISSING : false,
    get folder() {
      return folder
    },
    get server() {
      return server
    },
    get browser() {
      return browser
    },
  }
}
