/** A turn of the monitor: what it waits for while a reference is learned, what comes while an hour is judged, and what it leaves. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { openedOnce } from '../../../test/opened.ts'
import { problem } from '../../contract/errors.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import { openTemporaryStore } from '../../store/open.ts'
import type { Db } from '../../store/db.ts'
import { prng } from '../../stats/prng.ts'
import { monitorOf } from '../context/context.ts'
import type { MonitoringDeps, Reference } from '../context/context.ts'
import { dbWith } from '../../store/awaited.fixture.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { incidentRows } from '../incidents/rows.ts'
import { putLabels } from '../labels/labels.ts'
import { referenceId } from '../profiles/reference.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import { advance } from './evaluate.ts'
import type { Memory } from './evaluate.ts'
import { around, FIRST, watched } from './few-rows.fixture.ts'

const NOW = (FIRST + 2000) * HOUR_MS
const SIGNAL = new AbortController().signal
let db: Db
let made = 0
openedOnce(openTemporaryStore, (store) => {
  db = store.db
})

interface Fed {
  readonly endpoint: string
  readonly deps: MonitoringDeps
  readonly memory: Memory
  /** One turn; true when more hours wait. */
  turn(): Promise<boolean>
  /** First hour, from FIRST, that was not looked at; null when none was. */
  until(): Promise<number | null>
  /** Takes one row of each hour in. */
  take(...hours: readonly number[]): Promise<void>
}

/** An endpoint with one row in each of these hours. */
async function fed(hours: readonly number[], more: Partial<MonitoringDeps> = {}, monitor: object = {}): Promise<Fed> {
  const endpoint = `turn${++made}`
  const deps = testDeps(db, () => NOW, more)
  await addEndpoint(db, endpoint, monitor)
  const memory: Memory = { live: undefined, learning: undefined }
  let rows = 0
  const take = (...of: readonly number[]): Promise<void> =>
    ingest(
      testDeps(db, () => NOW),
      endpoint,
      of.map((h) => ({ id: `${endpoint}-${++rows}`, et: (FIRST + h) * HOUR_MS, score: 0.5 })),
    )
  await take(...hours)
  return {
    endpoint,
    deps,
    memory,
    take,
    turn: () => advance(deps, endpoint, memory, SIGNAL),
    async until() {
      const { evaluated_hour: hour } = await monitorOf(db, endpoint)
      return hour === null ? null : hour - FIRST
    },
  }
}
const set = (endpoint: string, column: string, value: string | number | null): Promise<number> =>
  db.tx((t) => t.run(`UPDATE monitors SET ${column} = ? WHERE endpoint = ?`, [value, endpoint]))
const marked = async (endpoint: string): Promise<number[]> =>
  (await db.all<{ hour: number }>('SELECT hour FROM monitor_marks WHERE endpoint = ? ORDER BY hour', [endpoint])).map(
    ({ hour }) => hour - FIRST,
  )

/** The database, which first runs `then` when a statement with these words, or a transaction, is asked for the first time. */
function before(words: string | undefined, then: () => Promise<unknown>): Db {
  let done = false
  const once = async (applies: boolean): Promise<void> => {
    if (!applies || done) return
    done = true
    await then()
  }
  return dbWith(db, {
    all: async (sql, params) => {
      await once(words !== undefined && sql.includes(words))
      return db.all(sql, params)
    },
    tx: async (work) => {
      await once(words === undefined)
      return db.tx(work)
    },
  })
}

