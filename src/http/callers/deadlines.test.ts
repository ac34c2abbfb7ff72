/** Waits that share one timer: each has its own time, one that ended before is not told, and new ones after a pause are watched too. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Deadlines } from './deadlines.ts'
import { stopTime } from './passing-time.fixture.ts'

/** Waits of 60 ms, and what they have told. */
function waits(t: TestContext): { pass: ReturnType<typeof stopTime>; told: string[]; deadlines: Deadlines } {
  return { pass: stopTime(t), told: [], deadlines: new Deadlines(60) }
}

test('each is told when its own time is over, in order, and not before', (t) => {
  const { pass, told, deadlines } = waits(t)
  deadlines.add(() => told.push('a'))
  pass(20)
  deadlines.add(() => told.push('b'))
  pass(39)
  assert.equal(told.length, 0)
  pass(1)
  assert.deepEqual(told, ['a'])
  pass(19)
  assert.deepEqual(told, ['a'])
  pass(1)
  assert.deepEqual(told, ['a', 'b'])
  pass(500)
  assert.deepEqual(told, ['a', 'b'], 'each once')
})

test('one that ended before is not told, and the others are', (t) => {
  const { pass, told, deadlines } = waits(t)
  const first = deadlines.add(() => told.push('a'))
  deadlines.add(() => told.push('b'))
  pass(30)
  deadlines.delete(first)
  pass(30)
  assert.deepEqual(told, ['b'])
})

test('after a time in which nothing waited the next is watched as the first', (t) => {
  const { pass, told, deadlines } = waits(t)
  deadlines.delete(deadlines.add(() => told.push('a')))
  pass(30)
  deadlines.add(() => told.push('b'))
  pass(59)
  assert.equal(told.length, 0)
  pass(1)
  assert.deepEqual(told, ['b'])
  pass(1000)
  deadlines.add(() => told.push('c'))
  pass(60)
  assert.deepEqual(told, ['b', 'c'])
})

test('what is told may add another wait and end others', (t) => {
  const { pass, told, deadlines } = waits(t)
  deadlines.add(() => {
    told.push('a')
    deadlines.delete(other)
    deadlines.add(() => told.push('c'))
  })
  const other = deadlines.add(() => told.push('b'))
  pass(60)
  assert.deepEqual(told, ['a'])
  pass(60)
  assert.deepEqual(told, ['a', 'c'])
})
