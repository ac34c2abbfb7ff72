/** References are learned from tables: the clean past of one table is learned once, whatever scores go with it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTemporaryStore } from '../../store/open.ts'
import { prng } from '../../stats/prng.ts'
import { learn } from './learn.ts'
import { learnReference, readReference, referenceId } from './reference.ts'
import { testDeps } from '../room.fixture.ts'
import type { Reference } from '../context/context.ts'

const HOUR = 3_600_000
const INPUTS = [
  { name: 'temp', numeric: true },
  { name: 'carrier', numeric: false },
]

/** 45 days, 30 rows an hour. */
function table(seed: number): Uint8Array {
  const random = prng(seed)
  const lines = Array.from({ length: 45 * 24 * 30 }, (_, i) => {
    const temp = random.uniform() < 0.1 ? '' : (60 + 10 * random.normal()).toFixed(1)
    return `${Math.floor(i / 30) * HOUR},${temp},${['UA', 'AA'][random.below(2)]}`
  })
  return Buffer.from(`event_time,temp,carrier\n${lines.join('\n')}\n`)
}

/** Scores up to `most`. */
const scores = (most: number): Uint8Array =>
  Buffer.from(`id,score\n${Array.from({ length: 100 }, (_, i) => `a${i},${(most * i) / 100}`).join('\n')}\n`)

const TREES: Readonly<Record<string, Uint8Array>> = {
  one: table(1),
  other: table(2),
  low: scores(0.5),
  high: scores(1),
}
const tree = (name: string): Uint8Array => TREES[name] ?? assert.fail(`no tree ${name}`)
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

test('versions of one table share its clean past and have the shape of their own scores', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const read: string[] = []
  const deps = testDeps(store.db, Date.now, {
    readTable: async (name) => {
      read.push(name)
      return tree(name)
    },
  })
  const learned = async (of: Pick<Reference, 'table' | 'evaluation'>) => {
    const reference: Reference = { version: '1', inputs: INPUTS, metrics: {}, ...of }
    const id = referenceId(reference) ?? assert.fail('a table is given')
    await learnReference(deps, id, reference)
    return (await readReference(store.db, id)) ?? assert.fail('it was learned')
  }
  const cases = [
    ['one', 'low'],
    ['one', 'high'],
    ['one', null],
    ['other', 'low'],
  ] as const
  for (const [one, of] of cases) {
    const alone = learn({ table: tree(one), scores: of === null ? null : tree(of), inputs: INPUTS })
    assert.deepEqual(plain(await learned({ table: one, evaluation: of })), plain(alone), `${one} ${of}`)
  }
  const { pasts } = await learned({ table: 'one', evaluation: 'high' })
  for (const length of [6, 24] as const)
    assert.ok(pasts[length].days.length > 10 && 'temp' in pasts[length].features, 'there is a past to share')
  assert.equal(read.length, 7, 'what was learned is not read again')
})

test('given pasts are taken as they are', () => {
  const past = { days: [1, 2], features: { temp: { z: { peaks: [1, 2], held: [0, 1] } } } }
  const pasts = { 6: past, 24: past, 168: past }
  assert.equal(learn({ table: tree('one'), scores: null, inputs: INPUTS, pasts }).pasts, pasts)
})

test('a table that lacks a column is refused as such, though it is learned on a thread', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const deps = testDeps(store.db, Date.now, { readTable: async () => Buffer.from('temp\n1\n') })
  const reference: Reference = { version: '1', inputs: INPUTS, metrics: {}, table: 'untimed', evaluation: null }
  await assert.rejects(learnReference(deps, 'untimed', reference), {
    name: 'Problem',
    code: 'unprocessable',
    message: /the table has no column "event_time"/,
  })
})
