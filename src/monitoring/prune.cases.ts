/** What stays of the monitor of a deleted endpoint, on every database. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { HOUR_MS } from '../contract/ids.ts'
import type { Db } from '../store/db.ts'
import { addEndpoint } from './endpoint.cases.ts'
import { requireIncident, viewIncident } from './incidents/rows.ts'
import { writeIncident } from './incidents/writing.ts'
import type { IncidentRow } from './incidents/rows.ts'
import { pruneMonitors } from './prune.ts'
import { ingest, testDeps } from './room.fixture.ts'

const START = Date.UTC(2026, 3, 6)
const FIRST = START / HOUR_MS
/** More hours than are removed at once. */
const HOURS = 1300
const NOW = START + 100 * 24 * HOUR_MS
const TABLES = ['monitor_hours', 'monitor_windows', 'monitor_attributions', 'monitor_raises'] as const

/** Declares the cases; `open` gives a migrated, empty database. */
export function pruneCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  describe(`pruned monitors on ${name}`, () => {
    let opened: Awaited<ReturnType<typeof open>>
    before(async () => {
      opened = await open()
      for (const endpoint of ['kept', 'gone', 'told']) await monitored(endpoint)
    })
    after(() => opened.close())

    /** An endpoint with a prediction in each of its last three hours, and a row an hour in each table. */
    async function monitored(of: string): Promise<void> {
      const { db } = opened
      await addEndpoint(db, of)
      const deps = testDeps(db, () => NOW)
      const last = Array.from({ length: 3 }, (_, i) => ({
        id: `${of}-${i}`,
        et: START + (HOURS - 1 - i) * HOUR_MS,
        score: 0.5,
      }))
      await ingest(deps, of, last)
      await db.tx(async (t) => {
        await t.run('UPDATE monitors SET reference = ? WHERE endpoint = ?', [`ref-${of}`, of])
        await t.run(
          "INSERT INTO monitor_references (id, spec, limits, hours, created_at) VALUES (?, '{}', '{}', '[]', ?)",
          [`ref-${of}`, START],
        )
        await t.run(
          "INSERT INTO monitor_raises (endpoint, feature, measure, threshold, incident_id, at) VALUES (?, 'x', 'psi', 1, 'i', 0)",
          [of],
        )
        for (let i = 0; i < HOURS; i++) {
          await t.run(
            "INSERT INTO monitor_hours (endpoint, hour, rows, first_at, seq, profile) VALUES (?,?,2,0,1,'{}') ON CONFLICT DO NOTHING",
            [of, FIRST + i],
          )
          await t.run("INSERT INTO monitor_windows (endpoint, hour, rows, results) VALUES (?,?,2,'[]')", [
            of,
            FIRST + i,
          ])
          await t.run(
            "INSERT INTO monitor_attributions (endpoint, version, hour, rows, sums) VALUES (?,'1',?,2,'[]')",
            [of, FIRST + i],
          )
        }
      })
    }

    const hoursOf = async (table: string, of: string, where = '1 = 1'): Promise<number[]> =>
      (
        await opened.db.all<{ hour: number }>(
          `SELECT hour FROM ${table} WHERE endpoint = ? AND ${where} ORDER BY hour`,
          [of],
        )
      ).map(({ hour }) => hour - FIRST)
    const counts = async (of: string): Promise<number[]> =>
      Promise.all(
        TABLES.map(async (table) => {
          const sql = `SELECT CAST(count(*) AS BIGINT) AS n FROM ${table} WHERE endpoint = ?`
          return (await opened.db.get<{ n: number }>(sql, [of]))?.n ?? -1
        }),
      )
    const remove = (of: string): Promise<unknown> =>
      opened.db.tx((t) => t.run('DELETE FROM endpoints WHERE name = ?', [of]))

    it('leaves endpoints that are there alone, and a reference that is used or new', async () => {
      await opened.db.tx((t) =>
        t.run(
          "INSERT INTO monitor_references (id, spec, limits, hours, created_at) VALUES ('old', '{}', '{}', '[]', ?), ('new', '{}', '{}', '[]', ?)",
          [NOW - 25 * HOUR_MS, NOW - HOUR_MS],
        ),
      )
      assert.deepEqual(await pruneMonitors(opened.db, NOW), { hours: 0, references: 1 })
      for (const endpoint of ['kept', 'gone', 'told'])
        assert.deepEqual(await counts(endpoint), [HOURS, HOURS, HOURS, 1])
      const left = await opened.db.all<{ id: string }>('SELECT id FROM monitor_references ORDER BY id')
      assert.deepEqual(
        left.map(({ id }) => id),
        ['new', 'ref-gone', 'ref-kept', 'ref-told'],
      )
    })

    it('removes everything of a deleted endpoint but its log, its labels and how far it was judged', async () => {
      await remove('gone')
      const { hours, references } = await pruneMonitors(opened.db, NOW)
      assert.ok(hours >= HOURS)
      assert.equal(references, 1)
      assert.deepEqual(await counts('gone'), [0, 0, 0, 0])
      assert.deepEqual(await counts('kept'), [HOURS, HOURS, HOURS, 1])
      const monitor = await opened.db.get<{ seq: number }>("SELECT seq FROM monitors WHERE endpoint = 'gone'")
      assert.equal(monitor?.seq, 1)
      const log = await opened.db.all("SELECT id FROM predictions WHERE endpoint = 'gone'")
      assert.equal(log.length, 3)
    })

    it('leave no state of the watch, so that an endpoint of that name begins anew', async () => {
      const { db } = opened
      await addEndpoint(db, 'here')
      await db.tx(async (t) => {
        for (const each of ['here', 'never was'])
          await t.run("INSERT INTO monitor_watch (endpoint, reason, since) VALUES (?, 'off', 0)", [each])
      })
      await pruneMonitors(db, NOW)
      const left = await db.all<{ endpoint: string }>('SELECT endpoint FROM monitor_watch ORDER BY endpoint')
      assert.deepEqual(left, [{ endpoint: 'here' }])
    })

    it('keeps what an incident tells of: its figures come out as before, and the windows about it are there', async () => {
      const at = (hour: number): number => START + hour * HOUR_MS
      const row: IncidentRow = {
        id: 'inc_1',
        endpoint: 'told',
        kind: 'drift',
        severity: 'low',
        state: 'resolved',
        title: 'temp changed',
        opened_at: at(1002),
        opened_event: at(1002),
        began_event: at(1000),
        last_event: at(1010),
        resolved_at: at(1012),
        resolved_event: at(1012),
        pages: 0,
        marked: 0,
        dismissed: 0,
        detail: { causes: [], checks: [], timeline: [], features: [], clear: 0, until: FIRST + 1010 },
      }
      await opened.db.tx((t) => writeIncident(t, row))
      const view = async () => viewIncident(opened.db, await requireIncident(opened.db, 'inc_1'))
      const before = await view()
      assert.ok(before.affected.rows > 0 && before.affected.share < 1)
      await remove('told')
      await pruneMonitors(opened.db, NOW)
      assert.deepEqual(await view(), before)
      assert.deepEqual(
        [await hoursOf('monitor_windows', 'told').then((all) => [all[0], all.at(-1)]), await counts('told')],
        [
          [1000 - 7 * 24, 1010],
          [300, 7 * 24 + 11, 0, 0],
        ],
      )
      assert.deepEqual(await hoursOf('monitor_hours', 'told', 'profile IS NOT NULL'), [])
      assert.deepEqual(await pruneMonitors(opened.db, NOW), { hours: 0, references: 0 })
    })
  })
}
