/** Pages on a server that refuses, breaks, is slow or gone, in a real browser: what they say, what they keep, how they come back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page, Route } from 'playwright-core'
import { axeBreaches } from './browser.ts'
import { problem } from './refusals.ts'
import { fixtureSite } from './site.ts'

const { options, open } = fixtureSite()

interface Refusal {
  readonly what: string
  readonly answer: (route: Route) => Promise<void>
  readonly says: RegExp
  /** How often it is asked before that is said. */
  readonly asked: number
  /** False where trying again would change nothing. */
  readonly again: boolean
}

const REFUSALS: readonly Refusal[] = [
  {
    what: 'forbidden',
    answer: (route) => route.fulfill(problem(403, 'forbidden', 'your role viewer may not read this')),
    says: /could not be loaded.*your role viewer may not read this.*Ask an admin\..*Request req_9/,
    asked: 1,
    again: true,
  },
  {
    what: 'not there',
    answer: (route) => route.fulfill(problem(404, 'not_found', 'there is none')),
    says: /could not be loaded.*there is none/,
    asked: 1,
    again: true,
  },
  {
    what: 'unknown to the server',
    answer: (route) => route.fulfill(problem(404, 'no_route', 'no such route')),
    says: /This server does not offer the /,
    asked: 1,
    again: false,
  },
  {
    what: 'broken',
    answer: (route) => route.fulfill(problem(500, 'internal', 'something broke')),
    says: /could not be loaded.*something broke.*Request req_9/,
    asked: 1,
    again: true,
  },
  {
    what: 'a page of a proxy, again and again',
    answer: (route) => route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' }),
    says: /could not be loaded/,
    asked: 3,
    again: true,
  },
  {
    what: 'offline, again and again',
    answer: (route) => route.abort('internetdisconnected'),
    says: /could not be loaded/,
    asked: 3,
    again: true,
  },
]

/** Pages with the one address that they cannot do without, and a text of their data. */
const PAGES: readonly (readonly [path: string, api: string, text: string])[] = [
  ['/models', '**/v1/models?*', 'production 2'],
  ['/endpoints/flight-delay', '**/v1/endpoints/flight-delay', 'Version 2 serves 75 % of the traffic'],
  ['/incidents', '**/v1/incidents?*', 'Temperature and dew point arrive'],
  ['/pipelines', '**/v1/pipeline-runs?*', 'train failed'],
  ['/cost', '**/v1/cost?*', 'Per 1,000 predictions'],
]

for (const [i, refusal] of REFUSALS.entries()) {
  const [path, api, text] = PAGES[i % PAGES.length] ?? ['/', '', '']
  test(`${path} says that what it needs is ${refusal.what}, and shows it once it is there`, options, async () => {
    let asked = 0
    const prepare = (page: Page): Promise<unknown> =>
      page.route(api, (route) => {
        asked += 1
        return refusal.answer(route)
      })
    await open(
      path,
      async (page) => {
        const panel = page
          .getByRole('main')
          .locator(refusal.again ? '.failure' : '.empty')
          .first()
        await panel.waitFor()
        assert.match((await panel.textContent()) ?? '', refusal.says)
        const before = asked
        assert.ok(before >= refusal.asked && before <= refusal.asked + 1, `asked ${before} times`)
        assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1)
        assert.deepEqual(await axeBreaches(page), [])
        await page.unroute(api)
        if (!refusal.again)
          return assert.equal(await page.getByRole('main').getByRole('button', { name: 'Try again' }).count(), 0)
        await page.getByRole('main').getByRole('button', { name: 'Try again' }).first().press('Enter')
        await page.getByText(text).first().waitFor()
        await page.locator('.failure').waitFor({ state: 'detached' })
      },
      { prepare },
    )
  })
}

