/** Hours that are judged again: with the same rows nothing changes; what comes meanwhile, what people did and what is settled stays. */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import { writeLimits } from '../../serving/context/limits.ts'
import { openTemporaryStore } from '../../store/open.ts'
import type { Db } from '../../store/db.ts'
import { monitorOf } from '../context/context.ts'
import type { MonitoringDeps, Reference } from '../context/context.ts'
import { dbWith } from '../../store/awaited.fixture.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { incidentRows, newIncident, storeIncident } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { syncLive } from '../profiles/live.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import { judgeAgain } from './again.ts'
import { around, FIRST, ROWS, watched } from './few-rows.fixture.ts'
import type { Watched } from './few-rows.fixture.ts'

const NOW = (FIRST + 2000) * HOUR_MS
/** The values of all days of the reference together: nothing is told of them. */
const calm = Array.from({ length: ROWS }, (_, i) => (i % 3 === 0 ? 49 : 51))
let db: Db
openedOnce(openTemporaryStore, (store) => {
  db = store.db
})

interface Story extends Watched {
  /** Ids that were told. */
  readonly changed: string[]
}

/** An endpoint that was judged hour by hour; of the hours from `bad` to `mended` (from FIRST) all values are far. */
async function story(
  hours: number,
  { bad = hours, mended = hours, ...more }: { bad?: number; mended?: number } & Partial<MonitoringDeps> = {},
): Promise<Story> {
  const changed: string[] = []
  const one = await watched(db, { clock: () => NOW, changed: (id) => void changed.push(id), ...more })
  for (let h = 0; h < hours; h++) await one.send(FIRST + h, h >= bad && h < mended ? around(90) : calm)
  return { ...one, changed }
}
const redo = (endpoint: string, hour: number): Promise<number> =>
  db.tx((t) => t.run('UPDATE monitors SET redo_hour = ? WHERE endpoint = ?', [FIRST + hour, endpoint]))
const windows = async (endpoint: string): Promise<number[]> =>
  (await db.all<{ hour: number }>('SELECT hour FROM monitor_windows WHERE endpoint = ? ORDER BY hour', [endpoint])).map(
    ({ hour }) => hour - FIRST,
  )
interface StoredMark {
  readonly hour: number
  readonly state: string
  readonly incident: string | null
}
const marks = (endpoint: string): Promise<StoredMark[]> =>
  db.all<StoredMark>('SELECT hour, state, incident FROM monitor_marks WHERE endpoint = ? ORDER BY hour', [endpoint])

/** All that is kept of verdicts. */
async function kept(endpoint: string) {
  const parsed = (await marks(endpoint)).map(({ hour, state, incident }) => ({
    hour,
    state: JSON.parse(state) as object,
    incident: incident === null ? null : (JSON.parse(incident) as IncidentRow),
  }))
  const of = 'SELECT * FROM monitor_windows WHERE endpoint = ? ORDER BY hour'
  return {
    marks: parsed,
    windows: await db.all(of, [endpoint]),
    incidents: await incidentRows(db, { endpoint }),
    monitor: await monitorOf(db, endpoint),
  }
}

describe('with the rows that it had', () => {
  let one: Story
  before(async () => {
    one = await story(75, { bad: 30, mended: 38 })
    const [incident, ...others] = await incidentRows(db, one)
    assert.deepEqual([incident?.state, others.length], ['resolved', 0], 'a story of one incident')
  })

  for (const [hour, when] of [
    [26, 'before an incident'],
    [33, 'while it is open'],
    [72, 'after it'],
  ] as const)
    test(`an hour ${when} and those after it come to what they came to: nothing is told`, async () => {
      const asked = await kept(one.endpoint)
      one.changed.length = 0
      await redo(one.endpoint, hour)
      await one.judge()
      const now = await kept(one.endpoint)
      for (const [i, mark] of asked.marks.entries()) assert.deepEqual(now.marks[i], mark, `mark ${mark.hour - FIRST}`)
      assert.deepEqual(now.incidents, asked.incidents)
      assert.deepEqual(now, asked)
      assert.deepEqual(one.changed, [])
    })

  test('an incident stays open as long as the look at attributions of its hour alerts', async () => {
    const alerting = async (from: number, to: number) => {
      const endpoint = await copyOf(one)
      await db.tx(async (t) => {
        for (const { hour, state } of await marks(endpoint)) {
          // what a look found is kept with the hour that follows
          const alerts = hour - 1 >= FIRST + from && hour - 1 < FIRST + to
          const attribution = { version: '1', hour, state: alerts ? 'alert' : 'ok' }
          const text = JSON.stringify({ ...(JSON.parse(state) as object), attribution })
          await t.run('UPDATE monitor_marks SET state = ? WHERE endpoint = ? AND hour = ?', [text, endpoint, hour])
        }
      })
      await judge(endpoint, 40)
      const [row] = await incidentRows(db, { endpoint })
      return row?.resolved_event === null || row === undefined ? null : row.resolved_event / HOUR_MS - FIRST
    }
    const [over] = await incidentRows(db, one)
    const end = (over?.resolved_event ?? 0) / HOUR_MS - FIRST
    assert.equal(await alerting(0, 0), end)
    // six clear windows end it: the first of them that alerts begins the count anew
    assert.equal(await alerting(end - 6, end - 5), end + 1)
    assert.equal(await alerting(end - 1, end), end + 6)
    assert.equal(await alerting(40, 80), null)
  })
})

