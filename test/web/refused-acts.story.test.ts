/** Acts that a server refuses, leaves unanswered or takes its time for, in a real browser. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Locator, Page, Route } from 'playwright-core'
import { axeBreaches } from './browser.ts'
import { problem } from './refusals.ts'
import { fixtureSite } from './site.ts'

const site = fixtureSite()
const { options, open } = site

/** Opens the dialog of a rollback, before anything is written; gives it and its button. */
async function rollback(page: Page): Promise<{ dialog: Locator; go: Locator }> {
  const name = 'Roll back to version 1'
  site.server.writes.length = 0
  await page.getByRole('button', { name }).click()
  const dialog = page.getByRole('dialog', { name })
  return { dialog, go: dialog.getByRole('button', { name }) }
}

const WRITES: readonly (readonly [what: string, answer: (route: Route) => Promise<void>, says: string | RegExp])[] = [
  ['refused', (route) => route.fulfill(problem(409, 'conflict', 'a rollout is under way')), 'a rollout is under way'],
  [
    'forbidden',
    (route) => route.fulfill(problem(403, 'forbidden', 'your role may not deploy')),
    'your role may not deploy',
  ],
  ['not answered', (route) => route.abort('connectionrefused'), /not reach|no answer|did not answer|unreachable/i],
]

for (const [what, answer, says] of WRITES) {
  test(
    `an act that is ${what} is told where it was asked for, keeps what was typed, and can be tried again`,
    options,
    async () => {
      const api = '**/v1/endpoints/flight-delay/rollback'
      await open(
        '/endpoints/flight-delay',
        async (page) => {
          const { dialog, go } = await rollback(page)
          await dialog.getByRole('textbox').fill('complaints')
          await go.click()
          await dialog.getByRole('alert').filter({ hasText: says }).waitFor()
          assert.equal(await dialog.getByRole('textbox').inputValue(), 'complaints')
          assert.deepEqual(await axeBreaches(page), [])
          assert.deepEqual(site.server.writes, [], 'nothing was written')
          await dialog.getByRole('button', { name: 'Cancel' }).click()
          await page.getByRole('button', { name: 'Roll back to version 1' }).click()
          // an earlier failure is not told of a new try
          await dialog.getByRole('alert').waitFor({ state: 'detached' })
          await page.unroute(api)
          await go.click()
          await dialog.waitFor({ state: 'hidden' })
          assert.equal(site.server.writes.length, 1)
        },
        { prepare: (page) => page.route(api, answer) },
      )
    },
  )
}

test('an act that takes its time cannot be asked for twice', options, async () => {
  let answer = (): void => undefined
  const held = new Promise<void>((resolve) => (answer = resolve))
  await open(
    '/endpoints/flight-delay',
    async (page) => {
      const { dialog, go } = await rollback(page)
      await go.click()
      const working = dialog.getByRole('button', { name: 'Working' })
      await working.waitFor()
      assert.equal(await working.isDisabled(), true)
      await dialog.getByRole('textbox').press('Enter')
      answer()
      await dialog.waitFor({ state: 'hidden' })
      assert.equal(site.server.writes.length, 1)
    },
    { prepare: (page) => page.route('**/flight-delay/rollback', (route) => held.then(() => route.fallback())) },
  )
})

test('a tag that is refused stays in its fields until it is set', options, async () => {
  let refused = true
  const answer = (route: Route): Promise<void> =>
    refused
      ? route.fulfill({ status: 400, json: { error_code: 'INVALID_PARAMETER_VALUE', message: 'the key is taken' } })
      : route.fulfill({ json: {} })
  await open(
    '/runs/00019c1f4be27a60b3d85c14',
    async (page) => {
      const [key, value] = [page.getByLabel('Key', { exact: true }), page.getByLabel('Value', { exact: true })]
      const set = page.getByRole('button', { name: 'Set tag', exact: true })
      await key.fill('team')
      await value.fill('red = blue')
      await set.click()
      await page.getByRole('alert').filter({ hasText: 'the key is taken' }).waitFor()
      assert.deepEqual([await key.inputValue(), await value.inputValue()], ['team', 'red = blue'])
      refused = false
      await set.click()
      await page.getByRole('alert').waitFor({ state: 'detached' })
      // emptied once what is shown was read again
      for (const field of [key, value]) await field.and(page.locator('[value=""]')).waitFor()
    },
    { prepare: (page) => page.route('**/mlflow/runs/set-tag', answer) },
  )
})

test('what was chosen to be watched stays when the server refuses it, and until it answers', options, async () => {
  await open('/monitoring/flights', async (page) => {
    const answer = Promise.withResolvers<void>()
    await page.route('**/v1/endpoints/flights/monitor', async (route) => {
      if (route.request().method() !== 'PUT') return route.fallback()
      await answer.promise
      return route.abort()
    })
    await page.getByLabel('Saved search').selectOption('best-of-week')
    await page.getByRole('button', { name: 'Watch', exact: true }).click()
    await page.getByRole('button', { name: 'Watch', exact: true, disabled: true }).waitFor()
    assert.equal(await page.getByLabel('Saved search').inputValue(), 'best-of-week', 'before the answer')
    answer.resolve()
    await page.getByRole('alert').waitFor()
    assert.equal(await page.getByLabel('Saved search').inputValue(), 'best-of-week', 'after a refusal')
  })
})
