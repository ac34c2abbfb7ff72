/** Lost runs: found by their silence, shown with reason and log, open again with the next write. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SYSTEM } from '../../auth/tokens.ts'
import { putArtifact } from '../artifacts/artifacts.ts'
import { lossesOf, markLost } from './lost.ts'
import { logMetric } from '../metrics/metrics.ts'
import { listeningSince } from './housekeeping.ts'
import { roomOf } from './room.fixture.ts'
import type { OpenedStore } from './room.fixture.ts'
import type { Tracking } from '../context/context.ts'
import { getRun } from '../searches/read.ts'
import { createRun, requireRun, updateRun } from '../runs/runs.ts'

const MINUTE = 60_000

export function lostCases(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name}: lost runs`, () => {
    let room: Tracking
    let now = 1_700_000_000_000
    const clock = (): number => now
    roomOf(open, clock, (opened) => {
      room = opened
    })
    const watched = new Set<string>()
    const began = now
    const rules = {
      silentMs: 30 * MINUTE,
      startedAt: () => began,
      watched: async () => watched,
      logOf: async () => undefined,
    }
    const make = () => createRun(room, SYSTEM, { experiment_id: '0' })
    const tagsOf = async (id: string): Promise<Record<string, string>> =>
      Object.fromEntries((await getRun(room, SYSTEM, id)).data.tags.map((tag) => [tag.key, tag.value]))

    it('a silent run is lost, one that writes is not, one that is watched is not', async () => {
      const [silent, busy, step] = [await make(), await make(), await make()]
      watched.add(step.run_id)
      await putArtifact(room, SYSTEM, `0/${silent.run_id}/artifacts/console.log`, Buffer.from('epoch 1\nepoch 2\n'))
      now += 20 * MINUTE
      await putArtifact(room, SYSTEM, `0/${busy.run_id}/artifacts/model.bin`, Buffer.from('weights'))
      now += 11 * MINUTE
      assert.deepEqual(await markLost(room, rules), [silent.run_id])
      const row = await requireRun(room.db, SYSTEM, silent.run_id)
      assert.deepEqual([row.status, row.end_time], ['FAILED', silent.heartbeat_at])
      const tags = await tagsOf(silent.run_id)
      assert.equal(tags['slipway.lost'], 'true')
      assert.match(tags['slipway.lost.reason'] ?? '', /^no sign of life since 2023-/)
      assert.equal(tags['slipway.lost.log'], 'epoch 1\nepoch 2')
      assert.deepEqual(await markLost(room, rules), [])
      assert.equal((await requireRun(room.db, SYSTEM, busy.run_id)).status, 'RUNNING')
    })

    it('a later write opens it again under the same id, and the loss keeps when', async () => {
      const run = await make()
      now += 31 * MINUTE
      assert.ok((await markLost(room, rules)).includes(run.run_id))
      now += MINUTE
      await logMetric(room, SYSTEM, run.run_id, { key: 'loss', value: 1, timestamp: now, step: 1 })
      const row = await requireRun(room.db, SYSTEM, run.run_id)
      assert.deepEqual([row.status, row.end_time, row.lost_at], ['RUNNING', null, null])
      assert.equal((await tagsOf(run.run_id))['slipway.lost'], undefined)
      const [loss] = await lossesOf(room.db, run.run_id)
      assert.deepEqual([loss?.silent_since, loss?.lost_at, loss?.resumed_at], [run.heartbeat_at, now - MINUTE, now])
      now += 31 * MINUTE
      await markLost(room, rules)
      now += MINUTE
      assert.equal((await updateRun(room, SYSTEM, { run_id: run.run_id, run_name: 'renamed' })).status, 'RUNNING')
      assert.equal((await lossesOf(room.db, run.run_id)).length, 2)
    })

    it('a clock that is set makes no run lost: its silence counts from then on', async () => {
      let steady = 0
      const since = listeningSince(clock, () => steady)
      const pass = (minutes: number, jump = 0): void => {
        steady += minutes * MINUTE
        now += (minutes + jump) * MINUTE
      }
      const jumping = { ...rules, startedAt: since }
      const run = await make()
      pass(1, 600)
      assert.deepEqual(await markLost(room, jumping), [])
      pass(20)
      await logMetric(room, SYSTEM, run.run_id, { key: 'loss', value: 1, timestamp: now, step: 1 })
      pass(20, -300)
      assert.deepEqual(await markLost(room, jumping), [])
      assert.equal((await requireRun(room.db, SYSTEM, run.run_id)).status, 'RUNNING')
      pass(40, 300)
      assert.deepEqual(await markLost(room, jumping), [])
      pass(31)
      assert.ok((await markLost(room, jumping)).includes(run.run_id))
    })

    it('a server that has just started waits: silence while it was away proves nothing', async () => {
      const run = await make()
      now += 60 * MINUTE
      assert.deepEqual(await markLost(room, { ...rules, startedAt: () => now - MINUTE }), [])
      assert.equal((await requireRun(room.db, SYSTEM, run.run_id)).status, 'RUNNING')
    })
  })
}
