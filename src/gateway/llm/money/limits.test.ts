/** Limits of tokens: calls and tokens a minute, calls at once, and the share of one gateway among several. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../../contract/errors.ts'
import type { KeyRoute } from '../../table/llm.ts'
import { Limits } from './limits.ts'
import { keyOf } from './money.fixture.ts'

/** Undefined where it passes, else the seconds to wait; null where none are told. */
function refusal(limits: Limits, key: KeyRoute, tokens: number, now: number): number | null | undefined {
  try {
    limits.take(key, tokens, now)
    return undefined
  } catch (error) {
    assert.ok(error instanceof Problem)
    assert.equal(error.code, 'too_many_requests')
    const wait = (error.data['retry_after'] as number | undefined) ?? null
    return wait === null ? null : Number(wait.toFixed(9))
  }
}

test('so many calls at a time as a minute gives, then one after each part of it', () => {
  const limits = new Limits()
  const key = keyOf({ rpm: 6 })
  for (let i = 0; i < 6; i++) assert.equal(refusal(limits, key, 0, 1000), undefined)
  assert.equal(refusal(limits, key, 0, 1000), 10)
  assert.equal(refusal(limits, key, 0, 5000), 6, 'a refused call takes nothing')
  assert.equal(refusal(limits, key, 0, 11_000), undefined)
  assert.equal(refusal(limits, key, 0, 11_000), 10)
  assert.equal(refusal(limits, key, 0, 500), 10, 'a clock that was set back empties nothing')
  assert.equal(refusal(limits, keyOf({ token: 'other', rpm: 6 }), 0, 500), undefined)
  assert.equal(refusal(limits, key, 0, 500), 10, 'another token changes nothing')
})

test('who waits as long as was told is let through', () => {
  for (const rpm of [1, 3, 7, 11, 13, 59, 61, 999]) {
    const limits = new Limits(3)
    const key = keyOf({ rpm })
    let now = 12_345
    while (refusal(limits, key, 0, now) === undefined);
    const wait = refusal(limits, key, 0, now)
    assert.ok(typeof wait === 'number' && wait > 0)
    now += Math.ceil(wait * 1000)
    assert.equal(refusal(limits, key, 0, now), undefined, `${rpm}`)
  }
})

test('tokens are taken as estimated, and corrected when the call ends', () => {
  const limits = new Limits()
  const key = keyOf({ tpm: 600 })
  const first = limits.take(key, 500, 0)
  assert.equal(refusal(limits, key, 200, 0), 10, '100 are left, and 10 come in a second')
  first.end(50, 0)
  const second = limits.take(key, 550, 0)
  second.end(550, 0)
  assert.equal(refusal(limits, key, 1, 0), 0.1)
  const third = limits.take(key, 100, 10_000)
  third.end(400, 10_000)
  assert.equal(refusal(limits, key, 0, 10_000), 30, 'what was used beyond the estimate is paid for')
})

test('a call of more tokens than a minute gives passes after a quiet minute, and later ones pay for it', () => {
  const limits = new Limits()
  const key = keyOf({ tpm: 60 })
  limits.take(key, 600, 0).end(600, 0)
  assert.equal(refusal(limits, key, 1, 0), 541)
  assert.equal(refusal(limits, key, 1, 541_000), undefined)
})

test('calls at once: each gives its place back once', () => {
  const limits = new Limits()
  const key = keyOf({ concurrency: 2 })
  const first = limits.take(key, 0, 0)
  const second = limits.take(key, 0, 0)
  assert.equal(refusal(limits, key, 0, 0), 1)
  assert.equal(limits.open, 2)
  first.end(0, 0)
  first.end(0, 0)
  first.undo()
  assert.equal(limits.open, 1)
  limits.take(key, 0, 0)
  assert.equal(refusal(limits, key, 0, 0), 1, 'one place came back, not three')
  second.undo()
  assert.equal(limits.open, 1)
})

