/** What each ingested row, shadow, breaker and label counts for in the evidence of a rollout, and what counts for nothing. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { migratedSqlite } from '../../../test/databases.ts'
import { Plan } from '../../contract/rollout/plan.ts'
import type { Tx } from '../../store/db.ts'
import { ingest, newest, QUICK, round, send } from '../bench.fixture.ts'
import type { RolloutBench } from '../bench.fixture.ts'
import { act } from '../controller/acts.ts'
import { ann, rolloutWorld } from '../world.fixture.ts'
import type { IngestedPrediction, IngestedShadow } from './ingested.ts'

const ONE = 'hooked'
const SCORED = { ep: ONE, ver: '2', et: 50, us: 7, s: null } as const
const ANSWERED = { ep: ONE, ver: '2', et: 50, us: 7, role: 'canary', st: 200, key: null, ep_epoch: 1 } as const

describe('what is ingested for a rollout', () => {
  let bench: RolloutBench
  const { begun } = rolloutWorld(migratedSqlite, (world) => ({ bench } = world))
  let made = 0
  /** When callers met the candidate of the endpoint. */
  const metAt = async (endpoint: string): Promise<number> => (await newest(bench.db, endpoint)).canary_at ?? 0
  const toCanary = async (endpoint: string, more: object = {}): Promise<void> => {
    const plan = Plan.parse({ ...QUICK, shadow: { requests: 10, labels: 0 }, ...more })
    await begun(endpoint, { plan, monitor: { slices: ['carrier'] } })
    await send(bench, endpoint, { rows: 110, seed: 1 })
    await round(bench)
    assert.equal((await newest(bench.db, endpoint)).state, 'canary')
  }
  const prediction = (more: Partial<IngestedPrediction>): IngestedPrediction => ({
    ...ANSWERED,
    at: Number.MAX_SAFE_INTEGER,
    x: [1000, 'UA'],
    id: `p${++made}`,
    ...more,
  })
  const shadow = (more: Partial<IngestedShadow>): IngestedShadow => ({
    ...SCORED,
    id: `s${++made}`,
    ...more,
  })
  /** The observations that a hook adds to the newest rollout of an endpoint, as text. */
  const observed = async (hook: (t: Tx) => Promise<void>, endpoint = ONE): Promise<string> => {
    const { id, seq } = await newest(bench.db, endpoint)
    await bench.db.tx(hook)
    const rows = await bench.db.all<{ observations: string }>(
      'SELECT observations FROM rollout_observations WHERE rollout_id = ? AND seq > ? ORDER BY seq',
      [id, seq],
    )
    const all = rows.flatMap(
      (row) => JSON.parse(row.observations.replace(/^\[\]$/, '[["an empty row"]]')) as unknown[][],
    )
    return all.map((one) => one.flat().join(' ')).join('; ')
  }
  const ofRows = (rows: readonly Partial<IngestedPrediction>[], endpoint = ONE): Promise<string> =>
    observed((t) => bench.hooks.onPredictions(t, rows.map(prediction)), endpoint)
  const ofShadows = (rows: readonly Partial<IngestedShadow>[], endpoint = ONE): Promise<string> =>
    observed((t) => bench.hooks.onShadows(t, rows.map(shadow)), endpoint)
  const ofLabels = (labels: Readonly<Record<string, number>>, endpoint = ONE): Promise<string> =>
    observed(
      (t) =>
        bench.hooks.onLabels(
          t,
          Object.entries(labels).map(([prediction_id, value]) => ({ endpoint, prediction_id, label: value })),
        ),
      endpoint,
    )

  it('a row counts for the version that was to answer it, by its status', async () => {
    await toCanary(ONE)
    const stable = { ver: '1', role: 'stable' } as const
    const early = (await metAt(ONE)) - 1
    const cases: [string, Partial<IngestedPrediction>, string][] = [
      ['the candidate answers', {}, 'c 0 7 0; e 0 carrier=UA; x 1 0 0 0'],
      ['it refuses a caller', { st: 499 }, 'c 0 7 0; e 0 carrier=UA; x 1 0 0 0'],
      ['it fails', { st: 500 }, 'c 1 7 0; e 1 carrier=UA; x 1 1 0 0'],
      ['it is insisted on', { pin: true }, 'c 0 7 0; e 0 carrier=UA'],
      ['before callers met it', { at: early }, 'c 0 7 0; e 0 carrier=UA'],
      ['in no slice', { x: [1000, null] }, 'c 0 7 0; x 1 0 0 0'],
      ['stable answers', stable, 's 7; x 0 0 1 0'],
      ['stable all but refuses', { ...stable, st: 399 }, 's 7; x 0 0 1 0'],
      ['stable refuses', { ...stable, st: 400 }, 'x 0 0 1 0'],
      ['stable all but fails', { ...stable, st: 499 }, 'x 0 0 1 0'],
      ['stable fails', { ...stable, st: 500 }, 'x 0 0 1 1'],
      ['stable answers for it', { ...stable, fb: true }, 'c 1 7 0; e 1 carrier=UA; x 1 1 0 0'],
      ['stable refuses for it', { ...stable, fb: true, st: 499 }, 'c 1 7 0; e 1 carrier=UA; x 1 1 0 0'],
      ['neither can answer', { ...stable, fb: true, st: 500 }, 'x 1 1 0 0'],
      ['stable for an earlier one', { ...stable, fb: true, at: early }, ''],
      ['in shadow', { role: 'shadow' }, ''],
      ['stable in shadow', { ...stable, role: 'shadow' }, ''],
      ['another canary', { ver: '9' }, ''],
      ['another stable one', { ...stable, ver: '9' }, ''],
      ['the candidate as stable', { role: 'stable' }, ''],
      ['stable as the canary', { ...stable, role: 'canary' }, ''],
      ['another endpoint', { ep: 'elsewhere' }, ''],
    ]
    for (const [name, row, wanted] of cases) assert.equal(await ofRows([row]), wanted, name)
  })

  it('rows of one batch are counted one by one, and compared as one', async () => {
    const rows = [{ st: 500 }, { x: [1, 'AA'] }, { ver: '1', role: 'stable' as const }]
    assert.equal(await ofRows(rows), 'c 1 7 0; e 1 carrier=UA; c 0 7 0; e 0 carrier=AA; s 7; x 2 1 1 0')
    const asMany = [{}, { ver: '1', role: 'stable' as const, st: 500 }]
    assert.equal(await ofRows(asMany), 'c 0 7 0; e 0 carrier=UA; x 1 0 1 1', 'as many of one as of the other')
  })

  it('the first and last event of a step are the least and greatest of its rows', async () => {
    const events = async () => {
      const { first_event, last_event } = await newest(bench.db, ONE)
      return [first_event, last_event]
    }
    const past = Number((await events())[1])
    for (const [times, wanted] of [
      [
        [past + 30, past + 10, past + 20],
        [50, past + 30],
      ],
      [
        [20, 40],
        [20, past + 30],
      ],
    ] as const) {
      await ofRows(times.map((et) => ({ et })))
      assert.deepEqual(await events(), wanted)
    }
  })

  it('a plan that does not compare failures has none compared, and one without slices has none', async () => {
    const plan = Plan.parse({ ...QUICK, shadow: { requests: 10, labels: 0 }, gates: { error_rate_vs_stable: false } })
    await begun('plain', { plan })
    await send(bench, 'plain', { rows: 110, seed: 1 })
    await round(bench)
    assert.equal(await ofRows([{ ep: 'plain' }], 'plain'), 'c 0 7 0')
  })

  it('slices are of text and numbers among the inputs, in the order of the plan', async () => {
    await toCanary('sliced', { slices: ['carrier', 'none', 'distance'] })
    const slices = async (x: unknown[]) => (await ofRows([{ ep: 'sliced', x }], 'sliced')).split('; ')[1]
    assert.equal(await slices([0, 'AA']), 'e 0 carrier=AA distance=0')
    assert.equal(await slices([true, 'AA']), 'e 0 carrier=AA')
  })

  it('a shadow counts for the candidate, and as a pair beside the answer of stable', async () => {
    const answered = (id: string, s: number | null) => ({
      ...prediction({ id, ver: '1', role: 'stable' }),
      t: 'p' as const,
      s,
      p: null,
    })
    await ingest(bench, [answered('a', 0.5), answered('b', 0.5), answered('c', null), answered('d', 0.5)])
    bench.known.set('d', 0)
    const cases: [string, Partial<IngestedShadow>, string][] = [
      ['both scored', { id: 'a', s: 0.25 }, 'c 0 7 1; e 0 carrier=UA; p 0.5 0.25'],
      ['it failed', { id: 'b', err: 'it raised' }, 'c 1 7 1; e 1 carrier=UA'],
      ['stable has no score', { id: 'c', s: 0.25 }, 'c 0 7 1; e 0 carrier=UA'],
      ['stable was not asked', { id: 'z', s: 0.25 }, 'c 0 7 1'],
      ['its label came first', { id: 'd', s: 1 }, 'c 0 7 1; e 0 carrier=UA; p 0.5 1; l 0.25 1 carrier=UA'],
      ['another version', { id: 'a', ver: '9', s: 0.25 }, ''],
      ['another endpoint', { id: 'a', ep: 'elsewhere', s: 0.25 }, ''],
    ]
    for (const [name, row, wanted] of cases) assert.equal(await ofShadows([row]), wanted, name)
    // losses are squared: (0.5 - 1)² of stable, (0.25 - 1)² of the candidate
    assert.equal(await ofLabels({ a: 1, b: 1, c: 1, d: 1, z: 1 }), 'l 0.25 0.5625 carrier=UA')
    assert.equal(await ofLabels({ a: 1 }), '', 'a pair is used up')
  })

  it('labels that come by the hundred are each counted once, in the order of their predictions', async () => {
    const ids = Array.from({ length: 401 }, (_, i) => `many-${String(i).padStart(3, '0')}`)
    const { id } = await newest(bench.db, ONE)
    const shuffled = ids.toSorted((a, b) => Number(a.at(-1)) - Number(b.at(-1)))
    await bench.db.tx(async (t) => {
      for (const one of shuffled)
        await t.run(
          "INSERT INTO rollout_pairs (rollout_id, prediction_id, stable, candidate, slices) VALUES (?,?,?,0,'[]')",
          [id, one, Number(one.slice(5)) / 1000],
        )
    })
    const losses = ids.map((one) => (Number(one.slice(5)) / 1000) ** 2)
    const found = await ofLabels(Object.fromEntries(ids.map((one) => [one, 0])))
    assert.deepEqual(
      found.split('; '),
      losses.map((loss) => `l ${loss} 0`),
    )
  })

  it('users of an A/B are counted from its split on, not while it is a shadow, and of no other rollout', async () => {
    const bought = { mode: 'ab', metrics: [{ name: 'bought' }], ab: { metric: 'bought', share: 5000, max_values: 100 } }
    const users = async (endpoint: string): Promise<string[]> => {
      const of = { ep: endpoint, ep_epoch: Number.MAX_SAFE_INTEGER }
      const rows = [
        { ...of, role: 'stable', ver: '1', key: `an ${++made}` },
        { ...of, key: `a ${++made}` },
        { ...of, role: 'stable', ver: '1' },
      ] as const
      return (await ofRows(rows, endpoint)).split('; ').filter((one) => one.startsWith('u '))
    }
    const plan = Plan.parse({ ...QUICK, shadow: { requests: 10, labels: 0 }, ...bought })
    await begun('split', { plan })
    assert.deepEqual(await users('split'), [])
    await send(bench, 'split', { rows: 110, seed: 1 })
    await round(bench)
    assert.equal((await newest(bench.db, 'split')).state, 'canary')
    assert.deepEqual(await users('split'), ['u 1 2'])
    await toCanary('whole', { ...bought, ab: { ...bought.ab, share: 10_000 } })
    assert.deepEqual(await users('whole'), [], 'where all meet the candidate nothing is divided')
    assert.deepEqual(await users(ONE), [], 'a canary divides nobody')
  })

  it('after a promotion only labels count, with the roles exchanged', async () => {
    await toCanary('watched', { watch: { labels: 1000, hours: 1000 } })
    const { id } = await newest(bench.db, 'watched')
    await act(bench.deps, ann, id, { action: 'promote', reason: 'I am sure' })
    const answer = {
      ...prediction({ ep: 'watched', id: 'w', ver: '2', role: 'stable' }),
      t: 'p' as const,
      s: 0.5,
      p: null,
    }
    assert.equal(await ofRows([answer], 'watched'), '')
    await ingest(bench, [answer])
    const scored = { ep: 'watched', id: 'w', s: 0.25 }
    assert.equal(await ofShadows([{ ...scored, ver: '2' }], 'watched'), '')
    assert.equal(await ofShadows([{ ...scored, ver: '1' }], 'watched'), '')
    assert.equal(await ofLabels({ w: 1 }, 'watched'), 'l 0.5625 0.25 carrier=UA')
  })

  it('a breaker stops the rollout whose canary it is, and the first reason stays', async () => {
    await toCanary('tripped')
    const since = async (endpoint: string): Promise<number> =>
      (await bench.serving.variants(endpoint)).find((one) => one.role === 'canary')?.since ?? 0
    const trip = async (reason: string, more: object = {}) => {
      const row = { ep: 'tripped', ver: '2', since: await since('tripped'), reason, ...more }
      await bench.db.tx((t) => bench.hooks.onBreakers(t, [row]))
      const stopped = 'SELECT endpoint, version, breaker FROM rollouts WHERE breaker IS NOT NULL'
      return bench.db.all(stopped)
    }
    for (const more of [{ since: 1 }, { ver: '1' }, { ep: 'elsewhere' }]) assert.deepEqual(await trip('no', more), [])
    const only = [{ endpoint: 'tripped', version: '2', breaker: '3 in a row failed' }]
    assert.deepEqual(await trip('3 in a row failed'), only)
    assert.deepEqual(await trip('and again'), only)
  })

  it('of a rollout that is over nothing is counted', async () => {
    await act(bench.deps, ann, (await newest(bench.db, ONE)).id, { action: 'abort', reason: 'enough' })
    assert.deepEqual([await ofRows([{}]), await ofShadows([{ s: 0.5 }])], ['', ''])
  })
})
