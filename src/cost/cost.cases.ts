/** What the cost room must do on every database; each driver's test file runs these cases on a fresh one. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openedOnce } from '../../test/opened.ts'
import { auditLog } from '../auth/audit.ts'
import type { Principal } from '../contract/access.ts'
import type { CostBy, CostItem } from '../contract/cost.ts'
import type { Problem } from '../contract/errors.ts'
import { DAY, HOUR, root, sampleOf, START } from './bench.fixture.ts'
import type { OpenDb } from './bench.fixture.ts'
import { recompute } from './ledger.ts'
import { meterLoop } from './loop.ts'
import { recordAttempt, recordServing, recordStorage } from './meters.ts'
import type { ServingSample } from './meters.ts'
import type { UsedByAttempt } from '../contract/runs/usage.ts'
import { addRates, listRates, pricesAt } from './rates.ts'
import { report } from './report.ts'
import type { Cost } from './ledger-rows.ts'

const GIB = 1024 ** 3
const blue: Principal = { ...root, role: 'viewer', project: 'blue' }

function attempt(id: string, more: Partial<UsedByAttempt> = {}): UsedByAttempt {
  return {
    id,
    project: 'flights',
    run_id: 'run_1',
    state: 'succeeded',
    finished_at: START + HOUR,
    cpu_seconds: 90,
    max_rss_bytes: GIB,
    memory_kib_s: null,
    wall_ms: 60_000,
    measured: 'whole',
    ...more,
  }
}

/** Both versions in one process, the second with a scorer, when the gateway's CPU clock shows so many seconds. */
function bothAt(gateway_cpu_seconds: number): ServingSample[] {
  const gateway = { gateway_cpu_seconds, gateway_bytes: GIB }
  return [
    sampleOf({ ...gateway, predictions: 3000, requests: 3000 }),
    sampleOf({ ...gateway, version: '2', predictions: 1000, requests: 1000, scorer_cpu_seconds: 8 }),
  ]
}

