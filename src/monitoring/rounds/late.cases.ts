/** Rows that come late: their hours are judged again, with the verdicts that they would have had in time, and nobody is woken twice. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { HOUR_MS } from '../../contract/ids.ts'
import { prng } from '../../stats/prng.ts'
import type { Db } from '../../store/db.ts'
import { dbWith } from '../../store/awaited.fixture.ts'
import { monitorOf } from '../context/context.ts'
import { keyOf } from '../incidents/causes.ts'
import { incidentRows, viewIncident } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { viewMonitor } from '../read.ts'
import { around, FIRST, ROWS, watched } from './few-rows.fixture.ts'
import type { Watched } from './few-rows.fixture.ts'

/** The rows of an hour, spread as those of all days of the reference together: nothing is told of them. */
const calm = Array.from({ length: ROWS }, (_, i) => (i % 3 === 0 ? 49 : 51))

/** An hour is sent in two parts. */
interface Part {
  readonly hour: number
  readonly values: readonly number[]
  readonly part: string
}

/** Declares the cases; `open` gives a migrated, empty database. */
export function lateCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  describe(`rows that come late on ${name}`, () => {
    let db: Db
    let close: () => Promise<void>
    before(async () => {
      const opened = await open()
      db = opened.db
      close = () => opened.close()
    })
    after(() => close())

    /** The verdicts of an endpoint: its windows, and its incidents without what depends on when they were told. */
    async function verdicts({ endpoint }: Watched) {
      const windows = await db.all<{ hour: number; rows: number; results: string }>(
        'SELECT hour, rows, results FROM monitor_windows WHERE endpoint = ? ORDER BY hour',
        [endpoint],
      )
      const { evaluated_hour, judged_hour, newest_hour, redo_hour } = await monitorOf(db, endpoint)
      const incidents = (await incidentRows(db, { endpoint })).filter(isReal).map(essence)
      return { windows, incidents, evaluated_hour, judged_hour, newest_hour, redo_hour }
    }
    const isReal = (row: IncidentRow): boolean => row.state !== 'resolved' || row.last_event > row.began_event
    const essence = (row: IncidentRow) => ({
      state: row.state,
      title: row.title,
      severity: row.severity,
      marked: row.marked,
      times: [row.began_event, row.opened_event, row.last_event, row.resolved_event],
      causes: row.detail.causes.map((cause) => [keyOf(cause), cause.features, { ...cause.course, paged: null }]),
    })

    /** Hours of rows in two parts; from `bad` to `mended` (hours from FIRST) another value. */
    function feed(hours: number, bad: number, mended: number): Part[] {
      return Array.from({ length: hours }, (_, h) => {
        const values = h >= bad && h < mended ? around(90) : calm
        return [0, 1].map((half) => ({
          hour: FIRST + h,
          values: values.slice((half * ROWS) / 2, ((half + 1) * ROWS) / 2),
          part: `-${half}`,
        }))
      }).flat()
    }
    async function send(one: Watched, parts: readonly Part[], judged: (i: number) => boolean): Promise<void> {
      for (const [i, { hour, values, part }] of parts.entries()) {
        await one.take(hour, values, part)
        if (judged(i)) await one.judge()
      }
      await one.judge()
    }

    for (const seed of [1, 2, 3])
      it(`give the same verdicts in whatever order they come, seed ${seed}`, async () => {
        const random = prng(seed)
        const parts = feed(90, 34 + random.below(6), 50 + random.below(20))
        const inTime = await watched(db)
        await send(inTime, parts, () => true)
        const asked = await verdicts(inTime)
        assert.ok(asked.windows.length > 40 && asked.incidents.length > 0, 'there is something to compare')
        // two senders with delays of their own, and some rows that are later than all
        const delays = [random.below(4), 3 + random.below(40)]
        const late = parts
          .map((part) => {
            const own = delays[part.part === '-0' ? 0 : 1] ?? 0
            return { part, at: part.hour + own * random.uniform() + (random.uniform() < 0.05 ? 70 : 0) }
          })
          .sort((a, b) => a.at - b.at)
          .map(({ part }) => part)
        const shuffled = await watched(db)
        await send(shuffled, late, () => random.uniform() < 0.4)
        assert.deepEqual(await verdicts(shuffled), asked)
        const { late: n, too_late } = await timesOf(shuffled)
        assert.ok(n > 0 && too_late === 0, `${n} late, ${too_late} too late`)
      })

    const timesOf = async ({ deps, endpoint }: Watched) => (await viewMonitor(deps, endpoint)).times

    it('find a fault that their hours hid, and page for it once', async () => {
      const one = await watched(db)
      // of the hours from 30 on only the healthy half has come
      const parts = feed(60, 30, 60)
      const healthy = parts.filter(({ hour, part }) => hour < FIRST + 30 || part === '-0')
      const asUsual = healthy.map((part) => ({ ...part, values: calm.slice(0, ROWS / 2) }))
      await send(one, asUsual, () => true)
      assert.equal((await incidentRows(db, one)).length, 0)
      await send(
        one,
        parts.filter(({ hour, part }) => hour >= FIRST + 30 && part === '-1'),
        () => true,
      )
      const [row, ...others] = await incidentRows(db, one)
      assert.deepEqual([row?.state, row?.pages, others.length], ['open', 1, 0])
      assert.ok((row?.began_event ?? 0) / HOUR_MS <= FIRST + 31, 'it began when the data did')
      assert.ok(row?.detail.timeline.some(({ kind }) => kind === 'judged again'))
    })

    it('take an alarm back that came of their absence', async () => {
      const one = await watched(db)
      const parts = feed(60, 60, 60)
      const strange = (part: Part): Part => ({ ...part, values: part.values.map(() => 90) })
      // one sender is wrong in a few rows, and the many others are late
      const early = parts.map((part) => (part.hour >= FIRST + 40 && part.hour < FIRST + 52 ? strange(part) : part))
      await send(one, early, () => true)
      const [open] = await incidentRows(db, one)
      assert.ok((open?.pages ?? 0) >= 1)
      for (let h = 20; h < 60; h++) await one.take(FIRST + h, Array.from({ length: 40 }, () => calm).flat(), '-rest')
      await one.judge()
      const [row, ...others] = await incidentRows(db, one)
      assert.equal(others.length, 0)
      const view = await viewIncident(db, row ?? assert.fail('the incident stays'))
      assert.equal(view.state, 'resolved')
      assert.match(view.timeline.at(-1)?.text ?? '', /rows that came late/)
      assert.deepEqual(
        [view.times_paged, view.affected.rows],
        [open?.pages, 0],
        'nobody is woken again, its hours are as usual',
      )
    })

    it('leave what people did: a false alarm stays one, a closed incident closed', async () => {
      const one = await watched(db)
      await send(one, feed(60, 30, 60), () => true)
      const [row] = await incidentRows(db, one)
      assert.ok(row !== undefined && row.state === 'open')
      await db.tx((t) => t.run("UPDATE incidents SET dismissed = 1, state = 'resolved' WHERE id = ?", [row.id]))
      await one.take(FIRST + 35, around(90), '-late')
      await one.judge()
      const after = await incidentRows(db, one)
      assert.deepEqual(
        after.filter((each) => each.opened_event <= row.last_event).map(({ id, dismissed }) => [id, dismissed]),
        [[row.id, 1]],
      )
    })

    it('within a week of the mark; what comes later is counted and changes nothing', async () => {
      const one = await watched(db)
      await send(one, feed(240, 240, 240), (i) => i % 20 === 0)
      const before = await verdicts(one)
      await one.take(FIRST + 239 - 169, around(90), '-old')
      await one.judge()
      assert.deepEqual(await verdicts(one), before)
      assert.deepEqual(await timesOf(one), { late: 0, too_late: ROWS, ahead: 0 })
      await one.take(FIRST + 239 - 168, around(90), '-late')
      assert.equal(
        (await viewMonitor(one.deps, one.endpoint)).again_from,
        new Date((FIRST + 71) * HOUR_MS).toISOString(),
      )
      assert.equal(
        (await viewMonitor(one.deps, one.endpoint)).evaluated_until,
        new Date((FIRST + 71) * HOUR_MS).toISOString(),
        'verdicts that are about to change do not count',
      )
      await one.judge()
      const rows = (hour: number, of: typeof before) => of.windows.find((each) => each.hour === FIRST + hour)?.rows
      const now = await verdicts(one)
      assert.equal(rows(71, now), (rows(71, before) ?? 0) + 2 * ROWS, 'with both, for windows see all rows')
      assert.equal((await viewMonitor(one.deps, one.endpoint)).again_from, null)
      assert.deepEqual(await timesOf(one), { late: ROWS, too_late: ROWS, ahead: 0 })
    })

    it('after a first call of another time make the monitor begin with them', async () => {
      const one = await watched(db)
      // test calls of much later, looked at or not, before a replay begins
      await one.take(FIRST + 9000, [50], '-test')
      await one.judge()
      await one.take(FIRST + 9001, [50], '-test')
      await one.judge()
      await send(one, feed(30, 30, 30), () => true)
      const { evaluated_hour, judged_hour, newest_hour, newest_event } = await monitorOf(db, one.endpoint)
      assert.deepEqual([evaluated_hour, judged_hour, newest_hour], [FIRST + 29, FIRST + 29, FIRST + 29])
      assert.equal(Math.floor((newest_event ?? 0) / HOUR_MS), FIRST + 29)
      assert.deepEqual(await timesOf(one), { late: 0, too_late: 0, ahead: 0 })
    })

    it('while the first hours are looked at, at whatever moment, make the monitor begin with them', async () => {
      const parts = feed(40, 34, 38)
      const early = parts.filter(({ hour }) => hour < FIRST + 30)
      const inTime = await watched(db)
      await send(inTime, parts, () => false)
      const asked = await verdicts(inTime)
      assert.ok(asked.windows.length > 10, 'there is something to compare')
      // after each of the first reads and transactions of the round that begins
      for (let moment = 1; moment <= 16; moment++) {
        const one: Watched = await watched(db, {
          db: afterCall(db, moment, async () => {
            for (const { hour, values, part } of early) await one.take(hour, values, part)
          }),
        })
        for (const { hour, values, part } of parts.filter((each) => !early.includes(each)))
          await one.take(hour, values, part)
        await one.judge()
        await one.judge()
        assert.deepEqual(await verdicts(one), asked, `after call ${moment}`)
      }
    })

    it('of one wrong clock: a few rows beyond a day of nothing close no hours, as many as are no accident do', async () => {
      const one = await watched(db)
      await send(one, feed(30, 30, 30), () => true)
      for (const i of [1, 2, 3, 4]) await one.take(FIRST + 30 + 40 + i, [50], `-${i}`)
      await one.judge()
      assert.equal((await monitorOf(db, one.endpoint)).evaluated_hour, FIRST + 29)
      await one.take(FIRST + 30, around(50))
      await one.judge()
      assert.equal((await monitorOf(db, one.endpoint)).evaluated_hour, FIRST + 30, 'the others go on in time')
      await one.take(
        FIRST + 76,
        Array.from({ length: 30 }, () => 50),
      )
      await one.judge()
      assert.equal((await monitorOf(db, one.endpoint)).evaluated_hour, FIRST + 76)
    })
  })
}

/** The database, which runs `then` once, after its call of that number. */
function afterCall(db: Db, number: number, then: () => Promise<void>): Db {
  let calls = 0
  const counted = async <T>(asked: Promise<T>): Promise<T> => {
    const answer = await asked
    if (++calls === number) await then()
    return answer
  }
  return dbWith(db, {
    get: (sql, params) => counted(db.get(sql, params)),
    all: (sql, params) => counted(db.all(sql, params)),
    tx: (work) => counted(db.tx(work)),
  })
}
