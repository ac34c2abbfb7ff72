/** Dark and light in a real browser: by the system, and by what was chosen here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { fixtureSite } from './site.ts'

const { options, open } = fixtureSite()

/** How bright the page is behind its texts, 0 … 255. */
function brightness(page: Page): Promise<number> {
  return page.evaluate<number>(
    String.raw`(() => {
      const [r, g, b] = getComputedStyle(document.documentElement).backgroundColor.match(/[\d.]+/g).map(Number)
      return (r + g + b) / 3
    })()`,
  )
}

const COLOURS: readonly (readonly [system: 'light' | 'dark', kept: string | null, shown: 'light' | 'dark'])[] = [
  ['light', null, 'light'],
  ['dark', null, 'dark'],
  ['light', 'dark', 'dark'],
  ['dark', 'light', 'light'],
  ['dark', 'system', 'dark'],
  ['light', 'purple', 'light'],
]

test(
  'colours are those of the system unless others were chosen here, and follow it while it turns',
  options,
  async () => {
    for (const [system, kept, shown] of COLOURS) {
      const prepare = (page: Page): Promise<unknown> =>
        page.addInitScript(kept === null ? 'localStorage.clear()' : `localStorage.setItem('slipway-theme', '${kept}')`)
      await open(
        '/models',
        async (page) => {
          await page.getByRole('heading', { level: 1 }).waitFor()
          const isDark = async (): Promise<boolean> => (await brightness(page)) < 128
          assert.equal(await isDark(), shown === 'dark', `${system}, kept ${kept}`)
          await page.emulateMedia({ colorScheme: system === 'dark' ? 'light' : 'dark' })
          const isFixed = kept === 'dark' || kept === 'light'
          assert.equal(
            await isDark(),
            isFixed ? shown === 'dark' : system === 'light',
            `turned from ${system}, kept ${kept}`,
          )
        },
        { prepare, colorScheme: system },
      )
    }
  },
)

test('dark and light are chosen here and kept', options, async () => {
  await open('/', async (page) => {
    const scheme = (): Promise<string> => page.evaluate<string>('document.documentElement.style.colorScheme')
    await page.getByRole('button', { name: /colours, change/ }).click()
    assert.equal(await scheme(), 'light')
    await page.getByRole('button', { name: /colours, change/ }).click()
    assert.equal(await scheme(), 'dark')
    await page.reload()
    await page.getByRole('button', { name: /Dark/ }).waitFor()
    assert.equal(await scheme(), 'dark')
  })
})
