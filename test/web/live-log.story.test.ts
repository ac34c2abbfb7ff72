/** The log of a step in a real browser: its end first, any place of a million lines, what is written meanwhile, and other attempts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { axeBreaches } from './browser.ts'
import { LAST, LONG_LINES, LONG_RUN } from './recorded/logs.ts'
import { problem } from './refusals.ts'
import { fixtureSite } from './site.ts'

const { options, open } = fixtureSite()
const PAGE = `/pipelines/${LONG_RUN}?step=train`

const log = (page: Page) => page.getByLabel('Log of train', { exact: true })

/** The first line that is shown, once it has a number. */
async function firstLine(page: Page, number: number): Promise<void> {
  await log(page)
    .filter({ hasText: new RegExp(`^line ${number}:`) })
    .waitFor()
}

test('a log of a million lines opens at its end, and every place of it is a step away', options, async () => {
  const asked: string[] = []
  await open(
    PAGE,
    async (page) => {
      await log(page)
        .getByText(`line ${LONG_LINES - 1}:`)
        .waitFor()
      assert.equal(asked.length, 1, 'what lies before the end is not read')
      const places = page.getByRole('group', { name: 'Place in the log' })
      assert.equal(await places.getByRole('button', { name: 'Later' }).isDisabled(), true)
      await places.getByRole('button', { name: 'Beginning' }).click()
      await firstLine(page, 0)
      assert.equal(await page.evaluate<number>("document.querySelector('pre.log').scrollTop"), 0)
      await places.getByRole('button', { name: 'Later' }).click()
      await firstLine(page, 2048)
      await places.getByRole('button', { name: 'Earlier' }).click()
      await firstLine(page, 0)
      const slider = places.getByRole('slider', { name: 'Place in the log' })
      await slider.fill(String(500 * 64_000))
      await firstLine(page, 500_000)
      // the slider follows the text, and a key moves it from where it stands
      await slider.and(page.locator('[aria-valuetext="50 % of 61 MiB"]')).waitFor()
      await slider.press('ArrowRight')
      await firstLine(page, 501_000)
      assert.deepEqual(await axeBreaches(page), [])
      await places.getByRole('button', { name: 'End' }).click()
      await log(page)
        .getByText(`line ${LONG_LINES - 1}:`)
        .waitFor()
    },
    {
      prepare: (page) =>
        page.route('**/logs/part?**', (route) => {
          asked.push(route.request().url())
          return route.fallback()
        }),
    },
  )
})

test('another attempt has its own log', options, async () => {
  await open(PAGE, async (page) => {
    const attempt = page.getByRole('combobox', { name: 'Attempt' })
    await attempt.waitFor()
    assert.equal(await attempt.inputValue(), '3')
    const answered = page.waitForResponse(/logs\/part\?.*attempt=1/)
    await attempt.selectOption('1')
    await answered
    await page.getByRole('button', { name: 'Beginning' }).click()
    await firstLine(page, 0)
    assert.equal(await attempt.inputValue(), '1')
  })
})

test('an attempt that is chosen is the one that is shown, though its log has not come', options, async () => {
  await open(
    PAGE,
    async (page) => {
      const attempt = page.getByRole('combobox', { name: 'Attempt' })
      await attempt.selectOption('1')
      await page.getByRole('button', { name: 'Beginning' }).click()
      await firstLine(page, 0)
      assert.equal(await attempt.inputValue(), '1')
    },
    // its end is answered once the page is left
    { prepare: (page) => page.route(/logs\/part\?.*attempt=1.*from=-/, () => undefined) },
  )
})

test('what is written while a step runs comes after what was read', options, async () => {
  await open(PAGE, async (page) => {
    await log(page).getByText(LAST.trim()).waitFor()
    assert.match((await log(page).textContent()) ?? '', /images 1024 *\nthe model is saved\n$/)
  })
})

test('a log that cannot be read says why, and is read again on demand', options, async () => {
  await open(
    PAGE,
    async (page) => {
      const alert = page.getByRole('alert').filter({ hasText: 'The log could not be loaded' })
      await alert.getByText('the store is away').waitFor()
      await page.unroute('**/logs/part?**')
      await alert.getByRole('button', { name: 'Try again' }).click()
      await log(page)
        .getByText(`line ${LONG_LINES - 1}:`)
        .waitFor()
    },
    {
      prepare: (page) =>
        page.route('**/logs/part?**', (route) => route.fulfill(problem(503, 'unavailable', 'the store is away'))),
    },
  )
})
