/** What is ingested for a rollout counts as a whole or not at all: a statement that fails takes its transaction with it. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { writeRecords } from '../../serving/records/rows.ts'
import { round, send, traffic } from '../bench.fixture.ts'
import type { RolloutBench } from '../bench.fixture.ts'
import { breakableWorld, change, ENOUGH, wholeOrNothing } from '../atomicity.fixture.ts'
import type { BreakableWorld } from '../atomicity.fixture.ts'
import { rolloutHooks } from './hooks.ts'
import { postValues } from './values.ts'

const AB = {
  mode: 'ab',
  shadow: { requests: 0 },
  metrics: [{ name: 'bought', min_values: 50 }],
  ab: { metric: 'bought', share: 5000, max_values: 2000 },
}

describe('what cannot be counted as a whole is not counted', () => {
  let world: BreakableWorld
  let bench: RolloutBench
  const { begun, begunWith } = breakableWorld((made) => {
    world = made
    bench = made.bench
  })

  const changes = {
    'rows, shadows and a breaker that are ingested': change([], async (endpoint) => {
      await begun(endpoint, { monitor: { slices: ['carrier'] } })
      await send(bench, endpoint, { rows: ENOUGH, seed: 1 })
      await round(bench)
      const { records } = await traffic(bench.db, endpoint, { rows: 20, seed: 2, at: bench.deps.clock() })
      const [canary] = records.filter((one) => one.t === 'p' && one.role === 'canary')
      const [shadow] = records.filter((one) => one.t === 's')
      const stable = records.find((one) => one.t === 'p' && one.id === shadow?.id)
      assert.ok(canary !== undefined && shadow !== undefined && stable !== undefined)
      const { since = 0 } = (await bench.serving.variants(endpoint)).find((one) => one.role === 'canary') ?? {}
      const trip = { t: 'b', ep: endpoint, ver: '2', at: 0, since, reason: '3 in a row failed' } as const
      const rows = [canary, stable, shadow, trip]
      return (deps) => deps.db.tx((t) => writeRecords(t, rows, rolloutHooks(deps)))
    }),
    'labels that are ingested': change([], async (endpoint) => {
      await begun(endpoint)
      const { labels } = await send(bench, endpoint, { rows: ENOUGH, seed: 1 })
      const rows = labels.map((one) => ({ ...one, endpoint }))
      return (deps) => deps.db.tx((t) => rolloutHooks(deps).onLabels(t, rows))
    }),
    'users and values of an A/B that are ingested': change([], async (endpoint) => {
      await begunWith(endpoint, AB)
      await postValues(bench.deps, endpoint, [{ metric: 'bought', value: 1, prediction_id: `${endpoint}-2-0` }])
      const { records } = await traffic(bench.db, endpoint, { rows: 1, seed: 2, at: bench.deps.clock() })
      const keyed = records.map((one) => (one.t === 'p' ? { ...one, key: 'ann' } : one))
      return (deps) => deps.db.tx((t) => writeRecords(t, keyed, rolloutHooks(deps)))
    }),
    'a value that is posted': change([], async (endpoint) => {
      await begunWith(endpoint, AB)
      return (deps) => postValues(deps, endpoint, [{ metric: 'bought', value: 1, version: '2', id: 'batch' }])
    }),
  }
  wholeOrNothing(changes, () => world)
})
