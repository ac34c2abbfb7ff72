import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BatchCost } from './cost.ts'
import type { Call } from './queue.ts'
import { ADVANCE, CallQueue } from './queue.ts'
import { QUARANTINE_DEATHS, Suspects } from '../../gateway/backends/suspects.ts'

function call(name: string, given: Partial<Call> = {}): Call {
  return {
    rows: [[name]],
    bytes: 10,
    params: null,
    paramsKey: '',
    deadline: 1e15,
    due: 0,
    resolve: () => undefined,
    reject: () => undefined,
    deaths: 0,
    settled: false,
    timer: undefined,
    ...given,
  }
}

const names = (calls: readonly Call[]): unknown[] => calls.map((one) => one.rows[0]?.[0])

test('urgent calls go before, low ones behind, and nobody waits for ever', () => {
  const queue = new CallQueue()
  queue.push(call('low', { due: 0 + ADVANCE.low }))
  queue.push(call('a', { due: 1 }))
  queue.push(call('b', { due: 2 }))
  queue.push(call('high', { due: 3 + ADVANCE.high }))
  queue.push(call('late', { due: 2500 }))
  assert.deepEqual([queue.size, queue.rows, queue.bytes], [5, 5, 50])
  assert.deepEqual(names(queue.take(10)), ['high', 'a', 'b', 'low', 'late'])
  assert.deepEqual([queue.size, queue.rows, queue.bytes], [0, 0, 0])
})

test('a batch has calls with the same params, up to its size; one that saw a scorer die goes alone', () => {
  const queue = new CallQueue()
  for (const one of [
    call('a'),
    call('settled', { settled: true }),
    call('b'),
    call('c', { paramsKey: '{"k":1}' }),
    call('d', { deaths: 1 }),
    call('e'),
    call('big', { rows: [['big'], ['big']] }),
  ])
    queue.push(one)
  const batches: unknown[][] = []
  while (queue.size > 0) batches.push(names(queue.take(2)))
  assert.deepEqual(batches, [['a', 'b'], ['c'], ['d'], ['e'], ['big']])
})

test('the cost of batches is fitted as a fixed part and a part for each row', () => {
  const cost = new BatchCost()
  assert.deepEqual([cost.fixedMs, cost.perRowMs, cost.waitMs(10, 5)], [0, 0, 0])
  for (let i = 0; i < 40; i++) cost.add(8, 3)
  assert.ok(Math.abs(cost.fixedMs - 3) < 1e-9, 'one size alone says nothing of the rows')
  assert.equal(cost.worthwhile(256), 256)
  const varied = new BatchCost()
  for (let i = 1; i <= 200; i++) varied.add(1 + (i % 40), 2 + 0.5 * (1 + (i % 40)))
  assert.ok(Math.abs(varied.fixedMs - 2) < 1e-6, `${varied.fixedMs}`)
  assert.ok(Math.abs(varied.perRowMs - 0.5) < 1e-6, `${varied.perRowMs}`)
  assert.equal(varied.worthwhile(256), 36)
  assert.ok(Math.abs(varied.waitMs(72, 36) - (2 * 2 + 72 * 0.5)) < 1e-5)
})

test('an input is quarantined after two deaths alone, forgotten in time, and cleared by an answer', () => {
  const suspects = new Suspects()
  const [bad, other] = [call('bad'), call('other')]
  suspects.blame(bad, false, 0)
  suspects.blame(bad, false, 0)
  suspects.blame(other, false, 0)
  assert.equal(suspects.deathsOf(bad, 0), 1, 'in company it may have been another')
  suspects.blame(bad, true, 0)
  assert.equal(suspects.deathsOf(bad, 0), QUARANTINE_DEATHS)
  assert.equal(suspects.quarantined, 1)
  suspects.acquit(other)
  assert.equal(suspects.deathsOf(other, 0), 0)
  assert.equal(suspects.deathsOf(bad, 11 * 60_000), 0)
  assert.equal(suspects.deathsOf(call('bad', { paramsKey: '{"k":1}' }), 0), 0, 'other params are another input')
})