export function costCases(name: string, open: OpenDb): void {
  describe(`${name}: cost`, () => {
    let room: Cost
    let now = START + DAY
    openedOnce(open, (opened) => {
      const clock = () => now
      room = { db: opened.db, clock, audit: auditLog(clock) }
    })

    const by = async (what: CostBy, who = root): Promise<Record<string, CostItem>> =>
      Object.fromEntries((await report(room, who, { by: what })).items.map((item) => [item.key, item]))

    it('an attempt is entered once, and a failed one costs as much', async () => {
      assert.equal(await recordAttempt(room, attempt('a1')), true)
      assert.equal(await recordAttempt(room, attempt('a1', { cpu_seconds: 1e6 })), false)
      await recordAttempt(room, attempt('a2', { state: 'failed' }))
      await recordAttempt(room, attempt('a3', { state: 'lost', cpu_seconds: null, max_rss_bytes: null, wall_ms: null }))
      const run = (await by('run'))['run_1']
      // 90 s of CPU are 1000 µ$, 60 GiB seconds 83.3 µ$
      assert.equal(run?.micro_dollars, 2 * 1083)
      assert.deepEqual([run.cpu_seconds, run.memory_gib_seconds, run.entries], [180, 120, 3])
      assert.equal(run.micro_dollars_per_1k, null)
      assert.equal(run.label, 'flights run_1')
    })

    it('memory counts over time, and at its largest only where nothing else is known', async () => {
      await recordAttempt(room, attempt('m1', { run_id: 'run_m', memory_kib_s: 3 * 1024 * 1024 }))
      await recordAttempt(room, attempt('m2', { run_id: 'run_m' }))
      // 90 s of CPU each; 3 and 60 GiB seconds
      assert.deepEqual(
        [(await by('run'))['run_m']?.memory_gib_seconds, (await by('run'))['run_m']?.micro_dollars],
        [63, 1004 + 1083],
      )
    })

    it('an attempt that goes on costs what it has used so far, and at its end no less; then nothing changes it', async () => {
      const so_far = (more: Partial<UsedByAttempt>): UsedByAttempt =>
        attempt('g1', { run_id: 'run_g', state: 'running', memory_kib_s: 0, ...more })
      const amount = async (): Promise<readonly unknown[]> => {
        const run = (await by('run'))['run_g']
        return [run?.cpu_seconds, run?.micro_dollars, run?.entries, run?.unmeasured]
      }
      assert.equal(await recordAttempt(room, so_far({ cpu_seconds: 9 })), true)
      assert.deepEqual(await amount(), [9, 100, 1, 0])
      assert.equal(await recordAttempt(room, so_far({ cpu_seconds: 90 })), true)
      assert.deepEqual(await amount(), [90, 1000, 1, 0])
      const lost = { state: 'lost', cpu_seconds: null, wall_ms: null, measured: 'not' } as const
      assert.equal(await recordAttempt(room, so_far(lost)), true)
      assert.deepEqual(await amount(), [90, 1000, 1, 1], 'what was seen of it stays, and that it was more is said')
      assert.equal(await recordAttempt(room, so_far({ state: 'succeeded', cpu_seconds: 900 })), false)
      assert.equal(await recordAttempt(room, so_far({ cpu_seconds: 900 })), false)
      assert.deepEqual(await amount(), [90, 1000, 1, 1])
      assert.deepEqual((await recompute(room)).differs, [])
    })

    it('serving is what was added since the last sample, split by requests', async () => {
      const at = START + 2 * HOUR
      const first = [
        sampleOf({ gateway_cpu_seconds: 1, gateway_bytes: GIB }),
        sampleOf({ version: '2', gateway_cpu_seconds: 1, gateway_bytes: GIB }),
      ]
      await recordServing(room, first, at)
      await recordServing(room, bothAt(5), at + 60_000)
      const rows = await room.db.all<{ version: string; cpu_ms: number; memory_kib_s: number; predictions: number }>(
        "SELECT version, cpu_ms, memory_kib_s, predictions FROM cost_entries WHERE kind = 'serving' ORDER BY version",
      )
      assert.deepEqual(rows, [
        { version: '1', cpu_ms: 500 + 3000, memory_kib_s: (60 * 1024 * 1024 * 3) / 4, predictions: 3000 },
        { version: '2', cpu_ms: 500 + 1000 + 8000, memory_kib_s: (60 * 1024 * 1024) / 4, predictions: 1000 },
      ])
      const endpoint = (await by('endpoint'))['delay']
      assert.equal(endpoint?.predictions, 4000)
      assert.equal(endpoint.micro_dollars_per_1k, endpoint.micro_dollars / 4)
    })

    it('an idle hour costs, and its owner sees it', async () => {
      const before = (await by('endpoint'))['delay']
      await recordServing(room, bothAt(7), START + 3 * HOUR)
      const after = (await by('endpoint'))['delay']
      assert.equal(after?.predictions, before?.predictions)
      assert.equal((after?.cpu_seconds ?? 0) - (before?.cpu_seconds ?? 0), 2)
      assert.ok((after?.micro_dollars ?? 0) > (before?.micro_dollars ?? 0))
    })

    it('a gateway that began anew counts from nothing, and another process counts for itself', async () => {
      const before = (await by('endpoint'))['delay']
      const at = START + 3 * HOUR + 1000
      await recordServing(room, [sampleOf({ predictions: 10, requests: 10, gateway_cpu_seconds: 0.5 })], at)
      await recordServing(room, [sampleOf({ pid: 200, predictions: 5, requests: 5, gateway_cpu_seconds: 0.25 })], at)
      const after = (await by('endpoint'))['delay']
      assert.equal((after?.predictions ?? 0) - (before?.predictions ?? 0), 15)
      assert.equal((after?.cpu_seconds ?? 0) - (before?.cpu_seconds ?? 0), 0.75)
    })

    it('a shadow and a stable of one version are one meter', async () => {
      const at = START + 4 * HOUR
      const both = [
        sampleOf({
          endpoint: 'twin',
          pid: 300,
          predictions: 4,
          requests: 4,
          gateway_cpu_seconds: 1,
          scorer_cpu_seconds: 2,
        }),
        sampleOf({
          endpoint: 'twin',
          pid: 300,
          predictions: 0,
          requests: 6,
          gateway_cpu_seconds: 1,
          scorer_cpu_seconds: 2,
        }),
      ]
      await recordServing(room, both, at)
      const twin = (await by('endpoint'))['twin']
      assert.deepEqual([twin?.predictions, twin?.cpu_seconds, twin?.entries], [4, 3, 1])
    })

    it('storage grows with time, a day an entry', async () => {
      const files = [{ project: 'flights', model: 'delay', version: '1', bytes: GIB }]
      await recordStorage(room, files, START)
      await recordStorage(room, files, START + 12 * HOUR)
      await recordStorage(room, files, START + DAY)
      await recordStorage(room, files, START + DAY)
      await recordStorage(room, files, START + DAY + HOUR)
      const rows = await room.db.all<{ id: string; micro_dollars: number; storage_kib_s: number }>(
        "SELECT id, micro_dollars, storage_kib_s FROM cost_entries WHERE kind = 'storage' ORDER BY id",
      )
      assert.deepEqual(rows, [
        { id: `storage/delay/1/${START}`, micro_dollars: 2667, storage_kib_s: 86_400 * 1024 * 1024 },
        { id: `storage/delay/1/${START + DAY}`, micro_dollars: 111, storage_kib_s: 3600 * 1024 * 1024 },
      ])
    })

    it('every amount comes out again', async () => {
      const { entries, micro_dollars, differs } = await recompute(room)
      const { total_micro_dollars } = await report(room, root, { by: 'day' })
      assert.deepEqual([differs, micro_dollars], [[], total_micro_dollars])
      assert.ok(entries >= 7)
      const { id } = (await room.db.get<{ id: string }>("SELECT id FROM cost_entries WHERE kind = 'storage'")) ?? {
        id: '',
      }
      await room.db.tx((t) => t.run('UPDATE cost_entries SET micro_dollars = micro_dollars + 1 WHERE id = ?', [id]))
      assert.deepEqual((await recompute(room)).differs, [id])
      await room.db.tx((t) => t.run('UPDATE cost_entries SET micro_dollars = micro_dollars - 1 WHERE id = ?', [id]))
    })

    it('the total is the same however it is grouped', async () => {
      await recordAttempt(room, attempt('b1', { project: 'blue', run_id: 'run_b', finished_at: START + DAY + HOUR }))
      const reports = await Promise.all(
        (['run', 'endpoint', 'project', 'day'] as const).map((what) => report(room, root, { by: what })),
      )
      assert.equal(new Set(reports.map((one) => one.total_micro_dollars)).size, 1)
      assert.match((await by('run'))['']?.label ?? '', /not of a run/)
      assert.deepEqual(Object.keys(await by('day')), ['2026-05-03', '2026-05-04'])
      assert.deepEqual(Object.keys(await by('project', blue)), ['blue'])
      const first = reports[0]?.items.map((item) => item.micro_dollars) ?? []
      assert.deepEqual(
        first,
        first.toSorted((a, b) => b - a),
      )
    })

    it('reports a span of time', async () => {
      const wish = { by: 'day' as const, from: '2026-05-04T00:00:00Z', to: '2026-05-05T00:00:00Z' }
      const { items } = await report(room, root, wish)
      assert.deepEqual(
        items.map((item) => item.key),
        ['2026-05-04'],
      )
      const wrong = { by: 'day' as const, from: '2026-05-04T00:00:00Z', to: '2026-05-01T00:00:00Z' }
      await assert.rejects(report(room, root, wrong), (error: Problem) => error.code === 'invalid_field')
    })

    it('a new price holds from its time; entries keep theirs', async () => {
      const before = (await by('run'))['run_1']?.micro_dollars
      const from = '2026-05-03T00:00:00Z'
      await addRates(room, root, [{ resource: 'cpu', micro_dollars: 80_000, from, note: 'twice' }])
      assert.equal((await by('run'))['run_1']?.micro_dollars, before)
      assert.deepEqual((await recompute(room)).differs, [])
      await recordAttempt(room, attempt('c1', { run_id: 'run_c' }))
      assert.equal((await by('run'))['run_c']?.micro_dollars, 2083)
      assert.equal((await pricesAt(room.db, START - 1)).cpu_price, 40_000)
      const [newest] = await listRates(room.db)
      assert.deepEqual([newest?.resource, newest?.micro_dollars, newest?.unit], ['cpu', 80_000, 'vCPU hour'])
      const again = [{ resource: 'cpu' as const, micro_dollars: 80_000, from, note: '' }]
      await addRates(room, root, again)
      const other = [{ resource: 'cpu' as const, micro_dollars: 1, from, note: '' }]
      await assert.rejects(addRates(room, root, other), (error: Problem) => error.code === 'conflict')
      const audit = await room.db.get<{ n: number }>("SELECT COUNT(*) AS n FROM audit WHERE resource = 'cost'")
      assert.equal(audit?.n, 2)
    })

    it('the loop reads every attempt once, also those that were told late, and goes on when a meter fails', async () => {
      now = START + 2 * DAY
      const told = [attempt('l1', { run_id: 'late', finished_at: now - 1000 })]
      const going = [attempt('l4', { run_id: 'late', state: 'submitting', finished_at: now })]
      const faults: unknown[] = []
      const loop = meterLoop(
        room,
        {
          attempts: async (since, limit) =>
            told
              .filter((one) => one.finished_at > since)
              .sort((a, b) => a.finished_at - b.finished_at)
              .slice(0, limit),
          running: async () => going,
          serving: async () => {
            throw new Error('the gateways do not answer')
          },
          storage: async () => [{ project: 'flights', model: 'looped', version: '1', bytes: GIB }],
        },
        { onError: (error) => faults.push(error) },
      )
      await loop.read()
      told.push(attempt('l2', { run_id: 'late', finished_at: now - 60_000 }))
      told.push(attempt('l3', { run_id: 'late', finished_at: now }))
      now += HOUR
      await Promise.all([loop.read(), loop.read()])
      assert.equal((await by('run'))['late']?.entries, 4)
      told.push(attempt('l4', { run_id: 'late', state: 'failed', finished_at: now, cpu_seconds: 900 }))
      going.pop()
      await loop.read()
      const ended = await room.db.get<{ outcome: string; cpu_ms: number }>(
        "SELECT outcome, cpu_ms FROM cost_entries WHERE id = 'attempt/l4'",
      )
      assert.deepEqual(ended, { outcome: 'failed', cpu_ms: 900_000 })
      assert.deepEqual(
        faults.map((fault) => (fault as Error).message),
        ['the gateways do not answer', 'the gateways do not answer', 'the gateways do not answer'],
      )
      const stored = await room.db.get<{ n: number }>("SELECT COUNT(*) AS n FROM cost_entries WHERE model = 'looped'")
      assert.equal(stored?.n, 1)
      await loop.stop()
    })
  })
}
