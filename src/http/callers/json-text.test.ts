/** Values written as JSON in slices: the same text as at once, and the loop turns meanwhile. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonText } from './json-text.ts'
import { countTurns } from './loop-turns.fixture.ts'
import { MadeList } from './made-list.ts'

const LONG = Array.from({ length: 1000 }, (_, i) => ({ i, text: `ü"${i}`, nothing: undefined, none: null }))

for (const [name, value] of Object.entries({
  'a long list': LONG,
  'a list in an object': { before: 1, runs: LONG, absent: undefined, after: 'x', call: () => 1 },
  'lists in each other': { data: { search: { runs: LONG, more: LONG }, errors: [] }, empty: {} },
  'deeper than is looked for': { a: { b: { c: { d: LONG } } }, e: LONG },
  'things that JSON has no word for': [...Array<unknown>(300).fill(undefined), Number.NaN, () => 1],
  'what writes itself': { list: Array.from({ length: 300 }, () => new Date(0)), own: { toJSON: () => LONG } },
  'a list that is made': { runs: new MadeList(1000, (i) => LONG[i]), more: 1 },
  'few items that hold much': { items: Array.from({ length: 60 }, (_, i) => ({ i, own: Array<number>(190).fill(i) })) },
  'nothing but a list': { runs: Array<number>(201).fill(1) },
}))
  test(`${name}: as JSON.stringify`, async () => {
    const text = jsonText(value)
    assert.ok(text instanceof Promise, 'it is long')
    assert.equal((await text).toString('utf8'), JSON.stringify(value))
  })

for (const value of [
  { a: 1 },
  [],
  {},
  null,
  'text',
  { list: Array(200).fill(1) },
  { own: { toJSON: () => LONG } },
  { few: new MadeList(3, (i) => i) },
  { items: Array.from({ length: 20 }, (_, i) => ({ i, own: Array<number>(190).fill(i) })) },
])
  test(`${JSON.stringify(value).slice(0, 30)} is written at once`, () =>
    assert.equal(jsonText(value), JSON.stringify(value)))

test('the loop turns while a list is written', async (t) => {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const slow = Array.from({ length: 4000 }, () => ({
    toJSON() {
      now += 0.02
      return 1
    },
  }))
  const loop = countTurns()
  await jsonText(slow)
  loop.stop()
  assert.ok(loop.turns >= 4, `${loop.turns} turns`)
})

test('items that are made are made once, in order, and none before those in front of it are written', async (t) => {
  // each look at the clock finds a turn's time gone
  let clock = 0
  t.mock.method(performance, 'now', () => (clock += 5))
  const made: number[] = []
  const text = jsonText({ points: new MadeList(5000, (at) => made.push(at) - 1) })
  const early = made.length
  const { points } = JSON.parse(String(await text)) as { points: number[] }
  assert.ok(early < 1000, `${early} were made before the first turn`)
  assert.deepEqual(points, made)
  assert.deepEqual(
    points,
    Array.from({ length: 5000 }, (_, i) => i),
  )
})
