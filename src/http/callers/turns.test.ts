/** Long work in slices: all of it is done, in order, and the loop turns between. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countTurns } from './loop-turns.fixture.ts'
import { inTurns, mapInTurns } from './turns.ts'

test('a long list is mapped in order while the loop turns; a short one has no turn', async (t) => {
  const loop = countTurns()
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const spin = (item: number): number => {
    now += 0.02
    return item * 2
  }
  const items = Array.from({ length: 3000 }, (_, i) => i)
  assert.deepEqual(
    await mapInTurns(items, spin),
    items.map((item) => item * 2),
  )
  loop.stop()
  assert.ok(loop.turns >= 3, `${loop.turns} turns`)
  assert.deepEqual(await mapInTurns([], spin), [])
})

test('few pieces of long work are done at once, the others in order; one that fails gives its place on', async () => {
  const begun: number[] = []
  const ends: (() => void)[] = []
  const work = (name: number): Promise<number> =>
    inTurns(async () => {
      begun.push(name)
      await new Promise<void>((resolve) => ends.push(resolve))
      if (name === 0) throw new Error('so')
      return name
    })
  const all = Promise.allSettled(Array.from({ length: 6 }, (_, i) => work(i)))
  assert.deepEqual(begun, [0, 1, 2, 3])
  for (let i = 0; i < 6; i++) {
    ends[i]?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5])
  assert.deepEqual(
    (await all).map((one) => one.status),
    ['rejected', ...Array<string>(5).fill('fulfilled')],
  )
})