describe('a reference that is not learned yet', () => {
  const reference = (name: string): Reference => ({
    version: '1',
    table: `table of ${name}`,
    evaluation: null,
    inputs: [{ name: 'carrier', numeric: false }],
    metrics: {},
  })
  /** An endpoint whose reference cannot be read for this reason; how often that was tried. */
  async function failing(error: Error) {
    let reads = 0
    const lines: string[] = []
    const of = reference(`failing ${made}`)
    const one = await fed([0, 3], {
      referenceOf: async () => of,
      readTable: async () => {
        reads++
        throw error
      },
      log: (text) => void lines.push(text),
    })
    return { ...one, id: referenceId(of) ?? '', lines, reads: () => reads }
  }
  /** Waits until its failure was logged; time itself stands still. */
  async function settled(lines: readonly string[], n = 1): Promise<void> {
    await until('its failure to be logged', () => lines.length >= n)
    assert.equal(lines.length, n, 'its failure is logged')
  }
  const watch = (endpoint: string) =>
    db.get<{ unfit: string | null; unfit_code: string | null }>(
      'SELECT unfit, unfit_code FROM monitor_watch WHERE endpoint = ?',
      [endpoint],
    )

  test('is learned once, and hours wait for it; those of an endpoint that has another one go on', async () => {
    let reads = 0
    const never = new Promise<never>(() => undefined)
    const more = {
      referenceOf: async (endpoint: string) => reference(endpoint),
      readTable: () => {
        reads++
        return never
      },
    }
    const one = await fed([0, 3], more)
    for (let i = 0; i < 3; i++) assert.equal(await one.turn(), false)
    assert.deepEqual([await one.until(), reads], [null, 1])
    assert.equal(one.memory.learning, referenceId(reference(one.endpoint)))
    const other = await fed([0, 3], more)
    await set(other.endpoint, 'reference', 'another')
    assert.deepEqual([await other.turn(), await other.until(), reads], [false, 3, 2])
    const adopted = await fed([0, 3], more)
    await set(adopted.endpoint, 'reference', referenceId(reference(adopted.endpoint)) ?? '')
    assert.deepEqual([await adopted.turn(), await adopted.until(), reads], [false, 3, 2], 'nothing is to be learned')
  })

  test('and cannot be for what its table lacks is not tried again: hours go by without it', async () => {
    const one = await failing(problem('unprocessable', { detail: 'no event_time' }))
    await one.turn()
    await settled(one.lines)
    assert.match(
      one.lines[0] ?? '',
      new RegExp(`^endpoint ${one.endpoint}: its reference cannot be learned: .*no event_time`),
    )
    assert.equal(one.memory.learning, `unfit ${one.id}`)
    assert.match((await watch(one.endpoint))?.unfit ?? '', /no event_time/)
    assert.deepEqual([await one.turn(), await one.until(), one.reads()], [false, 3, 1])
  })

  for (const [what, error] of [
    ['a fault of ours', new Error('no such disk')],
    ['a refusal that is ours', problem('internal', {})],
  ] as const)
    test(`and cannot be for ${what} is tried again after a minute, and hours wait for it`, async (t: TestContext) => {
      t.mock.timers.enable({ apis: ['setTimeout'] })
      const one = await failing(error)
      await one.turn()
      await settled(one.lines)
      t.mock.timers.tick(59_999)
      assert.deepEqual([await one.turn(), await one.until(), one.reads()], [false, null, 1])
      assert.equal(one.memory.learning, one.id)
      t.mock.timers.tick(1)
      assert.equal(one.memory.learning, undefined)
      await one.turn()
      await settled(one.lines, 2)
      assert.deepEqual([await one.until(), one.reads()], [null, 2])
    })

  test('is not learned while the monitor is switched off', async () => {
    const one = await fed([0, 3], { referenceOf: async () => reference('off') }, { enabled: false })
    assert.deepEqual([await one.turn(), one.memory.learning, await one.until()], [false, undefined, 3])
  })

  test('is what the watch hangs on, with the version and whether the monitor is on', async () => {
    const seen = async (version: string, table: string, enabled: boolean): Promise<string | undefined> => {
      const of: Reference = { ...reference(table), version }
      const one = await fed(
        [0],
        { referenceOf: async () => of, readTable: () => new Promise(() => undefined) },
        { enabled },
      )
      await one.turn()
      const first = one.memory.seen
      await one.turn()
      if (enabled) assert.notEqual(one.memory.seen, first, 'it is being learned by now')
      return first
    }
    const all = [
      await seen('1', 'a', true),
      await seen('2', 'a', true),
      await seen('1', 'b', true),
      await seen('1', 'a', false),
    ]
    assert.equal(new Set(all).size, 4)
    assert.equal(await seen('1', 'a', true), all[0])
  })
})

