/** Pages of a server on which nothing has happened, in a real browser: each says what it is for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { axeBreaches, keepPicture } from '../browser.ts'
import { pageSite } from './pages.cases.ts'

/** Pages of a server on which nothing has happened. */
const EMPTY: readonly (readonly [path: string, text: string])[] = [
  ['/', './slipway demo'],
  ['/runs', 'eval "$(slipway env)"'],
  ['/traces', 'No traces yet'],
  ['/models', 'No models yet'],
  ['/endpoints', 'No endpoints yet'],
  ['/monitoring', 'No monitors yet'],
  ['/incidents', 'No incidents'],
  ['/pipelines', 'No pipeline runs yet'],
  ['/queue', 'Nothing waits'],
  ['/data', 'No data sets yet'],
  ['/features', 'slipway features apply'],
  ['/features/look-up', 'No feature services in project default yet'],
  ['/pools', 'No pools yet'],
  ['/clusters', 'No clusters yet'],
  ['/llm', 'No language models yet'],
  ['/llm/keys', 'No budgets yet'],
  ['/llm/providers', 'No providers yet'],
  ['/llm/playground', 'slipway llm endpoints add'],
  ['/cost', 'Nothing has been metered yet'],
]

const site = pageSite({ empty: true })

for (const [path, text] of EMPTY)
  test(`${path} of an empty server explains itself`, site.options, async () => {
    await site.look(path, { width: 390, height: 844 }, async (page) => {
      await page.getByText(text).first().waitFor()
      await keepPicture(page, `empty${path.replaceAll('/', '-')}`)
      assert.deepEqual(await axeBreaches(page), [])
    })
  })

site.repliesCase()
