/** The loop of the controller: who runs it, when it looks, and how it ends. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { never, until } from '../../../test/until.ts'
import { Leases } from '../../jobs/leases.ts'
import { openTemporaryStore } from '../../store/open.ts'
import type { Tx } from '../../store/db.ts'
import type { RolloutDeps } from '../context/context.ts'
import { openRollouts } from '../rollouts.ts'
import type { Rollouts } from '../rollouts.ts'

/** A round begins with a look at what asks for an endpoint; how it goes on is the test's. */
interface Watched {
  readonly rollouts: Rollouts
  readonly errors: unknown[]
  /** Monotonic times of the looks, ms. */
  readonly looks: number[]
  /** Resolves when there were so many looks. */
  readonly looked: (times: number) => Promise<void>
}

describe('the loop', () => {
  let store: Awaited<ReturnType<typeof openTemporaryStore>>
  before(async () => (store = await openTemporaryStore()))
  after(() => store.close())

  function watched(asked: () => Promise<never[]> = () => Promise.resolve([])): Watched {
    const looks: number[] = []
    const errors: unknown[] = []
    const waiting: { readonly times: number; readonly done: () => void }[] = []
    const deps = {
      db: store.db,
      asked: () => {
        looks.push(performance.now())
        for (const one of waiting) if (looks.length >= one.times) one.done()
        return asked()
      },
      onError: (error: unknown) => void errors.push(error),
    } as unknown as RolloutDeps
    const looked = (times: number): Promise<void> =>
      new Promise((done) => (looks.length >= times ? done() : waiting.push({ times, done })))
    return { rollouts: openRollouts(deps, new Leases(store.db)), errors, looks, looked }
  }

  it('looks again and again, and not all the time', async () => {
    const { rollouts, looks, looked, errors } = watched()
    rollouts.loop.start()
    await looked(3)
    await rollouts.loop.stop()
    const [first = 0, , third = 0] = looks
    assert.ok(third - first > 900, `two pauses of half a second: ${third - first}`)
    assert.deepEqual(errors, [])
  })

  it('looks soon after it was woken, also by what was ingested', async () => {
    const { rollouts, looks, looked } = watched()
    rollouts.loop.start()
    await looked(1)
    const wakes = [async () => rollouts.wake(), () => store.db.tx((t) => rollouts.hooks.onPredictions(t, []))]
    for (const wake of wakes)
      await until('a look soon after a wake-up, in less than the usual pause', async () => {
        const before = looks.length
        await wake()
        await looked(before + 1)
        return (looks[before] ?? 0) - (looks[before - 1] ?? 0) < 400
      })
    await rollouts.loop.stop()
    const gaps = looks.slice(1).map((at, i) => at - (looks[i] ?? 0))
    assert.ok(Math.min(...gaps) >= 20, `a rest between two looks: ${gaps.join()}`)
  })

  it('is not woken by what could not be counted', async () => {
    const t = { all: () => Promise.reject(new Error('the disk is full')), afterCommit: () => assert.fail('woken') }
    const { hooks } = watched().rollouts
    for (const name of ['onPredictions', 'onShadows', 'onLabels'] as const)
      await assert.rejects(hooks[name](t as unknown as Tx, []), /the disk is full/, name)
  })

  it('a look that fails is told, and the next one follows', async () => {
    let failures = 0
    const { rollouts, looked, errors } = watched(() =>
      failures++ === 0 ? Promise.reject(new Error('no list')) : Promise.resolve([]),
    )
    rollouts.loop.start()
    await looked(2)
    await rollouts.loop.stop()
    assert.deepEqual(errors.map(String), ['Error: no list'])
  })

  it('is run by one of two, and by the other once the first has stopped', async () => {
    const [one, other] = [watched(), watched()]
    one.rollouts.loop.start()
    await one.looked(1)
    other.rollouts.loop.start()
    await one.looked(2)
    assert.equal(other.looks.length, 0)
    await one.rollouts.loop.stop()
    const before = one.looks.length
    await other.looked(2)
    await other.rollouts.loop.stop()
    assert.equal(one.looks.length, before, 'the first does not look any more')
  })

  it('that is stopped waits for the look that is under way', async () => {
    const { promise, resolve } = Promise.withResolvers<never[]>()
    const { rollouts, looked, looks } = watched(() => promise)
    rollouts.loop.start()
    await looked(1)
    let stopped = false
    const end = rollouts.loop.stop().then(() => (stopped = true))
    await never('stopped during the look', () => stopped, 20)
    resolve([])
    await end
    assert.equal(looks.length, 1)
  })
})
