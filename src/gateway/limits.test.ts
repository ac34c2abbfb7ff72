import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointRoute, TokenRoute } from './table/table.ts'
import { BREAKER } from './table/table.ts'
import type { Backend, CallLimits } from '../scoring/rows/backend.ts'
import type { Scored } from '../scoring/rows/scores.ts'
import { CachedBackend } from './traffic/cache.ts'
import { Rates } from './traffic/rates.ts'
import type { Value } from '../scoring/rows/rows.ts'
import { VariantStats } from './traffic/stats.ts'

const route = (per_second: number, burst: number): EndpointRoute => ({
  name: 'e',
  project: 'p',
  model: 'm',
  salt: 's',
  threshold: null,
  breaker: BREAKER,
  variants: [],
  standby: [],
  limits: { per_token: { per_second, burst } },
})
const token = (id: string): TokenRoute => ({ id, hash: '', role: 'service', project: null, expires_at: null })

function passed(rates: Rates, given: { at: number; calls: number; as: string }): number {
  let count = 0
  for (let i = 0; i < given.calls; i++) {
    try {
      rates.take(route(10, 5), token(given.as), given.at)
      count++
    } catch (error) {
      assert.equal((error as { code: string }).code, 'too_many_requests')
      const { retry_after } = (error as { data: { retry_after: number } }).data
      assert.ok(retry_after > 0 && retry_after <= 0.1 + 1e-9, `${retry_after}`)
    }
  }
  return count
}

test('each token has its own rate: a burst at once, then a steady stream', () => {
  const rates = new Rates()
  const ofTwenty = (at: number, as: string): number => passed(rates, { at, calls: 20, as })
  assert.deepEqual([ofTwenty(0, 'a'), ofTwenty(0, 'b'), ofTwenty(300, 'a'), ofTwenty(60_000, 'a')], [5, 5, 3, 5])
  rates.take({ ...route(1, 1), limits: {} }, token('a'), 60_000)
})

test('a clock that is set back locks nobody out, and one that is set forward gives no more than a burst', () => {
  const rates = new Rates()
  assert.equal(passed(rates, { at: 7_200_000, calls: 4, as: 'a' }), 4)
  assert.equal(passed(rates, { at: 0, calls: 20, as: 'a' }), 1)
  assert.equal(passed(rates, { at: 300, calls: 20, as: 'a' }), 3)
  assert.equal(passed(rates, { at: 86_400_000, calls: 20, as: 'a' }), 5)
})

test('figures of a variant stay sound when the clock is set back or forward', () => {
  const stats = new VariantStats(7_200_000)
  for (let i = 0; i < 30; i++) stats.add(7_200_000 + i * 1000, 1, 500, false)
  for (let i = 0; i < 30; i++) stats.add(i * 1000, 1, 500, false)
  const { requests, recent } = stats.toJson(30_000)
  assert.equal(requests, 60)
  assert.ok(recent.window_ms >= 30_000 && recent.window_ms <= 60_000, `${recent.window_ms} ms`)
  assert.ok(recent.requests >= 30 && recent.requests <= 60)
  assert.equal(stats.quantiles(90_000_000, [0.5])[0]?.ms, null)
  assert.deepEqual(stats.toJson(90_000_000).recent.requests, 0)
})

test('with several gateways each grants its share', () => {
  const rates = new Rates(5)
  rates.take(route(10, 5), token('a'), 0)
  assert.throws(() => rates.take(route(10, 5), token('a'), 0), {
    code: 'too_many_requests',
    data: { retry_after: 0.5, what: 'the rate of this token for endpoint e' },
  })
  rates.take(route(10, 5), token('a'), 500)
})

const limits: CallLimits = { deadline: 1e15, params: null, bytes: 1, priority: 'normal' }

test('kept answers are given again until they are too old; other params are another question; failures are not kept', async () => {
  const asked: Value[][][] = []
  let now = 0
  let fails = false
  const backend: Backend = {
    ready: () => true,
    async score(rows): Promise<Scored[]> {
      asked.push([...rows])
      if (fails) throw new Error('no')
      return rows.map((row) => ({ prediction: row[0], score: null }))
    },
    close: async () => undefined,
    describe: () => ({ kind: 'test' }),
  }
  const cache = new CachedBackend(backend, { seconds: 10, rows: 3 }, () => now)
  const answers = async (rows: Value[][], params: CallLimits['params'] = null): Promise<unknown[]> =>
    (await cache.score(rows, { ...limits, params })).map((one) => one.prediction)
  assert.deepEqual(await answers([[1], [2], [1]]), [1, 2, 1])
  assert.deepEqual(asked, [[[1], [2]]])
  assert.deepEqual(await answers([[2], [3]]), [2, 3])
  assert.deepEqual(asked[1], [[3]])
  assert.ok(!(cache.score([[3]], limits) instanceof Promise), 'what is all kept is answered at once')
  await answers([[3]], { k: 1 })
  assert.deepEqual(asked[2], [[3]], 'other params')
  await answers([[1]])
  assert.deepEqual(asked[3], [[1]], 'used longest ago, dropped for the fourth')
  now = 10_001
  fails = true
  await assert.rejects(answers([[3]]), /no/)
  fails = false
  assert.deepEqual(await answers([[3]]), [3])
  assert.equal(asked.length, 6)
  assert.deepEqual(cache.describe()['cache'], { rows: 3, hits: 3, misses: 7 })
})
