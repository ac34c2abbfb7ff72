/** Pages in a real browser, at two sizes, dark and light: what each says, axe, nothing cut off; pictures are kept. Files of pages share them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { axeBreaches, COLOURS, fits, keepPicture, openContext, SCHEMES, SIZES } from '../browser.ts'
import { startFixture } from '../fixture-server.ts'
import { startedSite } from '../started.ts'

/** A page with texts that must be on it. */
export type PageCase = readonly [name: string, path: string, texts: readonly string[]]

export interface PageSite {
  readonly options: { readonly skip: string | false }
  /** Opens a page in light colours, gives it to the test, and demands that nothing failed in it. */
  look(path: string, size: { width: number; height: number }, use: (page: Page) => Promise<void>): Promise<void>
  /** The last test of the file: all that the pages were answered satisfies its contract. */
  repliesCase(): void
}

/** Called once at the top of a test file: a server with recorded replies, which must satisfy the contract, or one on which nothing has happened. */
export function pageSite(given: { readonly empty?: boolean } = {}): PageSite {
  const started = startedSite((folder) => startFixture(folder, given))
  const failures: string[] = []
  // one tab for all: a context of its own costs as much as the page itself, and who only looks leaves nothing behind
  let tab: Promise<Page> | undefined
  const open = async (): Promise<Page> => {
    const page = await (await openContext(started.browser)).newPage()
    page.on('pageerror', (error) => failures.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') failures.push(message.text())
    })
    return page
  }
  return {
    options: { skip: started.skip },
    async look(path, size, use) {
      const page = await (tab ??= open())
      // what the page before left unfinished ends here
      await page.goto('about:blank')
      failures.length = 0
      await page.setViewportSize(size)
      await page.emulateMedia({ colorScheme: 'light' })
      await page.goto(started.server.url + path)
      await use(page)
      assert.deepEqual(failures, [])
    },
    repliesCase: () =>
      void test('recorded replies satisfy the contract', { skip: started.skip }, () => {
        assert.deepEqual(started.server.faults, [])
      }),
  }
}

/** Looks at each of the pages. */
export function pageCases(pages: readonly PageCase[]): void {
  const site = pageSite()
  for (const [name, path, texts] of pages) {
    test(`${name} says what it must, at both sizes, dark and light, axe-clean`, site.options, async () => {
      await site.look(path, SIZES[0], async (page) => {
        for (const text of texts) await page.getByText(text).first().waitFor({ state: 'attached' })
        await page.locator('.skeleton').first().waitFor({ state: 'detached' })
        assert.deepEqual(await wrongOn(page, name), [])
      })
    })
  }
  site.repliesCase()
}

/** What is wrong on a page at either size, in either colours. */
async function wrongOn(page: Page, name: string): Promise<string[]> {
  const wrong: string[] = []
  for (const size of SIZES) {
    await page.setViewportSize(size)
    for (const scheme of SCHEMES) {
      await page.emulateMedia({ colorScheme: scheme })
      await keepPicture(page, `${name}-${size.name}-${scheme}`)
      await fits(page, `${name}, ${size.name} ${scheme},`)
      // what stands on the page is the same, dark or light
      const seen = await axeBreaches(page, scheme === 'dark' ? COLOURS : undefined)
      wrong.push(...seen.map((line) => `${size.name} ${scheme}: ${line}`))
    }
  }
  return wrong
}
