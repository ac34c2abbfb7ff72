/** Scoring a chunk: each row gets its own outcome in its own place, the row at fault is found and named, refusals that pass are waited for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { problem } from '../../contract/errors.ts'
import { doubling, engineOf, POISON, tableOf } from './batch.fixture.ts'
import type { Engine, Outcome, Rules } from './score.ts'
import { scoreRows } from './score.ts'
import type { Source } from './table.ts'

const SKIP: Rules = { onError: 'skip' }
const STOP: Rules = { onError: 'stop' }

async function score(engine: Engine, source: Source, rules = SKIP): Promise<Outcome[]> {
  return scoreRows(engine, source, (await source.read(source.first, 1e6)).rows, rules)
}

const good = (x: number): Outcome => ({ prediction: 2 * x, score: 2 * x, error: null })
const rowOf = (x: unknown) => [x, 'note', 'c']
const numbers = (count: number): unknown[][] => Array.from({ length: count }, (_, i) => rowOf(i))

test('rows are answered in their order, in calls of at most 1024, several under way at once', async () => {
  const { engine, calls } = doubling()
  const outcomes = await score(engine, tableOf(numbers(2500)))
  assert.deepEqual(
    outcomes,
    Array.from({ length: 2500 }, (_, i) => good(i)),
  )
  assert.deepEqual(calls, [1024, 1024, 452])
})

test('a table without rows asks nobody', async () => {
  const { engine, calls } = doubling()
  assert.deepEqual(await score(engine, tableOf([])), [])
  assert.deepEqual(calls, [])
})

test('a column that is no input is left out, an optional one may be null, values go by name and not by place', async () => {
  const asked: unknown[] = []
  const engine = engineOf((rows) => {
    asked.push(...rows)
    return rows.map(() => ({ prediction: 1, score: 1 }))
  })
  await score(
    engine,
    tableOf([
      [1, { any: 'thing' }, 'a'],
      [null, 5, null],
    ]),
  )
  assert.deepEqual(asked, [
    [1, 'a'],
    [null, Number.NaN], // as pandas reads a file, whatever rows stand beside it
  ])
})

test('where rows are skipped, each that does not fit has its own error, and the others are scored', async () => {
  const source = tableOf([rowOf(1), rowOf('one'), { fault: 'it has 2 cells, the header 3' }, rowOf(2), [3, '', 5]])
  assert.deepEqual(await score(doubling().engine, source), [
    good(1),
    { prediction: null, score: null, error: 'field "x" is "one", expected a number or null' },
    { prediction: null, score: null, error: 'it has 2 cells, the header 3' },
    good(2),
    { prediction: null, score: null, error: 'field "c" is 5, expected a text or null' },
  ])
})

for (const [what, rows, message] of [
  [
    'that does not fit',
    [rowOf(1), rowOf('one'), rowOf('two')],
    'line 3: field "x" is "one", expected a number or null',
  ],
  ['that is no row', [rowOf(1), rowOf(2), { fault: 'its quote is never closed' }], 'line 4: its quote is never closed'],
  ['at which the model raises', [rowOf(1), rowOf(2), rowOf(POISON)], 'line 4: the model failed: it raised'],
] as const) {
  test(`where the first fault stops, the row ${what} is named by its line`, async () => {
    await assert.rejects(score(doubling().engine, tableOf(rows), STOP), { code: 'unprocessable', message })
  })
}

for (const bad of [[0], [2047], [0, 1, 1023, 1024, 1500, 2047], Array.from({ length: 40 }, (_, i) => i * 50)]) {
  test(`of 2048 rows the ${bad.length} at which the model raises are found, and all others are scored`, async () => {
    const rows = numbers(2048)
    for (const i of bad) rows[i] = rowOf(POISON)
    const { engine } = doubling()
    const failed = (await score(engine, tableOf(rows))).flatMap((outcome, i) => {
      if (outcome.error === null) assert.deepEqual(outcome, good(i))
      else assert.equal(outcome.error, 'the model failed: it raised')
      return outcome.error === null ? [] : [i]
    })
    assert.deepEqual(failed, bad)
  })
}

test('one bad row of 1024 costs at most one call for each piece of three levels', async () => {
  const rows = numbers(1024)
  rows[700] = rowOf(POISON)
  const { engine, calls } = doubling()
  await score(engine, tableOf(rows))
  assert.deepEqual(
    [1024, 32, 1].map((size) => calls.filter((one) => one === size).length),
    [1, 32, 32],
    'the whole, its 32 pieces, and the rows of the one at fault',
  )
})

/** Time that passes at once: what is waited is kept. */
function quickly(t: TestContext): void {
  t.mock.timers.enable({ apis: ['setTimeout'] })
}

/** Lets all waits pass, one after the other, until the work has ended. */
async function passing<T>(t: TestContext, work: Promise<T>): Promise<T> {
  const state = { ended: false }
  const settled = work.finally(() => (state.ended = true))
  settled.catch(() => undefined)
  while (!state.ended) {
    await new Promise((resolve) => setImmediate(resolve))
    t.mock.timers.tick(60_000)
  }
  return settled
}

for (const code of ['too_many_requests', 'unavailable'] as const) {
  test(`${code} says nothing of the rows: the same call is made again, eight times at most`, async (t) => {
    quickly(t)
    let refusals = 7
    const sizes: number[] = []
    const engine = engineOf(async (rows) => {
      sizes.push(rows.length)
      if (refusals-- > 0) throw problem(code, { what: 'the model', detail: 'it starts' })
      return rows.map(([x]) => ({ prediction: x, score: null }))
    })
    const outcomes = await passing(t, score(engine, tableOf(numbers(3))))
    assert.deepEqual(
      sizes,
      Array.from({ length: 8 }, () => 3),
    )
    assert.deepEqual(
      outcomes.map(({ prediction }) => prediction),
      [0, 1, 2],
    )
    refusals = 8
    await assert.rejects(passing(t, score(engine, tableOf(numbers(3)))), { code }, 'it ends the run, whatever the rule')
  })
}

test('a fault that is none of the model’s ends the run as it is', async () => {
  const fault = new Error('a bug')
  const engine = engineOf(async () => {
    throw fault
  })
  await assert.rejects(score(engine, tableOf(numbers(3))), fault)
})

test('an answer of too few or too many rows is no answer to any of them', async () => {
  for (const wrong of [-1, 1]) {
    const engine = engineOf((rows) => Array.from({ length: rows.length + wrong }, () => ({ prediction: 1, score: 1 })))
    const outcomes = await score(engine, tableOf(numbers(3)))
    assert.deepEqual(
      outcomes.map(({ prediction, error }) => [prediction, error]),
      [0, 1, 2].map(() => [null, `the model failed: ${1 + wrong} answers of 1`]),
    )
  }
})
