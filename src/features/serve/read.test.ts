/** Many entities of one call: each is read once, others come between, and what is answered has a bound. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service, View } from '../definitions/definitions.ts'
import type { SeenEntity } from '../online/reader.ts'
import { planRead } from './plan.ts'
import { readEntities, readInTurns, type Reading } from './read.ts'

const VIEW: View = {
  name: 'stats',
  entities: ['driver'],
  keys: [{ name: 'id', type: 'int' }],
  origin: null,
  push: true,
  event_time: 'at',
  created_time: null,
  ttl_ms: null,
  features: [{ name: 'note', type: 'text', column: 'note' }],
  windows: [],
}
const SERVICE: Service = {
  name: 'all',
  views: [{ name: 'stats', view: 'stats', version: 1, keys: ['id'] }],
  columns: [{ name: 'note', type: 'text', of: { view: 'stats', feature: 'note' } }],
  on_demand: [],
  on_expired: 'null',
}
const PLAN = planRead('p', SERVICE, { stats: VIEW })

function readingOf(one: (text: string) => SeenEntity): { reading: Reading; asked: string[] } {
  const asked: string[] = []
  const read = (_: unknown, texts: readonly (string | null)[]): SeenEntity[] =>
    texts.map((text) => {
      asked.push(text ?? 'null')
      return one(text ?? 'null')
    })
  return { reading: { reader: { read }, now: 1n, on_expired: 'null' }, asked }
}

const seenAs = (note: string): SeenEntity => ({ status: 'live', event: 1n, values: [note] })
const notes = ({ rows }: { rows: readonly { values: readonly unknown[] }[] }) => rows.map(({ values }) => values[0])

test('an entity that is named several times is read once, and each row has its own', async () => {
  const entities = Array.from({ length: 200 }, (_, i) => ({ id: i % 7 }))
  const { reading, asked } = readingOf((text) => seenAs(`n${text}`))
  const many = await readInTurns(PLAN, entities, reading)
  assert.deepEqual(asked.toSorted(), ['0', '1', '2', '3', '4', '5', '6'])
  assert.deepEqual(
    notes(many),
    entities.map(({ id }) => `n${id}`),
  )
  assert.deepEqual(readEntities(PLAN, entities, reading), many)
})

test('other work comes between the turns of a call', async () => {
  let turns = 0
  const count = (): void => {
    turns += 1
    next = setImmediate(count)
  }
  let next = setImmediate(count)
  const turnsSeen: number[] = []
  let now = 0
  const { reading } = readingOf((text) => {
    turnsSeen.push(turns)
    now += 0.1
    return seenAs(text)
  })
  await readInTurns(
    PLAN,
    Array.from({ length: 160 }, (_, id) => ({ id })),
    { ...reading, clock: () => now },
  )
  clearImmediate(next)
  // 32 entities take 3.2 ms, so that a turn of 4 ms has 64
  assert.deepEqual(
    [...Map.groupBy(turnsSeen, (turn) => turn).values()].map(({ length }) => length),
    [64, 64, 32],
  )
})

test('values of more than 16 MB together are refused', async () => {
  const { reading } = readingOf(() => seenAs('x'.repeat(1_000_000)))
  const entities = Array.from({ length: 17 }, (_, id) => ({ id }))
  assert.equal(readEntities(PLAN, entities.slice(0, 16), reading).rows.length, 16)
  assert.throws(() => readEntities(PLAN, entities, reading), /more than 16 MB together; read fewer entities at once/)
  await assert.rejects(readInTurns(PLAN, entities, reading), /more than 16 MB together/)
})

test('more than 500,000 values at once are refused before any is read', () => {
  const { reading, asked } = readingOf(() => seenAs('x'))
  const entities = Array.from({ length: 500_001 }, () => ({ id: 1 }))
  assert.throws(
    () => readEntities(PLAN, entities, reading),
    /500001 entities of 1 columns are 500001 values, more than 500000; read fewer/,
  )
  assert.deepEqual(asked, [])
})
