/** Deliveries of labels: what is a number, which of two counts, what is told to others, and sizes beyond one statement. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openTemporaryStore } from '../../store/open.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import { monitorOf } from '../context/context.ts'
import type { KnownLabel, MonitoringDeps } from '../context/context.ts'
import { labelsOf, putLabels } from './labels.ts'
import type { GivenLabel } from './reading.ts'
import { scoredRows } from './scored.ts'

const START = Date.UTC(2026, 1, 2)
let store: Awaited<ReturnType<typeof openTemporaryStore>>
let deps: MonitoringDeps
let made = 0
const told: KnownLabel[] = []

before(async () => {
  store = await openTemporaryStore()
  deps = testDeps(store.db, () => START, { onLabels: async (_t, labels) => void told.push(...labels) })
})
after(() => store.close())

/** An endpoint with `n` predictions p0, p1, …, a minute apart. */
async function endpoint(n: number): Promise<string> {
  const name = `e${++made}`
  await addEndpoint(store.db, name)
  await ingest(
    deps,
    name,
    Array.from({ length: n }, (_, i) => ({ id: `p${i}`, et: START + i * 60_000, score: 0.5 })),
  )
  return name
}
const give = (label: GivenLabel['label'], more: Partial<GivenLabel> = {}): GivenLabel => ({
  prediction_id: 'p0',
  label,
  ...more,
})
const at = (offset: number): string => new Date(START + offset).toISOString()
const known = async (name: string): Promise<[string, number][]> => [...(await labelsOf(store.db, name, ['p0']))]

describe('a label', () => {
  test('is a number, or a text or a truth that is one', async () => {
    for (const [label, value] of [
      [2.5, 2.5],
      ['1', 1],
      [' -3e2 ', -300],
      [true, 1],
      [false, 0],
    ] as const) {
      const name = await endpoint(1)
      await putLabels(deps, name, [give(label)])
      assert.deepEqual(await known(name), [['p0', value]], String(label))
    }
  })

  test('that is the name of a class is kept and flagged, counts for nothing and is told to nobody', async () => {
    const name = await endpoint(1)
    told.length = 0
    const { accepted, flagged } = await putLabels(deps, name, [give('late')])
    const reason = 'is no number: it is kept and no figure of quality counts it'
    assert.deepEqual([accepted, flagged], [1, [{ row: 0, prediction_id: 'p0', reason }]])
    assert.deepEqual([await known(name), told.length], [[], 0])
    assert.equal((await putLabels(deps, name, [give('late')])).duplicates, 1)
  })

  test('is told once, with its endpoint; a repetition or a correction is told to nobody', async () => {
    const name = await endpoint(1)
    told.length = 0
    for (const label of [1, 1, 0]) await putLabels(deps, name, [give(label)])
    assert.deepEqual(told, [{ endpoint: name, prediction_id: 'p0', label: 1 }])
  })

  test('true, 1 and "1" are the same', async () => {
    const name = await endpoint(1)
    await putLabels(deps, name, [give(true)])
    assert.deepEqual(await putLabels(deps, name, [give(1), give('1')]), {
      accepted: 0,
      duplicates: 2,
      conflicts: 0,
      orphans: 0,
      flagged: [],
    })
  })
})

