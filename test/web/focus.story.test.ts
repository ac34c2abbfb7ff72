/** The keyboard in a real browser: where the focus goes and comes back to, which keys count when. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { goBy } from './browser.ts'
import { fixtureSite } from './site.ts'

const site = fixtureSite()
const { options, open } = site

/** Where `g` and a letter lead. */
const PLACES = [
  ['h', '/', 'Home'],
  ['r', '/runs', 'Runs'],
  ['t', '/traces', 'Traces'],
  ['m', '/models', 'Models'],
  ['w', '/prompts', 'Prompts'],
  ['d', '/datasets', 'Evaluation sets'],
  ['e', '/endpoints', 'Endpoints'],
  ['o', '/monitoring', 'Monitoring'],
  ['i', '/incidents', 'Incidents'],
  ['p', '/pipelines', 'Pipelines'],
  ['q', '/queue', 'Queue'],
  ['a', '/data', 'Data sets'],
  ['u', '/features', 'Features'],
  ['b', '/partitions', 'Partitions'],
  ['f', '/triggers', 'Triggers'],
  ['y', '/studies', 'Searches'],
  ['v', '/reproductions', 'Reproductions'],
  ['c', '/cost', 'Cost'],
  ['s', '/settings', 'Settings'],
] as const

/** What the element with the focus is called. */
function focused(page: Page): Promise<string> {
  return page.evaluate<string>(
    "(document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '').trim()",
  )
}

/** Whether the element with the focus lies inside what a selector finds. */
function isInside(page: Page, selector: string): Promise<boolean> {
  return page.evaluate<boolean>(`document.activeElement?.closest('${selector}') !== null`)
}

test('g and a letter lead to every place of the rail, from wherever one is', options, async () => {
  await open('/settings', async (page) => {
    await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor()
    for (const [key, path, word] of PLACES) {
      await goBy(page, key)
      await page.waitForURL((url) => url.pathname === path)
      // the queue has a navigation of its own beside the rail
      await page.getByRole('navigation', { name: 'Main' }).locator('a[aria-current=page]', { hasText: word }).waitFor()
      await page.getByRole('heading', { name: new RegExp(`${word}$`, 'i'), level: 1 }).waitFor()
    }
  })
})

const DEAF: readonly (readonly [where: string, at: string, begin: (page: Page) => Promise<void>])[] = [
  ['in a field', '/runs', async (page) => page.getByRole('combobox', { name: 'Filter runs' }).focus()],
  ['in a list of choices', '/cost', async (page) => page.getByRole('combobox').focus()],
  ['in the help', '/models', async (page) => page.keyboard.press('?')],
  [
    'in a dialog',
    '/endpoints/flight-delay',
    async (page) => page.getByRole('button', { name: 'Roll back to version 1' }).click(),
  ],
]

for (const [where, at, begin] of DEAF) {
  test(`${where} the keys of pages do nothing`, options, async () => {
    await open(at, async (page) => {
      await page.getByRole('main').getByText(/./).first().waitFor()
      await begin(page)
      const dialogs = await page.locator('dialog[open]').count()
      for (const key of ['g', 'm', 'j', '?', 'x']) await page.keyboard.press(key)
      assert.equal(new URL(page.url()).pathname, at)
      assert.equal(await page.locator('dialog[open]').count(), dialogs)
      assert.equal(await isInside(page, '[data-row]'), false)
    })
  })
}

test('keys of the browser are left to it', options, async () => {
  await open('/models', async (page) => {
    await page.getByText('production 2').waitFor()
    const taken = await page.evaluate<boolean[]>(
      `['Alt+j', 'Control+j', 'Control+g', 'Meta+x', 'F5', 'Tab', 'Enter'].map((name) => {
        const key = name.split('+').at(-1)
        const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, altKey: name.startsWith('Alt'), ctrlKey: name.startsWith('Control'), metaKey: name.startsWith('Meta') })
        document.body.dispatchEvent(event)
        return event.defaultPrevented
      })`,
    )
    assert.deepEqual(
      taken,
      taken.map(() => false),
    )
  })
})

test('the first stop of Tab skips to the page', options, async () => {
  await open('/models', async (page) => {
    await page.getByText('production 2').waitFor()
    await page.keyboard.press('Tab')
    assert.equal(await focused(page), 'Skip to the page')
    const box = await page.locator('a.skip').boundingBox()
    assert.ok(box !== null && box.x >= 0 && box.y >= 0, 'it is in sight while it has the focus')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    assert.equal(await isInside(page, '#main'), true)
  })
})

