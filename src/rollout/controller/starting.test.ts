/** How rollouts begin: what is taken up and what waits, why one cannot be, which plan and which slices it has, what ends a watch. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { migratedSqlite } from '../../../test/databases.ts'
import { problem } from '../../contract/errors.ts'
import { Plan } from '../../contract/rollout/plan.ts'
import { writeVariants } from '../../serving/endpoints/variants.ts'
import { newest, QUICK, round, send, ship } from '../bench.fixture.ts'
import type { RolloutBench } from '../bench.fixture.ts'
import type { Asked, RolloutDeps } from '../context/context.ts'
import { ann, rolloutWorld } from '../world.fixture.ts'
import { act } from './acts.ts'
import { beginRound } from './controller.ts'
import { startRollout, takeUp } from './starting.ts'

const CAUSE = { by: 'ada', way: 'deployed', reason: '' } as const

describe('the beginning of a rollout', () => {
  let bench: RolloutBench
  const { begun, variants } = rolloutWorld(migratedSqlite, (world) => ({ bench } = world))
  const rollouts = (endpoint: string) =>
    bench.db.all<{ version: string; state: string; reason: string }>(
      'SELECT version, state, reason FROM rollouts WHERE endpoint = ? ORDER BY created_at, id',
      [endpoint],
    )
  const askedOf = async (model: string): Promise<Asked> => {
    const asked = (await bench.deps.asked()).find((one) => one.model === model)
    assert.ok(asked !== undefined)
    return asked
  }
  /** Takes up with ports that are not the usual ones; the rollouts that were told of. */
  const taken = async (asked: Asked, ports: Partial<RolloutDeps> = {}): Promise<string[]> => {
    const heard: string[] = []
    await takeUp({ ...bench.deps, changed: (id) => void heard.push(id), ...ports }, asked)
    return heard
  }
  const over = async (endpoint: string): Promise<void> =>
    act(bench.deps, ann, (await newest(bench.db, endpoint)).id, { action: 'abort', reason: 'enough' })

  it('a version that asks is taken up once, and told', async () => {
    await ship(bench, { model: 'once' })
    const asked = await askedOf('once')
    const [id] = await taken(asked)
    const { state, reason, version, created_by, finished_at } = await newest(bench.db, 'once')
    assert.equal(id, (await newest(bench.db, 'once')).id)
    assert.deepEqual(
      [state, reason, version, created_by, finished_at],
      ['starting', 'the version is being prepared', '1', 'slipway', null],
    )
    await round(bench)
    assert.deepEqual(await taken(asked), [], 'another controller has taken it up')
    assert.equal((await rollouts('once')).length, 1)
  })

  it('a version that cannot be marked as taken up has no rollout, and has one the next time', async () => {
    await ship(bench, { model: 'unmarked' })
    const asked = await askedOf('unmarked')
    const mark = () => Promise.reject(new Error('the disk is full'))
    await assert.rejects(taken(asked, { mark }), /the disk is full/)
    assert.deepEqual(await rollouts('unmarked'), [])
    assert.equal((await taken(asked)).length, 1)
  })

  it('it waits while another is under way, also where that one came in between', async () => {
    await begun('busy')
    await ship(bench, { model: 'busy' })
    const asked = await askedOf('busy')
    let made = 0
    const ensureEndpoint = () => {
      made += 1
      return Promise.resolve({ monitor: {}, kept: false })
    }
    assert.deepEqual(await taken(asked, { ensureEndpoint }), [])
    assert.equal(made, 0, 'it did not come so far')
    await over('busy')
    const between = async () => {
      await startRollout(bench.deps, ann, { endpoint: 'busy', version: '2', slices: [] })
      return { monitor: {}, kept: false }
    }
    assert.deepEqual(await taken(asked, { ensureEndpoint: between }), [])
    assert.equal((await newest(bench.db, 'busy')).version, '2')
    await over('busy')
    assert.equal((await taken(asked)).length, 1)
    await over('busy')
  })

  it('an endpoint that is gone again waits for the next round', async () => {
    await ship(bench, { model: 'gone' })
    const asked = await askedOf('gone')
    assert.deepEqual(await taken(asked, { target: () => Promise.resolve(undefined) }), [])
    assert.deepEqual(await rollouts('gone'), [])
    assert.equal((await taken(asked)).length, 1)
    await round(bench)
  })

  it('what cannot be is over at once and says why; what fails for a moment is tried again', async () => {
    await ship(bench, { model: 'hard' })
    const asked = await askedOf('hard')
    const later = [new Error('the disk is full'), problem('unavailable', { detail: 'busy' }), problem('internal', {})]
    for (const error of later) {
      await assert.rejects(taken(asked, { ensureEndpoint: () => Promise.reject(error) }), error)
      assert.deepEqual(await rollouts('hard'), [])
    }
    const refusal = problem('conflict', { detail: 'it serves another model' })
    assert.equal((await taken(asked, { ensureEndpoint: () => Promise.reject(refusal) })).length, 1)
    const { state, reason, finished_at, created_at, stable_version } = await newest(bench.db, 'hard')
    assert.deepEqual([state, finished_at, stable_version], ['aborted', created_at, null])
    assert.match(reason, /it serves another model/)
    const [trail] = await bench.db.all<{ detail: string }>(
      "SELECT detail FROM audit WHERE resource = 'rollouts' AND detail LIKE '%it serves another model%'",
    )
    assert.deepEqual(JSON.parse(trail?.detail ?? ''), { state: 'aborted', endpoint: 'hard', version: '1', reason })
  })

  it('a version that cannot be prepared ends with the reason, one that cannot be for now waits', async () => {
    await begun('unready')
    await over('unready')
    const prepared = async (fault: unknown) => {
      const errors: unknown[] = []
      const prepare = (): Promise<never> => Promise.reject(fault)
      await beginRound({ ...bench.deps, prepare, onError: (one) => void errors.push(one) })
      return [(await newest(bench.db, 'unready')).state, (await newest(bench.db, 'unready')).reason, ...errors]
    }
    await startRollout(bench.deps, ann, { endpoint: 'unready', version: '2', slices: [] })
    const busy = problem('unavailable', { detail: 'busy' })
    assert.deepEqual(await prepared(busy), ['starting', 'the version is being prepared', busy])
    for (const error of [new Error('its files are gone'), 'its files are gone']) {
      assert.deepEqual(await prepared(error), ['aborted', 'the version cannot be served: its files are gone'])
      await startRollout(bench.deps, ann, { endpoint: 'unready', version: '2', slices: [] })
    }
    const unfit = problem('unprocessable', { detail: 'it does not load' })
    assert.deepEqual(await prepared(unfit), ['aborted', `the version cannot be served: ${unfit.message}`])
  })

  it('challengers begin beside open ones only, each version once, and no more than the plan of any of them allows', async () => {
    await ship(bench, { model: 'rivals' })
    await round(bench)
    for (let i = 0; i < 5; i++) await ship(bench, { model: 'rivals' })
    const start = (version: string, challengers = 4): Promise<string> => {
      const plan = Plan.parse({ ...QUICK, challengers })
      return startRollout(bench.deps, ann, { endpoint: 'rivals', version, slices: [], plan })
    }
    const waits = (version: string, challengers?: number): Promise<void> =>
      assert.rejects(start(version, challengers), { code: 'conflict', message: /is under way on rivals/ })
    const put = (version: string, state: string): Promise<unknown> =>
      bench.db.tx((t) =>
        t.run("UPDATE rollouts SET state = ? WHERE endpoint = 'rivals' AND version = ?", [state, version]),
      )
    await start('2')
    await start('3')
    for (const version of ['2', '3']) {
      await waits(version)
      for (const state of ['canary', 'promoted', 'paused']) {
        await put(version, state)
        await waits('4')
      }
      await put(version, 'shadow')
    }
    await waits('4', 2)
    await start('4', 3)
    await waits('5', 8)
    await bench.db.tx((t) =>
      t.run("UPDATE rollouts SET plan = ? WHERE endpoint = 'rivals'", [JSON.stringify({ ...QUICK, challengers: 5 })]),
    )
    await start('5')
    await waits('6', 4)
    assert.deepEqual(
      (await rollouts('rivals')).map((one) => `${one.version} ${one.state}`),
      ['1 promoted', '2 shadow', '3 shadow', '4 starting', '5 starting'],
    )
    const groups = await bench.db.all<{ group_id: string | null }>(
      "SELECT DISTINCT group_id FROM rollouts WHERE endpoint = 'rivals' AND version <> '1'",
    )
    assert.equal(groups.length, 1, 'all are compared with each other')
  })

  it('by hand it has the plan that was given, or that of the newest rollout of its endpoint and model', async () => {
    const hours = (max_wait_hours: number) => Plan.parse({ ...QUICK, max_wait_hours })
    await begun('planned', { plan: hours(5) })
    await over('planned')
    await ship(bench, { model: 'planned', endpoint: 'beside', plan: hours(7) })
    await ship(bench, { model: 'stranger', endpoint: 'planned', plan: hours(3) })
    await round(bench)
    assert.equal((await newest(bench.db, 'planned')).model, 'stranger')
    const planOfNext = async (plan?: Plan): Promise<number> => {
      await startRollout(bench.deps, ann, { endpoint: 'planned', version: '2', slices: [], plan })
      const row = await newest(bench.db, 'planned')
      await over('planned')
      return (JSON.parse(row.plan) as Plan).max_wait_hours
    }
    assert.equal(await planOfNext(), 5)
    assert.equal(await planOfNext(hours(9)), 9)
    assert.equal(await planOfNext(), 9)
  })

  it('its slices are those of its plan, or of the monitor where the plan names none', async () => {
    const slicesOf = async (endpoint: string) => JSON.parse((await newest(bench.db, endpoint)).slices) as string[]
    const monitor = { slices: ['carrier', 7] }
    await begun('monitored', { monitor })
    assert.deepEqual(await slicesOf('monitored'), ['carrier'])
    await begun('named', { monitor, plan: Plan.parse({ ...QUICK, slices: ['distance'] }) })
    assert.deepEqual(await slicesOf('named'), ['distance'])
  })

  it('another version ends a watch, and leaves an endpoint alone that a person changed meanwhile', async () => {
    for (const [endpoint, changed] of [
      ['kept', false],
      ['changed', true],
    ] as const) {
      const id = await begun(endpoint, { plan: Plan.parse({ ...QUICK, watch: { labels: 1000, hours: 1000 } }) })
      await send(bench, endpoint, { rows: 10, seed: 1 })
      await act(bench.deps, ann, id, { action: 'promote', reason: 'I am sure' })
      assert.deepEqual(await variants(endpoint), ['stable 2 0', 'shadow 1 0'])
      const byHand = [
        { role: 'stable', version: '1', weight: 0 },
        { role: 'shadow', version: '2', weight: 0 },
      ] as const
      if (changed)
        await bench.db.tx((t) => writeVariants(t, endpoint, byHand, { now: bench.deps.clock(), cause: CAUSE }))
      const version = await ship(bench, { model: endpoint })
      await startRollout(bench.deps, ann, { endpoint, version, slices: [] })
      const watched = (await rollouts(endpoint)).find((one) => one.version === '2')
      assert.deepEqual([watched?.state, watched?.reason], ['promoted', 'the watch ended: another version came'])
      assert.deepEqual(await variants(endpoint), changed ? ['stable 1 0', 'shadow 2 0'] : ['stable 2 0'])
      assert.equal((await newest(bench.db, endpoint)).stable_version, changed ? '1' : '2')
      await over(endpoint)
    }
  })
})
