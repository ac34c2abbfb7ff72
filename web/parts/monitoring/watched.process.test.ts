/** What pages say of endpoints that nobody watches: the reason, since when, and the remedy; nothing of those that are watched. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { partText } from '../../../test/web/components.ts'
import { states } from '../../../test/web/fixture-monitoring.ts'

const data = [[['monitors', 'watched'], states(Date.now())]] as const
const said = (name: string, endpoint: string, known = true): Promise<string> =>
  partText('monitoring/watched', name, { endpoint }, known ? { data } : {})

describe('the notice of a page', () => {
  it('says why nobody watches the endpoint and what to do', async () => {
    const text = await said('WatchedNotice', 'iris')
    assert.match(text, /^not watched since 5 h(ours)? ago ?Version 1 has no table of training rows to compare with\./)
    assert.match(text, /Changes of its data and its quality are not noticed\. ?What to do: Name a step’s output/)
  })

  it('is not there where the endpoint is watched, unknown, or not yet read', async () => {
    assert.equal(await said('WatchedNotice', 'flight-delay'), '')
    assert.equal(await said('WatchedNotice', 'other'), '')
    assert.equal(await said('WatchedNotice', 'iris', false), '')
  })
})

it('a table says it in a word, with the reason where it is none', async () => {
  assert.equal(await said('WatchedWord', 'flight-delay'), 'watched')
  assert.equal(await said('WatchedWord', 'iris'), 'not watched version 1 has no table of training rows to compare with')
  assert.equal(await said('WatchedWord', 'other'), '–')
})
