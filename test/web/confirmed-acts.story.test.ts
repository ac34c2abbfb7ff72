/** Acts on endpoints and incidents, in a real browser: each shows what it will do, and happens only after it was confirmed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { axeBreaches } from './browser.ts'
import { fixtureSite } from './site.ts'

const site = fixtureSite()
const { options, open } = site

/** Presses the button of an act; gives the dialog that it opens, which has the act's name. */
async function dialogOf(page: Page, name: string): Promise<Locator> {
  await page.getByRole('button', { name, exact: true }).click()
  return page.getByRole('dialog', { name })
}

/** Presses the button of a dialog and waits until it is gone. */
async function closeBy(dialog: Locator, name: string): Promise<void> {
  await dialog.getByRole('button', { name }).click()
  await dialog.waitFor({ state: 'hidden' })
}

test('a rollback shows what it will do and happens only after it was confirmed', options, async () => {
  await open('/endpoints/flight-delay', async (page) => {
    site.server.writes.length = 0
    const dialog = await dialogOf(page, 'Roll back to version 1')
    await dialog.getByText('Version 1 gets 100 % of the traffic within 1 s').waitFor()
    assert.deepEqual(site.server.writes, [])
    assert.deepEqual(await axeBreaches(page), [])
    await dialog.getByRole('textbox').fill('complaints from the desk')
    await dialog.getByRole('button', { name: 'Roll back to version 1' }).click()
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    assert.deepEqual(site.server.writes, [
      'POST /v1/endpoints/flight-delay/rollback {"reason":"complaints from the desk"}',
    ])
  })
})

test('an approval and a promotion in a freeze say what they do, and the freeze is lifted', options, async () => {
  await open('/endpoints/iris', async (page) => {
    site.server.writes.length = 0
    const approve = await dialogOf(page, 'Approve promotion')
    await approve.getByText('the plan requires the approval of an admin before promotion').waitFor()
    assert.equal(await approve.getByRole('button', { name: 'Approve promotion' }).isDisabled(), true)
    await approve.getByRole('textbox').fill('seen the figures')
    assert.deepEqual(await axeBreaches(page), [])
    await closeBy(approve, 'Approve promotion')
    const promote = await dialogOf(page, 'Promote')
    await promote.getByText('iris is frozen by ada until it is lifted: end of quarter.').waitFor()
    await promote.getByRole('textbox').fill('a fix')
    assert.equal(await promote.getByRole('button', { name: 'Promote' }).isDisabled(), true)
    await promote.getByRole('checkbox').check()
    assert.deepEqual(await axeBreaches(page), [])
    await closeBy(promote, 'Promote')
    await closeBy(await dialogOf(page, 'Lift the freeze'), 'Lift the freeze')
    assert.deepEqual(site.server.writes, [
      'POST /v1/rollouts/ro_3/actions {"action":"approve","reason":"seen the figures"}',
      'POST /v1/rollouts/ro_3/actions {"action":"promote","reason":"a fix","override_freeze":true}',
      'DELETE /v1/endpoints/iris/freeze ',
    ])
  })
})

test('a version is deployed in a freeze only by who says so, with a reason', options, async () => {
  await open('/endpoints/iris', async (page) => {
    site.server.writes.length = 0
    const dialog = await dialogOf(page, 'Deploy a version')
    await dialog.getByText('iris is frozen by ada').waitFor()
    await dialog.getByLabel('Version').selectOption('3')
    const go = dialog.getByRole('button', { name: 'Deploy a version' })
    await dialog.getByRole('checkbox').check()
    assert.equal(await go.isDisabled(), true, 'a reason is missing')
    await dialog.getByRole('textbox').fill('the night shift waits')
    assert.deepEqual(await axeBreaches(page), [])
    await go.click()
    await dialog.waitFor({ state: 'hidden' })
    assert.deepEqual(site.server.writes, [
      'POST /v1/endpoints/iris/deploy {"version":"3","reason":"the night shift waits","override_freeze":true}',
    ])
  })
})

