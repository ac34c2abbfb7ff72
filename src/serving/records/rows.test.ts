/** Records of the prediction log: what is one, each told once to the rooms below, and breakers that outlive a restart. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { prediction } from '../../gateway/records/prediction.fixture.ts'
import type { RowRecord } from '../../gateway/records/records.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { parseRecord, writeRecords } from './rows.ts'

let store: Awaited<ReturnType<typeof openTemporaryStore>>
before(async () => {
  store = await openTemporaryStore()
})
after(() => store.close())

const shadow = (id: string, ver: string): RowRecord => ({ t: 's', id, ep: 'e', ver, et: 5, at: 6, us: 7, s: 1, p: 1 })

/** Writes records; returns the ids that each hook was told. */
async function write(records: readonly RowRecord[]) {
  const heard: Record<'p' | 's' | 'b', string[]> = { p: [], s: [], b: [] }
  const tripped = await store.db.tx((t) =>
    writeRecords(t, records, {
      onPredictions: async (_, rows) => void heard.p.push(...rows.map((row) => row.id)),
      onShadows: async (_, rows) => void heard.s.push(...rows.map((row) => `${row.id}/${row.ver}`)),
      onBreakers: async (_, rows) => void heard.b.push(...rows.map((row) => row.ver)),
    }),
  )
  return { ...heard, tripped }
}

const parsed = (value: unknown) => parseRecord(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))

test('a record of each kind is read as it is; one that earlier versions wrote is none, and no damage', () => {
  for (const t of ['p', 's', 'c', 'b']) assert.deepEqual(parsed({ t, ep: 'e' }), [{ t, ep: 'e' }])
  assert.deepEqual(parsed({ t: 'f', ep: 'e' }), [])
})

for (const payload of [
  '',
  '{',
  'null',
  '[]',
  '5',
  {},
  { t: 'p' },
  { t: 'p', ep: 5 },
  { t: 'x', ep: 'e' },
  { t: '', ep: 'e' },
  { t: 'pm', ep: 'e' },
  { ep: 'e' },
  { t: 5, ep: 'e' },
]) {
  test(`${JSON.stringify(payload)} is no record`, () => assert.equal(parsed(payload), undefined))
}

test('several predictions of one call are read one by one', () => {
  const batch = {
    ...prediction('-'),
    t: 'm',
    id: undefined,
    ids: ['a', 'b'],
    x: [
      [1, 2],
      ['u', 'v'],
    ],
    p: [0.25, 4],
    s: [0.25, null],
  }
  assert.deepEqual(
    parsed(batch)?.map((one) => one.t === 'p' && [one.id, one.x, one.p, one.s, one.et]),
    [
      ['a', [1, 'u'], 0.25, 0.25, 5],
      ['b', [2, 'v'], 4, null, 5],
    ],
  )
})

test('what was written before is told no more, whatever stands beside it, in the order of the log', async () => {
  const ids = Array.from({ length: 90 }, (_, i) => `once-${i}`)
  const first = await write(ids.filter((_, i) => i % 3 === 0).map((id) => prediction(id)))
  assert.equal(first.p.length, 30)
  const second = await write(ids.map((id) => prediction(id, { p: 'later' })))
  assert.deepEqual(
    second.p,
    ids.filter((_, i) => i % 3 !== 0),
  )
  const [kept] = await store.db.all<{ prediction: string }>("SELECT prediction FROM predictions WHERE id = 'once-0'")
  assert.equal(kept?.prediction, '[0.5,0.5]', 'the first one stays')
})

test('of two records with one id in one write the first is kept and told; another endpoint has its own', async () => {
  const records = [
    prediction('twice'),
    prediction('twice', { p: 2 }),
    prediction('twice', { ep: 'f' }),
    // four are one statement
    prediction('fourth'),
  ]
  assert.deepEqual((await write(records)).p, ['twice', 'twice', 'fourth'])
  const rows = await store.db.all<{ endpoint: string; prediction: string }>(
    "SELECT endpoint, prediction FROM predictions WHERE id = 'twice' ORDER BY endpoint",
  )
  assert.deepEqual(rows, [
    { endpoint: 'e', prediction: '[0.5,0.5]' },
    { endpoint: 'f', prediction: '[0.5,0.5]' },
  ])
})

test('a row that several shadows scored is told once for each version', async () => {
  const records = [shadow('s', '1'), shadow('s', '2'), shadow('s', '1')]
  assert.deepEqual((await write(records)).s, ['s/1', 's/2'])
  assert.deepEqual((await write(records)).s, [])
})

test('the text of an error loses what no database holds', async () => {
  await write([prediction('nul', { err: 'a\0b', st: 502 })])
  assert.deepEqual(await store.db.all("SELECT error FROM predictions WHERE id = 'nul'"), [{ error: 'ab' }])
})

test('a breaker takes its canary to weight 0 once: another stay of the version, a stable one and a second record change nothing', async () => {
  const now = 100
  await store.db.tx(async (t) => {
    await t.run(
      "INSERT INTO endpoints (name, project, model, salt, threshold, monitor, previous_version, created_at, updated_at) VALUES ('e','p','m','s',NULL,'{}',NULL,1,1)",
    )
    for (const [role, version] of [
      ['stable', '1'],
      ['canary', '2'],
    ])
      await t.run(
        'INSERT INTO endpoint_variants (endpoint, role, version, weight, since, tripped, breaker) VALUES (?,?,?,?,?,NULL,NULL)',
        ['e', role ?? '', version ?? '', role === 'canary' ? 500 : 0, now],
      )
  })
  const breaker = (ver: string, since: number, reason = 'it fails'): RowRecord => ({
    t: 'b',
    ep: 'e',
    ver,
    since,
    at: 9,
    reason,
  })
  const variants = () => store.db.all('SELECT version, weight, tripped FROM endpoint_variants ORDER BY version')
  const untouched = await variants()
  assert.deepEqual((await write([breaker('2', now - 1), breaker('1', now), breaker('3', now)])).tripped, [])
  assert.deepEqual(await variants(), untouched)
  const { tripped, b } = await write([breaker('2', now), breaker('2', now, 'again')])
  assert.deepEqual([tripped, b], [['e'], ['2', '2']])
  assert.deepEqual(await variants(), [
    { version: '1', weight: 0, tripped: null },
    { version: '2', weight: 0, tripped: 'it fails' },
  ])
})
