/** A change is made only where the rollout and its endpoint still are what was judged; acts that come too late say why. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { migratedSqlite } from '../../../test/databases.ts'
import { Plan } from '../../contract/rollout/plan.ts'
import { wrapDb } from '../../jobs/wrapped-db.fixture.ts'
import { writeVariants } from '../../serving/endpoints/variants.ts'
import { newest, QUICK, round, send } from '../bench.fixture.ts'
import type { RolloutBench } from '../bench.fixture.ts'
import type { RolloutDeps, RolloutRow } from '../context/context.ts'
import { ann, rolloutWorld } from '../world.fixture.ts'
import { act, halt } from './acts.ts'
import type { Act } from './acts.ts'
import { abandon, change, changeModel, forward } from './changes.ts'
import { judgeRound } from './controller.ts'
import { freeze, frozenEndpoint, listFrozen, thaw } from './freeze.ts'

const CAUSE = { by: 'ada', way: 'deployed', reason: '' } as const

describe('a change of a rollout', () => {
  let bench: RolloutBench
  const { begun, variants } = rolloutWorld(migratedSqlite, (world) => ({ bench } = world))
  const take = (endpoint: string, version = '7') =>
    bench.db.tx((t) =>
      writeVariants(t, endpoint, [{ role: 'stable', version, weight: 0 }], { now: bench.deps.clock(), cause: CAUSE }),
    )
  /** Tries to change a rollout as it was read; whether it was done, and whether the work began. */
  const tried = async (row: RolloutRow, ports: Partial<RolloutDeps> = {}): Promise<[boolean, boolean]> => {
    let worked = false
    const done = await change({ ...bench.deps, ...ports }, row, () => Promise.resolve(void (worked = true)))
    return [done, worked]
  }
  const acted = (id: string, action: Act['action'], ports: Partial<RolloutDeps> = {}) =>
    act({ ...bench.deps, ...ports }, ann, id, { action, reason: 'I say so' })
  const auditOf = async (id: string): Promise<number> =>
    (await bench.db.all('SELECT seq FROM audit WHERE resource_id = ?', [id])).length

  it('is made where nothing has changed, and not where the state, the step or the endpoint has', async () => {
    await begun('plain')
    const row = await newest(bench.db, 'plain')
    assert.deepEqual(await tried(row), [true, true])
    assert.deepEqual(await tried({ ...row, state: 'canary' }), [false, false])
    assert.deepEqual(await tried({ ...row, step: 1 }), [false, false])
    assert.deepEqual(await tried({ ...row, id: 'rol_none' }), [false, false])
    const target = await bench.deps.target(bench.db, 'plain')
    assert.ok(target !== undefined)
    for (const other of [undefined, { ...target, stable: '7' }, { ...target, variants: target.variants.slice(0, 1) }])
      assert.deepEqual(await tried(row, { target: () => Promise.resolve(other) }), [false, false])
  })

  it('of its reason is told once, and not again at each look that finds the same', async () => {
    const id = await begun('said')
    const told: string[] = []
    const look = () => judgeRound({ ...bench.deps, changed: (one) => void told.push(one) })
    await bench.db.tx((t) => t.run("UPDATE rollouts SET reason = 'it begins' WHERE id = ?", [id]))
    await look()
    assert.deepEqual(
      told.filter((one) => one === id),
      [id],
    )
    assert.equal((await newest(bench.db, 'said')).reason, '0 of 100 shadow rows')
    told.length = 0
    await look()
    assert.deepEqual(told, [])
  })

  it('is over when the gateways have it, and then it is told', async () => {
    await begun('pushed')
    const row = await newest(bench.db, 'pushed')
    const ways = [
      change,
      changeModel,
      (...[deps, at, work]: Parameters<typeof change>) => forward(deps, at, { as: 'canary' }, work),
    ]
    for (const way of ways) {
      const heard: string[] = []
      const { promise, resolve: answer } = Promise.withResolvers<void>()
      const publish = () => promise.then(() => void heard.push('published'))
      const deps: RolloutDeps = { ...bench.deps, publish, changed: () => void heard.push('told') }
      const changing = way(deps, row, () => Promise.resolve(void heard.push('changed'))).then(() => heard.push('over'))
      // enough turns to end in, were it not waiting
      for (let i = 0; i < 50; i++) await turn()
      assert.deepEqual(heard, ['changed'])
      answer()
      await changing
      assert.deepEqual(heard, ['changed', 'published', 'told', 'over'])
    }
  })

  it('that cannot be audited is none', async () => {
    const id = await begun('unaudited')
    await send(bench, 'unaudited', { rows: 110, seed: 1 })
    const audit = { ...bench.deps.audit, record: () => Promise.reject(new Error('the disk is full')) }
    await assert.rejects(acted(id, 'abort', { audit }), /the disk is full/)
    const errors: unknown[] = []
    await judgeRound({ ...bench.deps, audit, onError: (error) => void errors.push(error) })
    assert.match(errors.join(), /the disk is full/)
    assert.deepEqual(
      [(await newest(bench.db, 'unaudited')).state, await variants('unaudited')],
      ['shadow', ['stable 1 0', 'shadow 2 0']],
    )
  })

  it('that cannot note by what the version came to its endpoint is none', async () => {
    const id = await begun('unnoted')
    await send(bench, 'unnoted', { rows: 110, seed: 1 })
    await bench.db.tx((t) =>
      t.run(`CREATE TRIGGER full BEFORE UPDATE OF overridden ON endpoint_versions WHEN NEW.endpoint = 'unnoted'
        BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`),
    )
    const errors: unknown[] = []
    await judgeRound({ ...bench.deps, onError: (error) => void errors.push(error) })
    assert.match(errors.join(), /the disk is full/)
    await assert.rejects(acted(id, 'promote'), /the disk is full/)
    assert.equal((await newest(bench.db, 'unnoted')).state, 'shadow')
    await bench.db.tx((t) => t.run('DROP TRIGGER full'))
    await judgeRound(bench.deps)
    assert.equal((await newest(bench.db, 'unnoted')).state, 'canary')
  })

  it('a rollout that begins has no variant yet, and one that is watched is the stable version', async () => {
    const id = await begun('watched', { plan: Plan.parse({ ...QUICK, watch: { labels: 1000, hours: 1000 } }) })
    await acted(id, 'promote')
    const row = await newest(bench.db, 'watched')
    assert.equal(row.state, 'watching')
    assert.deepEqual(await tried(row), [true, true])
    await take('watched', '1')
    assert.deepEqual(await tried(row), [false, false])
  })

  it('an endpoint that others have taken ends its rollout, unless it goes on or the endpoint is back', async () => {
    await begun('taken')
    const row = await newest(bench.db, 'taken')
    const heard: string[] = []
    const deps: RolloutDeps = { ...bench.deps, changed: (id) => void heard.push(id) }
    assert.equal(await abandon(deps, row), false, 'nobody has taken it')
    const gone: RolloutDeps = {
      ...deps,
      target: (reader, name) => (reader === bench.db ? Promise.resolve(undefined) : deps.target(reader, name)),
    }
    assert.equal(await abandon(gone, row), false, 'it was back when it was looked at again')
    await take('taken')
    assert.equal(await abandon(deps, { ...row, step: 1 }), false, 'the rollout went on')
    assert.deepEqual([(await newest(bench.db, 'taken')).state, heard], ['shadow', []])
    assert.equal(await abandon(deps, row), true)
    const { state, reason } = await newest(bench.db, 'taken')
    assert.deepEqual(
      [state, reason, heard],
      ['aborted', 'the versions of endpoint taken were changed by others', [row.id]],
    )
    assert.deepEqual(await variants('taken'), ['stable 7 0'])
  })

  it('a round ends it too, before it judges, also where it is paused', async () => {
    await begun('rounds', { plan: Plan.parse({ ...QUICK, max_wait_hours: 0.001 }) })
    await send(bench, 'rounds', { rows: 60, seed: 1 })
    await round(bench)
    assert.equal((await newest(bench.db, 'rounds')).state, 'paused')
    await round(bench)
    assert.equal((await newest(bench.db, 'rounds')).state, 'paused')
    await take('rounds')
    await round(bench)
    assert.equal((await newest(bench.db, 'rounds')).state, 'aborted')
  })

  it('acts that have no meaning any more say why', async () => {
    const id = await begun('late', { plan: Plan.parse({ ...QUICK, watch: { labels: 1000, hours: 1000 } }) })
    const refused = (action: Act['action'], detail: string) =>
      assert.rejects(acted(id, action), { code: 'conflict', message: new RegExp(detail) })
    await refused('resume', `rollout ${id} is not paused`)
    await refused('approve', `rollout ${id} waits for no approval: 0 of 100 shadow rows`)
    await acted(id, 'promote')
    await refused('abort', `rollout ${id} is promoted and watched; roll the endpoint back instead`)
    await take('late')
    await round(bench)
    for (const action of ['abort', 'resume', 'promote', 'approve'] as const)
      await refused(action, `rollout ${id} is over: aborted`)
  })

  it('an act whose rollout goes on meanwhile says so, and an abort looks again', async () => {
    const id = await begun('raced')
    const row = await newest(bench.db, 'raced')
    await assert.rejects(acted(id, 'promote', { target: () => Promise.resolve(undefined) }), {
      code: 'conflict',
      message: new RegExp(`rollout ${id} has changed meanwhile`),
    })
    assert.equal((await newest(bench.db, 'raced')).state, 'shadow')
    // the rollout goes on between each look of the abort and its change, so many times
    const racing = (times: number): [RolloutDeps['db'], () => number] => {
      let looks = 0
      const on = () => bench.db.tx((t) => t.run('UPDATE rollouts SET step = step + 1 WHERE id = ?', [row.id]))
      return [wrapDb(bench.db, async () => void (looks++ < times && (await on()))), () => looks]
    }
    const [never, looks] = racing(Infinity)
    await assert.rejects(acted(id, 'abort', { db: never }), { code: 'conflict', message: /has changed meanwhile/ })
    assert.deepEqual([looks(), (await newest(bench.db, 'raced')).state], [10, 'shadow'])
    await acted(id, 'abort', { db: racing(9)[0] })
    assert.deepEqual([(await newest(bench.db, 'raced')).state, await variants('raced')], ['aborted', ['stable 1 0']])
  })

  it('what stops one rollout stops no other endpoint’s, and tells whether it did', async () => {
    await begun('one')
    await begun('other')
    assert.equal(await halt(bench.deps, 'one', 'an incident'), true)
    assert.deepEqual(
      [(await newest(bench.db, 'one')).state, (await newest(bench.db, 'other')).state],
      ['aborted', 'shadow'],
    )
    assert.deepEqual([await halt(bench.deps, 'one', 'again'), await halt(bench.deps, 'none', 'again')], [false, false])
  })

  it('a fault of one rollout is told and holds up no other', async () => {
    for (const endpoint of ['ill', 'well']) await begun(endpoint)
    for (const endpoint of ['ill', 'well']) await send(bench, endpoint, { rows: 110, seed: 1 })
    const errors: unknown[] = []
    const setVariants: RolloutDeps['setVariants'] = (t, endpoint, wanted, cause) =>
      endpoint === 'ill' ? Promise.reject(new Error('no room')) : bench.deps.setVariants(t, endpoint, wanted, cause)
    await judgeRound({ ...bench.deps, setVariants, onError: (error) => void errors.push(error) })
    assert.deepEqual(errors.map(String), ['Error: no room'])
    assert.deepEqual(
      [(await newest(bench.db, 'ill')).state, (await newest(bench.db, 'well')).state],
      ['shadow', 'canary'],
    )
  })

  it('a reason to wait is told once, and again when it is another', async () => {
    const id = await begun('waits')
    const heard: string[] = []
    const deps: RolloutDeps = { ...bench.deps, changed: (one) => void heard.push(one) }
    const looked = async (): Promise<string> => {
      await judgeRound(deps)
      return (await newest(bench.db, 'waits')).reason
    }
    const count = (): number => heard.filter((one) => one === id).length
    assert.deepEqual([await looked(), count()], ['0 of 100 shadow rows', 0])
    await send(bench, 'waits', { rows: 10, seed: 1 })
    assert.deepEqual([await looked(), count()], ['10 of 100 shadow rows', 1])
    assert.deepEqual([await looked(), count()], ['10 of 100 shadow rows', 1])
  })

  it('evidence that comes between a judgement and its step belongs to the step before', async () => {
    const watch = { labels: 1000, hours: 1000 }
    const id = await begun('between', { plan: Plan.parse({ ...QUICK, canary: [10_000], watch }) })
    await judgeRound(bench.deps)
    const enter: RolloutDeps['enter'] = async (...asked) => {
      await send(bench, 'between', { rows: 5, seed: 50, at: bench.deps.clock() })
      return bench.deps.enter(...asked)
    }
    const from = async () => JSON.parse((await newest(bench.db, 'between')).step_from) as Record<string, number>
    await send(bench, 'between', { rows: 110, seed: 1 })
    await judgeRound({ ...bench.deps, enter })
    const { state, first_event } = await newest(bench.db, 'between')
    assert.deepEqual([state, first_event, (await from())['pairs']], ['canary', null, 115])
    const promote: RolloutDeps['promote'] = async (who, version, how) => {
      await send(bench, 'between', { rows: 7, seed: 90, at: bench.deps.clock() })
      return bench.deps.promote(who, version, how)
    }
    await acted(id, 'promote', { promote })
    assert.deepEqual([(await newest(bench.db, 'between')).state, (await from())['canary']], ['watching', 7])
  })

  it('a reason to wait of a rollout that went on meanwhile is neither written nor told', async () => {
    await begun('gone on')
    await send(bench, 'gone on', { rows: 10, seed: 1 })
    const heard: string[] = []
    const db = wrapDb(bench.db, async () => {
      await bench.db.tx((t) => t.run("UPDATE rollouts SET step = 1 WHERE endpoint = 'gone on'"))
    })
    const { id, reason } = await newest(bench.db, 'gone on')
    await judgeRound({ ...bench.deps, db, changed: (one) => void heard.push(one) })
    assert.equal((await newest(bench.db, 'gone on')).reason, reason)
    assert.ok(!heard.includes(id))
    await halt(bench.deps, 'gone on', 'enough')
  })

  it('a freeze is changed and lifted on record, and a thaw of nothing leaves none', async () => {
    await begun('cold')
    const until = bench.deps.clock() + 1000
    for (const end of [until, null]) await freeze(bench.deps, ann, { endpoint: 'cold', reason: 'audit', until: end })
    assert.equal((await auditOf('cold')) > 2, true)
    const now = bench.deps.clock()
    await assert.rejects(
      freeze({ ...bench.deps, clock: () => now }, ann, { endpoint: 'cold', reason: 'x', until: now }),
      {
        code: 'invalid_field',
      },
    )
    assert.deepEqual(
      (await listFrozen(bench.db, ann, until + 1)).map(({ endpoint, until: end }) => [endpoint, end]),
      [['cold', null]],
    )
    await thaw(bench.deps, ann, 'cold')
    const trail = await auditOf('cold')
    await thaw(bench.deps, ann, 'cold')
    assert.equal(await auditOf('cold'), trail)
    await assert.rejects(thaw(bench.deps, ann, 'none'), { code: 'not_found' })
  })

  it('an endpoint follows the calendar of its newest rollout', async () => {
    const id = await begun('calendar')
    const always = (reason: string) =>
      JSON.stringify(Plan.parse({ ...QUICK, freeze: [{ cron: '0 0 * * *', hours: 30, reason }] }))
    const set = (plan: string, which: '=' | '<>') =>
      bench.db.tx((t) =>
        t.run(`UPDATE rollouts SET plan = ? WHERE endpoint = 'calendar' AND id ${which} ?`, [plan, id]),
      )
    await set(always('of the one before'), '<>')
    assert.equal(await frozenEndpoint(bench.db, 'calendar', bench.deps.clock()), null)
    await set(always('of this one'), '=')
    assert.match((await frozenEndpoint(bench.db, 'calendar', bench.deps.clock())) ?? '', /: of this one$/)
  })
})