test('a version is put behind a new endpoint, whose name nobody has, with its monitor', options, async () => {
  await open('/models/flight-delay/versions/3', async (page) => {
    site.server.writes.length = 0
    const dialog = await dialogOf(page, 'New endpoint')
    const go = dialog.getByRole('button', { name: 'New endpoint' })
    assert.equal(await dialog.getByLabel('Name').inputValue(), 'flight-delay')
    await dialog.getByText('There is an endpoint of this name.').waitFor()
    assert.equal(await go.isDisabled(), true)
    await dialog.getByLabel('Name').fill('night-flights')
    await dialog.getByLabel('Labels arrive within').fill('12h')
    assert.deepEqual(await axeBreaches(page), [])
    await go.click()
    await page.waitForURL('**/endpoints/night-flights')
    assert.deepEqual(site.server.writes, [
      'PUT /v1/endpoints/night-flights {"project":"default","model":"flight-delay","monitor":{"labels":{"delay":"12h"}}}',
      'POST /v1/endpoints/night-flights/deploy {"version":"3"}',
    ])
  })
})

test('a new endpoint whose version is refused is taken away again, and the dialog says why', options, async () => {
  await open('/models/flight-delay/versions/3', async (page) => {
    site.server.writes.length = 0
    const error = { code: 'unprocessable', message: 'it has no files', details: {}, help: '', request_id: 'r' }
    await page.route('**/v1/endpoints/night-flights/deploy', (route) => route.fulfill({ status: 422, json: { error } }))
    await page.route('**/v1/endpoints/night-flights', (route) =>
      route.request().method() === 'GET'
        ? route.fulfill({ json: { name: 'night-flights', variants: [] } })
        : route.continue(),
    )
    const dialog = await dialogOf(page, 'New endpoint')
    await dialog.getByLabel('Name').fill('night-flights')
    await dialog.getByRole('button', { name: 'New endpoint' }).click()
    await dialog.getByText('it has no files').waitFor()
    assert.equal(site.server.writes.at(-1), 'DELETE /v1/endpoints/night-flights ')
  })
})

test('endpoints are frozen and freed from their list; who may not sees no act', options, async () => {
  await open('/endpoints', async (page) => {
    site.server.writes.length = 0
    const dialog = await dialogOf(page, 'Freeze an endpoint')
    await dialog.getByLabel('Endpoint').selectOption('flight-delay')
    await dialog.getByLabel('Until').fill('2030-01-02T10:00')
    await dialog.getByLabel('Reason').fill('audit')
    assert.deepEqual(await axeBreaches(page), [])
    await closeBy(dialog, 'Freeze an endpoint')
    await closeBy(await dialogOf(page, 'Lift the freeze of iris'), 'Lift the freeze of iris')
    assert.deepEqual(site.server.writes, [
      'PUT /v1/endpoints/flight-delay/freeze {"reason":"audit","until":"2030-01-02T10:00:00.000Z"}',
      'DELETE /v1/endpoints/iris/freeze ',
    ])
    await page.route('**/v1/me', (route) =>
      route.fulfill({ json: { id: 'u', name: 'vera', role: 'viewer', project: null } }),
    )
    await page.reload()
    await page.getByText('vera · viewer').waitFor()
    await page.getByText('end of quarter').waitFor()
    assert.equal(await page.getByRole('button', { name: /freeze/i }).count(), 0)
  })
})

test('a false alarm needs a reason, and cancelling does nothing', options, async () => {
  await open('/incidents/inc_1', async (page) => {
    site.server.writes.length = 0
    const dialog = await dialogOf(page, 'False alarm')
    await dialog.getByText('the limits of its checks rise').waitFor()
    assert.equal(await dialog.getByRole('button', { name: 'False alarm' }).isDisabled(), true)
    await closeBy(dialog, 'Cancel')
    assert.deepEqual(site.server.writes, [])
  })
})

test('a saved search is watched with a number of runs, and no more', options, async () => {
  await open('/monitoring/flights', async (page) => {
    site.server.writes.length = 0
    await page.getByText('at most 2 runs').waitFor()
    await page.getByLabel('Saved search').selectOption('best-of-week')
    await page.getByLabel('may find at most').fill('3')
    await page.getByRole('button', { name: 'Watch', exact: true }).click()
    await page.getByLabel('Saved search').and(page.locator('select:has(option:checked[value=""])')).waitFor()
    const stopped = page.waitForResponse((response) => response.request().method() === 'PUT')
    await page.getByRole('button', { name: 'Stop watching nightly' }).click()
    await stopped
    const bodies = site.server.writes.map(
      (write) => JSON.parse(write.slice(write.indexOf('{'))) as { searches: unknown },
    )
    assert.match(site.server.writes[0] ?? '', /^PUT \/v1\/endpoints\/flights\/monitor /)
    assert.deepEqual(bodies[0]?.searches, [
      { search: 'nightly', more_than: 2 },
      { search: 'best-of-week', more_than: 3 },
    ])
    assert.deepEqual(bodies[1]?.searches, [])
  })
})
