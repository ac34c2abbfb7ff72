/** Searches that a monitor watches: how each is named, which can still be added, and who may change them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { markupOf, textOf } from '../../../test/web/components.ts'
import type { Surroundings } from '../../../test/web/components.ts'

const view = (id: string, name: string) => ({
  id,
  name,
  experiment_ids: [],
  filter: `tags.n = '${name}'`,
  order_by: [],
  columns: [],
  grouping: null,
})
const SAVED = [view('srch_1', 'nightly'), view('srch_2', 'best')]

function panel(
  searches: readonly object[],
  role: Surroundings['role'] = 'maintainer',
  saved: readonly object[] = SAVED,
): Promise<string> {
  return markupOf(
    'monitoring/watched-searches',
    'WatchedSearches',
    { endpoint: 'e', settings: { searches } },
    {
      role,
      data: [[['runs', 'views'], { items: saved }]],
    },
  )
}

const choices = (html: string): (string | undefined)[] =>
  [...html.matchAll(/<option(?! value="")[^>]*>(.*?)<\/option>/g)].map(([, name]) => name)

const WATCHED: readonly (readonly [search: string, left: readonly string[], line: RegExp])[] = [
  ['nightly', ['best'], /^nightly ?at most 2 runs Stop watching nightly/],
  // the program and the project file may name a search by its id
  ['srch_1', ['best'], /^nightly ?at most 2 runs Stop watching nightly/],
  ['gone', ['nightly', 'best'], /^gone ?at most 2 runs Stop watching gone/],
]

for (const [search, left, line] of WATCHED) {
  test(`a search that is watched as ${search} is told by its name and not offered again`, async () => {
    const html = await panel([{ search, more_than: 2 }])
    assert.match(textOf(/<li.*?<\/li>/.exec(html)?.[0] ?? ''), line)
    assert.deepEqual(choices(html), left)
  })
}

test('a search that is there leads to its runs, one that is gone leads nowhere', async () => {
  const link = async (search: string): Promise<string | undefined> =>
    /<li[^>]*><a [^>]*href="([^"]*)"/.exec(await panel([{ search, more_than: 0 }]))?.[1]?.replaceAll('&amp;', '&')
  const href = new URL((await link('best')) ?? '', 'http://slipway.test')
  assert.deepEqual([href.pathname, href.searchParams.get('filter')], ['/runs', "tags.n = 'best'"])
  assert.equal(await link('gone'), undefined)
})

test('one run is one run, and none is watched where none is', async () => {
  assert.match(textOf(await panel([{ search: 'best', more_than: 1 }])), /at most 1 run Stop/)
  assert.match(textOf(await panel([{ search: 'best', more_than: 0 }])), /at most 0 runs Stop/)
  const none = textOf(await panel([]))
  assert.match(none, /No saved search is watched\./)
})

test('who may not change the monitor sees what it watches and no act', async () => {
  for (const role of ['viewer', null] as const) {
    const html = await panel([{ search: 'best', more_than: 1 }], role)
    assert.match(textOf(html), /best ?at most 1 run/)
    assert.doesNotMatch(html, /<button|<select|<input/)
  }
})
