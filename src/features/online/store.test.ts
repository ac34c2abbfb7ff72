/** The online store: what is written is what is read, by the rules of "as of", through pushes, switches and the passing of time. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import Database from 'better-sqlite3'
import { compareStamps, lookUp } from '../as-of/as-of.ts'
import type { View } from '../definitions/definitions.ts'
import { prng } from '../../stats/prng.ts'
import { OnlineReader } from './reader.ts'
import { hasStore } from './schema.ts'
import { OnlineStore, type NewRow, type ViewVersion } from './store.ts'

let folder: string
let store: OnlineStore
let reader: OnlineReader

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-online-'))
  store = new OnlineStore(join(folder, 'online.db'))
  reader = new OnlineReader(join(folder, 'online.db'))
})
afterEach(() => {
  reader.close()
  store.close()
  rmSync(folder, { recursive: true, force: true })
})

const OF: ViewVersion = { project: 'p', view: 'stats', version: 1 }

function view(ttlMs: number | null = null): View {
  return {
    name: 'stats',
    entities: ['driver'],
    keys: [{ name: 'driver_id', type: 'int' }],
    origin: null,
    push: true,
    event_time: 'at',
    created_time: null,
    ttl_ms: ttlMs,
    features: [
      { name: 'trips', type: 'int', column: 'trips' },
      { name: 'city', type: 'text', column: 'city' },
    ],
    windows: [],
  }
}

function row(entity: string, event: number, trips: number, created = event): NewRow {
  return { entity, event: BigInt(event), created: BigInt(created), values: [trips, `c${trips}`] }
}

/** What is read of an entity, as a text. */
function seen(entity: string, now: number, of = OF): string {
  const [one] = reader.read(of, [entity], BigInt(now)) ?? []
  return one === undefined ? 'nothing stored' : [one.status, ...one.values].join(' ')
}

test('what was pushed is read at once, and an older event never replaces it', () => {
  assert.equal(seen('1', 100), 'nothing stored')
  store.push(OF, view(), [row('1', 50, 5)], 100n)
  assert.equal(seen('1', 100), 'live 5 c5')
  store.push(OF, view(), [row('1', 40, 4)], 101n)
  assert.equal(seen('1', 101), 'live 5 c5')
  store.push(OF, view(), [row('1', 60, 6), row('1', 55, 55)], 102n)
  assert.equal(seen('1', 102), 'live 6 c6')
  assert.equal(seen('2', 102), 'not_found')
})

test('a row of the future is not seen before its time, and hides nothing until then', () => {
  store.push(OF, view(), [row('1', 50, 5), row('1', 500, 9), row('2', 500, 7), row('3', 50, 3, 400)], 100n)
  assert.deepEqual([seen('1', 100), seen('2', 100), seen('3', 100)], ['live 5 c5', 'future_only', 'late_suppressed'])
  assert.deepEqual([seen('1', 500), seen('2', 500), seen('3', 400)], ['live 9 c9', 'live 7 c7', 'live 3 c3'])
})

test('rows of one entity that wait for their time are bounded, and a push of one too many writes nothing', () => {
  const waiting = Array.from({ length: 1000 }, (_, i) => row('1', 500 + i, i))
  store.push(OF, view(), waiting, 100n)
  assert.throws(
    () => store.push(OF, view(), [row('2', 50, 2), row('1', 400, 1)], 101n),
    /1000 rows of entity 1 wait already/,
  )
  assert.deepEqual([seen('1', 100), seen('2', 101)], ['future_only', 'not_found'])
  store.push(OF, view(), [row('2', 400, 2)], 102n)
  assert.equal(seen('2', 400), 'live 2 c2')
})

test('a time to live is held to its last instant', () => {
  const [ms, life] = [1_000_000, 10]
  store.push(OF, view(life), [row('1', 0, 5)], 5n)
  assert.equal(seen('1', life * ms), 'live 5 c5')
  assert.equal(seen('1', life * ms + 1), 'expired 5 c5')
})