describe('of two labels for one prediction', () => {
  test('the one that became known later counts, whichever is delivered first; of the same time the last', async () => {
    for (const [first, second, counts] of [
      [give(1, { at: at(5) }), give(0, { at: at(9) }), 0],
      [give(1, { at: at(9) }), give(0, { at: at(5) }), 1],
      [give(1, { at: at(5) }), give(0, { at: at(5) }), 0],
      [give(1), give(0, { at: at(-1) }), 1],
    ] as const) {
      const [apart, together] = [await endpoint(1), await endpoint(1)]
      await putLabels(deps, apart, [first])
      assert.equal((await putLabels(deps, apart, [second])).conflicts, 1)
      assert.equal((await putLabels(deps, together, [first, second])).conflicts, 1)
      assert.deepEqual(await known(apart), [['p0', counts]])
      assert.deepEqual(await known(together), [['p0', counts]])
    }
  })

  test('in one delivery one is accepted; three that differ are two conflicts', async () => {
    const name = await endpoint(1)
    const { flagged, ...counts } = await putLabels(deps, name, [give(1), give(0), give(2), give(2)])
    assert.deepEqual(counts, { accepted: 1, duplicates: 1, conflicts: 2, orphans: 0 })
    assert.deepEqual(
      flagged.map(({ row, reason }) => `${row} ${reason}`),
      [
        '1 says 0, and another label says 1: the one that became known later counts, 0',
        '2 says 2, and another label says 0: the one that became known later counts, 2',
      ],
    )
    assert.deepEqual(await known(name), [['p0', 2]])
  })

  test('of different endpoints there is no conflict', async () => {
    const [one, other] = [await endpoint(1), await endpoint(1)]
    await putLabels(deps, one, [give(1)])
    assert.deepEqual(await putLabels(deps, other, [give(0)]), {
      accepted: 1,
      duplicates: 0,
      conflicts: 0,
      orphans: 0,
      flagged: [],
    })
    assert.deepEqual(await known(one), [['p0', 1]])
  })
})

describe('a delivery', () => {
  test('of more than one transaction and statement counts each label once', async () => {
    const name = await endpoint(2245)
    const labels = Array.from({ length: 2245 }, (_, i) => ({ prediction_id: `p${i}`, label: i % 2 }))
    assert.deepEqual(await putLabels(deps, name, labels), {
      accepted: 2245,
      duplicates: 0,
      conflicts: 0,
      orphans: 0,
      flagged: [],
    })
    assert.deepEqual(await putLabels(deps, name, labels), {
      accepted: 0,
      duplicates: 2245,
      conflicts: 0,
      orphans: 0,
      flagged: [],
    })
    const all = await labelsOf(
      store.db,
      name,
      labels.map((one) => one.prediction_id),
    )
    assert.deepEqual([all.size, all.get('p2244'), all.get('p221')], [2245, 0, 1])
    const rows = await scoredRows(store.db, { endpoint: name })
    assert.deepEqual([rows.length, rows.filter((row) => row.label === null).length], [2245, 0])
  })

  test('of nothing changes nothing', async () => {
    const name = await endpoint(1)
    const before = await monitorOf(store.db, name)
    assert.deepEqual(await putLabels(deps, name, []), {
      accepted: 0,
      duplicates: 0,
      conflicts: 0,
      orphans: 0,
      flagged: [],
    })
    assert.deepEqual(await monitorOf(store.db, name), before)
  })
})

test('orphans are counted until their predictions come, a corrected one too', async () => {
  const name = await endpoint(0)
  const orphans = async (): Promise<number> => (await monitorOf(store.db, name)).orphans
  const labels = Array.from({ length: 30 }, (_, i) => ({ prediction_id: `o${i}`, label: 1 }))
  assert.equal((await putLabels(deps, name, labels)).orphans, 30)
  assert.equal((await putLabels(deps, name, [{ prediction_id: 'o0', label: 0 }])).orphans, 0)
  assert.equal(await orphans(), 30)
  await ingest(
    deps,
    name,
    Array.from({ length: 22 }, (_, i) => ({ id: `o${i}`, et: START, score: 0.5 })),
  )
  assert.equal(await orphans(), 8)
  await ingest(deps, name, [{ id: 'stranger', et: START, score: 0.5 }])
  assert.equal(await orphans(), 8)
  const rows = await scoredRows(store.db, { endpoint: name })
  assert.deepEqual(
    [rows.length, rows.filter((row) => row.label === 1).length, rows.filter((row) => row.label === 0).length],
    [23, 21, 1],
  )
})
