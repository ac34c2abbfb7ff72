/** Which rollout `slipway rollout approve|resume|promote|abort` steers when several are there, and what it sends. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { problem } from '../../contract/errors.ts'
import { rolloutApi } from '../../contract/rollout.ts'
import type { Rollout } from '../../contract/rollout.ts'
import { servingApi } from '../../contract/serving.ts'
import { AT, endpoint, rollout } from '../answers.fixture.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'

let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => server.close())

const over = rollout({ id: 'over', version: '1', state: 'promoted', finished_at: AT })
const waits = { before: 'promote', role: 'maintainer' } as const
const WHY = ['--reason', 'looks right']

/** Steers where these rollouts are listed; the id of the rollout that was told. */
async function steered(items: Rollout[], ...words: string[]): Promise<string | undefined> {
  server.answer(rolloutApi.list, { items })
  server.answer(rolloutApi.act, rollout({ state: 'promoted', step: 'done', reason: 'approved by ada' }))
  const { code, lines } = await server.slipway('rollout', ...words, ...WHY)
  assert.deepEqual([code, lines], [0, ['iris: version 2 is promoted, done: approved by ada']])
  assert.deepEqual(server.asked(rolloutApi.list)[0]?.query, { endpoint: 'iris', limit: '100' })
  return server.asked(rolloutApi.act)[0]?.params[0]
}

describe('slipway rollout', () => {
  for (const action of ['approve', 'resume', 'promote', 'abort'] as const) {
    it(`${action} goes to the rollout that is under way, with its reason`, async () => {
      assert.equal(await steered([over, rollout(), over], action, 'iris'), 'rol_1')
      assert.deepEqual(server.asked(rolloutApi.act)[0]?.body, { action, reason: 'looks right' })
    })

    it(`${action} needs an endpoint and a reason`, async () => {
      for (const words of [WHY, ['iris']])
        await assert.rejects(
          server.slipway('rollout', action, ...words),
          usage(new RegExp(`rollout ${action} needs an endpoint and a reason`)),
        )
    })
  }

  it('goes forward in a freeze only when that is said', async () => {
    await steered([rollout()], 'promote', 'iris', '--override-freeze')
    assert.deepEqual(server.asked(rolloutApi.act)[0]?.body, {
      action: 'promote',
      reason: 'looks right',
      override_freeze: true,
    })
  })

  it('takes of several the one that is named, or for an approval the one that waits for it', async () => {
    const [a, b] = [rollout({ id: 'a', version: '2' }), rollout({ id: 'b', version: '3', awaits: waits })]
    assert.equal(await steered([a, b], 'abort', 'iris', '--candidate', '2'), 'a')
    assert.equal(await steered([a, b], 'abort', 'iris', '--candidate', '3'), 'b')
    assert.equal(await steered([a, b], 'approve', 'iris'), 'b')
  })

  it('asks which one is meant where several may be, and tells none of them', async () => {
    const [a, b] = [rollout({ id: 'a', version: '2' }), rollout({ id: 'b', version: '3', awaits: waits })]
    const both = usage(/^rollouts of versions 2, 3 are under way on iris: name one with --candidate$/)
    await assert.rejects(steered([a, b], 'abort', 'iris'), both)
    await assert.rejects(steered([a, { ...b, awaits: null }], 'approve', 'iris'), both)
    await assert.rejects(steered([{ ...a, awaits: waits }, b], 'approve', 'iris'), both)
    assert.deepEqual(server.asked(rolloutApi.act), [])
  })

  it('says that none is under way, or that the endpoint is not there', async () => {
    await assert.rejects(steered([over], 'abort', 'iris'), { message: 'no rollout is under way on iris' })
    await assert.rejects(steered([rollout()], 'abort', 'iris', '--candidate', '9'), {
      code: 'conflict',
      message: 'no rollout of version 9 is under way on iris',
    })
    server.answer(servingApi.getEndpoint, endpoint(), problem('not_found', { what: 'endpoint', id: 'iris' }))
    await assert.rejects(steered([], 'abort', 'iris'), { message: 'no rollout is under way on iris' })
    await assert.rejects(steered([], 'abort', 'iris'), { code: 'not_found', message: 'endpoint "iris" does not exist' })
  })
})
