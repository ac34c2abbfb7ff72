/** What people do on the pages of language models, in a real browser: narrow calls down, make and revoke keys, make and change budgets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { axeBreaches } from './browser.ts'
import { fixtureSite } from './site.ts'

const site = fixtureSite()
const { options, open } = site

/** The choice within a label, whose text has those of its options. */
const chosen = (page: Page, label: string) =>
  page.locator('label', { hasText: new RegExp(`^${label}`) }).locator('select')

const parameters = (page: Page) => Object.fromEntries(new URL(page.url()).searchParams)

test('range, grouping and what the calls are narrowed to are in the address, and lead back', options, async () => {
  await open('/llm', async (page) => {
    await chosen(page, 'By').selectOption('key')
    await page.getByText('without a key').waitFor()
    await chosen(page, 'Last').selectOption('7d')
    await page.getByRole('link', { name: 'crew-notes' }).click()
    await page.getByText('These calls').waitFor()
    await page.getByLabel('Outcome').selectOption('refused')
    await page.getByText('No calls match').waitFor()
    assert.deepEqual(parameters(page), { by: 'key', range: '7d', key: 'tok_notes', outcome: 'refused' })
    await page.getByLabel('Outcome').selectOption('')
    await page.getByText('llama-3.3-70b').last().waitFor()
    await page.getByRole('button', { name: 'key crew-notes' }).click()
    await page.getByText('Newest calls').waitFor()
    assert.deepEqual(parameters(page), { by: 'key', range: '7d' })
  })
})

test('a part of time that is dragged over is shown alone', options, async () => {
  await open('/llm', async (page) => {
    const chart = page.locator('.uplot-holder .u-over').first()
    const box = await chart.boundingBox()
    assert.ok(box !== null)
    await page.mouse.move(box.x + box.width * 0.3, box.y + 40)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 4 })
    await page.mouse.up()
    await page.getByRole('button', { name: 'Back to the last 24 hours' }).waitFor()
    const { since = '', until = '' } = parameters(page)
    assert.ok(Date.parse(since) < Date.parse(until))
    await page.getByRole('button', { name: 'Back to the last 24 hours' }).click()
    await page.waitForURL((url) => url.searchParams.get('since') === null)
  })
})

test('a call is opened from its row by keyboard', options, async () => {
  await open('/llm?outcome=ok', async (page) => {
    await page.getByText('These calls').waitFor()
    const row = page.locator('tr[data-row]', { hasText: 'gpt-4.1-mini' }).first()
    await row.evaluate((element: { tabIndex: number; focus(): void }) => {
      element.tabIndex = -1
      element.focus()
    })
    await row.press('Enter')
    await page.getByRole('heading', { name: 'Call of chat' }).waitFor()
    await page.getByRole('link', { name: 'Show its trace' }).click()
    await page.getByText('answer a passenger').first().waitFor()
  })
})

