/** What each routing does to a stream of calls, simulated on a clock of its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelRoute, PriceRoute } from '../../table/llm.ts'
import type { LlmRouting } from '../../../contract/llm/options.ts'
import { Balance } from './balance.ts'
import type { Ordered } from './balance.ts'
import type { Told } from './flight.ts'
import type { Routed } from './policies.ts'
import { blocksOf, Prefixes } from './prefixes.ts'

const model = (id: string, more: Partial<ModelRoute> = {}): ModelRoute => ({
  id,
  provider: 'p',
  model: id,
  weight: 1,
  fallback: null,
  price: null,
  max_output: null,
  ...more,
})

const price = (input: number, output: number): PriceRoute => ({
  id: 'x',
  input: input * 1_000_000,
  output: output * 1_000_000,
  cache_read: null,
  cache_write: null,
  request: 0,
  tiers: [],
})

const call = (routing: LlmRouting, more: Partial<Routed> & { readonly text?: string } = {}): Routed => {
  const bytes = Buffer.from(more.text ?? '')
  const blocks = () => blocksOf(bytes, [{ from: 0, to: bytes.length }])
  return { routing, stream: true, inputBytes: 4000, maxOutput: null, blocks, ...more }
}

const told = (output: number, more: Partial<Told> = {}): Told => ({
  usage: { input: 10, output, cache_read: 0, cache_write: 0, reasoning: 0 },
  raw: {},
  finish: 'stop',
  ...more,
})

const firstOf = ({ models }: Ordered): string => models[0]?.id ?? ''

/** Sends the call to the first model, which answers after so many µs. */
function answer(ordered: Ordered, us: number, now: number, answered = told(10)): string {
  const [first] = ordered.models
  if (first !== undefined) ordered.flight.sent(first, 0, now)
  ordered.flight.answered(true, now)
  ordered.flight.heard(us)
  ordered.flight.end(answered, 0, now)
  return first?.id ?? ''
}

