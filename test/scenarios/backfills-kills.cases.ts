/** Backfills whose server is killed: at each point it goes on, loses no partition, and runs none twice. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { backfillsApi } from '../../src/contract/pipelines/backfills.ts'
import { openPartitioned, type PartitionedServer } from '../fixtures/partitioned.ts'
import type { Database } from '../fixtures/replaced-server.ts'

/** A point, and at which passing. */
const POINTS = [
  'partition_begun@1',
  'partition_begun@3',
  'partition_ending@1',
  'partition_ending@3',
  'backfill_closed',
  'run_made@2',
]

export function backfillKills(database: Database): void {
  describe(`backfills on ${database} whose server is killed`, () => {
    let daily: PartitionedServer
    before(async () => void (daily = await openPartitioned(database)))
    after(() => daily.close())

    for (const point of POINTS)
      test(`at ${point} no partition is lost, and none runs twice`, async () => {
        const month = 6 + POINTS.indexOf(point)
        const [from, to] = [`2026-${String(month).padStart(2, '0')}-01`, `2026-${String(month).padStart(2, '0')}-04`]
        await daily.restart({ SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: `pipelines.${point}` })
        const begun = await daily.begin({ from, to, at_once: 2 }).catch(() => undefined)
        await daily.server().ended()
        await daily.restart()
        const { items } = await daily.server().client.call(backfillsApi.listBackfills, { query: { limit: 1 } })
        const backfill = await daily.ended(begun ?? items[0]?.id ?? '')
        assert.deepEqual([backfill.state, backfill.counts.succeeded], ['succeeded', 4])
        const runs = await daily.runsOf(backfill.id)
        assert.deepEqual(
          runs.map(({ partition }) => partition ?? '').toSorted((a, b) => (a < b ? -1 : 1)),
          [1, 2, 3, 4].map((day) => `${from.slice(0, 8)}0${day}`),
        )
      })
  })
}
