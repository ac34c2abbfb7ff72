/** Features in words: where they come from, why a value is missing, how many are, what is found; and the example is one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import type { FeatureView, ViewFeature } from '../../../src/contract/features/catalogue.ts'
import { FeaturesSection } from '../../../src/contract/features/section.ts'
import { property } from '../../../test/web/seeded.ts'
import { EXAMPLE } from './example.ts'
import { linesOf } from './difference-lines.ts'
import { originOf, readersOf, sourcesOf } from './feature-words.ts'
import { foundIn, matchesOf, wordsOf } from './find.ts'
import { sqlParts } from './sql-parts.ts'
import { presentShare, saidOf } from './statuses.ts'
import { headlineOf, whyOf } from './why.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

type Taken = NonNullable<ViewFeature['window']>
const window = (take: Taken['take'], over_ms: number, step_ms: number, q: number | null = null) => ({
  take,
  over_ms,
  step_ms,
  q,
})

test('a feature says what it is taken of', () => {
  const said: readonly (readonly [column: string | null, window: Taken | null, text: string])[] = [
    ['airport', null, 'column airport'],
    [null, window('count', 30 * DAY, DAY), 'count of rows over 30 d, step 1 d'],
    ['amount', window('sum', 7 * DAY, HOUR), 'sum of amount over 7 d, step 1 h'],
    ['fare', window('quantile', 90 * DAY, DAY, 0.95), 'quantile 0.95 of fare over 90 d, step 1 d'],
    ['shop', window('distinct', HOUR, 5 * 60_000), 'distinct values of shop over 1 h, step 5 min'],
    ['mood', window('last', 90 * 60_000, 5 * 60_000), 'last mood over 1 h 30 min, step 5 min'],
  ]
  assert.deepEqual(
    said.map(([column, of]) => originOf({ column, window: of })),
    said.map(([, , text]) => text),
  )
})

test('a view may be read, pushed, or both', () => {
  const sources = [{ name: 'trips', kind: 'data_set', place: 'trips@latest' }]
  assert.deepEqual(sourcesOf({ sources, push: true }), [
    { kind: 'data set', place: 'trips@latest' },
    { kind: 'pushed', place: '' },
  ])
})

test('a service that takes a view twice reads it once, two versions are two', () => {
  const taken = (name: string, version: number) => ({ name, view: 'weather', version, keys: [name] })
  const service = (name: string, views: ReturnType<typeof taken>[]) =>
    ({ name, views }) as unknown as Parameters<typeof readersOf>[0][number]
  assert.deepEqual(
    readersOf(
      [service('a', [taken('origin', 1), taken('target', 1)]), service('b', [taken('x', 1), taken('y', 2)])],
      'weather',
    ),
    [
      { name: 'a', version: 1 },
      { name: 'b', version: 1 },
      { name: 'b', version: 2 },
    ],
  )
})

test('statuses are told with their share, present first; few of many are never nothing', () => {
  assert.equal(saidOf({}), 'no rows')
  assert.equal(saidOf({ expired: 48, present: 952, late_suppressed: 0 }), 'present 95.2 % (952), expired 4.8 % (48)')
  assert.equal(saidOf({ present: 99_999, not_found: 1 }), 'present above 99.9 % (99,999), not found below 0.1 % (1)')
  assert.deepEqual([presentShare({}), presentShare({ not_found: 2 }), presentShare({ present: 2 })], [null, 0, 1])
})

const VIEW: FeatureView = {
  name: 'support',
  entities: ['customer'],
  keys: [{ name: 'customer_id', type: 'int' }],
  sources: [{ name: 'tickets', kind: 's3', place: 's3://care/tickets/' }],
  query: null,
  push: false,
  event_time: 'at',
  created_time: null,
  ttl_ms: 7 * DAY,
  features: [
    { name: 'mood', type: 'float', column: 'score', window: null },
    { name: 'tickets_30d', type: 'int', column: null, window: window('count', 30 * DAY, DAY) },
  ],
  description: 'Tickets and their mood',
  owner: 'care',
  tags: { pii: 'yes' },
  version: 2,
  changed_at: '2026-05-03T10:00:00Z',
  changed_by: 'ada',
}
const READ = { name: 'support', view: 'support', version: 2, stored: true, horizon: null }
const EVENT = { at: '2026-05-03T10:00:00Z', age_ms: 9 * DAY }

test('why a value is missing is said by what is known of its view', () => {
  const why = (
    status: Parameters<typeof whyOf>[0]['status'],
    group: Partial<Parameters<typeof whyOf>[1]> = {},
    given: { feature?: string; value?: string; view?: FeatureView } = {},
  ): string | undefined => {
    const { feature = 'mood', value = null, view = VIEW } = given
    const said = whyOf({ status, feature, value }, { view: READ, event: EVENT, ...group }, view)
    return said && `${said.lead} ${said.rest}`
  }
  assert.equal(why('present'), undefined)
  assert.equal(why('null_value'), 'Null. The newest row has no value for it.')
  assert.equal(
    why('null_value', {}, { feature: 'tickets_30d' }),
    'Null. Its rows of the last 30 d have no value for it.',
  )
  assert.equal(why('null_value', { view: null, event: null }), 'Null. Its expression gives null for these inputs.')
  assert.equal(why('expired'), 'Expired. Its row of 2026-05-03 10:00 UTC is 9 d old, and counts for 7 d.')
  assert.match(why('expired', {}, { value: '0.7' }) ?? '', /counts for 7 d\. The service serves it all the same\.$/)
  assert.equal(
    why('expired', {}, { view: { ...VIEW, version: 3 } }),
    'Expired. Its row of 2026-05-03 10:00 UTC is 9 d old, longer than its view keeps a row.',
    'the time to live of another version is not told',
  )
  assert.equal(why('not_found', { event: null }), 'Not found. The online store has no row of this entity.')
  assert.equal(
    why('not_found', { view: { ...READ, stored: false }, event: null }),
    'Never stored. Nothing of support@2 was ever materialised or pushed.',
  )
  assert.match(why('future_only', { event: null }) ?? '', /happen later than now/)
  assert.match(why('late_suppressed', { event: null }) ?? '', /none of them counts as known yet/)
})

test('a look-up is told in a sentence', () => {
  const column = (status: 'present' | 'expired' | 'not_found') => ({
    name: status,
    type: 'int' as const,
    feature: status,
    value: null,
    status,
  })
  const group = (...columns: ReturnType<typeof column>[]) => [{ view: READ, event: null, columns }]
  assert.deepEqual(
    headlineOf('no_show', [['customer_id', '7']], group(column('present'), column('expired'), column('not_found'))),
    { title: 'no_show sees 1 of 3 values of customer_id 7', rest: 'The others: 1 not found, 1 expired.' },
  )
  assert.deepEqual(headlineOf('all', [], group(column('present'))), { title: 'all sees the one value', rest: '' })
  assert.equal(headlineOf('x', [], group(column('present'), column('present'))).title, 'x sees all 2 values')
  assert.equal(headlineOf('x', [], group(column('present'), column('expired'))).rest, 'The other: 1 expired.')
})

test('a definition is found by every word, wherever it stands', () => {
  const all = { entities: [], views: [VIEW], on_demand: [], services: [] }
  const isFound = (text: string): boolean => foundIn(all, wordsOf(text)).views.length === 1
  for (const text of ['', ' ', 'SUPP', 'mood', 'tickets_30d', 'score', 'care', 'pii', 'yes', 's3://care', 'care mood'])
    assert.ok(isFound(text), text)
  for (const text of ['moods', 'care nobody', 'support.tickets']) assert.ok(!isFound(text), text)
  assert.deepEqual(matchesOf(VIEW, wordsOf('Ticket nobody')), ['tickets_30d'])
  assert.deepEqual(matchesOf(VIEW, []), [])
})

test('the parts of an SQL text are the text', () => {
  assert.deepEqual(
    sqlParts(`SELECT a1, 'from it''s' -- from\nFROM "from" WHERE x>=1.5 /* and */`).flatMap(({ kind, text }) =>
      kind === 'plain' ? [] : [[kind, text]],
    ),
    [
      ['word', 'SELECT'],
      ['text', "'from it''s'"],
      ['comment', '-- from'],
      ['word', 'FROM'],
      ['word', 'WHERE'],
      ['number', '1.5'],
      ['comment', '/* and */'],
    ],
  )
  property(200, (random) => {
    const sql = random
      .list(12, () => random.pick(['select ', "'", '"', '--', '/*', '*/', '\n', 'x', '1.', ' from', random.text(3)]))
      .join('')
    assert.equal(
      sqlParts(sql)
        .map(({ text }) => text)
        .join(''),
      sql,
    )
  })
})

test('a side of a difference is told place by place, spans of time in units', () => {
  assert.deepEqual(linesOf('ttl_ms', 90 * DAY), ['90 d'])
  assert.deepEqual(linesOf('views.trips.version', 2), ['2'])
  assert.deepEqual(linesOf('origin', null), [])
  assert.deepEqual(linesOf('columns', ['b', 'a']), ['b, a'], 'only their order differs')
  assert.deepEqual(
    linesOf('on_demand.share', {
      name: 'share',
      inputs: [{ name: 'fare', of: { kind: 'request', field: 'fare' } }],
      column: null,
      over_ms: HOUR,
    }),
    [
      'name: share',
      'inputs.fare.name: fare',
      'inputs.fare.of.kind: request',
      'inputs.fare.of.field: fare',
      'over_ms: 1 h',
    ],
  )
})

test('the example for those who have no features is a section of features', () => {
  const file = parse(EXAMPLE) as { sources: object; features: unknown }
  const { views, services } = FeaturesSection.parse(file.features)
  assert.deepEqual(Object.keys(views), ['customer_trips'])
  assert.ok(Object.hasOwn(file.sources, views['customer_trips']?.source ?? ''))
  assert.deepEqual(services['no_show']?.features, ['customer_trips'])
})
