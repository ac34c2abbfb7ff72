/** Values that are posted for an A/B, the side that each counts for, and who is shown to have met which side. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { migratedSqlite } from '../../../test/databases.ts'
import type { PostedValue } from '../../contract/rollout.ts'
import { Plan } from '../../contract/rollout/plan.ts'
import type { RowRecord } from '../../gateway/records/records.ts'
import { ingest, newest, QUICK, send } from '../bench.fixture.ts'
import type { RolloutBench } from '../bench.fixture.ts'
import { rolloutWorld } from '../world.fixture.ts'
import { exposures } from './exposures.ts'
import { postValues } from './values.ts'

const SHOP = {
  mode: 'ab',
  shadow: { requests: 0 },
  metrics: [{ name: 'bought', min_values: 50 }],
  ab: { metric: 'bought', share: 5000, max_values: 2000 },
}
const ANSWER = { t: 'p', ver: '1', role: 'stable', et: 5, key: null, us: 300, st: 200, x: [7, 'UA'] } as const

describe('values and exposures', () => {
  let bench: RolloutBench
  const { begun } = rolloutWorld(migratedSqlite, (world) => ({ bench } = world))
  const shop = async (endpoint: string): Promise<void> => {
    await begun(endpoint, { plan: Plan.parse({ ...QUICK, ...SHOP }) })
    assert.equal((await newest(bench.db, endpoint)).state, 'canary')
  }
  const answered = (ep: string, id: string, more: object = {}): Promise<void> => {
    const row: RowRecord = { ...ANSWER, ep, id, at: bench.deps.clock(), s: 0.5, p: null, ep_epoch: 1, ...more }
    return ingest(bench, [row])
  }
  /** What became of a value, and what it counted as. */
  const posted = async (endpoint: string, value: Partial<PostedValue>): Promise<[string, string]> => {
    const { id, seq } = await newest(bench.db, endpoint)
    const reply = await postValues(bench.deps, endpoint, [{ metric: 'bought', value: 2.5, ...value }])
    const rows = await bench.db.all<{ observations: string }>(
      'SELECT observations FROM rollout_observations WHERE rollout_id = ? AND seq > ?',
      [id, seq],
    )
    const became = Object.entries(reply).filter(([, count]) => count > 0)
    return [
      became.map(([name, count]) => `${name} ${count}`).join(),
      rows.flatMap((row) => JSON.parse(row.observations) as unknown[][]).join('; '),
    ]
  }

  it('a value of a whole version counts for its side, once by its id, and each time without one', async () => {
    await shop('whole')
    assert.deepEqual(await posted('whole', { version: '2', id: 'a' }), ['counted 1', 'm,bought,1,2.5'])
    assert.deepEqual(await posted('whole', { version: '1', id: 'a' }), ['counted 1', 'm,bought,0,2.5'])
    assert.deepEqual(await posted('whole', { version: '2', id: 'a', value: 9 }), ['repeated 1', ''])
    for (const _ of [1, 2]) assert.deepEqual(await posted('whole', { version: '2' }), ['counted 1', 'm,bought,1,2.5'])
    assert.deepEqual(await posted('whole', { version: '9' }), ['ignored 1', ''])
    assert.deepEqual(await posted('whole', { version: '2', metric: 'clicked' }), ['ignored 1', ''])
  })

  it('a value has no time of its own: the events of a rollout are those of its rows', async () => {
    await shop('timeless')
    const events = async () => {
      const { first_event, last_event } = await newest(bench.db, 'timeless')
      return [first_event, last_event]
    }
    await posted('timeless', { version: '2' })
    assert.deepEqual(await events(), [null, null])
    await answered('timeless', 'a')
    await posted('timeless', { version: '2' })
    assert.deepEqual(await events(), [5, 5])
  })

  it('before callers met the candidate a value of a version counts for nobody', async () => {
    await begun('early', { plan: Plan.parse({ ...QUICK, metrics: [{ name: 'bought', min_values: 1 }] }) })
    assert.deepEqual(await posted('early', { version: '2', id: 'a' }), ['ignored 1', ''])
    assert.deepEqual(await posted('early', { prediction_id: 'none' }), ['waiting 1', ''])
  })

  it('a value of a prediction counts for the side that answered, the first of a user alone', async () => {
    await shop('users')
    const canary = { role: 'canary', ver: '2' }
    await answered('users', 'a', { ...canary, key: 'ann' })
    await answered('users', 'b', { ...canary, key: 'ann' })
    await answered('users', 'c', { ...canary })
    await answered('users', 'd', { fb: true })
    await answered('users', 'e')
    await answered('users', 'f', { ...canary, role: 'shadow' })
    const outcomes = []
    for (const id of ['a', 'b', 'a', 'c', 'd', 'e', 'f']) outcomes.push(await posted('users', { prediction_id: id }))
    assert.deepEqual(outcomes, [
      ['counted 1', 'm,bought,1,2.5'],
      ['repeated 1', ''],
      ['repeated 1', ''],
      ['counted 1', 'm,bought,1,2.5'],
      ['counted 1', 'm,bought,1,2.5'],
      ['counted 1', 'm,bought,0,2.5'],
      ['ignored 1', ''],
    ])
  })

  it('a value that comes before its prediction waits for it, once, and counts by who answered then', async () => {
    await shop('waiting')
    await shop('beside')
    /** What ingesting a prediction adds of values. */
    const counts = async (endpoint: string, id: string, more: object = {}): Promise<string> => {
      const { id: rollout, seq } = await newest(bench.db, endpoint)
      await answered(endpoint, id, more)
      const rows = await bench.db.all<{ observations: string }>(
        'SELECT observations FROM rollout_observations WHERE rollout_id = ? AND seq > ?',
        [rollout, seq],
      )
      const all = rows.flatMap((row) => JSON.parse(row.observations) as unknown[][])
      return all.filter(([kind]) => kind === 'm').join('; ')
    }
    for (const prediction_id of ['a', 'b', 'c', 'd'])
      assert.deepEqual(await posted('waiting', { prediction_id }), ['waiting 1', ''])
    assert.deepEqual(await posted('waiting', { prediction_id: 'a', value: 9 }), ['repeated 1', ''])
    assert.equal(await counts('beside', 'a'), '', 'a value of another endpoint')
    assert.equal(await counts('waiting', 'a', { role: 'canary', ver: '2', key: 'ann' }), 'm,bought,1,2.5')
    assert.equal(await counts('waiting', 'b', { key: 'ann' }), '', 'the user has one')
    assert.equal(await counts('waiting', 'c', { ver: '9' }), '', 'neither side answered')
    assert.equal(await counts('waiting', 'd'), 'm,bought,0,2.5')
    assert.equal(await counts('waiting', 'e'), '')
  })

  it('of several metrics each counts by itself, one value of a user each', async () => {
    const metrics = [{ name: 'bought', min_values: 50 }, { name: 'clicked' }]
    await begun('several', { plan: Plan.parse({ ...QUICK, ...SHOP, metrics }) })
    await answered('several', 'a', { key: 'ann' })
    await answered('several', 'b', { key: 'ann' })
    const become = (prediction_id: string, metric: string) => posted('several', { prediction_id, metric })
    assert.deepEqual(await become('a', 'bought'), ['counted 1', 'm,bought,0,2.5'])
    assert.deepEqual(await become('b', 'clicked'), ['counted 1', 'm,clicked,0,2.5'])
    assert.deepEqual(await become('a', 'clicked'), ['repeated 1', ''])
    assert.deepEqual(await become('b', 'bought'), ['repeated 1', ''])
    assert.deepEqual(await become('a', 'seen'), ['ignored 1', ''])
  })

  it('each value must name a prediction or a version, and the wrong one is named; none is counted then', async () => {
    await shop('wrong')
    const good = { metric: 'bought', value: 1, version: '2', id: 'a' }
    for (const bad of [
      { metric: 'bought', value: 1 },
      { ...good, prediction_id: 'a' },
    ])
      await assert.rejects(postValues(bench.deps, 'wrong', [good, bad]), {
        code: 'invalid_field',
        message: /values\.1/,
      })
    assert.deepEqual(await posted('wrong', { version: '2', id: 'a' }), ['counted 1', 'm,bought,1,2.5'])
  })

  it('values of one endpoint are not those of another', async () => {
    await shop('mine')
    await shop('theirs')
    await posted('mine', { version: '2', id: 'a' })
    assert.equal((await newest(bench.db, 'theirs')).seq, 0)
    assert.deepEqual(await posted('theirs', { version: '2', id: 'a' }), ['counted 1', 'm,bought,1,2.5'])
  })

  it('nobody is shown before callers met the candidate, nor told of a page after it', async () => {
    const id = await begun('shadowed')
    await send(bench, 'shadowed', { rows: 5, seed: 1 })
    assert.deepEqual(await exposures(bench.db, id, { limit: 1 }), { items: [] })
  })

  it('pages show each side by its answers, oldest first, and end with the last', async () => {
    await shop('shown')
    const { id } = await newest(bench.db, 'shown')
    await answered('shown', 'long ago', { at: 1 })
    await answered('shown', 'a', { key: 'ann' })
    await answered('shown', 'b', { role: 'canary', ver: '2' })
    await answered('shown', 'c', { fb: true })
    await answered('shown', 'd', { ver: '9', role: 'canary' })
    await answered('shown', 'e', { role: 'shadow', ver: '2' })
    await answered('shown', 'f', { role: 'canary', ver: '1' })
    const wanted = ['a ann stable 1', 'b null candidate 2', 'c null candidate 1']
    const shown = async (limit: number): Promise<string[]> => {
      const found: string[] = []
      let page_token: string | undefined
      do {
        const page = await exposures(bench.db, id, { limit, page_token })
        found.push(...page.items.map((one) => [one.prediction_id, one.key, one.arm, one.version].map(String).join(' ')))
        page_token = page.next_page_token
      } while (page_token !== undefined)
      return found
    }
    for (const limit of [1, 2, 3, 100]) assert.deepEqual(await shown(limit), wanted, `pages of ${limit}`)
    const isMore = async (limit: number) => (await exposures(bench.db, id, { limit })).next_page_token !== undefined
    assert.deepEqual([await isMore(4), await isMore(5)], [true, false], 'the two of neither side are looked at as well')
    for (const page_token of ['x', '1', ' a', '1 ', `${'9'.repeat(16)} a`])
      await assert.rejects(exposures(bench.db, id, { limit: 1, page_token }), { code: 'invalid_field' }, page_token)
    await assert.rejects(exposures(bench.db, 'rol_none', { limit: 1 }), { code: 'not_found' })
  })
})