describe('hours', () => {
  test('of an endpoint whose version has no table, or an unfit one, are not compared with those of the version before', async () => {
    const judged = async (table: string | null, learning?: (id: string) => string): Promise<number> => {
      const one = await watched(db, { clock: () => NOW })
      for (let h = 0; h < 27; h++) await one.take(FIRST + h, around(50))
      const of = await one.deps.referenceOf(one.endpoint)
      const now = { ...of!, table: table ?? of!.table }
      const id = referenceId(now) ?? ''
      const memory: Memory = { live: undefined, learning: learning?.(id) }
      const reference = table === 'none' ? { ...now, table: null } : now
      const deps = {
        ...one.deps,
        referenceOf: async () => reference,
        readTable: () => new Promise<never>(() => undefined),
      }
      while (await advance(deps, one.endpoint, memory, SIGNAL));
      const windows = 'SELECT count(*) AS n FROM monitor_windows WHERE endpoint = ?'
      return (await db.get<{ n: number }>(windows, [one.endpoint]))?.n ?? 0
    }
    assert.equal(await judged(null), 3)
    assert.equal(await judged('none'), 0)
    assert.equal(await judged('other table', (id) => `unfit ${id}`), 0)
    assert.equal(await judged('other table'), 3, 'while the new one is learned the one before serves')
  })

  test('that event time has reached are closed, though the rows there are few', async () => {
    const one = await fed([0])
    await set(one.endpoint, 'newest_hour', FIRST + 5)
    assert.deepEqual([await one.turn(), await one.until()], [false, 5])
  })

  test('that go by while the monitor is off are not judged again later', async () => {
    const one = await fed([0, 5], {}, { enabled: false })
    await set(one.endpoint, 'redo_hour', FIRST)
    await one.turn()
    const { evaluated_hour, judged_from, redo_hour } = await monitorOf(db, one.endpoint)
    assert.deepEqual([evaluated_hour, judged_from, redo_hour], [FIRST + 5, FIRST + 5, null])
  })

  test('are looked at anew where older rows come before the first of them: there is more to do', async () => {
    let one: Fed | undefined
    const slow = before('ORDER BY hour', async () => one?.take(3))
    one = await fed([5, 6], { db: slow })
    assert.deepEqual([await one.turn(), await one.until()], [true, null])
    assert.deepEqual([await one.turn(), await one.until()], [false, 6])
    assert.deepEqual(await marked(one.endpoint), [3, 4, 5])
  })

  test('that somebody else judged meanwhile are not judged twice', async () => {
    let one: Fed | undefined
    const changed: string[] = []
    const slow = before(undefined, async () => set(one?.endpoint ?? '', 'evaluated_hour', FIRST + 2))
    one = await fed([0, 1], { db: slow, changed: (id) => void changed.push(id) })
    await set(one.endpoint, 'evaluated_hour', FIRST)
    assert.deepEqual([await one.turn(), await one.until()], [false, 2])
    assert.deepEqual([await marked(one.endpoint), changed], [[], []])
  })

  test('with too few rows are no judged ones, and no run; those with a verdict are', async () => {
    const one = await watched(db, { clock: () => NOW })
    const times = async () => {
      const { evaluated_hour, judged_hour, last_run_at } = await monitorOf(db, one.endpoint)
      return [(evaluated_hour ?? 0) - FIRST, judged_hour === null ? null : judged_hour - FIRST, last_run_at]
    }
    for (let h = 0; h < 24; h++) await one.send(FIRST + h, around(50))
    assert.deepEqual(await times(), [23, null, null])
    await one.send(FIRST + 24, around(50))
    assert.deepEqual(await times(), [24, 24, NOW])
  })

  test('that open an incident tell it once, and with the last of them nothing more waits', async () => {
    const changed: string[] = []
    const one = await watched(db, { clock: () => NOW, changed: (id) => void changed.push(id) })
    for (let h = 0; h < 25; h++) await one.take(FIRST + h, around(h < 18 ? 50 : 90))
    await one.judge()
    const memory: Memory = { live: undefined, learning: undefined }
    const more: boolean[] = []
    for (let h = 25; h < 29; h++) {
      await one.take(FIRST + h, around(90))
      more.push(await advance(one.deps, one.endpoint, memory, SIGNAL))
    }
    const [row, ...others] = await incidentRows(db, one)
    assert.deepEqual([changed, others.length, more], [[row?.id], 0, [false, false, false, false]])
  })
})

