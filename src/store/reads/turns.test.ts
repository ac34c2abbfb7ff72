/** Places shared between callers: nobody has more than its part, everybody has a turn, and nobody waits for ever. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leavingCaller as caller } from './caller.fixture.ts'
import type { Caller } from './caller.ts'
import { Turns } from './turns.ts'

/** Works that note when they begin, and end when they are told to. */
function works(turns: Turns) {
  const begun: string[] = []
  const open: (() => void)[] = []
  return {
    begun,
    ask: (who: Caller | undefined, name: string): Promise<string> =>
      turns.during(who, () => {
        begun.push(name)
        return new Promise((resolve) => open.push(() => resolve(name)))
      }),
    /** Ends the work that began first. */
    end: async (): Promise<void> => {
      open.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

test('one caller with many reads holds its part of the places, and the others have theirs', async () => {
  const { ask, begun, end } = works(new Turns({ places: 3, perCaller: 2 }))
  const [a, b, c] = [caller('a'), caller('b'), caller('c')]
  const asked = [ask(a, 'a1'), ask(a, 'a2'), ask(a, 'a3'), ask(a, 'a4'), ask(b, 'b1'), ask(b, 'b2'), ask(c, 'c1')]
  assert.deepEqual(begun, ['a1', 'a2', 'b1'])
  for (let i = 0; i < asked.length; i++) await end()
  assert.deepEqual(begun, ['a1', 'a2', 'b1', 'a3', 'b2', 'c1', 'a4'])
  assert.equal((await Promise.all(asked)).length, asked.length)
})

test('a caller that ended one of its reads begins one more, and not two', async () => {
  const { ask, begun, end } = works(new Turns({ places: 4, perCaller: 2 }))
  const a = caller('a')
  const asked = ['a1', 'a2', 'a3', 'a4', 'a5'].map((name) => ask(a, name))
  await end()
  assert.deepEqual(begun, ['a1', 'a2', 'a3'])
  await end()
  assert.deepEqual(begun, ['a1', 'a2', 'a3', 'a4'])
  for (let i = 0; i < 3; i++) await end()
  await Promise.all(asked)
})

test('a read that fails gives its place back', async () => {
  const turns = new Turns({ places: 1, perCaller: 1 })
  await assert.rejects(
    turns.during(undefined, () => Promise.reject(new Error('so'))),
    /so/,
  )
  assert.equal(await turns.during(caller('a'), async () => 1), 1)
})

test('a caller that waits too long or with too many reads is told to come back later; the server itself is not', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { ask, begun, end } = works(new Turns({ places: 1, perCaller: 1, patienceMs: 100, waiting: 2 }))
  const a = caller('a')
  const first = ask(a, 'first')
  const late = [ask(a, 'late'), ask(a, 'later')]
  await assert.rejects(ask(a, 'third'), { code: 'too_many_requests', status: 429 })
  const own = [ask(undefined, 'own'), ask(undefined, 'own too'), ask(undefined, 'own as well')]
  t.mock.timers.tick(100)
  const what = 'the number of long reads of this caller'
  const refusals = await Promise.allSettled(late)
  for (const one of refusals) assert.deepEqual(one.status === 'rejected' && one.reason.data, { what, retry_after: 5 })
  for (let i = 0; i < 4; i++) await end()
  await Promise.all([first, ...own])
  assert.deepEqual(begun, ['first', 'own', 'own too', 'own as well'])
})

test('a caller that has left begins nothing, and holds no place', async () => {
  const { ask, begun, end } = works(new Turns({ places: 1, perCaller: 1 }))
  const [a, b] = [caller('a'), caller('b')]
  const first = ask(a, 'first')
  const turn = assert.rejects(ask(b, 'left as its turn came'), { code: 'bad_request' })
  const ended = end()
  b.leave()
  await Promise.all([ended, turn, assert.rejects(ask(b, 'left before'), { code: 'bad_request' })])
  const next = ask(a, 'next')
  await end()
  assert.deepEqual([await first, await next, begun], ['first', 'next', ['first', 'next']])
})

test('a caller that leaves gives up its turn, and what is refused at the end waits no more', async () => {
  const turns = new Turns({ places: 1, perCaller: 1 })
  const { ask, begun, end } = works(turns)
  const [a, b, c] = [caller('a'), caller('b'), caller('c')]
  const [first, left, stays, last] = [ask(a, 'first'), ask(b, 'left'), ask(a, 'stays'), ask(c, 'last')]
  b.leave()
  await assert.rejects(left, { code: 'bad_request', message: /went away/ })
  await end()
  assert.deepEqual(begun, ['first', 'stays'])
  turns.refuse(new Error('closed'))
  await assert.rejects(last, /closed/)
  await end()
  await Promise.all([first, stays])
})

test('unless said otherwise a caller waits 30 s with 256 reads at most', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { ask, end } = works(new Turns({ places: 1, perCaller: 1 }))
  const a = caller('a')
  const first = ask(a, 'first')
  let refused = 0
  const waiting = Array.from({ length: 256 }, () => ask(a, 'late').catch(() => refused++))
  await assert.rejects(ask(a, 'one too many'), { code: 'too_many_requests' })
  t.mock.timers.tick(29_999)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(refused, 0)
  t.mock.timers.tick(1)
  await Promise.all(waiting)
  assert.equal(refused, 256)
  await end()
  assert.equal(await first, 'first')
})
