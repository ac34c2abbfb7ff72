/** Kept answers: which rows are one question, which answer goes first, and what a backend says through the cache. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Backend, CallLimits } from '../../scoring/rows/backend.ts'
import type { Scored } from '../../scoring/rows/scores.ts'
import type { Value } from '../../scoring/rows/rows.ts'
import { CachedBackend } from './cache.ts'

const LIMITS: CallLimits = { deadline: 1e15, params: null, bytes: 1, priority: 'normal' }

/** A backend that answers with how often it was asked, and keeps what it was asked. */
function counting(more: Partial<Backend> = {}) {
  const asked: Value[][] = []
  const backend: Backend = {
    ready: () => true,
    score: (rows): Scored[] => rows.map((row) => ({ prediction: asked.push(row), score: null })),
    close: async () => undefined,
    describe: () => ({ kind: 'test' }),
    ...more,
  }
  return { asked, backend }
}

/** The predictions of rows, of a backend that answers at once. */
function answers(cache: CachedBackend, ...rows: Value[][]): unknown[] {
  return (cache.score(rows, LIMITS) as Scored[]).map((one) => one.prediction)
}

test('a missing value, both infinities and a text are four questions', () => {
  const { backend, asked } = counting()
  const cache = new CachedBackend(backend, { seconds: 10, rows: 100 }, () => 0)
  assert.deepEqual(answers(cache, [null], [Infinity], [-Infinity], ['Infinity'], [-0], [0]), [1, 2, 3, 4, 5, 6])
  assert.deepEqual(answers(cache, [0], [-0], ['Infinity'], [-Infinity], [Infinity], [null]), [6, 5, 4, 3, 2, 1])
  assert.equal(asked.length, 6)
})

test('an answer is kept for its seconds, counted from when it was made and not from when it was used', () => {
  let now = 0
  const cache = new CachedBackend(counting().backend, { seconds: 10, rows: 100 }, () => now)
  assert.deepEqual(answers(cache, [1]), [1])
  now = 9999
  assert.deepEqual(answers(cache, [1]), [1])
  now = 10_000
  assert.deepEqual(answers(cache, [1]), [2])
  now = 19_999
  assert.deepEqual(answers(cache, [1]), [2])
})

test('the answer that was used longest ago goes first', () => {
  const cache = new CachedBackend(counting().backend, { seconds: 10, rows: 2 }, () => 0)
  assert.deepEqual(answers(cache, [1], [2]), [1, 2])
  assert.deepEqual(answers(cache, [1]), [1], 'used again')
  assert.deepEqual(answers(cache, [3]), [3], 'in the place of the second')
  assert.deepEqual(answers(cache, [1]), [1])
  assert.deepEqual(answers(cache, [2]), [4])
})

test('one question that two callers ask at once takes one place', async () => {
  const waiting: (() => void)[] = []
  const { backend } = counting({
    score: (rows) =>
      new Promise((resolve) => {
        waiting.push(() => resolve(rows.map((row) => ({ prediction: row[0], score: null }))))
      }),
  })
  const cache = new CachedBackend(backend, { seconds: 10, rows: 2 }, () => 0)
  const ask = (value: number) => cache.score([[value]], LIMITS)
  const all = [1, 2, 2].map(async (value) => ask(value))
  for (const answer of waiting) answer()
  await Promise.all(all)
  assert.ok(!(ask(1) instanceof Promise), 'nothing was dropped for the second answer to the same question')
  assert.ok(!(ask(2) instanceof Promise))
})

test('more rows than it keeps are all answered, in their order', () => {
  const { backend } = counting()
  const cache = new CachedBackend(backend, { seconds: 10, rows: 2 }, () => 0)
  assert.deepEqual(answers(cache, [1], [2], [3], [1], [4]), [1, 2, 3, 1, 4])
  assert.deepEqual((cache.describe()['cache'] as { rows: number }).rows, 2)
})

test('readiness, contributions, the shape of answers and the end are those of the backend', async () => {
  let closed = 0
  const { backend } = counting({
    ready: () => false,
    explain: (rows) => rows.map(() => ({ base: 1, contributions: [2] })),
    unexplained: () => 'why',
    answers: () => ({ datatype: 'FP64', shape: [-1, 3] }),
    close: async () => void closed++,
  })
  const cache = new CachedBackend(backend, { seconds: 1, rows: 1 })
  assert.equal(cache.ready(), false)
  assert.deepEqual(cache.explain([[1]]), [{ base: 1, contributions: [2] }])
  assert.equal(cache.unexplained(), 'why')
  assert.deepEqual(cache.answers?.(), { datatype: 'FP64', shape: [-1, 3] })
  await cache.close()
  assert.equal(closed, 1)
  const plain = new CachedBackend(counting().backend, { seconds: 1, rows: 1 })
  assert.deepEqual([plain.explain([[1]]), plain.answers], [[], undefined])
  assert.match(String(plain.unexplained()), /Python/)
})
