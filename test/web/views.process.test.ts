/** What people do with what a page shows, in a real browser: narrow, ask and fold; and what does not exist. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { axeBreaches } from './browser.ts'
import { fixtureSite } from './site.ts'

const site = fixtureSite()
const { options, open } = site

test('a choice of step or feature is in the address', options, async () => {
  await open('/pipelines/run_01k2b9d', async (page) => {
    await page.locator('.graph a', { hasText: 'train' }).click()
    await page.getByText('Its input features changed').waitFor()
    assert.match(page.url(), /step=train/)
  })
  await open('/monitoring/flight-delay', async (page) => {
    await page.getByRole('button', { name: 'dewp' }).click()
    await page.getByText('Feature dewp').waitFor()
    assert.match(page.url(), /feature=dewp/)
  })
})

test('a row is taken, changed, asked, and a wrong value is named before', options, async () => {
  await open('/endpoints/flight-delay', async (page) => {
    site.server.writes.length = 0
    await page.getByLabel('temp', { exact: true }).fill('warm')
    await page.getByText('not a number').waitFor()
    assert.equal(await page.getByRole('button', { name: 'Predict', exact: true }).isDisabled(), true)
    await page.getByRole('button', { name: 'Fill from the latest prediction' }).click()
    await page.getByText('not a number').waitFor({ state: 'detached' })
    await page.getByLabel('dep_hour', { exact: true }).fill('14')
    await page.getByLabel('carrier', { exact: true }).fill('UA')
    await page.getByRole('button', { name: 'Predict', exact: true }).click()
    await page.getByText('answered with 200').waitFor()
    await page.getByText('0.2731').waitFor()
    assert.match(
      site.server.writes[0] ?? '',
      /^POST \/v1\/endpoints\/flight-delay\/try \{"inputs":\{.*"dep_hour":14,.*"carrier":"UA"/,
    )
    await page.getByText('As a command').click()
    await page.getByText(/slipway predict flight-delay .*"dep_hour":14,.*"carrier":"UA"/).waitFor()
  })
})

test('a cell of the map sets the feature and the window below, by keyboard too', options, async () => {
  await open('/monitoring/flight-delay', async (page) => {
    await page.locator('.heat tbody tr', { hasText: 'dewp' }).locator('td').nth(10).click()
    await page.getByText('Feature dewp').waitFor()
    const first = new URL(page.url()).searchParams
    assert.equal(Date.parse(first.get('until') ?? '') - Date.parse(first.get('since') ?? ''), 86_400_000)
    await page.getByRole('button', { name: 'Later' }).press('Enter')
    await page.waitForURL((url) => url.searchParams.get('since') === first.get('until'))
    await page.getByRole('button', { name: 'Whole range' }).click()
    await page.getByText('Select a cell of the map to narrow it.').waitFor()
    assert.equal(new URL(page.url()).searchParams.get('since'), null)
  })
})

test('spans fold, and one tells what went in and out', options, async () => {
  await open('/traces/tr-2', async (page) => {
    await page.getByRole('button', { name: 'write the answer', exact: true }).click()
    await page.getByText('Yes, by 20 minutes.').waitFor()
    assert.match(page.url(), /span=s3/)
    await page.getByRole('button', { name: 'Hide what is inside answer' }).click()
    await page.getByRole('button', { name: 'write the answer', exact: true }).waitFor({ state: 'detached' })
  })
})

test('what does not exist is said with its request and a way to try again', options, async () => {
  await open('/incidents/none', async (page) => {
    await page.getByText('"/v1/incidents/none" does not exist').waitFor()
    await page.getByText('req_1').waitFor()
    await page.getByRole('button', { name: 'Try again' }).click()
    assert.deepEqual(await axeBreaches(page), [])
  })
  await open('/nowhere/at/all', async (page) => {
    await page.getByText('No such page').waitFor()
  })
})
