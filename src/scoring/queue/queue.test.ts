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
    caller: '',
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

const of = (caller: string, rows: number, due = 0): Call =>
  call(caller, { caller, rows: Array.from({ length: rows }, () => [caller]), due })
const callers = (calls: readonly Call[]): string => calls.map(({ caller }) => caller).join('')

test('callers have turns of 64 rows: who asks for little does not wait for who asks for much', () => {
  const queue = new CallQueue()
  for (let i = 0; i < 300; i++) queue.push(of('a', 1, i))
  queue.push(of('b', 1, 400))
  queue.push(of('c', 2, 401))
  assert.equal(queue.ahead('d', 1), 65 + 1 + 2, 'of each no more than a turn beyond its own')
  assert.equal(queue.ahead('a', 1), 303)
  const order = callers(queue.take(1000))
  assert.equal(order, `${'a'.repeat(64)}bc${'a'.repeat(236)}`)
  for (let i = 0; i < 4; i++) queue.push(of('a', 100, i))
  assert.equal(callers(queue.take(100)), 'a')
  queue.push(of('b', 1, 500))
  assert.equal(callers(queue.take(100)), 'b', 'whoever comes anew does not wait for what another had before')
  queue.push(of('b', 1, 501))
  assert.equal(callers(queue.take(100)), 'b')
  assert.equal(callers(queue.take(1000)), 'aaa')
  assert.deepEqual([queue.size, queue.rows, queue.bytes], [0, 0, 0])
})

test('a caller who sends one call after the other gets no more than its turn', () => {
  const queue = new CallQueue()
  queue.push(of('b', 50))
  let had = 0
  for (let i = 0; i < 40; i++) queue.push(of('b', 50, i))
  for (let i = 0; i < 40; i++) {
    queue.push(of('a', 50, -1000 + i))
    if (callers(queue.take(50)) === 'a') had++
  }
  assert.ok(had >= 18 && had <= 22, `${had} of 40 turns, with the earlier calls`)
})

test('where the queue is full, who has less than an equal part of it gets in, and nobody else', () => {
  const queue = new CallQueue()
  const most = { rows: 12, bytes: 1000 }
  for (let i = 0; i < 12; i++) queue.push(of('a', 1, i))
  const full = (caller: string, rows: number, bytes = 1): boolean => queue.isFull({ caller, rows, bytes }, most)
  assert.deepEqual([full('a', 1), full('b', 6), full('b', 7)], [true, false, true])
  queue.push(of('b', 4))
  assert.deepEqual([full('b', 2), full('b', 3), full('c', 4), full('c', 5)], [false, true, false, true])
  queue.later('c', { rows: 3, bytes: 0 })
  assert.deepEqual([full('c', 1), full('c', 2)], [false, true], 'what is to come of a long call counts')
  assert.equal(queue.ahead('c', 1), 12 + 4 + 3)
  queue.later('c', { rows: -3, bytes: 0 })
  assert.deepEqual([full('c', 4), full('c', 5), full('c', 1, 334)], [false, true, false])
  assert.ok(queue.isFull({ caller: 'c', rows: 1, bytes: 44 }, { rows: 100, bytes: 130 }), 'bytes count likewise')
  assert.equal(callers(queue.drain()).length, 13)
  assert.deepEqual([queue.size, queue.rows, queue.bytes], [0, 0, 0])
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
  assert.deepEqual(
    [new BatchCost().rowsWithin(100), varied.rowsWithin(100.1), varied.rowsWithin(1)],
    [undefined, 196, 0],
  )
  assert.equal(cost.rowsWithin(30), 80, 'by the time of a row where one size alone was seen')
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
