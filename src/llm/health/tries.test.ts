/** What the tries of a call came to: whose fault, and how long until something came. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { triesOf } from './tries.ts'
import type { TriedRow } from './tries.ts'

const rowOf = (rest: object, more: Partial<TriedRow> = {}): TriedRow => ({
  id: 'c',
  project: 'red',
  provider: 'openai',
  model: 'gpt-x',
  started: 0,
  first_us: null,
  own_us: 100,
  outcome: 'ok',
  error: null,
  guards: null,
  rest: JSON.stringify(rest),
  ...more,
})
const attempt = (status: number | null, more: object = {}) => ({ model: 'd', status, us: 1000, ...more })

test('each status has its kind; what the caller did wrong has none', () => {
  const kinds = [200, 400, 404, 422, 401, 403, 408, 429, 500, 529, null].map(
    (status) => triesOf(rowOf({ attempts: [attempt(status)] }))[0]?.failure,
  )
  const [denied, error] = ['denied', 'server_error']
  assert.deepEqual(kinds, [null, null, null, null, denied, denied, error, 'rate_limited', error, error, 'no_answer'])
})

test('an answer that broke off is the fault of who gave it, and not where a guardrail ended it', () => {
  const attempts = [attempt(500), attempt(200)]
  const cut = { outcome: 'cut', error: 'it broke off' } as const
  assert.deepEqual(
    triesOf(rowOf({ attempts }, cut)).map(({ failure, words }) => [failure, words]),
    [
      ['server_error', null],
      ['cut', 'it broke off'],
    ],
  )
  const guards = [{ name: 'pii', on: 'answer', action: 'block', found: 1 }]
  assert.equal(triesOf(rowOf({ attempts }, { ...cut, guards: JSON.stringify(guards) }))[1]?.failure, null)
})

test('a caller who left before anything came tells nothing of the provider', () => {
  const attempts = [attempt(null, { error: 'a' }), attempt(null, { error: 'the client left' })]
  const tries = triesOf(rowOf({ attempts }, { outcome: 'aborted' }))
  assert.deepEqual(
    tries.map(({ failure, isLeft }) => [failure, isLeft]),
    [
      ['no_answer', false],
      [null, true],
    ],
  )
})

test('the first byte is counted from the try that gave it', () => {
  const times = (first_us: number | null) =>
    triesOf(rowOf({ attempts: [attempt(429), attempt(200)] }, { first_us })).map(({ firstUs }) => firstUs)
  assert.deepEqual(times(1600), [null, 500])
  assert.deepEqual(times(900), [null, 0])
  assert.deepEqual(times(null), [null, null])
})