test('in any order of pushes every moment sees what the whole history shows', () => {
  const random = prng(34)
  const ms = 1_000_000
  const moment = (): number => random.below(45) * ms + random.below(2)
  for (let world = 0; world < 25; world++) {
    const of = { ...OF, version: world + 1 }
    const definition = view([null, 3, 20][random.below(3)] ?? null)
    const ttl = definition.ttl_ms === null ? null : BigInt(definition.ttl_ms * ms)
    const history: (NewRow & { readonly arrival: bigint })[] = []
    for (let turn = 10; turn < 40; turn++) {
      const now = turn * ms
      const rows = Array.from({ length: random.below(3) }, () =>
        row(String(random.below(3)), moment(), random.below(99), moment()),
      )
      if (rows.length > 0) store.push(of, definition, rows, BigInt(now))
      for (const one of rows) history.push({ ...one, arrival: BigInt(history.length) })
      for (const entity of ['0', '1', '2']) {
        const own = history.filter((one) => one.entity === entity).toSorted(compareStamps)
        const expected = lookUp(own, BigInt(now), { ttl, includeLateData: false })
        const text = [expected.status, ...(expected.row?.values ?? [])].join(' ')
        if (history.length > 0) assert.equal(seen(entity, now, of), text)
      }
      if (random.below(4) === 0 && history.length > 0) {
        const id = store.begin(of, definition, BigInt(now))
        store.switchTo(id, of, { horizon: BigInt(now), now: BigInt(now) })
      }
    }
  }
})

test('while a set is made the old one answers, pushes reach both, and the switch is at once', () => {
  store.push(OF, view(), [row('1', 50, 5)], 100n)
  const id = store.begin(OF, view(), 101n)
  store.push(OF, view(), [row('2', 60, 6)], 102n)
  assert.deepEqual([seen('1', 102), seen('2', 102)], ['live 5 c5', 'live 6 c6'])
  store.switchTo(id, OF, { horizon: 101n, now: 103n })
  assert.deepEqual([seen('1', 103), seen('2', 103)], ['live 5 c5', 'live 6 c6'])
  assert.equal(reader.describe(OF)?.horizon, 101n)
  while (store.clean());
  assert.deepEqual([seen('1', 103), seen('2', 103)], ['live 5 c5', 'live 6 c6'])
})

test('pushed rows are carried over in parts, and pushes between them are in both', () => {
  const entities = Array.from({ length: 4500 }, (_, i) => String(i))
  const push = (some: readonly string[], event: number, trips: number): void =>
    store.push(
      OF,
      view(),
      some.map((entity) => row(entity, event, trips)),
      100n,
    )
  push(entities, 50, 5)
  push(['7', '8'], 300, 9)
  const id = store.prepare(OF, view(), 101n)
  assert.equal(store.carry(id), true)
  // of what was carried over already and of what was not: newer ones, older ones, one that is new, and one of the future that has come
  const [first, last] = [entities.slice(0, 3), entities.slice(-3)]
  push([...first, ...last, 'z'], 60, 6)
  push([...first, ...last], 40, 4)
  while (store.settle(1, { now: 300n, expired: null, forgotten: null }));
  assert.equal(store.carry(id), true)
  assert.equal(store.carry(id), false)
  store.fill(id, [{ entity: '9', event: 55n, created: 55n, arrival: 1n, values: [3, 'c3'] }])
  const before = (reader.read(OF, [...entities, 'z'], 400n) ?? []).map(({ values }) => values[0])
  store.switchTo(id, OF, { horizon: 101n, now: 103n })
  const after = (reader.read(OF, [...entities, 'z'], 400n) ?? []).map(({ values }) => values[0])
  assert.deepEqual([before[7], before[8], before[0], before[4499], before[4500], before[100]], [9, 9, 6, 6, 6, 5])
  assert.deepEqual(
    after,
    before.map((value, i) => (i === 9 ? 3 : value)),
  )
})

