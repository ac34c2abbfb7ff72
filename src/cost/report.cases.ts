/** Prices, reports and the loop of meters against plain sums over the entries. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CostBy, CostItem, PricedResource } from '../contract/cost.ts'
import { prng } from '../stats/prng.ts'
import { never } from '../../test/until.ts'
import { costBench, DAY, HOUR, NOTHING, root, START, subjectOf } from './bench.fixture.ts'
import type { OpenDb } from './bench.fixture.ts'
import type { EntryRow } from './ledger-rows.ts'
import { enterOnce } from './ledger.ts'
import { meterLoop } from './loop.ts'
import { recordAttempt } from './meters.ts'
import type { UsedByAttempt } from '../contract/runs/usage.ts'
import { addRates, listRates, pricesAt } from './rates.ts'
import { report } from './report.ts'

const thrown = (error: unknown): void => {
  throw error
}

/** What a row counts under. */
function keyOf(row: EntryRow, by: CostBy): string {
  return by === 'day' ? new Date(row.from_at).toISOString().slice(0, 10) : (row[by] ?? '')
}

const textOf = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString()

/** Compares an item with the plain sums of its rows. */
function isSumOf(item: CostItem, rows: readonly EntryRow[]): void {
  const sum = (of: (row: EntryRow) => number): number => rows.reduce((total, row) => total + of(row), 0)
  const predictions = sum((row) => row.predictions)
  const serving = sum((row) => (row.kind === 'serving' ? row.micro_dollars : 0))
  assert.equal(
    item.micro_dollars,
    sum((row) => row.micro_dollars),
  )
  assert.equal(item.cpu_seconds, sum((row) => row.cpu_ms) / 1000)
  assert.equal(item.entries, rows.length)
  assert.equal(item.predictions, predictions)
  assert.equal(item.micro_dollars_per_1k, predictions === 0 ? null : (serving * 1000) / predictions)
}

