/** The playground in a real browser: both sides asked at once, by keyboard too; refusals, stopping, what is kept and what stands in no address. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { until } from '../until.ts'
import { axeBreaches, COLOURS, fits, keepPicture, SCHEMES, SIZES } from './browser.ts'
import { fixtureSite } from './site.ts'

const site = fixtureSite()
const { options, open } = site

const side = (page: Page, label: string) =>
  page.locator('section.panel', { has: page.getByRole('heading', { name: label }) })
const bodies = (): unknown[] =>
  site.server.writes
    .filter((one) => one.startsWith('POST /v1/llm/playground '))
    .map((one) => JSON.parse(one.slice('POST /v1/llm/playground '.length)) as unknown)

test(
  'one question is asked of both endpoints, each with its parameters, and the answers are compared',
  options,
  async () => {
    await open('/llm/playground', async (page) => {
      site.server.writes.length = 0
      const [a, b] = [side(page, 'Side A'), side(page, 'Side B')]
      const run = page.getByRole('button', { name: 'Run both' })
      await run.waitFor()
      assert.equal(await run.isDisabled(), true, 'nothing is to be said')
      await page.getByLabel('System', { exact: true }).fill('Be short.')
      await page.getByLabel('User', { exact: true }).fill('Will UA 221 be late?')
      await a.getByLabel('Temperature', { exact: true }).fill('hot')
      await a.getByText('expected a number from 0 to 2').waitFor()
      assert.equal(await run.isDisabled(), true)
      await a.getByLabel('Temperature', { exact: true }).fill('0.2')
      await b.getByLabel('Max tokens', { exact: true }).fill('100')
      await page.keyboard.press('Control+Enter')
      for (const one of [a, b]) {
        await one.getByText('answered', { exact: true }).waitFor()
        for (const text of ['UA 221 leaves', '310 ms', '1.3 s', '48 / 62', '62', '$0.00012', 'openai/gpt-4.1-mini'])
          await one.getByText(text).first().waitFor()
      }
      const messages = [
        { role: 'system', content: 'Be short.' },
        { role: 'user', content: 'Will UA 221 be late?' },
      ]
      assert.deepEqual(
        bodies().toSorted((one, other) => JSON.stringify(one).localeCompare(JSON.stringify(other))),
        [
          { endpoint: 'chat', project: 'default', messages, temperature: 0.2 },
          { endpoint: 'notes', project: 'default', messages, max_tokens: 100 },
        ],
      )
      await b.getByText('As code').click()
      await b.getByText('client.chat.completions.create').waitFor()
      for (const size of SIZES) {
        await page.setViewportSize(size)
        for (const scheme of SCHEMES) {
          await page.emulateMedia({ colorScheme: scheme })
          await keepPicture(page, `llm-playground-answered-${size.name}-${scheme}`)
          await fits(page)
          assert.deepEqual(await axeBreaches(page, scheme === 'dark' ? COLOURS : undefined), [])
        }
      }
      assert.equal(new URL(page.url()).search, '', 'what is asked stands in no address')
      await page.reload()
      await page.getByLabel('User', { exact: true }).waitFor()
      assert.equal(await page.getByLabel('User', { exact: true }).inputValue(), 'Will UA 221 be late?')
      assert.equal(await side(page, 'Side A').getByLabel('Temperature', { exact: true }).inputValue(), '0.2')
      await side(page, 'Side A').getByText('Nothing has been asked yet').waitFor()
    })
  },
)

test('who refused is said, and what came before stays', options, async () => {
  await open('/llm/playground', async (page) => {
    const a = side(page, 'Side A')
    const say = async (text: string): Promise<void> => {
      await page.getByLabel('User', { exact: true }).fill(text)
      await a.getByRole('button', { name: 'Run', exact: false }).click()
    }
    await say('budget')
    await a.getByText('refused by a budget').waitFor()
    await a.getByText('has no room for a call').waitFor()
    await a.getByRole('link', { name: 'Keys and budgets' }).waitFor()
    assert.deepEqual(await axeBreaches(page), [])
    await keepPicture(page, 'llm-playground-refused')
    await say('guardrail')
    await a.getByText('refused by a guardrail').waitFor()
    await a.getByText('UA 221 leaves').waitFor()
    await say('lost')
    await a.getByText('from the cache').waitFor()
    await a.getByText('$.top_k, $.seed').waitFor()
    await say('broken')
    await a.getByText('The server broke the answer off.').waitFor()
    await a.getByText('UA 221 leaves').waitFor()
    await say('budget')
    await a.getByRole('link', { name: 'Keys and budgets' }).click()
    await page.waitForURL(/\/llm\/keys$/)
  })
})

test('an answer that is stopped, or whose page is left, is left by the browser too', options, async () => {
  await open('/llm/playground', async (page) => {
    site.server.writes.length = 0
    const left = (): number => site.server.writes.filter((one) => one === 'the playground was left').length
    const b = side(page, 'Side B')
    await page.getByLabel('User', { exact: true }).fill('slow')
    await page.getByRole('button', { name: 'Run both' }).click()
    await side(page, 'Side A').getByText('answered', { exact: true }).waitFor()
    await b.getByText('answering').waitFor()
    await b.getByRole('button', { name: 'Stop' }).click()
    await b.getByText('stopped').waitFor()
    await b.getByText('UA 221 leaves').waitFor()
    await until('the browser to leave the answer', () => left() === 1)
    await b.getByRole('button', { name: 'Run', exact: false }).click()
    await b.getByText('answering').waitFor()
    await page.getByRole('link', { name: 'Providers and prices' }).first().click()
    await until('the browser to leave the second answer', () => left() === 2)
    assert.equal(bodies().length, 3)
    assert.deepEqual(site.server.faults, [])
  })
})