test('a server that answers at the third time is waited for without a word of failure', options, async () => {
  let asked = 0
  const prepare = (page: Page): Promise<unknown> =>
    page.route('**/v1/models?*', (route) => {
      asked += 1
      return asked < 3 ? route.fulfill({ status: 503, body: '' }) : route.fallback()
    })
  await open(
    '/models',
    async (page) => {
      const failed = page
        .locator('.failure')
        .waitFor()
        .then(() => 'failed')
      const shown = page
        .getByText('production 2')
        .waitFor()
        .then(() => 'shown')
      failed.catch(() => undefined)
      assert.equal(await Promise.race([failed, shown]), 'shown')
      assert.equal(asked, 3)
    },
    { prepare },
  )
})

test('while the server is slow the page has its title, says that it loads, and can be left', options, async () => {
  let answer = (): void => undefined
  const held = new Promise<void>((resolve) => (answer = resolve))
  const prepare = (page: Page): Promise<unknown> =>
    page.route('**/v1/pipeline-runs?*', (route) => held.then(() => route.fallback()))
  await open(
    '/pipelines',
    async (page) => {
      await page.getByRole('heading', { name: 'Pipelines', level: 1 }).waitFor()
      await page
        .getByRole('main')
        .getByRole('status')
        .filter({ hasText: 'Loading' })
        .first()
        .waitFor({ state: 'attached' })
      assert.deepEqual(await axeBreaches(page), [])
      await page.getByRole('link', { name: 'Models' }).click()
      await page.getByText('production 2').waitFor()
      await page.goBack()
      answer()
      await page.getByText('train failed').first().waitFor()
      // the line of steps above the runs is an answer of its own
      await page.getByRole('main').getByText('Loading').first().waitFor({ state: 'detached' })
    },
    { prepare },
  )
})

test('a reply that is not as the contract says breaks the page and not the frame', options, async () => {
  const prepare = (page: Page): Promise<unknown> =>
    page.route('**/v1/models?*', (route) => route.fulfill({ json: { items: [{ name: 'm' }] } }))
  await open(
    '/models',
    async (page) => {
      await page.getByRole('heading', { name: 'This page failed', level: 1 }).waitFor()
      await page.getByRole('alert').waitFor()
      assert.deepEqual(await axeBreaches(page), [])
      await page.getByRole('link', { name: 'Incidents' }).click()
      await page.getByText('Temperature and dew point arrive').first().waitFor()
    },
    { prepare },
  )
})

test('a session that has ended leads to the login and back to the same page', options, async () => {
  let loggedIn = false
  const prepare = (page: Page): Promise<unknown> =>
    page.route('**/v1/**', (route) =>
      loggedIn ? route.fallback() : route.fulfill(problem(401, 'unauthenticated', 'no session')),
    )
  await open(
    '/incidents?state=open',
    async (page) => {
      await page.waitForURL(/\/login\?back=/)
      await page.getByText('slipway env --link').first().waitFor()
      assert.equal(await page.getByRole('navigation').count(), 0, 'no frame around the login')
      assert.deepEqual(await axeBreaches(page), [])
      assert.equal(new URL(page.url()).searchParams.get('back'), '/incidents?state=open')
      loggedIn = true
      await page.reload()
      await page.locator('a[href="/incidents?state=open"]').click()
      await page.waitForURL('**/incidents?state=open')
      await page.getByText('Temperature and dew point arrive').first().waitFor()
    },
    { prepare },
  )
})

test('a lost connection is told, and what was missed is read when it is back', options, async () => {
  let lost = true
  await open(
    '/models',
    async (page) => {
      await page.getByText('The connection to the server is lost').waitFor()
      await page.getByText('production 2').waitFor()
      assert.deepEqual(await axeBreaches(page), [])
      const again = page.waitForRequest((request) => request.url().includes('/v1/models?'))
      lost = false
      await page.getByText('The connection to the server is lost').waitFor({ state: 'detached' })
      await again
    },
    {
      prepare: (page) =>
        page.route('**/v1/changes', (route) => (lost ? route.abort('connectionreset') : route.fallback())),
    },
  )
})
