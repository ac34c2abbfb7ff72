/** Backfills on a real server: each partition once, failures and their retry, cancelling, and what is missing. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { CallError } from '../../src/client/client.ts'
import { backfillsApi } from '../../src/contract/pipelines/backfills.ts'
import { partitionsApi } from '../../src/contract/pipelines/partitions.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { openPartitioned, PARTITIONED, type PartitionedServer } from '../fixtures/partitioned.ts'
import type { Database } from '../fixtures/replaced-server.ts'

export function backfillCases(database: Database): void {
  describe(`backfills on ${database}`, () => {
    let daily: PartitionedServer
    before(async () => void (daily = await openPartitioned(database)))
    after(() => daily.close())
    const { project } = { project: 'daily' }
    const matrix = () => daily.server().client.call(partitionsApi.getPartitionMatrix, { params: { project } })
    const rows = async (from: string, to: string) =>
      (await daily.server().client.call(partitionsApi.listPartitions, { params: { project }, query: { from, to } }))
        .items

    test('each partition of the range runs once, with its own key and times, over the change of clocks', async () => {
      const { out, said, code } = await daily.slipway(
        'backfill',
        daily.project,
        '--from',
        '2026-03-28',
        '--to',
        '2026-03-30',
      )
      assert.equal(code, 0, said)
      assert.match(out, /succeeded: 3 of 3 partitions succeeded$/m)
      const { items } = await daily.server().client.call(backfillsApi.listBackfills, { query: {} })
      const partitions = await daily.partitionsOf(items[0]?.id ?? '')
      const runs = await Promise.all(
        partitions.map(({ run }) =>
          daily.server().client.call(pipelinesApi.getPipelineRun, { params: { id: run ?? '' } }),
        ),
      )
      assert.deepEqual(
        runs.map(({ partition, params, trigger, priority }) => [
          partition,
          params['second']?.['begin'],
          trigger,
          priority,
        ]),
        [
          ['2026-03-28', '2026-03-27T23:00:00Z', 'backfill', -10],
          ['2026-03-29', '2026-03-28T23:00:00Z', 'backfill', -10],
          ['2026-03-30', '2026-03-29T22:00:00Z', 'backfill', -10],
        ],
      )
      assert.ok(runs.every(({ backfill }) => backfill === items[0]?.id))
    })

    test('the same range again comes from the cache; what is missing runs alone', async () => {
      const again = await daily.ended(await daily.begin({ from: '2026-03-28', to: '2026-03-29' }))
      assert.equal(again.state, 'succeeded')
      const [run] = await daily.runsOf(again.id)
      assert.deepEqual(run?.steps, { first: 'cached', second: 'cached' })
      const missing = await daily.ended(await daily.begin({ from: '2026-03-27', to: '2026-03-31', only: 'missing' }))
      assert.deepEqual(
        (await daily.partitionsOf(missing.id)).map(({ partition, state }) => [partition, state]),
        [
          ['2026-03-27', 'succeeded'],
          ['2026-03-31', 'succeeded'],
        ],
      )
      await assert.rejects(
        daily.begin({ from: '2026-03-27', to: '2026-03-31', only: 'missing' }),
        refused(409, /none of the 5 partitions/),
      )
    })

    test('what failed is told, and holds up no other', async () => {
      const set = { bad: '2026-02-02,2026-02-03' }
      const failed = await daily.ended(await daily.begin({ from: '2026-02-01', to: '2026-02-04', at_once: 2, set }))
      assert.deepEqual([failed.state, failed.reason], ['failed', '2 of 4 partitions succeeded, 2 failed'])
      const before = await daily.partitionsOf(failed.id)
      assert.match(before[1]?.message ?? '', /2026-02-02 is bad/)
      assert.deepEqual(
        (await rows('2026-02-01', '2026-02-02')).map(({ state, steps }) => [state, steps]),
        [
          ['succeeded', { first: 'succeeded', second: 'succeeded' }],
          ['failed', { first: 'succeeded', second: 'failed' }],
        ],
      )
      const february = (await matrix()).groups.find(({ name }) => name === '2026-02')
      assert.deepEqual(february?.states, { succeeded: 2, failed: 2, missing: 24 })
      assert.deepEqual(february?.steps['second'], { succeeded: 2, failed: 2 })
    })

    test('a retry runs only what failed, and of that takes over what succeeded', async () => {
      const [{ id } = { id: '' }] = (
        await daily.server().client.call(backfillsApi.listBackfills, { query: { limit: 1 } })
      ).items
      const before = await daily.partitionsOf(id)
      daily.mend()
      const { out, code } = await daily.slipway('backfill', 'retry', id)
      assert.equal(code, 0, out)
      const retried = await daily.partitionsOf(id)
      assert.ok(retried.every(({ state }) => state === 'succeeded'))
      assert.deepEqual(
        retried.map(({ run }, i) => run === before[i]?.run),
        [true, false, false, true],
      )
      assert.equal((await daily.runsOf(id)).length, 6)
      const second = await daily.runOf(retried[1]?.run ?? '')
      assert.deepEqual([second.partition, second.steps[0]?.cache?.from_run], ['2026-02-02', before[1]?.run])
      await assert.rejects(
        daily.server().client.call(backfillsApi.retryBackfill, { params: { id } }),
        refused(409, /nothing to run again/),
      )
    })

    test('one that is cancelled begins nothing more and ends what runs; a retry goes on', async () => {
      const id = await daily.begin({ from: '2026-04-01', to: '2026-04-20', at_once: 2, set: { bad: 'slow' } })
      await daily.until(id, ({ counts }) => counts.running === 2)
      const { client } = daily.server()
      await client.call(backfillsApi.cancelBackfill, { params: { id } })
      const cancelled = await daily.ended(id)
      assert.equal(cancelled.state, 'cancelled')
      assert.match(cancelled.reason, /^cancelled by \S+: 0 of 20 partitions succeeded, 20 cancelled$/)
      assert.deepEqual(
        (await daily.runsOf(id)).map(({ state }) => state),
        ['cancelled', 'cancelled'],
      )
      await client.call(backfillsApi.retryBackfill, { params: { id } })
      await daily.until(id, ({ counts }) => counts.running === 2)
      await client.call(backfillsApi.cancelBackfill, { params: { id } })
      await daily.ended(id)
    })

    test('a rate holds, and so does what may be under way', async () => {
      const before = performance.now()
      const id = await daily.begin({ from: '2026-05-01', to: '2026-05-06', at_once: 6, rate_per_minute: 2 })
      const { counts } = await daily.until(id, ({ counts }) => counts.succeeded >= 2)
      // on a busy machine the two may have taken a minute, in which two more begin
      const minutes = 1 + Math.floor((performance.now() - before) / 60_000)
      assert.ok(6 - counts.waiting <= 2 * minutes, `${JSON.stringify(counts)} in the ${minutes}. minute`)
      await daily.server().client.call(backfillsApi.cancelBackfill, { params: { id } })
      const ended = await daily.ended(id)
      assert.equal(ended.counts.cancelled, 6 - ended.counts.succeeded)
    })

    test('what cannot be is refused with the field, the value and what was expected', async () => {
      for (const [asked, status, said] of [
        [{ from: 'soon' }, 400, /from.*"?soon"?.*expected a partition or a time/],
        [{ from: '2026-03-01', to: '2026-02-01' }, 400, /to.*expected no earlier than from/],
        [{ from: '2099-01-01' }, 409, /no partition of the range has ended yet/],
        [{ set: { worse: 1 } }, 400, /set\.worse.*expected one of bad/],
        [{ priority: 1 }, 400, /priority/],
      ] as const)
        await assert.rejects(daily.begin(asked), refused(status, said))
      const body = { project, partition: '2025-12-31' }
      await assert.rejects(
        daily.server().client.call(pipelinesApi.createPipelineRun, { body }),
        refused(400, /from 2026-01-01 to/),
      )
      daily.write(PARTITIONED.replace(/ {2}partitions.*\n/, ''))
      await assert.rejects(daily.begin({}), refused(422, /has no partitions/))
      daily.write(PARTITIONED)
    })
  })
}

function refused(status: number, said: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CallError, String(error))
    assert.equal(error.status, status, error.message)
    assert.match(error.message, said)
    return true
  }
}
