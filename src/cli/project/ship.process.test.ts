/** How long `slipway ship` waits for the rollout of its version, and what it makes of one that is still being prepared. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createClient } from '../../client/client.ts'
import { rolloutApi } from '../../contract/rollout.ts'
import { rollout } from '../answers.fixture.ts'
import { startRecorded, TOKEN } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { awaitRollout } from './ship.ts'

let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => server.close())

const mine = rollout({ id: 'mine', version: '2', state: 'starting' })
const waited = (waitMs?: number) => {
  const client = createClient({ url: server.url, token: TOKEN })
  return awaitRollout(client, 'iris', { model: mine.model, version: '2' }, waitMs)
}

describe('the rollout of a version', () => {
  it('is waited for until it is under way', async () => {
    const started = { ...mine, state: 'canary' as const }
    server.answer(rolloutApi.list, { items: [] }, { items: [mine] }, { items: [mine] }, { items: [started] })
    assert.equal((await waited()).state, 'canary')
    assert.equal(server.asked(rolloutApi.list).length, 4)
  })

  it('that is still being prepared is told as it is, for it goes on by itself', async () => {
    server.answer(rolloutApi.list, { items: [mine] })
    // long enough for a second call, also where the first one takes its time
    assert.deepEqual([(await waited(2000)).id, server.asked(rolloutApi.list).length > 1], ['mine', true])
  })

  it('that somebody or a freeze holds is told at once', async () => {
    const held = { ...mine, awaits: { before: 'promote', role: 'maintainer' } as const }
    server.answer(rolloutApi.list, { items: [held] })
    assert.equal((await waited()).id, 'mine')
  })

  it('of another model or version is none, and none in that time is an error', async () => {
    server.answer(rolloutApi.list, {
      items: [
        { ...mine, version: '3' },
        { ...mine, model: 'other' },
      ],
    })
    await assert.rejects(waited(250), /no rollout of version 2 began within 0\.25 s\nSee: slipway endpoints iris/)
  })
})