/** Gives an endpoint's verdicts, and what they are of, to another one; its incidents have ids of their own. */
async function copyOf(one: Watched, monitor: object = {}): Promise<string> {
  const name = `${one.endpoint}copy${++copies}`
  await addEndpoint(db, name, monitor)
  await db.tx(async (t) => {
    for (const table of ['monitors', 'monitor_hours', 'monitor_marks', 'monitor_windows', 'incidents']) {
      for (const row of await t.all(`SELECT * FROM ${table} WHERE endpoint = ?`, [one.endpoint])) {
        const columns = Object.keys(row)
        const values = columns.map((column) => {
          const value = row[column] ?? null
          if (column === 'endpoint') return name
          return typeof value === 'string' ? value.replaceAll(/inc_\w+/g, (id) => `${id}_${copies}`) : value
        })
        await t.run(`INSERT INTO ${table} (${columns.join()}) VALUES (${columns.map(() => '?').join()})`, values)
      }
    }
  })
  return name
}
let copies = 0

interface Once {
  readonly more?: Partial<MonitoringDeps>
  /** What happens after the hours are judged, just before that is written. */
  readonly meanwhile?: () => Promise<unknown>
}

/** Judges an endpoint again from an hour on (from FIRST). Returns the ids that were told, and the hours that are no reference for others. */
async function judge(endpoint: string, hour: number, { more = {}, meanwhile }: Once = {}) {
  await redo(endpoint, hour)
  const changed: string[] = []
  let calls = 0
  const watched = dbWith(db, {
    tx: async (work) => {
      if (++calls === 1) await meanwhile?.()
      return db.tx(work)
    },
  })
  const deps = testDeps(watched, () => NOW, {
    inputNames: async () => ['x'],
    changed: (id) => void changed.push(id),
    ...more,
  })
  const live = await syncLive(db, await monitorOf(db, endpoint), undefined)
  const reference = await deps.referenceOf(endpoint)
  await judgeAgain(deps, { endpoint, reference, live })
  const spoilt = [...(live?.history.bad ?? [])].map((h) => h - FIRST).toSorted((a, b) => a - b)
  return { changed, spoilt }
}
const set = (endpoint: string, column: string, value: string | number | null): Promise<number> =>
  db.tx((t) => t.run(`UPDATE monitors SET ${column} = ? WHERE endpoint = ?`, [value, endpoint]))
const store = (row: IncidentRow): Promise<void> => db.tx((t) => storeIncident(t, row))
const addWindow = (endpoint: string, hour: number): Promise<number> =>
  db.tx((t) =>
    t.run("INSERT INTO monitor_windows (endpoint, hour, rows, results) VALUES (?,?,1,'[]')", [endpoint, FIRST + hour]),
  )
const span = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

/** An incident of x over these event hours, from FIRST; it is over unless told otherwise. */
function incident(
  endpoint: string,
  of: { began: number; opened: number; last: number },
  more: Partial<IncidentRow> = {},
) {
  const at = (hour: number): number => Math.round((FIRST + hour) * HOUR_MS)
  const course = { severity: 'high', began: at(of.began), opened: at(of.opened), seen: at(of.last) } as const
  const ends = { ended: at(of.last), clear: 0, paged: 'high' } as const
  const cause = { rank: 1, kind: 'shift', title: 'x moved', score: 0.3, evidence: {} } as const
  const row = newIncident({
    id: `inc_made${++copies}`,
    endpoint,
    kind: 'drift',
    severity: 'high',
    title: 'x moved',
    opened_at: 1,
    opened_event: at(of.opened),
    began_event: at(of.began),
    last_event: at(of.last),
    causes: [{ ...cause, features: ['x'], course: { ...course, ...ends } }],
  })
  const over = { state: 'resolved', resolved_at: 5, resolved_event: at(of.last) } as const
  return { ...row, ...over, ...more, detail: { ...row.detail, features: ['x'], ...more.detail } } satisfies IncidentRow
}

