/** Waiting in tests: what it gives, and how it tells of what never came. */
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { never, PATIENCE, until } from './until.ts'

afterEach(() => {
  delete process.env[PATIENCE]
})

test('gives the first answer that is one, however many looks it takes', async () => {
  const answers = [undefined, null, false, 0, '', 'there']
  assert.equal(await until('an answer', () => answers.shift()), 'there')
  assert.deepEqual(answers, [])
  const later = [false, { id: 7 }]
  const found: { id: number } = await until('an object', async () =>
    Promise.resolve(later.shift() as false | { id: 7 }),
  )
  assert.equal(found.id, 7)
})

test('tells what was waited for in vain, and passes on at once what the question throws', async () => {
  process.env[PATIENCE] = '1e-6'
  await assert.rejects(
    until('a bus', () => false),
    /^Error: waited in vain for a bus$/,
  )
  await assert.rejects(
    until(
      async () => Promise.resolve('a bus; it snows'),
      () => false,
    ),
    /vain for a bus; it snows$/,
  )
  process.env[PATIENCE] = '1'
  let asked = 0
  const question = (): boolean => {
    asked++
    throw new Error('no road')
  }
  await assert.rejects(until('a bus', question), /no road/)
  assert.equal(asked, 1)
})

test('has as much patience as the environment says, and refuses what is no number', async () => {
  process.env[PATIENCE] = 'much'
  await assert.rejects(
    until('a bus', () => true),
    /SLIPWAY_TEST_PATIENCE is "much"; expected a number above 0/,
  )
})

test('looks before and after each turn that something never happens', async () => {
  let turns = 0
  const turn = async (): Promise<void> => void (await Promise.resolve(turns++))
  await never('a second bus', () => turns > 3, 3, turn)
  assert.equal(turns, 3)
  await assert.rejects(
    never('a second bus', () => turns > 4 && { turns }, 3, turn),
    /^Error: a second bus, after 2 turns: \{"turns":5\}$/,
  )
  setImmediate(() => {
    turns = 100
  })
  await assert.rejects(
    never('a late bus', () => turns === 100, 5),
    /a late bus, after [12] turns/,
  )
})
