/** Tokens for the server's own trials: one a project and day, none that is about to run out, a new one after a failure. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Tokens } from '../../auth/tokens.ts'
import { trialTokens } from './trial-tokens.ts'

const DAY = 86_400_000
const TEN_MINUTES = 600_000

/** A maker of tokens whose secrets are t1, t2, …; what it was asked is kept. */
function bench() {
  const wanted: Record<string, unknown>[] = []
  const state = { now: 1000, fails: false }
  const access = {
    async create(_who: unknown, wish: Record<string, unknown>) {
      wanted.push(wish)
      if (state.fails) throw new Error('the disk is full')
      return { token: `t${wanted.length}` }
    },
  } as unknown as Pick<Tokens, 'create'>
  return { wanted, state, tokenOf: trialTokens(access, () => state.now) }
}

test('a token may predict in its project alone, for a day', async () => {
  const { wanted, tokenOf } = bench()
  assert.equal(await tokenOf('p'), 't1')
  const [{ role, project, expires_at } = {}] = wanted
  assert.deepEqual([role, project, expires_at], ['service', 'p', 1000 + DAY])
})

test('one token serves a project until ten minutes before its end, each project its own', async () => {
  const { state, tokenOf } = bench()
  assert.deepEqual(await Promise.all([tokenOf('p'), tokenOf('p'), tokenOf('q')]), ['t1', 't1', 't2'])
  state.now += DAY - TEN_MINUTES - 1
  assert.equal(await tokenOf('p'), 't1')
  state.now += 1
  assert.deepEqual([await tokenOf('p'), await tokenOf('p'), await tokenOf('q')], ['t3', 't3', 't4'])
})

test('a token that could not be made is asked for again', async () => {
  const { state, tokenOf } = bench()
  state.fails = true
  await assert.rejects(tokenOf('p'), /disk is full/)
  state.fails = false
  assert.equal(await tokenOf('p'), 't2')
})
