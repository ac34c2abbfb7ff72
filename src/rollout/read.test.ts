/** Rollouts as they are shown: what keeps one from going forward in each state, its share of the requests, and pages of the list. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { migratedSqlite } from '../../test/databases.ts'
import { Plan } from '../contract/rollout/plan.ts'
import { SYSTEM } from '../auth/tokens.ts'
import { newest, QUICK } from './bench.fixture.ts'
import type { RolloutBench } from './bench.fixture.ts'
import { rolloutsBetween } from './context/context.ts'
import { freeze } from './controller/freeze.ts'
import { getRollout, listRollouts, refuseForeignEndpoint, refuseForeignRollout } from './read.ts'
import { ann, rolloutWorld } from './world.fixture.ts'

describe('a rollout is shown', () => {
  let bench: RolloutBench
  const { begun } = rolloutWorld(migratedSqlite, (world) => ({ bench } = world))
  /** Rows as later states leave them. */
  const set = async (id: string, row: Readonly<Record<string, string | number | null>>): Promise<void> => {
    const columns = Object.keys(row).map((name) => `${name} = ?`)
    await bench.db.tx((t) =>
      t.run(`UPDATE rollouts SET ${columns.join(', ')} WHERE id = ?`, [...Object.values(row), id]),
    )
  }
  const ENDED = { finished_at: 1 }

  it('with its freeze while it might go forward, and without where it could not anyway', async () => {
    const id = await begun('frozen')
    await freeze(bench.deps, ann, { endpoint: 'frozen', reason: 'audit', until: null })
    const now = bench.deps.clock()
    const frozenIn = async (row: Parameters<typeof set>[1]): Promise<string | null> => {
      await set(id, { finished_at: null, step: 1, ...row })
      return (await getRollout(bench.db, id, now)).frozen
    }
    const said = 'frozen until it is lifted: audit (ann)'
    assert.equal(await frozenIn({ state: 'shadow', step: 0 }), said)
    assert.equal(await frozenIn({ state: 'canary' }), said)
    assert.equal((await getRollout(bench.db, id)).frozen, null, 'without a time')
    for (const state of ['paused', 'watching']) assert.equal(await frozenIn({ state }), null, state)
    assert.equal(await frozenIn({ state: 'starting', step: 0 }), null, 'it will be compared in shadow first')
    for (const state of ['promoted', 'rolled_back', 'kept', 'aborted', 'failed'])
      assert.equal(await frozenIn({ state, ...ENDED }), null, state)
  })

  it('as a change of its endpoint at the time when it ended, or began where it is under way', async () => {
    const id = await begun('between')
    await begun('beside')
    const [first] = (
      await bench.db.all<{ id: string }>("SELECT id FROM rollouts WHERE endpoint = 'between' AND id <> ?", [id])
    ).map((row) => row.id)
    await set(first ?? '', { created_at: 1000, finished_at: 2000, state: 'promoted' })
    await set(id, { created_at: 3000 })
    const changes = async (from: number, to: number): Promise<unknown[]> => {
      const found = await rolloutsBetween(bench.db, { endpoint: 'between', from, to })
      return found.toSorted((a, b) => a.at - b.at)
    }
    const ended = { id: first, version: '1', state: 'promoted', at: 2000 }
    const under = { id, version: '2', state: 'shadow', at: 3000 }
    assert.deepEqual(await changes(2000, 3000), [ended, under], 'both ends belong to it')
    assert.deepEqual(await changes(2001, 2999), [])
    assert.deepEqual(await changes(0, 2999), [ended])
    assert.deepEqual(await changes(2001, 4000), [under])
  })

  it('to whoever is of no project and to those of its own; to others it is not there', async () => {
    const id = await begun('owned')
    for (const project of [null, 'default']) {
      await refuseForeignRollout(bench.db, { ...ann, project }, id)
      await refuseForeignEndpoint(bench.db, { ...ann, project }, 'owned')
    }
    const foreign = { ...ann, project: 'elsewhere' }
    await assert.rejects(refuseForeignRollout(bench.db, foreign, id), { code: 'not_found', message: /rollout/ })
    await assert.rejects(refuseForeignEndpoint(bench.db, foreign, 'owned'), { code: 'not_found', message: /endpoint/ })
  })

  it('with the approval that it waits for, once there is something to approve', async () => {
    const plan = Plan.parse({ ...QUICK, shadow: { requests: 0 }, approvals: [{ before: 1000, role: 'admin' }] })
    const id = await begun('approved', { plan })
    const awaits = async () => (await getRollout(bench.db, id)).awaits
    assert.deepEqual(await awaits(), { before: 1000, role: 'admin' })
    assert.match((await newest(bench.db, 'approved')).state, /starting/)
    await set(id, { stable_version: null })
    assert.equal(await awaits(), null, 'the first version of an endpoint is compared with none')
    await set(id, { stable_version: '1', state: 'aborted', ...ENDED })
    assert.equal(await awaits(), null)
  })

  it('with the share of requests that callers have of it now', async () => {
    const id = await begun('weighed')
    const weightIn = async (row: Parameters<typeof set>[1]): Promise<number> => {
      await set(id, { finished_at: null, breaker: null, ...row })
      return (await getRollout(bench.db, id)).weight
    }
    const cases: [Parameters<typeof set>[1], number][] = [
      [{ state: 'shadow', step: 0 }, 0],
      [{ state: 'canary', step: 1 }, 1000],
      [{ state: 'canary', step: 2 }, 5000],
      [{ state: 'canary', step: 2, breaker: 'it fails' }, 0],
      [{ state: 'rolled_back', step: 2, ...ENDED }, 0],
      [{ state: 'watching', step: 2 }, 10_000],
      [{ state: 'promoted', step: 2, ...ENDED }, 10_000],
    ]
    for (const [row, wanted] of cases) assert.equal(await weightIn(row), wanted, JSON.stringify(row))
  })

  it('in a list whose pages end with the last, newest first, those under way alone if told', async () => {
    await begun('listed')
    const ids = async (query: { limit: number; page_token?: string; under_way?: 'true' }): Promise<string[]> => {
      const page = await listRollouts(bench.db, SYSTEM, { endpoint: 'listed', ...query })
      return [...page.items.map((one) => `${one.version} ${one.state}`), ...(page.next_page_token ? ['more'] : [])]
    }
    assert.deepEqual(await ids({ limit: 1 }), ['2 shadow', 'more'])
    assert.deepEqual(await ids({ limit: 2 }), ['2 shadow', '1 promoted'])
    assert.deepEqual(await ids({ limit: 1, under_way: 'true' }), ['2 shadow'])
    const { id } = await newest(bench.db, 'listed')
    assert.deepEqual(await ids({ limit: 1, page_token: id }), ['1 promoted'])
    const listed = await listRollouts(bench.db, SYSTEM, { endpoint: 'listed', limit: 1 })
    assert.deepEqual(listed.items, [await getRollout(bench.db, id)], 'each as it is shown by itself')
  })
})
