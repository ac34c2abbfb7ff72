/** Weaker gates that wait, on the pages of a model and of a version: seen by everybody, accepted by an admin with a reason. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { axeBreaches, fits, keepPicture, SCHEMES, SIZES } from './browser.ts'
import { logRun, realSite, whoIsKnown } from './real-app.ts'

const site = realSite()

const WEAKER = ['{metric: auc, at_least: 0.8} becomes {metric: auc, at_least: 0.5}', '{scan: clean} is gone']

/** Has the page find gates that wait, until the server has answered a change of them. */
async function waits(page: Page): Promise<void> {
  const gates = [{ metric: 'auc', at_least: 0.5 }]
  const asked = { gates, weaker: WEAKER, version: '1', at: new Date().toISOString(), by: 'cora' }
  const policy = { model: 'held', gates: [], project_gates: [], asked, require_signature: false, keys: [] }
  const body = JSON.stringify({ ...policy, updated_at: null, updated_by: null })
  await page.route('**/v1/models/held/policy', (route) => route.fulfill({ body, contentType: 'application/json' }))
}

test('weaker gates are told on both pages, and only an admin is offered to accept them', site.options, async () => {
  const run = await logRun(site.app, { name: 'maker' })
  await site.app.mlflow('registered-models/create', { name: 'held' })
  await site.app.mlflow('model-versions/create', { name: 'held', source: `runs:/${run}/model`, run_id: run })
  const button = { name: 'Accept the weaker gates' }
  for (const role of ['contributor', 'maintainer', 'admin'] as const) {
    await site.app.look(role, '/', async (page) => {
      await waits(page)
      for (const [name, path] of [
        ['model', '/models/held'],
        ['version', '/models/held/versions/1'],
      ] as const) {
        await page.goto(`${site.app.url}${path}`)
        for (const one of WEAKER) await page.getByText(one).waitFor()
        await page.getByText('registered by cora').waitFor()
        // who looks is asked for beside the gates, and may be answered after them
        await whoIsKnown(page, role)
        assert.equal(await page.getByRole('button', button).count(), role === 'admin' ? 1 : 0, `${role} on ${path}`)
        if (role !== 'admin') continue
        for (const colorScheme of SCHEMES)
          for (const { name: size, width, height } of SIZES) {
            await page.emulateMedia({ colorScheme })
            await page.setViewportSize({ width, height })
            await fits(page)
            assert.deepEqual(await axeBreaches(page), [])
            await keepPicture(page, `asked-gates-${name}-${colorScheme}-${size}`)
          }
      }
    })
  }
})

test('an admin accepts them with a reason, and they are no longer shown', site.options, async () => {
  await site.app.look('admin', '/', async (page) => {
    await waits(page)
    await page.goto(`${site.app.url}/models/held`)
    await page.getByRole('button', { name: 'Accept the weaker gates' }).click()
    const dialog = page.getByRole('dialog')
    assert.ok(await dialog.getByRole('button', { name: 'Accept the weaker gates' }).isDisabled(), 'a reason is needed')
    await dialog.getByRole('textbox').fill('the data got harder')
    await page.unroute('**/v1/models/held/policy')
    await dialog.getByRole('button', { name: 'Accept the weaker gates' }).click()
    await page.getByText('weaker gates are asked for').waitFor({ state: 'detached' })
    const read = "fetch('/v1/models/held/policy').then((reply) => reply.json())"
    const { project_gates } = await page.evaluate<{ project_gates: unknown }>(read)
    assert.deepEqual(project_gates, [{ metric: 'auc', at_least: 0.5 }])
  })
})
