/** Acts that a server refuses, leaves unanswered or takes its time for, in a real browser. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Route } from 'playwright-core'
import { axeBreaches } from './browser.ts'
import { problem } from './refusals.ts'
import { fixtureSite } from './site.ts'

const site = fixtureSite()
const { options, open } = site

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
          site.server.writes.length = 0
          await page.getByRole('button', { name: 'Roll back to version 1' }).click()
          const dialog = page.getByRole('dialog', { name: 'Roll back to version 1' })
          await dialog.getByRole('textbox').fill('complaints')
          const go = dialog.getByRole('button', { name: 'Roll back to version 1' })
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
      site.server.writes.length = 0
      await page.getByRole('button', { name: 'Roll back to version 1' }).click()
      const dialog = page.getByRole('dialog', { name: 'Roll back to version 1' })
      await dialog.getByRole('button', { name: 'Roll back to version 1' }).click()
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