const counted = (names: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

test('no routing touches the shares of `weighted`', () => {
  const models = [model('a', { weight: 5 }), model('b'), model('c')]
  const balance = new Balance()
  const firsts = Array.from({ length: 14 }, () => answer(balance.route(models, 1, 0, call('weighted')), 1, 0))
  assert.equal(firsts.join(''), 'aabacaaaabacaa')
})

test('whatever the routing, fallbacks follow, who rests comes last and weight 0 never comes first', () => {
  for (const routing of ['weighted', 'least_busy', 'latency', 'cost', 'prefix'] as const) {
    const [a, b] = [model('a'), model('b')]
    const models = [model('z', { weight: 0 }), a, b, model('x', { fallback: 0 })]
    const balance = new Balance()
    for (let i = 0; i < 3; i++) balance.failed(a, 0, null)
    const { models: ordered } = balance.route(models, 9, 1, call(routing, { text: 'x'.repeat(2000) }))
    assert.equal(ordered.map(({ id }) => id).join(''), 'bxa', routing)
    for (let i = 0; i < 3; i++) balance.failed(b, 0, null)
    assert.equal(firstOf(balance.route(models, 9, 1, call(routing))), 'x', routing)
  }
})

test('least busy: calls under way are as the weights, and who ends early gets more', () => {
  const models = [model('a', { weight: 2 }), model('b')]
  const balance = new Balance()
  const open = Array.from({ length: 30 }, () => balance.route(models, 1, 0, call('least_busy')))
  assert.deepEqual(counted(open.map(firstOf)), { a: 20, b: 10 })
  for (const one of open.filter((ordered) => firstOf(ordered) === 'b')) one.flight.end(told(1), 0, 0)
  const next = Array.from({ length: 10 }, () => firstOf(balance.route(models, 1, 0, call('least_busy'))))
  assert.deepEqual(counted(next), { b: 10 })
})

test('a call is under way at one model at a time, and at none once it has ended', () => {
  const [a, b] = [model('a'), model('b')]
  const balance = new Balance()
  const open = (): number[] => balance.figures([a, b], 0).map((one) => one.open)
  const { flight } = balance.route([a, b], 2, 0, call('weighted'))
  assert.deepEqual(open(), [1, 0])
  flight.sent(a, 0, 0)
  flight.failed(0)
  flight.sent(b, 5, 0)
  assert.deepEqual(open(), [0, 1])
  flight.end(told(1), 0, 0)
  flight.end(told(1), 0, 0)
  assert.deepEqual(open(), [0, 0])
})

/** Streams ten times a second; how many of `count` calls each model got. */
function streamed(balance: Balance, from: number, count: number, us: Readonly<Record<string, number>>) {
  const models = [model('a'), model('b')]
  const names = Array.from({ length: count }, (_, i) => {
    const now = from + i * 100
    const ordered = balance.route(models, 1, now, call('latency'))
    return answer(ordered, us[firstOf(ordered)] ?? 0, now)
  })
  return counted(names)
}

test('latency: the faster of two gets nine calls in ten, loses them when it slows down, and is found again', () => {
  const balance = new Balance()
  const { a = 0 } = streamed(balance, 0, 1000, { a: 100_000, b: 500_000 })
  assert.ok(a >= 900 && a < 1000, `${a}: some go to the other, to learn how fast it is`)
  const slow = streamed(balance, 100_000, 1000, { a: 2_500_000, b: 500_000 })
  assert.ok((slow['b'] ?? 0) >= 900, JSON.stringify(slow))
  streamed(balance, 200_000, 300, { a: 100_000, b: 500_000 })
  const again = streamed(balance, 230_000, 1000, { a: 100_000, b: 500_000 })
  assert.ok((again['a'] ?? 0) >= 900, JSON.stringify(again))
})

test('latency: a model that fails is slow until it answers, and then as fast as that', () => {
  const [a, b] = [model('a'), model('b')]
  const balance = new Balance()
  streamed(balance, 0, 10, { a: 100_000, b: 500_000 })
  const { flight } = balance.route([a], 1, 1000, call('latency'))
  flight.sent(a, 0, 1000)
  flight.heard(1000)
  flight.failed(1000)
  flight.end(told(0, { usage: null, finish: null }), 0, 1000)
  assert.deepEqual(streamed(balance, 1000, 10, { a: 100_000, b: 500_000 }), { b: 10 })
  answer(balance.route([a], 1, 2000, call('latency')), 100_000, 2000)
  assert.deepEqual(
    balance.figures([a, b], 2000).map(({ first_us }) => first_us),
    [100_000, 500_000],
  )
})

test('latency: a model that callers left while they waited is as slow as they waited, where that is slower than known', () => {
  const [a, b] = [model('a'), model('b')]
  const balance = new Balance()
  streamed(balance, 0, 2, { a: 100_000, b: 500_000 })
  const left = (us: number): number | null | undefined => {
    const { flight } = balance.route([a], 1, 100, call('latency'))
    flight.sent(a, 0, 100)
    flight.end(told(0, { usage: null, finish: null }), us, 100)
    return balance.figures([a], 100)[0]?.first_us
  }
  assert.equal(left(50_000), 100_000)
  assert.equal(left(2_100_000), 1_100_000, 'half of a slower one counts at once')
  assert.equal(firstOf(balance.route([a, b], 1, 100, call('latency'))), 'b')
  const refused = balance.route([b], 1, 100, call('latency')).flight
  refused.sent(b, 0, 100)
  refused.answered(false, 100)
  refused.end(told(0, { usage: null, finish: null }), 9_000_000, 100)
  assert.equal(balance.figures([b], 100)[0]?.first_us, 500_000, 'a call that is refused measures nothing')
})

test('latency: whole answers are compared by the token, apart from streams', () => {
  const [a, b] = [model('a'), model('b')]
  const balance = new Balance()
  const whole = call('latency', { stream: false })
  // 175 tokens in 2 seconds are faster than 5 in half of one: 10 ms a token against 16.7
  answer(balance.route([a], 1, 0, whole), 2_000_000, 0, told(175))
  answer(balance.route([b], 1, 0, whole), 500_000, 0, told(5))
  assert.equal(firstOf(balance.route([a, b], 1, 1, whole)), 'a')
  const [of] = balance.figures([a], 1)
  assert.deepEqual([of?.token_us, of?.first_us], [10_000, null])
})

test('latency: what was measured ten minutes ago says nothing', () => {
  const balance = new Balance()
  streamed(balance, 0, 2, { a: 100_000, b: 500_000 })
  const firsts = Array.from({ length: 4 }, () =>
    firstOf(balance.route([model('a'), model('b')], 1, 700_000, call('latency'))),
  )
  assert.deepEqual(counted(firsts), { a: 2, b: 2 })
})

test('cost: the cheapest for the bytes and the output of a call, by what its answers were lately', () => {
  // long prompts are cheaper at `a`, long answers at `b`
  const [a, b] = [model('a', { price: price(1, 20) }), model('b', { price: price(4, 5) })]
  const models = [a, b, model('unknown')]
  const balance = new Balance()
  const first = (more: Partial<Routed>): string => firstOf(balance.route(models, 1, 0, call('cost', more)))
  assert.equal(first({ inputBytes: 40_000, maxOutput: 10 }), 'a')
  assert.equal(first({ inputBytes: 40, maxOutput: 1000 }), 'b')
  // `b` has come to say a hundred times as much
  answer(balance.route([b], 1, 0, call('cost')), 1, 0, told(10_000))
  answer(balance.route([a], 1, 0, call('cost')), 1, 0, told(100))
  assert.equal(first({ inputBytes: 40 }), 'a')
  assert.equal(first({ inputBytes: 40, maxOutput: 100 }), 'b', 'a bound holds for both')
})

test('cost: equal prices take turns, and an unknown price is the dearest', () => {
  const models = [model('a', { price: price(1, 1) }), model('b', { price: price(1, 1) }), model('c')]
  const balance = new Balance()
  const firsts = Array.from({ length: 6 }, () => firstOf(balance.route(models, 1, 0, call('cost'))))
  assert.deepEqual(counted(firsts), { a: 3, b: 3 })
})

const four = ['a', 'b', 'c', 'd'].map((id) => model(id))
const long = (of: string, length = 9000): string => `${of} `.repeat(length).slice(0, length)

test('prefix: twenty conversations at once keep each its model, and all models have as many', () => {
  const balance = new Balance()
  const places: string[][] = Array.from({ length: 20 }, () => [])
  let now = 0
  for (let turn = 0; turn < 10; turn++) {
    const open = places.map((_, i) => {
      const text = long(`conversation ${i}`, 1000 + turn * 300)
      return balance.route(four, 1, (now += 10), call('prefix', { text }))
    })
    for (const [i, ordered] of open.entries()) places[i]?.push(answer(ordered, 1000, (now += 10)))
  }
  assert.ok(
    places.every((each) => new Set(each).size === 1),
    JSON.stringify(places),
  )
  const loads = Object.values(counted(places.flat()))
  assert.equal(loads.length, 4)
  assert.ok(Math.max(...loads) <= 2 * Math.min(...loads), JSON.stringify(loads))
})

test('prefix: a beginning that all share goes to more models as one gets busy, and then to all', () => {
  const balance = new Balance()
  const open = Array.from({ length: 80 }, (_, i) => {
    const ordered = balance.route(four, 1, i, call('prefix', { text: long('system') + long(`user ${i}`, 2000) }))
    ordered.flight.answered(true, i)
    return ordered
  })
  const loads = Object.values(counted(open.map(firstOf)))
  assert.equal(loads.length, 4)
  assert.ok(Math.max(...loads) - Math.min(...loads) <= 10, JSON.stringify(loads))
})

test('prefix: a short or small common beginning binds nothing', () => {
  for (const text of ['x'.repeat(511), long('system', 2000)]) {
    const balance = new Balance()
    answer(balance.route([model('a')], 1, 0, call('prefix', { text })), 1, 0)
    const open = balance.route([model('a')], 1, 0, call('weighted'))
    const next = call('prefix', { text: text + long('other', 60_000) })
    assert.equal(firstOf(balance.route([model('a'), model('b')], 1, 1, next)), 'b', 'the least busy')
    open.flight.end(told(0), 0, 1)
  }
})

test('prefix: a model that tells thrice that it knew nothing is followed seldom, until it is right', () => {
  const prefixes = new Prefixes()
  const balance = new Balance(prefixes)
  const [a, b] = [model('a'), model('b')]
  const text = long('prompt', 20_000)
  const prefix = call('prefix', { text })
  const raw = { prompt_tokens_details: { cached_tokens: 0 } }
  const busy = balance.route([a], 1, 0, call('weighted'))
  const ask = (answered: Told): string => answer(balance.route([a, b], 1, 0, prefix), 1, 0, answered)
  answer(balance.route([a], 1, 0, prefix), 1, 0)
  // `b` is idle, so that `a` is called for its prefix alone
  assert.deepEqual(
    [1, 2, 3].map(() => ask(told(1, { raw }))),
    ['a', 'a', 'a'],
  )
  assert.deepEqual(prefixes.counts, { hit: 0, miss: 3, untold: 0 })
  const kept = balance.route([a, b], 1, 0, prefix)
  assert.equal(firstOf(kept), 'b')
  kept.flight.end(told(1), 0, 0)
  const firsts = Array.from({ length: 7 }, () => {
    const ordered = balance.route([a, b], 1, 0, prefix)
    ordered.flight.end(told(1), 0, 0)
    return firstOf(ordered)
  })
  assert.deepEqual(counted(firsts), { a: 1, b: 6 })
  const hit = { usage: { input: 5000, output: 1, cache_read: 4096, cache_write: 0, reasoning: 0 }, raw }
  while (prefixes.counts.hit === 0) {
    const ordered = balance.route([a, b], 1, 0, prefix)
    if (firstOf(ordered) === 'a') answer(ordered, 1, 0, told(1, hit))
    else ordered.flight.end(told(1), 0, 0)
  }
  assert.deepEqual(
    [1, 2, 3].map(() => ask(told(1, hit))),
    ['a', 'a', 'a'],
  )
  busy.flight.end(told(0), 0, 0)
})

test('prefix: short prompts, and servers that tell nothing of a cache, are held against no model', () => {
  const prefixes = new Prefixes()
  const balance = new Balance(prefixes)
  const models = [model('a'), model('b')]
  const calls = [
    [long('short', 4000), { cached_tokens: 0 }],
    [long('untold', 20_000), { prompt_tokens_details: null }],
  ] as const
  for (const [text, raw] of calls) {
    const ask = () => answer(balance.route(models, 1, 0, call('prefix', { text })), 1, 0, told(1, { raw }))
    assert.equal(new Set(Array.from({ length: 6 }, ask)).size, 1)
  }
  assert.deepEqual(prefixes.counts, { hit: 0, miss: 0, untold: 10 })
})