export function reportCases(name: string, open: OpenDb): void {
  describe(`${name}: reports`, () => {
    const bench = costBench(open)

    describe('prices', () => {
      it('at any time are those of the newest row before it, or of the oldest', async () => {
        const random = prng(3)
        const rows: { resource: PricedResource; from: number; micro_dollars: number }[] = [
          { resource: 'cpu', from: 0, micro_dollars: 40_000 },
          { resource: 'memory', from: 0, micro_dollars: 5000 },
          { resource: 'storage', from: 0, micro_dollars: 80_000 },
        ]
        for (let at = 0; at < 30; at++) {
          const resource = (['cpu', 'memory', 'storage'] as const)[at % 3] ?? 'cpu'
          rows.push({ resource, from: START + Math.floor(random.uniform() * 1000) * HOUR + at, micro_dollars: at })
        }
        const added = rows.slice(3).map((row) => ({ ...row, from: new Date(row.from).toISOString(), note: '' }))
        await addRates(bench.room(), root, added)
        const priceOf = (resource: PricedResource, at: number): number => {
          const own = rows.filter((row) => row.resource === resource).sort((a, b) => a.from - b.from)
          return (own.findLast((row) => row.from <= at) ?? own[0])?.micro_dollars ?? 0
        }
        const times = rows.flatMap(({ from }) => [from - 1, from, from + 1])
        for (const at of times) {
          assert.deepEqual(await pricesAt(bench.room().db, at), {
            cpu_price: priceOf('cpu', at),
            memory_price: priceOf('memory', at),
            storage_price: priceOf('storage', at),
          })
        }
        const listed = (await listRates(bench.room().db)).map(({ from }) => Date.parse(from))
        assert.deepEqual(
          listed,
          listed.toSorted((a, b) => b - a),
        )
        assert.equal(listed.length, rows.length)
      })

      it('of one call are added together or not at all', async () => {
        const before = await listRates(bench.room().db)
        const from = '2026-05-03T00:00:00Z'
        const wish = [
          { resource: 'memory' as const, micro_dollars: 1, from, note: '' },
          { resource: 'cpu' as const, micro_dollars: 1, from, note: '' },
          { resource: 'cpu' as const, micro_dollars: 2, from, note: '' },
        ]
        await assert.rejects(addRates(bench.room(), root, wish), { code: 'conflict' })
        assert.deepEqual(await listRates(bench.room().db), before)
      })

      it('before 1970 are refused by name', async () => {
        const wish = [{ resource: 'cpu' as const, micro_dollars: 1, from: '1969-12-31T23:59:59Z', note: '' }]
        await assert.rejects(addRates(bench.room(), root, wish), { code: 'invalid_field', message: /from: got 1969/ })
      })

      it('without a time hold from now on', async () => {
        bench.now = START + 123
        await addRates(bench.room(), root, [{ resource: 'cpu', micro_dollars: 7, note: 'now' }])
        assert.equal((await pricesAt(bench.room().db, START + 122)).cpu_price, 40_000)
        assert.equal((await pricesAt(bench.room().db, START + 123)).cpu_price, 7)
      })

      it('are in the audit trail with who set them', async () => {
        const count = async () =>
          (
            await bench
              .room()
              .db.get<{ n: number }>("SELECT COUNT(*) AS n FROM audit WHERE resource = 'cost' AND actor = 'ann'")
          )?.n
        const before = await count()
        await addRates(bench.room(), { ...root, name: 'ann' }, [{ resource: 'cpu', micro_dollars: 8, note: '' }])
        assert.equal(await count(), (before ?? 0) + 1)
      })
    })

    describe('reports', () => {
      const by: readonly CostBy[] = ['run', 'endpoint', 'project', 'day']

      it('are the plain sums of the entries, for any span, project and grouping', async () => {
        const random = prng(23)
        const pick = <T>(from: readonly T[]): T => from[Math.floor(random.uniform() * from.length)] as T
        await bench.room().db.tx(async (t) => {
          for (let at = 0; at < 120; at++) {
            const kind = pick(['attempt', 'serving', 'storage'] as const)
            const from_at = START + Math.floor(random.uniform() * 5 * DAY)
            await enterOnce(
              t,
              {
                id: `x${at}`,
                kind,
                project: pick(['blue', 'green']),
                run: kind === 'attempt' ? pick(['r1', 'r2']) : null,
                endpoint: kind === 'serving' ? pick(['e1', 'e2']) : null,
                model: null,
                version: null,
                outcome: null,
              },
              {
                ...NOTHING,
                from_at,
                cpu_ms: Math.floor(random.uniform() * 1e7),
                memory_kib_s: Math.floor(random.uniform() * 1e9),
                storage_kib_s: kind === 'storage' ? 1e9 : 0,
                predictions: kind === 'serving' ? 10 : 0,
              },
            )
          }
        })
        const all = await bench.entries()
        const [first = START, second = START] = all.map((row) => row.from_at).sort((a, b) => a - b)
        for (const [from, to] of [
          [undefined, undefined],
          [START + DAY, undefined],
          [undefined, START + 2 * DAY],
          [first, second],
          [START + DAY, START + DAY],
        ])
          for (const project of [null, 'blue'])
            for (const what of by) {
              const own = all
                .filter((row) => row.from_at >= (from ?? 0) && row.from_at < (to ?? Infinity))
                .filter((row) => project === null || row.project === project)
              const said = await report(
                bench.room(),
                { ...root, project },
                { by: what, from: textOf(from), to: textOf(to) },
              )
              const groups = Map.groupBy(own, (row) => keyOf(row, what))
              assert.deepEqual(new Set(said.items.map(({ key }) => key)), new Set(groups.keys()))
              for (const item of said.items) isSumOf(item, groups.get(item.key) ?? [])
              assert.equal(
                said.total_micro_dollars,
                own.reduce((total, row) => total + row.micro_dollars, 0),
              )
            }
      })

      it('go beyond 32 bits', async () => {
        await bench.room().db.tx(async (t) => {
          for (const id of ['a', 'b']) await enterOnce(t, subjectOf(id), { ...NOTHING, cpu_ms: 4e14 })
        })
        const { total_micro_dollars, items } = await report(bench.room(), root, { by: 'endpoint' })
        assert.equal(total_micro_dollars, 2 * Math.round((4e14 / 3.6e6) * 40_000))
        assert.equal(items[0]?.cpu_seconds, 8e11)
      })

      it('of equal costs are in the order of their keys; days in the order of time', async () => {
        await bench.room().db.tx(async (t) => {
          for (const [id, endpoint, day] of [
            ['1', 'b', 2],
            ['2', 'a', 3],
            ['3', 'c', 1],
          ] as const)
            await enterOnce(t, subjectOf(id, { endpoint }), {
              ...NOTHING,
              from_at: START + day * DAY,
              cpu_ms: HOUR * (4 - day),
            })
          await enterOnce(t, subjectOf('4', { endpoint: 'd' }), {
            ...NOTHING,
            from_at: START + 2 * DAY,
            cpu_ms: HOUR * 2,
          })
        })
        assert.deepEqual(
          (await report(bench.room(), root, { by: 'endpoint' })).items.map(({ key }) => key),
          ['c', 'b', 'd', 'a'],
        )
        assert.deepEqual(
          (await report(bench.room(), root, { by: 'day' })).items.map(({ key }) => key),
          ['2026-05-04', '2026-05-05', '2026-05-06'],
        )
      })

      it('of nothing are empty', async () => {
        for (const what of by)
          assert.deepEqual(await report(bench.room(), root, { by: what }), { items: [], total_micro_dollars: 0 })
      })

      it('a span that ends before it begins is refused by its end', async () => {
        const wish = { by: 'day' as const, from: '2026-05-04T00:00:00Z', to: '2026-05-03T23:59:59Z' }
        await assert.rejects(report(bench.room(), root, wish), {
          code: 'invalid_field',
          message: /^to: got 2026-05-03/,
        })
      })
    })

    describe('the loop of meters', () => {
      const attempt = (id: string, finished_at: number): UsedByAttempt => ({
        id,
        project: 'flights',
        run_id: 'r',
        state: 'succeeded',
        finished_at,
        cpu_seconds: 1,
        max_rss_bytes: null,
        memory_kib_s: null,
        wall_ms: 10,
        measured: 'whole',
      })
      const quiet = { running: async () => [], serving: async () => [], storage: async () => [] }
      const source = (told: readonly UsedByAttempt[]) => async (since: number, limit: number) =>
        told
          .filter((one) => one.finished_at > since)
          .toSorted((a, b) => a.finished_at - b.finished_at)
          .slice(0, limit)

      it('reads more attempts than one page holds', async () => {
        const told = Array.from({ length: 1203 }, (_, at) => attempt(`a${at}`, START + at))
        const loop = meterLoop(bench.room(), { ...quiet, attempts: source(told) }, { onError: thrown })
        await loop.read()
        assert.equal((await bench.entries()).length, 1203)
      })

      it('begins where another process stopped: each attempt is entered once', async () => {
        const told = Array.from({ length: 20 }, (_, at) => attempt(`a${at}`, START + at * HOUR))
        for (const count of [5, 12, 20]) {
          const loop = meterLoop(
            bench.room(),
            { ...quiet, attempts: source(told.slice(0, count)) },
            { onError: thrown },
          )
          await loop.read()
          assert.equal((await bench.entries()).length, count)
        }
      })

      it('two loops at once enter each attempt once', async () => {
        const told = Array.from({ length: 50 }, (_, at) => attempt(`a${at}`, START + at))
        const loops = [1, 2].map(() =>
          meterLoop(bench.room(), { ...quiet, attempts: source(told) }, { onError: thrown }),
        )
        await Promise.all(loops.map((loop) => loop.read()))
        const rows = await bench.entries()
        assert.equal(rows.length, 50)
        assert.ok(rows.every((row) => row.cpu_ms === 1000))
      })

      it('reads again in its time, a last time when it is stopped, and no more', async () => {
        let reads = 0
        let read = Promise.withResolvers<void>()
        const counted = async () => {
          reads += 1
          read.resolve()
          return []
        }
        const loop = meterLoop(bench.room(), { ...quiet, attempts: counted }, { onError: thrown, everyMs: 5 })
        loop.start()
        loop.start()
        await read.promise
        read = Promise.withResolvers<void>()
        await read.promise
        await loop.stop()
        const last = reads
        assert.ok(last >= 2)
        // by the clock: a timer of 5 ms that was set before comes before it
        await new Promise((resolve) => setTimeout(resolve, 40))
        await never(
          'a read after the end',
          () => reads > last,
          20,
          () => bench.entries(),
        )
      })

      it('an attempt without figures is entered with nothing used, and counts as an entry', async () => {
        assert.equal(
          await recordAttempt(bench.room(), { ...attempt('bare', START), cpu_seconds: null, wall_ms: null }),
          true,
        )
        const [row] = await bench.entries()
        assert.deepEqual([row?.cpu_ms, row?.memory_kib_s, row?.micro_dollars, row?.from_at], [0, 0, 0, START])
      })
    })
  })
}
