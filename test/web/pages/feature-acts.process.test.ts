/** What people do on the pages of features, in a real browser: find, look up, materialise. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixtureSite } from '../site.ts'

const site = fixtureSite()
const { options, open } = site

/** How often the page has asked for what begins like this. */
function counted(urls: readonly string[], path: string): number {
  return urls.filter((url) => new URL(url).pathname === path).length
}

test(
  'the catalogue is searched as one types, by features too; the address keeps it, and nothing is asked again',
  options,
  async () => {
    const asked: string[] = []
    await open(
      '/features',
      async (page) => {
        const rows = page.locator('tbody tr')
        await page.getByRole('link', { name: 'customer_trips' }).waitFor()
        assert.equal(await rows.count(), 4)
        await page.getByLabel('Find features').fill('TICKETS')
        await page.getByRole('link', { name: 'customer_trips' }).waitFor({ state: 'detached' })
        assert.equal(await rows.count(), 1)
        await page.getByText('tickets_30d').waitFor()
        await page.getByRole('link', { name: 'Services 1' }).click()
        await page.waitForURL((url) => url.searchParams.get('show') === 'services')
        assert.equal(new URL(page.url()).searchParams.get('find'), 'TICKETS')
        await page.getByRole('link', { name: 'no_show' }).waitFor()
        await page.getByLabel('Find features').fill('nobody has this')
        await page.getByText('No feature services match “nobody has this”').waitFor()
        assert.equal(counted(asked, '/v1/features'), 1)
        assert.equal(counted(asked, '/v1/feature-jobs'), 1, 'one list of jobs for all rows')
      },
      { prepare: async (page) => page.on('request', (request) => asked.push(request.url())) },
    )
  },
)

test('an entity is looked up with whole numbers of 64 bits, and the address asks again', options, async () => {
  await open('/features/look-up', async (page) => {
    site.server.writes.length = 0
    await page.getByLabel('customer_id').fill('9007199254740993')
    await page.getByLabel('fare (of the request)').fill('dear')
    await page.getByText('Expected a number').waitFor()
    assert.equal(await page.getByRole('button', { name: 'Look up', exact: true }).isDisabled(), true)
    await page.getByLabel('fare (of the request)').fill('')
    await page.getByLabel('origin', { exact: true }).fill('JFK')
    await page.getByLabel('origin', { exact: true }).press('Enter')
    await page.getByText('no_show sees 2 of 9 values of customer_id 9007199254740993, origin JFK').waitFor()
    const wanted =
      'POST /v1/features:read {"service":"no_show","entities":[{"customer_id":9007199254740993,"origin":"JFK","fare":null}]}'
    assert.deepEqual(site.server.writes, [wanted])
    assert.equal(await page.evaluate('document.activeElement.value'), 'JFK', 'the focus stays where one types')
    const mood = page.getByRole('row', { name: /mood_last/ })
    assert.match(await mood.innerText(), /null\s+expired\s+Expired\. Its row of .* is 9 d old, and counts for 7 d\./)
    assert.match(await page.getByRole('row', { name: /wind_kt/ }).innerText(), /not found\s+Not found\./)
    await page.reload()
    await page.getByText('no_show sees 2 of 9 values').waitFor()
    assert.deepEqual(site.server.writes, [wanted, wanted])
    await page.getByRole('button', { name: 'Read again' }).click()
    await page.getByText(/curl .*\/v1\/features:read/).waitFor()
    await page.getByLabel('origin', { exact: true }).fill('EWR')
    await page.getByLabel('origin', { exact: true }).press('Enter')
    await page.getByText('origin EWR').waitFor()
    await page.goBack()
    await page.getByText('of customer_id 9007199254740993, origin JFK').waitFor()
    assert.equal(await page.getByLabel('origin', { exact: true }).inputValue(), 'JFK')
  })
})

test(
  'a moment is looked up beside now, and the address asks again; a call that nobody waits for is given up',
  options,
  async () => {
    const entity = encodeURIComponent(JSON.stringify({ customer_id: '1001', origin: 'JFK' }))
    await open(`/features/look-up?service=no_show&entity=${entity}`, async (page) => {
      await page.getByText('no_show sees 2 of 9 values').waitFor()
      site.server.writes.length = 0
      const moment = page.getByLabel('now, and at (UTC)')
      await moment.fill('soon')
      await page.getByText('Expected a time in UTC, for example 2026-05-03 10:00').waitFor()
      assert.equal(await page.getByRole('button', { name: 'Look up', exact: true }).isDisabled(), true)
      await moment.fill('2024-05-03 10:00')
      await moment.press('Enter')
      await page.getByText('no_show saw 6 of 9 values of customer_id 1001, origin JFK').waitFor()
      const asked = '"service":"no_show","entities":[{"customer_id":1001,"origin":"JFK","fare":null}]'
      assert.deepEqual(site.server.writes, [`POST /v1/features:look-up {${asked},"at":"2024-05-03 10:00"}`])
      assert.equal(new URL(page.url()).searchParams.get('at'), '2024-05-03 10:00')
      const trips = page.getByRole('row', { name: /trips_30d/ })
      assert.match(await trips.innerText(), /4\s+3\s+Changed\. Another row is seen now, of /)
      await page.reload()
      await page.getByText('no_show saw 6 of 9 values').waitFor()
      // nothing answers from here on
      await page.route('**/v1/features:look-up', () => undefined)
      const gone = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/v1/features:look-up'))
      await moment.fill('2024-05-04')
      await moment.press('Enter')
      await page.getByText('two minutes at most').waitFor()
      await page.getByRole('link', { name: 'Features' }).first().click()
      assert.match((await gone).failure()?.errorText ?? '', /ABORTED/)
    })
  },
)

test('a view is materialised in the version that is shown, after one question', options, async () => {
  await open('/features/views/customer_trips?version=2', async (page) => {
    site.server.writes.length = 0
    await page.getByRole('button', { name: 'Materialise version 2' }).click()
    await page.getByText('Reads the source of customer_trips@2').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Materialise version 2' }).click()
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    assert.deepEqual(site.server.writes, ['POST /v1/features/views/customer_trips/materialise {"version":2}'])
  })
})

test('a view whose rows are pushed has nothing to materialise, and says so', options, async () => {
  await open('/features/views/customer_loyalty', async (page) => {
    await page.getByText('It has no source to read: its rows are pushed.').waitFor()
    assert.equal(await page.getByRole('button', { name: 'Materialise' }).isDisabled(), true)
    await page.getByText('Nothing to materialise').waitFor()
  })
})