test('a key is made, and its text shown this once', options, async () => {
  await open('/llm/keys', async (page) => {
    site.server.writes.length = 0
    await page.getByRole('button', { name: 'New key' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name', { exact: true }).fill('notes-bot')
    await dialog.getByLabel('Endpoints that it may call').fill('chat, notes')
    await dialog.getByLabel('Calls a minute').fill('1.5')
    await dialog.getByRole('button', { name: 'Make the key' }).click()
    await dialog.getByText('whole numbers from 1 on').waitFor()
    assert.deepEqual(site.server.writes, [], 'what is no number is not sent')
    await dialog.getByLabel('Calls a minute').fill('60')
    await dialog.getByLabel('Keep prompts and answers').uncheck()
    assert.deepEqual(await axeBreaches(page), [])
    await dialog.getByRole('button', { name: 'Make the key' }).click()
    await dialog.getByText('slw_made_now').waitFor()
    assert.deepEqual(site.server.writes, [
      'POST /v1/llm/keys {"name":"notes-bot","project":"default","models":["chat","notes"],"rpm":60,"tags":[],"content":false}',
    ])
    await dialog.getByRole('button', { name: 'Close' }).click()
    await page.getByRole('button', { name: 'New key' }).click()
    assert.equal(await dialog.getByText('slw_made_now').count(), 0)
    assert.equal(await dialog.getByLabel('Name', { exact: true }).inputValue(), '')
  })
})

test('a key is revoked once that is confirmed', options, async () => {
  await open('/llm/keys', async (page) => {
    site.server.writes.length = 0
    await page.getByRole('button', { name: 'Revoke' }).first().click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Programs that use support-bot are refused at once.').waitFor()
    assert.deepEqual(site.server.writes, [])
    await dialog.getByRole('button', { name: 'Revoke' }).click()
    await dialog.waitFor({ state: 'hidden' })
    assert.match(site.server.writes[0] ?? '', /^DELETE \/v1\/llm\/keys\/tok_support/)
  })
})

test('a budget is made for a key, and changed', options, async () => {
  await open('/llm/keys', async (page) => {
    site.server.writes.length = 0
    await page.getByRole('button', { name: 'New budget' }).click()
    const dialog = page.getByRole('dialog')
    const make = dialog.getByRole('button', { name: 'Make the budget' })
    await dialog.getByLabel('Of a').selectOption('key')
    await dialog.getByLabel('May spend, $').fill('25.50')
    assert.equal(await make.isDisabled(), true, 'nobody has said which key')
    await dialog.getByLabel('Which key').selectOption('crew-notes')
    assert.equal(await dialog.getByLabel('Which key').locator('option', { hasText: 'old-eval' }).count(), 0)
    assert.deepEqual(await axeBreaches(page), [])
    await make.click()
    await dialog.waitFor({ state: 'hidden' })
    await page.getByRole('button', { name: 'Change', exact: true }).first().click()
    await dialog.getByLabel('May spend, $').fill('1500')
    await dialog.getByLabel('Refuse calls that could pass it').uncheck()
    await dialog.getByRole('button', { name: 'Change the budget' }).click()
    await dialog.waitFor({ state: 'hidden' })
    assert.deepEqual(site.server.writes, [
      'POST /v1/llm/budgets {"project":"default","scope":"key","of":"tok_notes","window":"month","limit":"25.50","hard":true}',
      'PATCH /v1/llm/budgets/bud_support {"limit":"1500","hard":false}',
    ])
  })
})

test(
  'a provider is made, what is wrong is told at its field, and its key is not kept in the page',
  options,
  async () => {
    await open('/llm/providers', async (page) => {
      site.server.writes.length = 0
      await page.getByRole('button', { name: 'New provider' }).click()
      const dialog = page.getByRole('dialog')
      const make = dialog.getByRole('button', { name: 'Make the provider' })
      await dialog.getByLabel('Vendor').selectOption('vllm')
      await dialog.getByLabel('Name', { exact: true }).fill('own')
      assert.equal(await make.isDisabled(), true, 'a server of its own has no known address')
      await dialog.getByLabel('Address').fill('10.0.4.17:8000')
      await dialog.getByText('Expected http:// or https:// with a host.').waitFor()
      assert.equal(await dialog.getByLabel('Address').getAttribute('aria-invalid'), 'true')
      assert.deepEqual(await axeBreaches(page), [])
      await dialog.getByLabel('Address').fill('http://10.0.4.17:8000/v1')
      await dialog.getByLabel('Key').fill('sk-secret')
      assert.equal(await dialog.getByLabel('Key').getAttribute('type'), 'password')
      const refusal = {
        error: {
          code: 'conflict',
          message: 'it exists already',
          details: { detail: 'x' },
          request_id: 'req_1',
          help: '',
        },
      }
      await page.route('**/v1/llm/providers', (route) => route.fulfill({ status: 409, json: refusal }), { times: 1 })
      await make.click()
      await dialog.getByText('Expected a name that the project does not have yet.').waitFor()
      await dialog.getByLabel('Name', { exact: true }).fill('own-2')
      await make.click()
      await dialog.waitFor({ state: 'hidden' })
      assert.deepEqual(site.server.writes, [
        'POST /v1/llm/providers {"name":"own-2","project":"default","provider":"vllm","base_url":"http://10.0.4.17:8000/v1","api_key":"sk-secret"}',
      ])
      await page.getByRole('button', { name: 'New provider' }).click()
      assert.equal(await dialog.getByLabel('Key').inputValue(), '')
    })
  },
)

test(
  'an endpoint is made of models with weights and fallbacks, and removed once that is confirmed',
  options,
  async () => {
    await open('/llm/providers', async (page) => {
      site.server.writes.length = 0
      await page.getByRole('button', { name: 'New endpoint' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Name', { exact: true }).fill('drafts')
      await dialog.getByRole('button', { name: 'Add a model' }).click()
      await dialog.getByRole('button', { name: 'Add a model' }).click()
      await dialog.getByRole('button', { name: 'Leave out model 2' }).click()
      const [first, second] = [
        dialog.getByRole('group', { name: 'Model 1' }),
        dialog.getByRole('group', { name: 'Model 2' }),
      ]
      await first.getByLabel('Provider').selectOption('openai')
      await first.getByLabel('Model there').fill('gpt-4.1-mini')
      await first.getByLabel('Weight').fill('-1')
      await first.getByText('Expected a number from 0 to 1,000,000.').waitFor()
      await first.getByLabel('Weight').fill('2')
      await second.getByLabel('Provider').selectOption('own-vllm')
      await second.getByLabel('Model there').fill('llama')
      assert.equal(await second.getByLabel('Asked').inputValue(), 'fallback')
      assert.deepEqual(await axeBreaches(page), [])
      await dialog.getByRole('button', { name: 'Make the endpoint' }).click()
      await dialog.waitFor({ state: 'hidden' })
      const row = page.locator('tr', { hasText: 'notes' }).filter({ has: page.getByRole('button', { name: 'Remove' }) })
      await row.first().getByRole('button', { name: 'Remove' }).click()
      await dialog.getByText('Calls of notes in project default are refused at once.').waitFor()
      await dialog.getByRole('button', { name: 'Remove' }).click()
      await dialog.waitFor({ state: 'hidden' })
      assert.match(site.server.writes[1] ?? '', /^DELETE \/v1\/llm\/endpoints\/lep_notes/)
      assert.equal(
        site.server.writes[0],
        'POST /v1/llm/endpoints {"name":"drafts","project":"default","models":[{"provider":"openai","model":"gpt-4.1-mini","weight":2},{"provider":"own-vllm","model":"llama","fallback":0}],"trace":true}',
      )
    })
  },
)

test('a provider that endpoints use cannot be removed, and names them', options, async () => {
  await open('/llm/providers', async (page) => {
    const row = page.locator('tr', { hasText: 'https://api.openai.com' })
    await row.getByRole('button', { name: 'Remove' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('openai is used by chat. Remove it first.').waitFor()
    assert.equal(await dialog.getByRole('button', { name: 'Remove' }).isDisabled(), true)
  })
})