describe('rows that come while an hour is judged', () => {
  /** What is to be judged again after hours 0 to 2 were and rows of these hours came while hour 3 was. */
  async function redone(hours: readonly number[], known: number | null = null): Promise<(number | null)[]> {
    let one: Fed | undefined
    const slow = before(undefined, async () => {
      if (hours.length > 0) await one?.take(...hours)
    })
    // the newest first, so that the rows of hour 3 came last before the look
    one = await fed([4], { db: slow })
    const other = await fed([0, 1, 2, 3, 4])
    await set(other.endpoint, 'seq', 90)
    await db.tx((t) => t.run('UPDATE monitor_hours SET seq = 90 WHERE endpoint = ?', [other.endpoint]))
    for (const h of [0, 1, 2, 3]) await one.take(h)
    await set(one.endpoint, 'evaluated_hour', FIRST + 3)
    // the hours before were judged
    await set(one.endpoint, 'judged_hour', FIRST + 3)
    await set(one.endpoint, 'redo_hour', known === null ? null : FIRST + known)
    one.memory.again = Infinity
    await one.turn()
    const { redo_hour, evaluated_hour } = await monitorOf(db, one.endpoint)
    return [redo_hour, evaluated_hour].map((hour) => (hour === null ? null : hour - FIRST))
  }

  test('make it judged again, from the oldest of their hours on, where that is this one or before', async () => {
    assert.deepEqual(await redone([]), [null, 4])
    assert.deepEqual(await redone([4]), [null, 4])
    assert.deepEqual(await redone([3]), [3, 4])
    assert.deepEqual(await redone([3, 1, 2, 4]), [1, 4])
  })

  test('are judged again with what was to be judged again already', async () => {
    assert.deepEqual(await redone([], 1), [1, 4])
    assert.deepEqual(await redone([4], 1), [1, 4])
    assert.deepEqual(await redone([3], 1), [1, 4])
    assert.deepEqual(await redone([3, 0], 1), [0, 4])
  })
})

describe('judging again', () => {
  test('takes a twentieth of the time at most', async (t: TestContext) => {
    let time = 1000
    const slow = dbWith(db, {
      tx: (work) => {
        time += 100
        return db.tx(work)
      },
    })
    const one = await fed([0, 3], { db: slow })
    await one.turn()
    const turn = async (): Promise<number | null> => {
      await set(one.endpoint, 'redo_hour', FIRST + 1)
      await one.turn()
      return (await monitorOf(db, one.endpoint)).redo_hour
    }
    t.mock.method(performance, 'now', () => time)
    time = 1000
    assert.deepEqual([await turn(), one.memory.again], [null, 1100 + 20 * 100])
    time = 3099
    assert.deepEqual([await turn(), one.memory.again], [FIRST + 1, 3100])
    time = 3100
    assert.deepEqual([await turn(), one.memory.again], [null, 3200 + 20 * 100])
  })

  test('is done in the hour that goes on, too', async () => {
    const one = await fed([0, 3], { clock: () => (FIRST + 3) * HOUR_MS })
    await one.turn()
    await set(one.endpoint, 'redo_hour', FIRST + 1)
    assert.equal(await one.turn(), false)
    assert.equal((await monitorOf(db, one.endpoint)).redo_hour, null)
  })
})

test('quality is looked at twice a day, with what the look before found, and told once', async () => {
  const changed: string[] = []
  const reference: Reference = { version: '1', table: null, evaluation: null, inputs: [], metrics: { roc_auc: 0.9 } }
  const one = await fed(
    [],
    { referenceOf: async () => reference, changed: (id) => void changed.push(id) },
    { labels: { delay: '1h' } },
  )
  const random = prng(5)
  const rows = Array.from({ length: 1000 }, (_, i) => ({
    id: `${one.endpoint}-q${String(i).padStart(4, '0')}`,
    et: FIRST * HOUR_MS + i * 1000,
    score: random.uniform(),
  }))
  await ingest(one.deps, one.endpoint, rows)
  await putLabels(
    one.deps,
    one.endpoint,
    rows.map(({ id }) => ({ prediction_id: id, label: random.uniform() < 0.5 ? 1 : 0 })),
  )
  const looked: (number | null)[] = []
  for (let h = 1; h < 40; h++) {
    await one.take(h)
    await one.turn()
    const { quality } = JSON.parse((await monitorOf(db, one.endpoint)).state) as { quality: { hour: number } | null }
    looked.push(quality === null ? null : quality.hour - FIRST)
  }
  // the first look, at hour 0, has no labels that are due; after hour h - 1 was judged its newest look is there
  const asked = Array.from({ length: 39 }, (_, i) => (i < 12 ? null : Math.floor(i / 12) * 12))
  assert.deepEqual(looked, asked)
  const [row, ...others] = await incidentRows(db, { endpoint: one.endpoint })
  assert.deepEqual([row?.kind, row?.opened_event, others.length], ['quality', (FIRST + 25) * HOUR_MS, 0])
  assert.deepEqual(changed, [row?.id])
  await db.tx((t) =>
    t.run('UPDATE endpoints SET monitor = \'{"labels":{"delay":"30d"}}\' WHERE name = ?', [one.endpoint]),
  )
  for (let h = 40; h < 50; h++) await one.take(h)
  while (await one.turn());
  const { quality } = JSON.parse((await monitorOf(db, one.endpoint)).state) as { quality: unknown }
  assert.equal(quality, null, 'too few labels are due')
})