describe('hours as usual', () => {
  let one: Story
  before(async () => (one = await story(30)))
  /** The only incident there is, after hours from one on were judged again, and what was told. */
  async function left(row: (endpoint: string) => IncidentRow, hour: number, marked?: Partial<IncidentRow>) {
    const endpoint = await copyOf(one)
    const made = row(endpoint)
    await store(made)
    if (marked !== undefined)
      await db.tx((t) =>
        t.run('UPDATE monitor_marks SET incident = ? WHERE endpoint = ?', [
          JSON.stringify({ ...made, ...marked }),
          endpoint,
        ]),
      )
    const { changed, spoilt } = await judge(endpoint, hour)
    const [now, ...others] = await incidentRows(db, { endpoint })
    assert.equal(others.length, 0)
    return { made, now, changed, spoilt }
  }

  describe('leave an incident of attributions as it is, for looks at them are not repeated', () => {
    const alone = (endpoint: string, opened: number, more: Partial<IncidentRow> = {}): IncidentRow => {
      const row = incident(
        endpoint,
        { began: opened, opened, last: opened },
        { resolved_event: (FIRST + 29) * HOUR_MS, ...more },
      )
      const causes = row.detail.causes.map((cause) => ({ ...cause, kind: 'attribution_shift' as const }))
      return { ...row, detail: { ...row.detail, causes, features: [] } }
    }
    const open = (row: IncidentRow): Partial<IncidentRow> => ({
      state: 'open',
      resolved_at: null,
      resolved_event: null,
      detail: {
        ...row.detail,
        causes: row.detail.causes.map((one) => ({ ...one, course: { ...one.course!, ended: null } })),
      },
    })

    test('that was opened before them, and was over later', async () => {
      for (const opened of [25, 26, 27]) {
        const { made, now, changed } = await left((name) => alone(name, opened), 27, open(alone('', opened)))
        assert.deepEqual([now, changed], [made, []], `opened with hour ${opened}`)
      }
    })

    test('that was opened in them, over or open', async () => {
      const over = await left((name) => alone(name, 28), 27)
      assert.deepEqual([over.now, over.changed], [over.made, []])
      const still = await left((name) => ({ ...alone(name, 28), ...open(alone(name, 28)) }), 27)
      assert.deepEqual([still.now, still.changed], [still.made, []])
    })

    test('that a person called a false alarm', async () => {
      for (const opened of [26, 28]) {
        const { made, now, changed } = await left(
          (name) => alone(name, opened, { dismissed: 1 }),
          27,
          open(alone('', opened)),
        )
        assert.deepEqual([now, changed], [made, []])
      }
    })
  })

  test('close an incident that was opened in them, and none of before, though nothing is found', async () => {
    const inside = await left((name) => incident(name, { began: 27, opened: 28, last: 29 }), 27)
    assert.deepEqual(inside.changed, [inside.made.id])
    assert.equal(inside.now?.last_event, inside.made.began_event)
    const earlier = await left((name) => incident(name, { began: 25, opened: 27, last: 29 }), 27)
    assert.deepEqual([earlier.now, earlier.changed], [earlier.made, []])
  })

  test('are compared with hours that no incident of before spoils, but with those of one that is none any more', async () => {
    const spoilt = async (of: Parameters<typeof incident>[1], more: Partial<IncidentRow> = {}) =>
      (await left((name) => incident(name, of, more), 27)).spoilt
    assert.deepEqual(await spoilt({ began: -40.5, opened: -38, last: -30.5 }), span(-41, -30))
    assert.deepEqual(await spoilt({ began: 3, opened: 27, last: 6 }), [3, 4, 5], 'opened with the hour before')
    assert.deepEqual(await spoilt({ began: -40.5, opened: -38, last: -30.5 }, { dismissed: 1 }), [])
    assert.deepEqual(await spoilt({ began: 27, opened: 28, last: 29 }), [], 'it is not found')
  })

  test('where a person called what was current a false alarm begin without it', async () => {
    const of = { began: 20, opened: 25, last: 27 }
    const { made, now, changed, spoilt } = await left((name) => incident(name, of, { dismissed: 1 }), 27, {
      state: 'open',
      dismissed: 0,
    })
    assert.deepEqual([now, changed, spoilt], [made, [], []])
    const kept = await left((name) => incident(name, of), 27, {})
    assert.deepEqual(kept.spoilt, span(20, 27), 'one that is none is current')
  })

  test('keep the looks at attributions that were taken with them', async () => {
    const endpoint = await copyOf(one)
    await db.tx(async (t) => {
      for (const { hour, state } of await marks(endpoint)) {
        const attribution = { version: '1', hour, state: 'ok' }
        const text = JSON.stringify({ ...(JSON.parse(state) as object), attribution })
        await t.run('UPDATE monitor_marks SET state = ? WHERE endpoint = ? AND hour = ?', [text, endpoint, hour])
      }
    })
    const asked = await marks(endpoint)
    await judge(endpoint, 24)
    assert.deepEqual(
      (await marks(endpoint)).map(({ state }) => JSON.parse(state) as object),
      asked.map(({ state }) => JSON.parse(state) as object),
    )
  })
})

