/** Home in a real browser, where more happened than a page of a list holds. */
import { test } from 'node:test'
import { fixtureSite } from './site.ts'

const { options, open } = fixtureSite()

test('Home names a rollout that waits behind more than twenty newer ones', options, async () => {
  await open('/', async (page) => {
    await page.route('**/v1/rollouts?*', async (route) => {
      const reply = await route.fetch()
      const { items } = (await reply.json()) as { items: { id: string; endpoint: string }[] }
      const [one] = items
      const under = route.request().url().includes('under_way=true')
      const waiting = { ...one, id: 'rol_old', endpoint: 'forgotten', state: 'paused', finished_at: null }
      const ended = Array.from({ length: 20 }, (_, i) => ({ ...one, id: `rol_${i}`, state: 'promoted', awaits: null }))
      await route.fulfill({ json: { items: under ? [waiting] : ended } })
    })
    await page.goto(new URL('/', page.url()).href)
    await page
      .getByText(/forgotten/)
      .first()
      .waitFor()
  })
})
