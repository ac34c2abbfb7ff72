import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { CallLimits } from '../rows/backend.ts'
import type { Scored } from '../rows/scores.ts'
import { Calls } from './calls.ts'
import type { CallBounds, Workers } from './calls.ts'

/** One worker that is free when it is told to go. `score` gets the first value of each row. */
function callsOf(score: (values: readonly unknown[]) => Promise<void>, bounds: CallBounds = {}) {
  const state = { down: false, frees: 0, wakes: 0 }
  const workers: Workers<string> = {
    count: 1,
    async score(_, calls, answered) {
      const values = calls.flatMap(({ rows }) => rows.map(([value]) => value))
      await score(values)
      answered()
      return values.map((prediction): Scored => ({ prediction, score: null }))
    },
    fault: ({ message }) => message as 'died' | 'one' | 'all',
    condemn: ({ deaths }) => (deaths > 1 ? (Object.assign(new Error(), { code: 'condemned' }) as never) : undefined),
    unavailable: () => (state.down ? (Object.assign(new Error(), { code: 'unavailable' }) as never) : undefined),
    free: () => state.frees++,
    wake: () => state.wakes++,
  }
  return { calls: new Calls(bounds, workers), state }
}

const limits = (more: Partial<CallLimits> = {}): CallLimits => ({
  deadline: Date.now() + 600_000,
  params: null,
  bytes: 10,
  priority: 'normal',
  ...more,
})
const outcome = (answer: Promise<Scored[]>): Promise<unknown> =>
  answer.then(
    ([first]) => first?.prediction,
    ({ code }: { code: string }) => code,
  )

test('a call at fault among 64 fails alone, and is found by halving', async () => {
  let batches = 0
  const { calls, state } = callsOf(async (values) => {
    batches++
    if (values.includes(40)) throw new Error('one')
  })
  const outcomes = Array.from({ length: 64 }, (_, i) => outcome(calls.accept([[i]], limits())))
  await calls.run('worker')
  const want = Array.from({ length: 64 }, (_, i) => (i === 40 ? 'upstream_failed' : i))
  assert.deepEqual(await Promise.all(outcomes), want)
  assert.equal(batches, 1 + 2 * Math.log2(64))
  assert.equal(state.frees, 1)
})

test('a failure of no call in particular fails the batch as a whole', async () => {
  const { calls } = callsOf(async () => Promise.reject(new Error('all')))
  const outcomes = [1, 2, 3].map((value) => outcome(calls.accept([[value]], limits())))
  await calls.run('worker')
  assert.deepEqual(await Promise.all(outcomes), Array(3).fill('upstream_failed'))
})

test('calls of a worker that died go first and alone; the one that kills is condemned, and who is down says so', async () => {
  const batches: unknown[] = []
  const { calls, state } = callsOf(async (values) => {
    batches.push(values)
    if (values.includes(2)) throw new Error('died')
  })
  const outcomes = [1, 2, 3].map((value) => outcome(calls.accept([[value]], limits())))
  await calls.run('first')
  outcomes.push(outcome(calls.accept([[4]], limits())))
  while (calls.waiting > 0) await calls.run('next')
  assert.deepEqual(batches, [[1, 2, 3], [1], [2], [3], [4]])
  outcomes.push(outcome(calls.accept([[2]], limits())), outcome(calls.accept([[5]], limits())))
  state.down = true
  await calls.run('last')
  calls.giveUp()
  assert.deepEqual(await Promise.all(outcomes), [1, 'condemned', 3, 4, 'unavailable', 'unavailable'])
  assert.equal(await outcome(calls.accept([[6]], limits())), 'unavailable')
})

test('what is late, too much or would wait too long is refused, with the time to wait', async () => {
  const { calls } = callsOf(() => turn(), { maxQueue: 3, maxQueueBytes: 50 })
  assert.equal(await outcome(calls.accept([[0]], limits({ deadline: Date.now() - 1 }))), 'deadline_exceeded')
  const large = outcome(calls.accept([[1], [1], [1], [1]], limits({ bytes: 20 })))
  const full = calls.accept([[2]], limits())
  await assert.rejects(full, ({ code, data }: { code: string; data: { rows: number; retry_after: number } }) => {
    assert.deepEqual([code, data.rows, data.retry_after], ['too_many_requests', 4, 1])
    return true
  })
  const queue = { queue_rows: 100, queue_bytes: 25 } as CallLimits['queue']
  assert.equal(await outcome(calls.accept([[2]], limits({ queue }))), 'too_many_requests')
  await calls.run('worker')
  assert.equal(await large, 1)
})

test('it is idle once nothing waits or runs, for everybody who asked', async () => {
  const { calls } = callsOf(() => turn())
  await calls.idle()
  const answer = outcome(calls.accept([[1]], limits()))
  const asked = Promise.all([calls.idle(), calls.idle()]).then(() => 'idle')
  void calls.run('worker')
  assert.deepEqual([calls.waiting, calls.running], [0, 1])
  assert.deepEqual(await Promise.all([answer, asked]), [1, 'idle'])
  assert.equal(calls.running, 0)
})

const many = (value: string, count: number): string[][] => Array.from({ length: count }, () => [value])

test('a long call goes in pieces: another call has its turn between them, and it is not idle before the last', async () => {
  const batches: string[] = []
  const { calls, state } = callsOf(async (values) => void batches.push(`${String(values[0])}${values.length}`))
  const long = calls.accept(many('a', 2500), limits({ caller: 'a' }))
  const ran = calls.run('worker')
  const short = outcome(calls.accept([['b']], limits({ caller: 'b' })))
  const order: string[] = []
  void calls.idle().then(() => order.push('idle'))
  void long.then(() => order.push('long'))
  await ran
  while (calls.waiting > 0) {
    await calls.run('worker')
    await turn()
  }
  assert.equal((await long).length, 2500)
  assert.equal(await short, 'b')
  await turn()
  assert.deepEqual(order, ['long', 'idle'])
  assert.deepEqual(batches.slice(0, 2), ['a256', 'b1'])
  assert.ok(state.wakes === batches.length - 2, 'each further piece asks for a worker')
})

test('a piece at fault fails the whole call, whose other rows are not tried', async () => {
  const batches: number[] = []
  const { calls } = callsOf(async (values) => {
    batches.push(values.length)
    throw new Error('one')
  })
  const failed = outcome(calls.accept(many('a', 5000), limits()))
  await calls.run('worker')
  assert.equal(await failed, 'upstream_failed')
  assert.deepEqual([batches, calls.waiting], [[256], 0])
  await calls.idle()
})

test('a full queue refuses who fills it, and takes the call of another', async () => {
  const { calls } = callsOf(() => turn(), { maxQueue: 4 })
  const first = [1, 2, 3, 4].map((value) => outcome(calls.accept([[value]], limits({ caller: 'a' }))))
  assert.equal(await outcome(calls.accept([[5]], limits({ caller: 'a' }))), 'too_many_requests')
  const other = outcome(calls.accept([[6]], limits({ caller: 'b' })))
  await calls.run('worker')
  assert.equal(await other, 6)
  assert.deepEqual(await Promise.all(first), [1, 2, 3, 4])
})
