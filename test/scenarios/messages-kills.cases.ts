/** Messages about incidents survive kills at any moment, over real HTTP, and a copy arrives under its id. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CallError } from '../../src/client/client.ts'
import { fail, house, receiver, route, watchFailures } from '../monitored/messages-house.ts'
import type { Database } from '../monitored/messages-house.ts'
import { until } from '../until.ts'

/** The cases on one kind of database. */
export function messageKillCases(database: Database): void {
  describe(`messages and kills on ${database}`, () => {
    for (const [point, times] of [
      // killed after the change was committed and before anything was sent
      ['notices.begun', 1],
      // killed after the receiver had it and before that was noted
      ['notices.sent', 2],
      ['notices.noted', 1],
    ] as const) {
      test(`a kill at ${point} loses no message, and a copy has its id`, async (t) => {
        const to = await receiver(t)
        const start = await house(t, database)
        const calm = await start()
        await watchFailures(calm, to.url)
        await calm.stop()
        const doomed = await start({ SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: point })
        await fail(doomed, 'night-1').catch((error: unknown) =>
          assert.ok(error instanceof TypeError || error instanceof CallError, String(error)),
        )
        await doomed.ended()
        const server = await start()
        await until('the message', () => to.heard[times - 1])
        await until('nothing to wait', async () => (await route(server))?.waiting === 0)
        assert.deepEqual([to.heard.length, new Set(to.heard.map(({ key }) => key)).size], [times, 1])
      })
    }
  })
}