const DIALOGS: readonly (readonly [what: string, at: string, opener: (page: Page) => Promise<void>, back: RegExp])[] = [
  [
    'an act',
    '/endpoints/flight-delay',
    async (page) => page.getByRole('button', { name: 'Roll back to version 1' }).press('Enter'),
    /^Roll back to version 1$/,
  ],
  ['the search', '/models', async (page) => page.getByRole('button', { name: /^Search/ }).press('Enter'), /^Search/],
  [
    'the help',
    '/models',
    async (page) => page.getByRole('button', { name: 'Keyboard help' }).press('Enter'),
    /Keyboard help$/,
  ],
]

for (const [what, at, opener, back] of DIALOGS) {
  test(`${what} holds the focus while it is open, and Escape gives it back`, options, async () => {
    await open(at, async (page) => {
      site.server.writes.length = 0
      await opener(page)
      await page.locator('dialog[open]').waitFor()
      assert.equal(await isInside(page, 'dialog[open]'), true)
      // the browser's own bar may come in between; what lies behind never does
      for (let i = 0; i < 8; i += 1) {
        await page.keyboard.press('Tab')
        assert.ok(
          (await isInside(page, 'dialog[open]')) ||
            (await page.evaluate<boolean>('document.activeElement === document.body')),
        )
      }
      await page.keyboard.press('Escape')
      await page.locator('dialog[open]').waitFor({ state: 'detached' })
      assert.match(await focused(page), back)
      assert.deepEqual(site.server.writes, [])
    })
  })
}

test('the search is gone through with arrows that stop at both ends, and begins anew', options, async () => {
  await open('/models', async (page) => {
    await page.getByText('production 2').waitFor()
    await page.keyboard.press('Control+k')
    const field = page.getByRole('combobox', { name: /^Search runs/ })
    await field.fill('page mo')
    const chosen = (): Promise<string | null> => page.locator('[role=option][aria-selected=true]').textContent()
    await page.getByRole('option', { name: /Models/ }).waitFor()
    const found = await page.getByRole('option').allTextContents()
    assert.deepEqual(found, ['pageModels', 'pageMonitoring'])
    for (const [key, expected] of [
      ['ArrowUp', 0],
      ['ArrowDown', 1],
      ['ArrowDown', 1],
      ['ArrowUp', 0],
    ] as const) {
      await page.keyboard.press(key)
      assert.equal(await chosen(), found[expected])
      const active = await field.getAttribute('aria-activedescendant')
      assert.equal(await page.locator(`[id="${active}"]`).textContent(), found[expected])
    }
    await page.keyboard.press('ArrowDown')
    await field.fill('page m')
    assert.equal(await chosen(), await page.getByRole('option').first().textContent(), 'from the first match')
    await page.keyboard.press('Escape')
    await page.locator('dialog[open]').waitFor({ state: 'detached' })
    await page.keyboard.press('Meta+k')
    await field.waitFor()
    // it is emptied by the frame after the one that shows it
    await field.and(page.locator('[value=""]')).waitFor()
    assert.equal(await field.inputValue(), '')
    await field.fill('page monitoring')
    // Enter takes what is shown: the list of the text before must be gone
    await page.getByRole('option', { name: /Models/ }).waitFor({ state: 'detached' })
    await page.getByRole('option', { name: /Monitoring/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL('**/monitoring')
    assert.equal(await page.locator('dialog[open]').count(), 0)
  })
})

/** Names that the registry takes, and that mean something in an address. */
const NAMES = ['100% sure', 'why?', 'a#b', 'a&b=c', '$name', 'über 漢']

test('the search leads to models of any name', options, async () => {
  const model = { description: '', created_at: '2026-05-03T10:00:00.000Z', tags: {}, aliases: {}, latest_version: null }
  const items = NAMES.map((name) => ({ ...model, name, versions: 0 }))
  await open(
    '/models',
    async (page) => {
      for (const name of NAMES) {
        await page.getByRole('heading', { level: 1 }).waitFor()
        await page.keyboard.press('Control+k')
        await page.getByRole('combobox', { name: /^Search runs/ }).fill(`model ${name}`)
        await page.getByRole('option').filter({ hasText: name }).click()
        await page.getByRole('heading', { name, level: 1, exact: true }).waitFor()
        assert.equal(decodeURIComponent(new URL(page.url()).pathname), `/models/${name}`)
      }
    },
    { prepare: (page) => page.route('**/v1/models?*', (route) => route.fulfill({ json: { items } })) },
  )
})
