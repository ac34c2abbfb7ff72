/** The ledger against plain sums: whatever the order and the split of what is metered, nothing is lost and nothing counts twice. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { prng } from '../stats/prng.ts'
import { costBench, DAY, HOUR, NOTHING, root, sampleOf, START, subjectOf } from './bench.fixture.ts'
import type { OpenDb } from './bench.fixture.ts'
import type { EntryRow } from './ledger-rows.ts'
import { addToEntry, enterOnce, recompute } from './ledger.ts'
import { recordServing, recordStorage } from './meters.ts'
import type { ServingSample } from './meters.ts'
import { addRates } from './rates.ts'

/** An amount by the definition of its unit prices, in floating point. */
function plainAmount(row: EntryRow): number {
  const gib = 1024 * 1024
  return (
    (row.cpu_ms / 3_600_000) * row.cpu_price +
    (row.memory_kib_s / gib / 3600) * row.memory_price +
    (row.storage_kib_s / gib / (30 * 86_400)) * row.storage_price
  )
}

export function ledgerCases(name: string, open: OpenDb): void {
  describe(`${name}: ledger`, () => {
    const bench = costBench(open)

    describe('entries', () => {
      it('written once stays as it was first written', async () => {
        const said = await bench
          .room()
          .db.tx(async (t) => [
            await enterOnce(t, subjectOf('e'), { ...NOTHING, cpu_ms: 10 }),
            await enterOnce(t, subjectOf('e', { project: 'other' }), { ...NOTHING, cpu_ms: 99 }),
          ])
        assert.deepEqual(said, [true, false])
        const [row] = await bench.entries()
        assert.deepEqual([row?.cpu_ms, row?.project], [10, 'flights'])
      })

      it('twenty additions at once are all in the sum', async () => {
        const uses = Array.from({ length: 20 }, (_, at) => ({
          ...NOTHING,
          cpu_ms: at + 1,
          memory_kib_s: 1000 * at,
          predictions: 2,
          to_at: START + at,
        }))
        await Promise.all(
          uses.map((use) =>
            bench.room().db.tx(async (t) => {
              await t.lock('cost.samples')
              await addToEntry(t, subjectOf('sum'), use)
            }),
          ),
        )
        const [row] = await bench.entries()
        assert.deepEqual([row?.cpu_ms, row?.memory_kib_s, row?.predictions, row?.to_at], [210, 190_000, 40, START + 19])
      })

      it('a transaction that fails leaves no entry', async () => {
        const failing = bench.room().db.tx(async (t) => {
          await addToEntry(t, subjectOf('gone'), { ...NOTHING, cpu_ms: 10 })
          throw new Error('rolled back')
        })
        await assert.rejects(failing, /rolled back/)
        assert.deepEqual(await bench.entries(), [])
      })

      it('keep the prices that held when they began, also where more is added after a new price', async () => {
        await bench.room().db.tx((t) => addToEntry(t, subjectOf('kept'), { ...NOTHING, cpu_ms: HOUR }))
        await addRates(bench.room(), root, [
          { resource: 'cpu', micro_dollars: 1, from: '2026-05-03T00:00:00.001Z', note: '' },
        ])
        const late = { ...NOTHING, cpu_ms: HOUR, from_at: START + HOUR }
        await bench.room().db.tx((t) => addToEntry(t, subjectOf('kept'), late))
        await bench.room().db.tx((t) => addToEntry(t, subjectOf('new'), late))
        const [kept, fresh] = await bench.entries()
        assert.deepEqual([kept?.cpu_price, kept?.micro_dollars], [40_000, 80_000])
        assert.deepEqual([fresh?.cpu_price, fresh?.micro_dollars], [1, 1])
      })

      it('of any quantities are priced to within half a micro-dollar, and come out again the same', async () => {
        const random = prng(5)
        await bench.room().db.tx(async (t) => {
          for (let at = 0; at < 50; at++) {
            const size = 10 ** Math.floor(random.uniform() * 10)
            const whole = (): number => Math.floor(random.uniform() * size)
            await enterOnce(t, subjectOf(`r${at}`), {
              ...NOTHING,
              cpu_ms: whole(),
              memory_kib_s: whole(),
              storage_kib_s: whole(),
            })
          }
        })
        for (const row of await bench.entries()) {
          const plain = plainAmount(row)
          assert.ok(Math.abs(row.micro_dollars - plain) <= 0.5 + plain * 1e-12, `${row.micro_dollars} for ${plain}`)
          assert.ok(Number.isSafeInteger(row.micro_dollars))
        }
        assert.deepEqual((await recompute(bench.room())).differs, [])
      })

      it('are all looked at when they are computed again, also beyond a thousand', async () => {
        await bench.room().db.tx(async (t) => {
          for (let at = 0; at < 1001; at++)
            await enterOnce(t, subjectOf(`n${String(at).padStart(4, '0')}`), { ...NOTHING, cpu_ms: HOUR })
        })
        const clean = await recompute(bench.room())
        assert.deepEqual([clean.entries, clean.micro_dollars, clean.differs], [1001, 1001 * 40_000, []])
        await bench.room().db.tx((t) => t.run("UPDATE cost_entries SET cpu_ms = 0 WHERE id IN ('n0000', 'n1000')"))
        assert.deepEqual((await recompute(bench.room())).differs, ['n0000', 'n1000'])
      })
    })

    describe('serving', () => {
      it('enters what the counters of each process came to, however it is split by versions and times', async () => {
        const random = prng(11)
        const upTo = (most: number): number => Math.floor(random.uniform() * most)
        const state = new Map<string, ServingSample>()
        for (const pid of [1, 2])
          for (const version of ['1', '2', '3']) state.set(`${pid} ${version}`, sampleOf({ pid, version }))
        const cpu = new Map([
          [1, 0],
          [2, 0],
        ])
        let at = START
        for (let round = 0; round < 40; round++) {
          at += upTo(30 * 60_000)
          for (const pid of [1, 2]) cpu.set(pid, (cpu.get(pid) ?? 0) + upTo(5000) / 1000)
          for (const [key, before] of state) {
            const requests = upTo(3) === 0 ? 0 : upTo(500)
            state.set(key, {
              ...before,
              gateway_cpu_seconds: cpu.get(before.pid) ?? 0,
              scorer_cpu_seconds: before.scorer_cpu_seconds + upTo(2000) / 1000,
              requests: before.requests + requests,
              predictions: before.predictions + requests * upTo(4),
            })
          }
          await recordServing(bench.room(), [...state.values()], at)
        }
        const rows = await bench.entries()
        const last = [...state.values()]
        const sum = (of: (row: EntryRow) => number): number => rows.reduce((total, row) => total + of(row), 0)
        const seconds =
          (cpu.get(1) ?? 0) + (cpu.get(2) ?? 0) + last.reduce((total, one) => total + one.scorer_cpu_seconds, 0)
        // each addition is rounded to a millisecond
        assert.ok(Math.abs(sum((row) => row.cpu_ms) - seconds * 1000) <= 0.5 * 40 * last.length)
        assert.equal(
          sum((row) => row.predictions),
          last.reduce((total, one) => total + one.predictions, 0),
        )
        for (const version of ['1', '2', '3']) {
          const own = rows.filter((row) => row.version === version)
          assert.equal(
            own.reduce((total, row) => total + row.predictions, 0),
            last.filter((one) => one.version === version).reduce((total, one) => total + one.predictions, 0),
          )
          assert.equal(new Set(own.map((row) => row.id)).size, own.length)
        }
      })

      it('samples that come twice count once', async () => {
        const first = [sampleOf({ gateway_cpu_seconds: 5, requests: 10, predictions: 10 })]
        await recordServing(bench.room(), first, START)
        const before = await bench.entries()
        await recordServing(bench.room(), first, START)
        assert.deepEqual(await bench.entries(), before)
      })

      it('readings at once count each step of the counter once', async () => {
        await recordServing(bench.room(), [sampleOf({ gateway_cpu_seconds: 1, requests: 10, predictions: 10 })], START)
        const later = [sampleOf({ gateway_cpu_seconds: 3, requests: 30, predictions: 30 })]
        await Promise.all(Array.from({ length: 8 }, () => recordServing(bench.room(), later, START + 1000)))
        const [row] = await bench.entries()
        assert.deepEqual([row?.cpu_ms, row?.predictions], [3000, 30])
      })

      it('memory is bytes times the time between samples, none before the first', async () => {
        const bytes = { gateway_bytes: 1024 * 1000, scorer_bytes: 1024 * 500 }
        await recordServing(bench.room(), [sampleOf(bytes)], START)
        assert.equal((await bench.entries())[0]?.memory_kib_s, 0)
        await recordServing(bench.room(), [sampleOf(bytes)], START + 10_000)
        assert.equal((await bench.entries())[0]?.memory_kib_s, 15_000)
      })

      it('a clock that goes back takes nothing away', async () => {
        await recordServing(bench.room(), [sampleOf({ gateway_cpu_seconds: 1, gateway_bytes: 1024 })], START + HOUR)
        await recordServing(bench.room(), [sampleOf({ gateway_cpu_seconds: 2, gateway_bytes: 1024 })], START)
        const rows = await bench.entries()
        assert.ok(rows.every((row) => row.memory_kib_s >= 0 && row.cpu_ms >= 0))
        assert.equal(
          rows.reduce((total, row) => total + row.cpu_ms, 0),
          2000,
        )
      })

      it('what was used over midnight and the hour lies in the hour in which it began', async () => {
        await recordServing(bench.room(), [sampleOf({})], START - 1000)
        await recordServing(bench.room(), [sampleOf({ gateway_cpu_seconds: 4 })], START + 1000)
        await recordServing(bench.room(), [sampleOf({ gateway_cpu_seconds: 5 })], START + 2000)
        const rows = await bench.entries()
        assert.deepEqual(
          rows.map((row) => [row.id, row.cpu_ms]),
          [
            [`serving/delay/1/${START - HOUR}`, 4000],
            [`serving/delay/1/${START}`, 1000],
          ],
        )
      })

      it('a version that comes later does not pay for what the gateway had used before', async () => {
        await recordServing(bench.room(), [sampleOf({ gateway_cpu_seconds: 100, requests: 1 })], START)
        const two = [
          sampleOf({ gateway_cpu_seconds: 102, requests: 2 }),
          sampleOf({ version: '2', gateway_cpu_seconds: 102, requests: 1 }),
        ]
        await recordServing(bench.room(), two, START + 1000)
        const rows = await bench.entries()
        assert.deepEqual(
          rows.map((row) => [row.version, row.cpu_ms]),
          [
            ['1', 101_000],
            ['2', 1000],
          ],
        )
      })

      it('no samples are no entries', async () => {
        await recordServing(bench.room(), [], START)
        assert.deepEqual(await bench.entries(), [])
      })
    })

    describe('storage', () => {
      const file = (bytes: number, version = '1') => ({ project: 'flights', model: 'delay', version, bytes })

      it('is bytes times the time between samples, whatever the samples are split into', async () => {
        const times = [0, 1, 7, 23, 24, 25, 49, 72.5].map((hours) => START + hours * HOUR)
        for (const at of times) await recordStorage(bench.room(), [file(1024 * 1024)], at)
        const rows = await bench.entries()
        assert.equal(
          rows.reduce((total, row) => total + row.storage_kib_s, 0),
          1024 * 72.5 * 3600,
        )
        assert.ok(rows.every((row) => Number(row.id.split('/').at(-1)) % DAY === 0))
      })

      it('of a version that is gone ends, and begins anew when it is back', async () => {
        await recordStorage(bench.room(), [file(1024)], START)
        await recordStorage(bench.room(), [], START + HOUR)
        await recordStorage(bench.room(), [file(1024)], START + 2 * HOUR)
        const [row] = await bench.entries()
        assert.equal(row?.storage_kib_s, 2 * 3600, 'the time between two samples counts whole')
      })

      it('of each version is an entry of its own', async () => {
        const both = [file(1024, '1'), file(2048, '2')]
        await recordStorage(bench.room(), both, START)
        await recordStorage(bench.room(), both, START + HOUR)
        assert.deepEqual(
          (await bench.entries()).map((row) => [row.version, row.storage_kib_s]),
          [
            ['1', 3600],
            ['2', 7200],
          ],
        )
      })

      it('a clock that goes back adds nothing', async () => {
        await recordStorage(bench.room(), [file(1024)], START + HOUR)
        await recordStorage(bench.room(), [file(1024)], START)
        assert.deepEqual(await bench.entries(), [])
      })
    })
  })
}