test('a set that was given up cannot be switched to', () => {
  store.push(OF, view(), [row('1', 50, 5)], 100n)
  const first = store.begin(OF, view(), 101n)
  store.begin(OF, view(), 102n)
  assert.throws(() => store.switchTo(first, OF, { horizon: 1n, now: 103n }), /not being made any more/)
  assert.equal(seen('1', 103), 'live 5 c5')
})

test('time removes values that have expired, then the rows, and writes what waited', () => {
  store.push(OF, view(), [row('1', 50, 5), row('2', 90, 9), row('3', 200, 2)], 100n)
  const id = 1
  store.settle(id, { now: 210n, expired: 60n, forgotten: null })
  assert.deepEqual([seen('1', 210), seen('2', 210), seen('3', 210)], ['live  ', 'live 9 c9', 'live 2 c2'])
  store.settle(id, { now: 211n, expired: 60n, forgotten: 55n })
  assert.deepEqual([seen('1', 211), seen('2', 211)], ['not_found', 'live 9 c9'])
})

test('time passes for all rows of a large set, so many at a time', () => {
  const entities = Array.from({ length: 4500 }, (_, i) => String(i))
  store.push(
    OF,
    view(),
    entities.map((entity, i) => row(entity, i % 2 === 0 ? 50 : 90, 5)),
    100n,
  )
  let rounds = 1
  while (store.settle(1, { now: 200n, expired: 60n, forgotten: null })) rounds += 1
  assert.equal(rounds, 3)
  const even = entities.filter((_, i) => i % 2 === 0)
  assert.ok(even.every((entity) => seen(entity, 200) === 'live  '))
  while (store.settle(1, { now: 201n, expired: 60n, forgotten: 60n }));
  assert.ok(even.every((entity) => seen(entity, 201) === 'not_found'))
  assert.ok(entities.filter((_, i) => i % 2 === 1).every((entity) => seen(entity, 201) === 'live 5 c5'))
})

test('a set that was given up takes no rows, and goes with what it had', () => {
  const id = store.begin(OF, view(), 100n)
  const tile = { entity: '1', step: 10n, tile: 0n, tiles: [] }
  const found = { entity: '1', event: 50n, created: 50n, arrival: 1n, values: [5, 'a'] }
  store.fill(id, [found])
  store.fillTiles(id, [tile])
  store.giveUp(id)
  assert.throws(() => store.fill(id, [found]), /the set 1 is not being made any more/)
  assert.throws(() => store.fillTiles(id, [tile]), /the set 1 is not being made any more/)
  while (store.clean());
  const other = store.begin(OF, view(), 101n)
  store.giveUp()
  assert.throws(() => store.switchTo(other, OF, { horizon: 1n, now: 103n }), /not being made any more/)
  const counts = new Database(join(folder, 'online.db'), { readonly: true })
  const left = ['sets', 'rows', 'tiles'].map((table) => counts.prepare(`SELECT count(*) FROM ${table}`).pluck().get())
  counts.close()
  assert.deepEqual(left, [1, 0, 0])
})

test('what answers is told, and goes with its project', () => {
  store.push(OF, view(7), [row('1', 50, 5)], 100n)
  store.begin({ ...OF, version: 2 }, view(), 100n)
  assert.deepEqual(store.answering(), [{ id: 1, of: OF, definition: view(7) }])
  store.give('p', 'q')
  assert.equal(seen('1', 100), 'nothing stored')
  assert.equal(seen('1', 100, { ...OF, project: 'q' }), 'live 5 c5')
})

test('a view that is removed is gone with all its rows', () => {
  store.push(OF, view(), [row('1', 50, 5)], 100n)
  store.push({ ...OF, version: 2 }, view(), [row('1', 50, 6)], 100n)
  store.remove(OF)
  assert.deepEqual([seen('1', 100), seen('1', 100, { ...OF, version: 2 })], ['nothing stored', 'live 6 c6'])
})

test('a store is there when its tables are', () => {
  const path = join(folder, 'other.db')
  assert.equal(hasStore(path), false)
  writeFileSync(path, '')
  assert.equal(hasStore(path), false)
  new OnlineStore(path).close()
  assert.equal(hasStore(path), true)
})