test('a refusal for one limit takes nothing of the others', () => {
  const limits = new Limits()
  const key = keyOf({ rpm: 2, tpm: 100, concurrency: 5 })
  assert.equal(refusal(limits, key, 100, 0), undefined)
  for (let i = 0; i < 10; i++) assert.equal(refusal(limits, key, 100, 0), 60)
  assert.equal(limits.open, 1)
  assert.equal(refusal(limits, key, 0, 0), undefined, 'the second call of the minute is still there')
})

test('what was never sent gives all back', () => {
  const limits = new Limits()
  const key = keyOf({ rpm: 1, tpm: 100, concurrency: 1 })
  for (let i = 0; i < 3; i++) {
    const taken = limits.take(key, 100, 0)
    taken.undo()
    taken.end(1000, 0)
  }
  assert.equal(limits.open, 0)
  assert.equal(refusal(limits, key, 100, 0), undefined)
})

test('what was never sent gives one call back', () => {
  const limits = new Limits()
  const key = keyOf({ rpm: 4 })
  const [first] = [limits.take(key, 0, 0), limits.take(key, 0, 0), limits.take(key, 0, 0), limits.take(key, 0, 0)]
  first.undo()
  assert.equal(refusal(limits, key, 0, 0), undefined)
  assert.equal(refusal(limits, key, 0, 0), 15)
})

test('each of several gateways grants its share, and one call at least', () => {
  const passed = (gateways: number, given: Partial<KeyRoute>, tokens = 1): number => {
    const limits = new Limits(gateways)
    let count = 0
    while (count < 1000 && refusal(limits, keyOf(given), tokens, 0) === undefined) count++
    return count
  }
  assert.equal(passed(1, { rpm: 90 }), 90)
  assert.equal(passed(3, { rpm: 90 }), 30)
  assert.equal(passed(3, { tpm: 90 }), 30)
  assert.equal(passed(3, { concurrency: 8 }), 2)
  assert.equal(passed(3, { rpm: 1 }), 1)
  assert.equal(passed(3, { concurrency: 1 }), 1)
  const limits = new Limits(3)
  while (refusal(limits, keyOf({ rpm: 90 }), 0, 0) === undefined);
  assert.equal(refusal(limits, keyOf({ rpm: 90 }), 0, 0), 2)
})

test('a limit of nothing refuses all, and tells no time', () => {
  for (const given of [{ rpm: 0 }, { tpm: 0 }, { concurrency: 0 }])
    assert.equal(refusal(new Limits(), keyOf(given), 5, 0), null, JSON.stringify(given))
})

test('without limits, and without a key, everything passes', () => {
  const limits = new Limits()
  for (const key of [null, keyOf()]) for (let i = 0; i < 100; i++) limits.take(key, 1e9, 0).end(1e9, 0)
  assert.equal(limits.open, 0)
})

test('a limit that is changed holds at once', () => {
  const limits = new Limits()
  assert.equal(refusal(limits, keyOf({ rpm: 100 }), 0, 0), undefined)
  assert.equal(refusal(limits, keyOf({ rpm: 1 }), 0, 0), undefined)
  assert.equal(refusal(limits, keyOf({ rpm: 1 }), 0, 0), 60)
  assert.equal(refusal(limits, keyOf({ rpm: null, tpm: 10 }), 10, 0), undefined)
  assert.equal(refusal(limits, keyOf({ rpm: null, tpm: 10 }), 10, 0), 60)
})

test('of very many tokens the oldest is forgotten, never one with a call under way', () => {
  const limits = new Limits()
  const busy = keyOf({ token: 'busy', concurrency: 1 })
  limits.take(busy, 0, 0)
  for (let i = 0; i < 10_050; i++) limits.take(keyOf({ token: `t${i}`, rpm: 1 }), 0, 0).end(0, 0)
  assert.equal(refusal(limits, busy, 0, 0), 1)
  assert.equal(refusal(limits, keyOf({ token: 't10049', rpm: 1 }), 0, 0), 60)
  assert.equal(refusal(limits, keyOf({ token: 't0', rpm: 1 }), 0, 0), undefined)
})
