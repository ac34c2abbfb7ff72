/** What a start keeps up: left out and told where the database is damaged, and nowhere else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problem } from '../contract/errors.ts'
import { knownDamage } from './damage.ts'
import { ifSoundOf } from './if-sound.ts'

function over() {
  const damage = knownDamage()
  const told: Error[] = []
  return { damage, told, ifSound: ifSoundOf(damage, (error) => told.push(error)) }
}

const failing = (error: Error) => async () => {
  throw error
}

test('gives what the work gives, and tells nothing', async () => {
  const { ifSound, damage, told } = over()
  assert.equal(await ifSound('to count', async () => 7), 7)
  damage.tell('page 7')
  assert.equal(await ifSound('to count', async () => 8), 8, 'what is sound is read on')
  assert.deepEqual(told, [])
})

test('what meets the damage is left out, and told with its cause', async () => {
  for (const code of ['storage_corrupt', 'storage_unreadable'] as const) {
    const { ifSound, told } = over()
    const cause = problem(code, { detail: 'page 7' })
    assert.equal(await ifSound('to seal addresses', failing(cause)), undefined)
    assert.deepEqual(
      told.map(({ message, cause: of }) => [message, of]),
      [[`left out, for the database is damaged or cannot be read: to seal addresses (${cause.message})`, cause]],
    )
  }
})

test('every other error is thrown while no damage is known', async () => {
  for (const error of [problem('storage_full'), problem('unavailable', { what: 'the database' }), new Error('mine')]) {
    const { ifSound, told } = over()
    await assert.rejects(ifSound('to seal addresses', failing(error)), error)
    assert.deepEqual(told, [])
  }
})

test('once damage is known, rows that cannot be are of it', async () => {
  const { ifSound, damage, told } = over()
  damage.tell('page 7')
  assert.equal(await ifSound('to seal addresses', failing(new SyntaxError('no JSON'))), undefined)
  assert.match(told[0]?.message ?? '', /to seal addresses \(no JSON\)$/)
})