describe('hours that find something', () => {
  let one: Story
  before(async () => (one = await story(42, { bad: 30 })))
  /** The endpoint as it would be had nothing been found in time. */
  async function unfound(monitor: object = {}): Promise<string> {
    const endpoint = await copyOf(one, monitor)
    await db.tx(async (t) => {
      await t.run('DELETE FROM incidents WHERE endpoint = ?', [endpoint])
      await t.run('UPDATE monitor_marks SET incident = NULL WHERE endpoint = ?', [endpoint])
    })
    return endpoint
  }
  const of = (endpoint: string): Promise<IncidentRow[]> => incidentRows(db, { endpoint })

  test('open the incident that was not found in time, tell it once, and ask for reactions', async () => {
    const endpoint = await unfound({ reactions: { drift: ['incident', 'retrain'] } })
    const { changed } = await judge(endpoint, 29)
    const [row, ...others] = await of(endpoint)
    assert.deepEqual([changed, row?.state, row?.pages, others.length], [[row?.id], 'open', 1, 0])
    const [asked] = await of(one.endpoint)
    assert.deepEqual(
      [row?.began_event, row?.opened_event, row?.last_event, row?.title],
      [asked?.began_event, asked?.opened_event, asked?.last_event, asked?.title],
    )
    const wanted = () => db.all('SELECT reaction, at FROM incident_reactions WHERE incident_id = ?', [row?.id ?? ''])
    assert.deepEqual(await wanted(), [{ reaction: 'retrain', at: NOW }])
    await db.tx((t) => t.run('DELETE FROM incident_reactions WHERE incident_id = ?', [row?.id ?? '']))
    assert.deepEqual([(await judge(endpoint, 29)).changed, await wanted()], [[], []], 'once')
    const noted = (await marks(endpoint)).flatMap(({ incident: text }) =>
      text === null ? [] : [(JSON.parse(text) as IncidentRow).id],
    )
    assert.deepEqual([...new Set(noted)], [row?.id], 'marks name it by its id')
  })

  test('tell of no incident at the time of one that a person called a false alarm, and of one after it', async () => {
    const alarm = async (last: number) => {
      const endpoint = await unfound()
      const row = incident(endpoint, { began: 20, opened: 29, last }, { dismissed: 1 })
      await store(row)
      const { changed } = await judge(endpoint, 29)
      const rows = await of(endpoint)
      assert.deepEqual(
        rows.find(({ id }) => id === row.id),
        row,
      )
      return [changed.length, rows.length]
    }
    assert.deepEqual(await alarm(29), [1, 2], 'it was over with the hour before')
    assert.deepEqual(await alarm(30), [0, 1])
  })

  test('are compared without the hours that the incident has by then, and not with those that it will have', async () => {
    const { spoilt } = await judge(await copyOf(one), 36)
    assert.deepEqual([spoilt.at(-1), spoilt.includes(30)], [39, true])
  })
})

