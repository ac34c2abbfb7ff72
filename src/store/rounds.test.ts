/** Rounds: a fault lasts from its first round to one that goes well, and is told in words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rounds } from './rounds.ts'

test('a fault lasts from the first round that failed to one that goes well', () => {
  let now = 1000
  const rounds = new Rounds(() => now)
  assert.deepEqual(rounds.state, { begun: 1000, done: null, fault: null })
  now = 2000
  rounds.failed(new Error('no room'))
  now = 3000
  rounds.failed(new Error('no connection'))
  assert.deepEqual(rounds.state, { begun: 1000, done: null, fault: { since: 2000, at: 3000, words: 'no connection' } })
  now = 4000
  rounds.went()
  assert.deepEqual(rounds.state, { begun: 1000, done: 4000, fault: null })
  now = 5000
  rounds.failed(new Error('again'))
  assert.deepEqual(rounds.state, { begun: 1000, done: 4000, fault: { since: 5000, at: 5000, words: 'again' } })
})

test('what fails without a message is told all the same', () => {
  const rounds = new Rounds(() => 0)
  for (const [error, words] of [
    [
      new AggregateError([new Error('refused by ::1'), new Error('refused by 127.0.0.1')], ''),
      'refused by ::1; refused by 127.0.0.1',
    ],
    [new RangeError(''), 'RangeError'],
    ['a text', 'a text'],
  ] as const) {
    rounds.failed(error)
    assert.equal(rounds.state.fault?.words, words)
  }
})
