/** The routes of rollouts: what each answers, by the contract, whom it refuses, and after which of them the controller looks. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { migratedSqlite } from '../../test/databases.ts'
import type { Principal } from '../contract/access.ts'
import type { Reply, Route } from '../contract/route.ts'
import { rolloutApi } from '../contract/rollout.ts'
import type { Call } from '../http/mount.ts'
import { ingest, newest, QUICK, round, send, traffic } from './bench.fixture.ts'
import type { RolloutBench } from './bench.fixture.ts'
import { monitorSlices } from './ports.ts'
import { rolloutRoutes } from './routes.ts'
import { ann, rolloutWorld } from './world.fixture.ts'

const ENDPOINT = 'served'
const METRIC = { metric: 'bought', value: 1, version: '2', id: 'batch' }
/** Sees the project of the endpoint, and another one. */
const ours: Principal = { ...ann, project: 'default' }
const foreign: Principal = { ...ann, project: 'elsewhere' }

interface Asked {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: object
  readonly body?: object
}

describe('routes of rollouts', () => {
  let bench: RolloutBench
  let id: string
  let wakes = 0
  const { begun } = rolloutWorld(migratedSqlite, (world) => ({ bench } = world))
  const routes = () =>
    rolloutRoutes({
      deps: bench.deps,
      hooks: bench.hooks,
      loop: { start: () => undefined, wake: () => undefined, stop: () => Promise.resolve() },
      wake: () => void (wakes += 1),
      slicesOf: (endpoint) => monitorSlices(bench.db, endpoint),
      halt: () => Promise.resolve(false),
    })

  /** What the route answers, as JSON carries it and held against its contract. */
  async function ask<R extends Route>(route: R, asked: Asked = {}, who: Principal = ours): Promise<Reply<R>> {
    const mounted = routes().find((one) => one.route === route)
    const call = { who, params: {}, query: {}, body: {}, ...asked } as unknown as Call
    const reply: unknown = JSON.parse(JSON.stringify(await mounted?.handle(call)))
    assert.ok(typeof route.reply !== 'string')
    return route.reply.parse(reply) as Reply<R>
  }

  const of = { params: { name: ENDPOINT } }
  const mine = (): Asked => ({ params: { id } })
  /** Each route that names an endpoint or a rollout, with a call that the owner may make. */
  const named = (): [Route, Asked][] => [
    [rolloutApi.start, { ...of, body: { version: '2' } }],
    [rolloutApi.get, mine()],
    [rolloutApi.curve, mine()],
    [rolloutApi.act, { ...mine(), body: { action: 'abort', reason: 'not mine' } }],
    [rolloutApi.exposures, { ...mine(), query: { limit: 10 } }],
    [rolloutApi.metrics, { ...of, body: { values: [METRIC] } }],
    [rolloutApi.getFreeze, of],
    [rolloutApi.freeze, { ...of, body: { reason: 'not mine' } }],
    [rolloutApi.thaw, of],
    [rolloutApi.recorded, { ...of, query: { limit: 10 } }],
    [rolloutApi.replay, { params: { id, verdict: 'any' } }],
  ]
  const woken = async (work: Promise<unknown>): Promise<number> => {
    const was = wakes
    await work
    return wakes - was
  }

  before(async () => {
    id = await begun(ENDPOINT, { monitor: { slices: ['carrier'] } })
    await send(bench, ENDPOINT, { rows: 110, seed: 1 })
    await round(bench)
  })

  it('refuse a caller of another project as if there were nothing, and do nothing for them', async () => {
    const state = async () => [
      await bench.db.all('SELECT * FROM rollouts'),
      await bench.db.all('SELECT * FROM rollout_freezes'),
      await bench.db.all('SELECT * FROM rollout_values'),
    ]
    const was = await state()
    for (const [route, asked] of named()) {
      await assert.rejects(ask(route, asked, foreign), { code: 'not_found' }, `${route.method} ${route.path}`)
      assert.deepEqual(await state(), was, route.path)
    }
    assert.equal(wakes, 0)
    assert.deepEqual(await ask(rolloutApi.list, { query: { limit: 10 } }, foreign), { items: [] })
  })

  it('refuse what is not there, whoever asks', async () => {
    for (const [route, asked] of named()) {
      const params = {
        ...asked.params,
        ...(asked.params?.['id'] === undefined ? { name: 'none' } : { id: 'rol_none' }),
      }
      if (route === rolloutApi.getFreeze || route === rolloutApi.recorded) continue
      await assert.rejects(
        ask(route, { ...asked, params }, ann),
        { code: 'not_found' },
        `${route.method} ${route.path}`,
      )
    }
    await assert.rejects(ask(rolloutApi.recorded, { params: { name: 'none' }, query: { limit: 1 } }, ann), {
      code: 'not_found',
    })
  })

  it('show a rollout, its curve, its verdicts and the list', async () => {
    const shown = await ask(rolloutApi.get, mine())
    assert.deepEqual([shown.id, shown.state, shown.weight], [id, 'canary', 1000])
    const { items } = await ask(rolloutApi.list, { query: { limit: 10 } })
    assert.deepEqual(
      items.map((one) => one.version),
      ['2', '1'],
    )
    const { series } = await ask(rolloutApi.curve, mine())
    assert.ok(series.length > 0)
    const replay = await ask(rolloutApi.replay, { params: { id, verdict: shown.verdicts[0]?.id ?? '' } })
    assert.equal(replay.same, true)
  })

  it('show whom a canary met, and the rows that were recorded, by the slices of the monitor or by others', async () => {
    const { records } = await traffic(bench.db, ENDPOINT, { rows: 1, seed: 2, at: bench.deps.clock() })
    const [row] = records.filter((one) => one.t === 'p')
    assert.ok(row !== undefined)
    await ingest(bench, [{ ...row, id: 'met', role: 'canary', ver: '2', key: 'bob' }])
    const { items } = await ask(rolloutApi.exposures, { ...mine(), query: { limit: 10 } })
    assert.deepEqual([items.length, items[0]?.key, items[0]?.arm], [1, 'bob', 'candidate'])
    const slices = async (query: object) => {
      const { rows } = await ask(rolloutApi.recorded, { ...of, query: { limit: 1, ...query } })
      return rows.map((one) => one.slices.map((slice) => slice.split('=')[0]))
    }
    assert.deepEqual(await slices({}), [['carrier']])
    assert.deepEqual(await slices({ slices: 'distance,carrier' }), [['distance', 'carrier']])
    assert.deepEqual(await slices({ slices: 'none' }), [[]])
  })

  it('freeze an endpoint until a time or until it is lifted, and the controller looks', async () => {
    const until = '2100-01-01T00:00:00.000Z'
    const freeze = (body: object) => ask(rolloutApi.freeze, { ...of, body })
    const frozen = await freeze({ reason: 'audit', until })
    assert.deepEqual({ ...frozen.freeze, at: 0 }, { reason: 'audit', until, at: 0, by: 'ann' })
    assert.deepEqual(await ask(rolloutApi.getFreeze, of), frozen)
    assert.deepEqual(await ask(rolloutApi.freezes), {
      items: [{ endpoint: ENDPOINT, reason: 'audit', until, by: 'ann' }],
    })
    assert.deepEqual(await ask(rolloutApi.freezes, {}, foreign), { items: [] })
    assert.equal(await woken(freeze({ reason: 'for good' })), 1)
    assert.equal((await ask(rolloutApi.getFreeze, of)).freeze?.until, null)
    assert.match((await ask(rolloutApi.get, mine())).frozen ?? '', /for good \(ann\)/)
    assert.equal(await woken(ask(rolloutApi.thaw, of).then((reply) => assert.deepEqual(reply, { freeze: null }))), 1)
    assert.deepEqual(await ask(rolloutApi.thaw, of), { freeze: null }, 'what is not frozen stays so')
    assert.deepEqual(await ask(rolloutApi.freezes), { items: [] })
  })

  it('take values and the acts of people, begin a rollout, and the controller looks after each', async () => {
    const nothing = { counted: 0, waiting: 0, repeated: 0, ignored: 1 }
    const post = ask(rolloutApi.metrics, { ...of, body: { values: [METRIC] } })
    assert.equal(await woken(post), 1)
    assert.deepEqual(await post, nothing)
    const abort = ask(rolloutApi.act, { ...mine(), body: { action: 'abort', reason: 'enough' } })
    assert.equal(await woken(abort), 1)
    assert.deepEqual([(await abort).state, (await abort).reason], ['aborted', 'abort by ann: enough'])
    const start = ask(rolloutApi.start, { ...of, body: { version: '2', plan: { ...QUICK, max_wait_hours: 3 } } })
    assert.equal(await woken(start), 1)
    const { state, created_by, plan } = await start
    assert.deepEqual([state, created_by, plan.max_wait_hours], ['starting', 'ann', 3])
    assert.equal((await newest(bench.db, ENDPOINT)).slices, '["carrier"]', 'the slices of the monitor')
  })
})
