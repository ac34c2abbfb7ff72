/** The loop shared between callers: one alone is never held up, and a flood of one lets the other in between. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LoopShare } from './loop-share.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a caller alone begins all its calls at once', () => {
  const share = new LoopShare()
  for (let i = 0; i < 100; i++) assert.equal(share.turn('a'), undefined)
})

test('while two call, eight of each begin in a turn, in the order of each; after a quiet second one is alone again', async (t) => {
  let now = 5000
  t.mock.method(performance, 'now', () => now)
  const share = new LoopShare()
  assert.equal(share.turn('b'), undefined)
  const begun: string[] = []
  const call = (key: string, name: string): void => {
    const wait = share.turn(key)
    if (wait === undefined) begun.push(name)
    else void wait.then(() => begun.push(name))
  }
  for (let i = 0; i < 20; i++) call('a', `a${i}`)
  call('b', 'b0')
  assert.deepEqual(begun, [...Array.from({ length: 8 }, (_, i) => `a${i}`), 'b0'])
  call('b', 'b1')
  await turn()
  assert.deepEqual(begun.slice(9), ['b1', ...Array.from({ length: 8 }, (_, i) => `a${i + 8}`)])
  call('a', 'late')
  call('b', 'b2')
  assert.equal(begun.at(-1), 'b2', 'the other is not behind the flood')
  await turn()
  await turn()
  assert.deepEqual(begun.slice(19), ['a16', 'a17', 'a18', 'a19', 'late'])
  assert.equal(share.turn('a'), undefined)
  now += 1001
  for (let i = 0; i < 50; i++) assert.equal(share.turn('a'), undefined)
})