describe('what comes while hours are judged again', () => {
  let one: Story
  before(async () => (one = await story(12)))

  test('makes it come to nothing where the hours are others by then, or are compared with another reference', async () => {
    for (const [column, value] of [
      ['evaluated_hour', FIRST + 5],
      ['reference', 'another'],
    ] as const) {
      const endpoint = await copyOf(one)
      await addWindow(endpoint, 9)
      const asked = await marks(endpoint)
      await judge(endpoint, 8, { meanwhile: () => set(endpoint, column, value) })
      const monitor = await monitorOf(db, endpoint)
      assert.deepEqual([monitor.redo_hour, monitor[column], await windows(endpoint)], [FIRST + 8, value, [9]])
      assert.deepEqual(await marks(endpoint), asked)
    }
  })

  test('is judged again in its turn, from its first hour on, where that is judged already', async () => {
    const redone = async (...hours: readonly number[]): Promise<number | null> => {
      const endpoint = await copyOf(one)
      const { seq } = await monitorOf(db, endpoint)
      // an hour whose rows came last before
      const change = 'UPDATE monitor_hours SET seq = ? WHERE endpoint = ? AND hour = ?'
      await db.tx((t) => t.run(change, [seq, endpoint, FIRST + 3]))
      const other = await copyOf(one)
      await db.tx((t) => t.run('UPDATE monitor_hours SET seq = ? WHERE endpoint = ?', [seq + 9, other]))
      const meanwhile = async (): Promise<void> => {
        for (const hour of hours) await db.tx((t) => t.run(change, [seq + 1, endpoint, FIRST + hour]))
      }
      await judge(endpoint, 8, { meanwhile })
      const { redo_hour: found } = await monitorOf(db, endpoint)
      return found === null ? null : found - FIRST
    }
    // the newest hour, 11, is not judged yet
    assert.deepEqual([await redone(), await redone(11), await redone(10), await redone(9, 4, 6)], [null, null, 10, 4])
  })

  test('beside these hours stays: windows of before and after them, and of other endpoints', async () => {
    const [endpoint, other] = [await copyOf(one), await copyOf(one)]
    for (const hour of [7, 8, 10, 11]) {
      await addWindow(endpoint, hour)
      await addWindow(other, hour)
    }
    await judge(endpoint, 8)
    assert.deepEqual(
      [await windows(endpoint), await windows(other)],
      [
        [7, 11],
        [7, 8, 10, 11],
      ],
    )
    const { judged_hour, last_run_at } = await monitorOf(db, endpoint)
    assert.deepEqual([judged_hour, last_run_at], [FIRST + 12, NOW])
    const none = await copyOf(one)
    await judge(none, 8)
    assert.equal((await monitorOf(db, none)).judged_hour, null)
  })

  test('is left where there is nothing to compare with, or it is not known how things stood', async () => {
    const [bare, other, unknown] = [await copyOf(one), await copyOf(one), await copyOf(one)]
    await set(bare, 'reference', null)
    await db.tx((t) => t.run('DELETE FROM monitor_marks WHERE endpoint = ?', [unknown]))
    for (const endpoint of [bare, other, unknown]) await addWindow(endpoint, 9)
    await redo(other, 8)
    await judge(bare, 8)
    await judge(unknown, 8)
    const redone = async (endpoint: string) => [(await monitorOf(db, endpoint)).redo_hour, await windows(endpoint)]
    assert.deepEqual(
      [await redone(bare), await redone(unknown), await redone(other)],
      [
        [null, [9]],
        [null, [9]],
        [FIRST + 8, [9]],
      ],
    )
    const again = await copyOf(one)
    await set(again, 'reference', null)
    await judge(again, 8, { meanwhile: () => redo(again, 5) })
    assert.equal((await monitorOf(db, again)).redo_hour, FIRST + 5, 'rows of an earlier hour came meanwhile')
  })
})

test('sums of what inputs added are kept again, with the rows that came late', async () => {
  const one = await story(12)
  const endpoint = await copyOf(one)
  const inputs = JSON.stringify([{ name: 'x', kind: 'number', required: true }])
  await db.tx((t) =>
    t.run(
      "INSERT INTO endpoint_versions (endpoint, version, inputs, backend, reason, created_at) VALUES (?,'1',?,'{}',NULL,0)",
      [endpoint, inputs],
    ),
  )
  const deps = testDeps(db, () => NOW, { inputNames: async () => ['x'] })
  await writeLimits(deps, { id: 'u', name: 'ann', role: 'admin', project: null, token_id: null }, endpoint, {
    explain_share: 0.5,
  })
  await set(endpoint, 'judged_hour', FIRST + 11)
  const et = (FIRST + 8) * HOUR_MS
  await ingest(deps, endpoint, [
    { id: `${endpoint}-a`, et, score: 0.5, x: [50], added: [-3] },
    { id: `${endpoint}-b`, et: et + 1, score: 0.5, x: [50], added: [4] },
  ])
  const sums = () => db.all('SELECT hour, version, rows, sums FROM monitor_attributions WHERE endpoint = ?', [endpoint])
  assert.deepEqual(await sums(), [])
  const reference: Reference = { version: '1', table: 'table', evaluation: null, inputs: [], metrics: {} }
  await judge(endpoint, 8, { more: { referenceOf: async () => reference } })
  assert.deepEqual(await sums(), [{ hour: FIRST + 8, version: '1', rows: 2, sums: '[["x",7]]' }])
})
