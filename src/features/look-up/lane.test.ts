/** One at a time: who waits, who leaves, and whose turn is next. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Lane } from './lane.ts'

const NEVER = new AbortController().signal

test('one has its turn when the work before it has really ended, though its caller had left', async () => {
  const lane = new Lane(3)
  const order: string[] = []
  const working = Promise.withResolvers<string>()
  const leaving = new AbortController()
  const first = lane.run('it', leaving.signal, () => {
    order.push('first')
    return working.promise
  })
  const second = lane.run('it', NEVER, async () => order.push('second'))
  await turn()
  leaving.abort(new Error('left'))
  await assert.rejects(first, /left/)
  await turn()
  assert.deepEqual(order, ['first'], 'what was begun goes on')
  working.resolve('late')
  await second
  assert.deepEqual(order, ['first', 'second'])
})

test('who leaves while it waits is not begun, and a fault of one is not of the next', async () => {
  const lane = new Lane(3)
  const order: string[] = []
  const working = Promise.withResolvers<never>()
  const first = lane.run('it', NEVER, () => working.promise)
  const leaving = new AbortController()
  const left = lane.run('it', leaving.signal, async () => order.push('left'))
  const last = lane.run('it', NEVER, async () => order.push('last'))
  leaving.abort(new Error('left'))
  await assert.rejects(left, /left/)
  working.reject(new Error('broken'))
  await assert.rejects(first, /broken/)
  await last
  assert.deepEqual(order, ['last'])
})

test('more than it takes are refused, until one has ended', async () => {
  const lane = new Lane(1)
  const working = Promise.withResolvers<number>()
  const first = lane.run('it', NEVER, () => working.promise)
  await assert.rejects(
    lane.run('the number of them', NEVER, () => Promise.resolve(2)),
    /the number of them is at its limit/,
  )
  working.resolve(1)
  assert.equal(await first, 1)
  await turn()
  assert.equal(await lane.run('it', NEVER, () => Promise.resolve(3)), 3)
})
