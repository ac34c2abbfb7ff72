/** Commands that tell of the past of features: look-ups at a time, and the statistics of a view. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { featuresApi } from '../../contract/features/catalogue.ts'
import { lookUpApi, type LookedUpRow } from '../../contract/features/look-up.ts'
import { AT } from '../answers.fixture.ts'
import { startRecorded, type RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-features-past-'))
let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => {
  server.close()
  rmSync(root, { recursive: true, force: true })
})

const features = (...words: readonly string[]) => server.slipway('features', ...words)
const about = { description: '', owner: '', tags: {}, changed_at: AT, changed_by: 'ada' }
const DIGEST = `sha256:${'a'.repeat(64)}`

const row: LookedUpRow = {
  at: '2026-05-01T00:00:00Z',
  features: { trips: null, speed: null, half: 2.5 },
  missing: { trips: 'late_suppressed', speed: 'no_history' },
  events: { homes: { at: '2026-04-01T00:00:00Z', known_at: '2026-04-02T00:00:00Z', age_ms: 30 * 86_400_000 } },
  next: {
    stats: { at: '2026-04-30T00:00:00Z', known_at: '2026-05-02T00:00:00Z' },
    homes: { at: '2026-05-03T00:00:00Z', known_at: '2026-05-03T00:00:00Z' },
  },
}

function answered(): void {
  server.answer(featuresApi.getFeatureService, {
    name: 'eta',
    version: 2,
    views: [{ name: 'stats', view: 'stats', version: 1, keys: ['driver_id'] }],
    columns: [
      { name: 'trips', type: 'int', of: 'stats:trips' },
      { name: 'speed', type: 'float', of: 'live:speed' },
      { name: 'half', type: 'float', of: 'homes:half' },
    ],
    fields: [],
    on_expired: 'null',
    ...about,
    versions: [],
  })
  const read = { name: 'stats', place: '/srv/stats.csv', digest: DIGEST, rows: 4, read_at: AT }
  server.answer(lookUpApi.lookUpFeatures, ({ body }) => ({
    service: { name: 'eta', version: 2 },
    views: [
      {
        name: 'stats',
        view: 'stats',
        version: 1,
        history: true,
        pushed: true,
        sources: [{ ...read, unchanged: true }],
      },
      { name: 'live', view: 'live', version: 3, history: false, pushed: true, sources: [] },
      { name: 'homes', view: 'places', version: 1, history: true, pushed: false, sources: [] },
    ],
    rows: (body as { entities: unknown[] }).entities.map(() => row),
  }))
}

it('looks an entity up at a time, and says what was seen, what came later and from which snapshot', async () => {
  answered()
  const { code, lines, tables, data } = await features('read', 'eta@2', 'driver_id=0071', '--at', '2026-05-01')
  assert.equal(code, 0)
  assert.deepEqual(
    server.asked(lookUpApi.lookUpFeatures).map(({ body }) => body),
    [{ service: 'eta', version: 2, entities: [{ driver_id: '0071' }], at: '2026-05-01' }],
  )
  assert.deepEqual(tables[0]?.rows, [
    ['trips', '', 'late_suppressed', '', '', ''],
    ['speed', '', 'no_history', '', '', ''],
    ['half', '2.5', 'present', '2026-04-01T00:00:00Z', '2026-04-02T00:00:00Z', '30 d'],
  ])
  assert.deepEqual(lines, [
    'stats: a row of 2026-04-30T00:00:00Z had happened, and became known only 2026-05-02T00:00:00Z',
    'homes: the next row happened 2026-05-03T00:00:00Z, and became known 2026-05-03T00:00:00Z',
    `stats@1 was read from stats of /srv/stats.csv at ${AT}, unchanged since it was read before: 4 rows, ${DIGEST}`,
    'rows that were pushed into stats@1 have no history and are not among these',
    'live@3 has no history: its rows are pushed, and what was seen then is not known',
  ])
  assert.deepEqual(
    (data as { rows: unknown[] }[]).flatMap(({ rows }) => rows),
    [row],
  )
})

it('takes a time for each row of a file, at most 1,000 at once, and refuses what it cannot mean', async () => {
  answered()
  const file = join(root, 'drivers.csv')
  const rows = Array.from({ length: 1001 }, (_, i) => `${i},2026-05-0${1 + (i % 9)}`)
  writeFileSync(file, `driver_id,when\n${rows.join('\n')}\n`)
  const { tables } = await features('read', 'eta', '--entities', file, '--time', 'when')
  const asked = server.asked(lookUpApi.lookUpFeatures).slice(-2)
  const bodies = asked.map(({ body }) => body as { entities: unknown[]; times: string[]; at?: string })
  assert.deepEqual(
    bodies.map(({ entities, times, at }) => [entities.length, times.length, entities[0], times[0], at]),
    [
      [1000, 1000, { driver_id: '0' }, '2026-05-01', undefined],
      [1, 1, { driver_id: '1000' }, '2026-05-02', undefined],
    ],
  )
  assert.equal(tables[0]?.rows.length, 3003)
  assert.deepEqual(tables[0].rows[3000]?.slice(0, 3), ['driver_id=1000', '2026-05-01T00:00:00Z', 'trips'])
  writeFileSync(file, 'driver_id,when\n1,\n')
  await assert.rejects(features('read', 'eta', '--entities', file, '--time', 'when'), usage(/row 1 has no time in/))
  const one = ['read', 'eta', 'driver_id=1']
  await assert.rejects(features(...one, '--time', 'when'), usage(/--time names a column of --entities FILE/))
  await assert.rejects(features(...one, '--at', 'x', '--time', 'y'), usage(/either --at TIME, or --time COLUMN/))
  await assert.rejects(features(...one, '--at', 'x', '--on-expired', 'null'), usage(/--on-expired is for reading as/))
})

it('shows the statistics of a view, with how fresh they are', async () => {
  const none = { numbers: null, not_finite: 0, true_share: null, frequent: null, first: null, last: null }
  const numbers = { min: -1, max: 1234567, mean: 2.25, std: null, quartiles: [1, 2, 3.5] }
  server.answer(featuresApi.listFeatures, { entities: [], views: [], on_demand: [], services: [] })
  server.answer(featuresApi.getFeatureView, {
    name: 'stats',
    version: 1,
    entities: ['driver'],
    keys: [{ name: 'driver_id', type: 'int' }],
    sources: [],
    query: null,
    push: false,
    event_time: 'at',
    created_time: null,
    ttl_ms: null,
    features: [],
    ...about,
    versions: [],
    services: [],
    statistics: {
      job: 'fj_1',
      until: AT,
      at: '2026-05-03T10:00:04Z',
      live: 3,
      expired: 2,
      features: [
        { ...none, name: 'trips', type: 'int', nulls: 1, distinct: 2, numbers },
        { ...none, name: 'busy', type: 'bool', nulls: 0, distinct: 2, true_share: 1 / 3 },
        {
          ...none,
          name: 'city',
          type: 'text',
          nulls: 0,
          distinct: 2,
          frequent: [
            { value: 'Oslo', is_cut: false, rows: 2 },
            { value: 'Rome', is_cut: true, rows: 1 },
          ],
        },
        { ...none, name: 'since', type: 'time', nulls: 0, distinct: 3, first: '2020-01-01', last: '2021-01-01' },
        { ...none, name: 'odd', type: 'float', nulls: 0, distinct: 1, not_finite: 3 },
      ],
    },
  })
  const { lines, tables } = await features('show', 'stats', '--kind', 'view')
  const fresh = 'statistics over 3 entities with a live row (2 more have expired), as of'
  assert.ok(lines.includes(`${fresh} ${AT}, computed 2026-05-03T10:00:04Z`), lines.join('\n'))
  assert.deepEqual(tables.at(-1)?.rows, [
    ['trips', '1', '~2', '-1', '~ 1 2 3.5', '1.23e+6', '2.25', '', ''],
    ['busy', '0', '~2', '', '', '', '', '', '33.3 % true'],
    ['city', '0', '~2', '', '', '', '', '', 'Oslo 2, Rome… 1'],
    ['since', '0', '~3', '', '', '', '', '', '2020-01-01 to 2021-01-01'],
    ['odd', '0', '~1', '', '', '', '', '', '3 NaN or infinite'],
  ])
})
