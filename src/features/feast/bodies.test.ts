/** Bodies that were never recorded: at the edges, and wrong ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FeatureRow } from '../../contract/features/online.ts'
import { Numeral, parseNumerals } from '../../contract/values/numerals.ts'
import type { View } from '../definitions/definitions.ts'
import { timeText } from './fields.ts'
import { readFeastIncremental, readFeastMaterialise } from './materialise.ts'
import { readFeastPush, readFeastWrite, rowsForView } from './push.ts'
import { feastColumns, feastReply } from './reply.ts'
import { readFeastRequest } from './request.ts'

const refusal = (read: () => unknown): string => {
  try {
    read()
  } catch (error) {
    return (error as Error).message
  }
  return assert.fail('it was taken')
}

test('a wrong request is refused by the field that is wrong', () => {
  const entities = { id: [1, 2] }
  const features = ['v:f']
  for (const [body, field, expected] of [
    [[], 'body', 'an object'],
    [{ entities }, 'features', 'VIEW:FEATURE, at least one'],
    [{ entities, features: [] }, 'features', 'VIEW:FEATURE, at least one'],
    [{ entities, features: 'v:f' }, 'features', 'a list of names'],
    [{ entities, features: ['v:f', 7] }, 'features[1]', 'a name'],
    [{ entities, features: ['v:f', 'no-view:f'] }, 'features[1]', 'VIEW:FEATURE'],
    [{ entities, features, feature_service: 's' }, 'features', 'nothing beside a feature_service'],
    [{ entities, feature_service: 7 }, 'feature_service', 'a text'],
    [{ entities, features, full_feature_names: 'yes' }, 'full_feature_names', 'true or false'],
    [{ features }, 'entities', 'an object of lists'],
    [{ features, entities: [{ id: 1 }] }, 'entities', 'an object of lists'],
    [{ features, entities: { id: 1 } }, 'entities.id', 'a list of values'],
    [{ features, entities: { id: [1, 2], other: [1] } }, 'entities.other', 'as many values as "id" has, 2'],
    [{ features, entities: { id: [] } }, 'entities.id', 'at least one value'],
    [{ features, entities: { id: Array.from({ length: 10_001 }, () => 1) } }, 'entities', '10000 rows at most'],
    [{ features: Array.from({ length: 501 }, () => 'v:f'), entities }, 'features', '500 features at most'],
  ] as const) {
    const message = refusal(() => readFeastRequest(body))
    assert.ok(message.startsWith(`${field}: got `) && message.includes(`expected ${expected}`), message)
  }
})

test("versions are read in Feast's spelling, and fields of no meaning are left alone", () => {
  const { features, rows } = readFeastRequest({
    features: ['v@v2:f', 'v@latest:f', 'v@3:f', 'v:f'],
    feature_service: null,
    entities: { id: [1], ['__proto__']: [3] },
    whatever: 1,
  })
  assert.deepEqual(features, ['v@2:f', 'v:f', 'v@3:f', 'v:f'])
  assert.equal(Object.getPrototypeOf(rows[0]), Object.prototype)
  assert.deepEqual(Object.keys(rows[0] ?? {}), ['id', '__proto__'])
})

test('whole numbers keep their digits on both ways', () => {
  const { rows } = readFeastRequest(parseNumerals('{"features":["v:f"],"entities":{"id":[9007199254740993,"-7"]}}'))
  const found: FeatureRow = { features: { f: 9_007_199_254_740_993n }, missing: {}, events: {} }
  const reply = feastReply({
    keys: [{ name: 'id', type: 'int' }],
    given: rows,
    columns: [{ name: 'f', as: 'f', type: 'int', view: 'v' }],
    rows: [found, { ...found, features: { f: '9007199254740994' } }],
  })
  assert.match(
    JSON.stringify(reply),
    /"values":\[9007199254740993,-7\].*"values":\[9007199254740993,9007199254740994\]/,
  )
})

const row = (value: unknown, at: string, missing: FeatureRow['missing'] = {}): FeatureRow => ({
  features: { f: value },
  missing,
  events: at === '' ? {} : { v: { at, age_ms: 1 } },
})
const list = (type: 'float' | 'time' | 'text', rows: readonly FeatureRow[]) =>
  JSON.parse(
    JSON.stringify(
      feastReply({ keys: [], given: rows.map(() => ({})), columns: [{ name: 'f', as: 'f', type, view: 'v' }], rows })
        .results[0],
    ),
  ) as { values: unknown[]; statuses: string[]; event_timestamps: string[] }

test('each status has its word, and a value goes with it where there is one', () => {
  const { values, statuses } = list('text', [
    row('a', ''),
    row(null, ''),
    row(null, '', { f: 'null_value' }),
    row(null, '', { f: 'not_found' }),
    row(null, '', { f: 'future_only' }),
    row(null, '', { f: 'late_suppressed' }),
    row(null, '', { f: 'expired' }),
    row('old', '', { f: 'expired' }),
  ])
  const none = ['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND']
  assert.deepEqual(statuses, ['PRESENT', 'NULL_VALUE', 'NULL_VALUE', ...none, 'OUTSIDE_MAX_AGE', 'OUTSIDE_MAX_AGE'])
  assert.deepEqual(values, ['a', null, null, null, null, null, null, 'old'])
})

test('times of events have no fraction, or three or six digits of it', () => {
  const given = ['', '.5', '.120', '.1234', '.123456789', '.000000001']
  assert.deepEqual(
    list(
      'text',
      given.map((one) => row('a', `2026-05-03T10:00:00${one}Z`)),
    ).event_timestamps,
    ['', '.500', '.120', '.123400', '.123456', ''].map((one) => `2026-05-03T10:00:00${one}Z`),
  )
  assert.deepEqual(list('text', [row('a', '')]).event_timestamps, ['1970-01-01T00:00:00Z'])
})

test('a float keeps its point, a time is seconds, and what JSON cannot say is null', () => {
  const floats = feastReply({
    keys: [],
    given: [],
    columns: [{ name: 'f', as: 'f', type: 'float', view: 'v' }],
    rows: [10, 0.5, -0, Number.NaN, Infinity, new Numeral('float', '3.0')].map((one) => row(one, '')),
  })
  assert.match(JSON.stringify(floats), /"values":\[10\.0,0\.5,-0\.0,null,null,3\.0\]/)
  assert.deepEqual(floats.results[0]?.statuses.slice(2, 5), ['PRESENT', 'NULL_VALUE', 'NULL_VALUE'])
  assert.deepEqual(
    list('time', [row('2026-12-02T11:00:00.000Z', ''), row('1969-12-31T23:59:59.5Z', ''), row(null, '')]).values,
    [1_796_209_200, -0.5, null],
  )
})

test('long names are those of views as a service calls them', () => {
  const columns = [
    { name: 'late', type: 'float', of: { view: 'origin', feature: 'mean_delay' } },
    { name: 'both', type: 'int', of: { on_demand: 'sum_of_both' } },
  ] as const
  assert.deepEqual(
    feastColumns(columns, true).map(({ as }) => as),
    ['origin__mean_delay', 'sum_of_both'],
  )
  assert.deepEqual(
    feastColumns(columns, false).map(({ as }) => as),
    ['late', 'both'],
  )
  assert.deepEqual(
    feastColumns(columns, true).map(({ view }) => view),
    ['origin', null],
  )
})

test('a wrong push is refused by the field that is wrong', () => {
  const df = { id: [1] }
  for (const [body, field, expected] of [
    [{ df }, 'push_source_name', 'the name of a view'],
    [{ push_source_name: 'v', df, to: 'offline' }, 'to', '"online"'],
    [{ push_source_name: 'v', df, to: 'online_and_offline' }, 'to', '"online"'],
    [{ push_source_name: 'v' }, 'df', 'an object of lists'],
    [{ push_source_name: 'v', df: [{ id: 1 }] }, 'df', 'an object of lists'],
    [{ push_source_name: 'v', df: {} }, 'df', 'at least one row'],
    [{ push_source_name: 'v', df: { id: [] } }, 'df', 'at least one row'],
    [{ push_source_name: 'v', df: { id: [1], a: { 0: 1 } } }, 'df.a', 'a list of values'],
    [{ push_source_name: 'v', df: { id: [1], a: [1, 2] } }, 'df.a', 'as many values as "id" has, 1'],
  ] as const) {
    const message = refusal(() => readFeastPush(body))
    assert.ok(message.startsWith(`${field}: got `) && message.includes(`expected ${expected}`), message)
  }
  assert.match(
    refusal(() => readFeastWrite({ df })),
    /^feature_view_name: got/,
  )
  const many = Array.from({ length: 100_001 }, () => 1)
  assert.match(
    refusal(() => readFeastWrite({ feature_view_name: 'v', df: { id: many } })),
    /100000 rows at most/,
  )
})

const VIEW: View = {
  name: 'v',
  entities: ['e'],
  keys: [{ name: 'id', type: 'int' }],
  origin: null,
  push: true,
  event_time: 'ts',
  created_time: 'known_at',
  ttl_ms: null,
  features: [
    { name: 'n', type: 'int', column: 'n' },
    { name: 'seen', type: 'time', column: 'seen' },
  ],
  windows: [],
}

test("the SDK's names of times become those of the view, in UTC", () => {
  const times = { event_timestamp: '2026-12-02T11:00:00.123456', created: '2026-12-02T12:00:00' }
  const [one] = rowsForView(VIEW, [{ id: 1, n: 5, seen: 1_796_209_200, ...times }])
  assert.deepEqual(one, {
    id: 1,
    n: 5,
    seen: '2026-12-02T11:00:00Z',
    ts: '2026-12-02T11:00:00.123456Z',
    known_at: '2026-12-02T12:00:00Z',
  })
})

test('a time of creation that is null is now, and one that the view has no column for is left out', () => {
  for (const created of [null, 'NaT'])
    assert.deepEqual(rowsForView(VIEW, [{ event_timestamp: '2026-12-02', created }]), [{ ts: '2026-12-02T00:00:00Z' }])
  const without = { ...VIEW, created_time: null }
  assert.deepEqual(rowsForView(without, [{ ts: '2026-12-02T00:00:00Z', created: '2026-12-03' }]), [
    { ts: '2026-12-02T00:00:00Z' },
  ])
})

test('columns that the view has are taken as they are called', () => {
  const given = { id: 1, ts: '2026-12-02T00:00:00+02:00', known_at: '2026-12-02T00:00:00Z', event_timestamp: 'x' }
  assert.deepEqual(rowsForView(VIEW, [given]), [
    { id: 1, ts: '2026-12-02T00:00:00+02:00', known_at: '2026-12-02T00:00:00Z' },
  ])
  const own = { ...VIEW, features: [{ name: 'created', type: 'text', column: 'created' } as const] }
  assert.deepEqual(rowsForView(own, [{ created: 'by hand' }]), [{ created: 'by hand' }])
})

test('times among the features may be seconds with a fraction; what is no time is left for the push to refuse', () => {
  const seen = (value: unknown) => rowsForView(VIEW, [{ seen: value }])[0]?.['seen']
  assert.equal(seen(1_796_209_200.25), '2026-12-02T11:00:00.250000Z')
  assert.equal(seen(-0.5), '1969-12-31T23:59:59.500000Z')
  assert.equal(seen(new Numeral('float', '1796209200.0')), '2026-12-02T11:00:00Z')
  assert.equal(seen('2026-12-02 11:00:00'), '2026-12-02T11:00:00Z')
  assert.equal(seen(null), null)
  assert.equal(seen('soon'), 'soon')
  assert.equal(seen(1e300), 1e300)
})

test('times are read as pandas and Python write them', () => {
  for (const [text, expected] of [
    ['2026-12-02T11:00:00', '2026-12-02T11:00:00Z'],
    ['2026-12-02 11:00:00.5+0200', '2026-12-02T11:00:00.5+02:00'],
    ['2026-12-02 11:00:00.123456789 +02:00', '2026-12-02T11:00:00.123456789+02:00'],
    ['2026-12-02T11:00z', '2026-12-02T11:00:00Z'],
    ['2026-12-02', '2026-12-02T00:00:00Z'],
    ['2024-02-29', '2024-02-29T00:00:00Z'],
    ['2026-02-29', undefined],
    ['2026-12-02T24:01:00', undefined],
    ['2026-13-01', undefined],
    ['02.12.2026', undefined],
    ['2026-12-02T11:00:00+99:00', undefined],
    ['1796209200', undefined],
    ['', undefined],
  ])
    assert.equal(timeText(text ?? ''), expected, text)
})

test('a wrong materialisation is refused by the field that is wrong', () => {
  const times = { start_ts: '2026-01-01', end_ts: '2026-02-01' }
  for (const [body, field] of [
    [{}, 'start_ts'],
    [{ ...times, end_ts: 'soon' }, 'end_ts'],
    [{ start_ts: '2026-02-01', end_ts: '2026-02-01' }, 'start_ts'],
    [{ ...times, feature_views: [] }, 'feature_views'],
    [{ ...times, feature_views: 'v' }, 'feature_views'],
    [{ ...times, version: 'v2' }, 'feature_views'],
    [{ ...times, version: 'v0', feature_views: ['v'] }, 'version'],
    [{ ...times, disable_event_timestamp: 1 }, 'disable_event_timestamp'],
  ] as const)
    assert.ok(refusal(() => readFeastMaterialise(body)).startsWith(`${field}: got `), field)
  assert.match(
    refusal(() => readFeastIncremental({})),
    /^end_ts: got/,
  )
  assert.deepEqual(readFeastMaterialise({ disable_event_timestamp: true, feature_views: ['v'], version: 'v2' }), {
    views: ['v'],
    version: 2,
    until: undefined,
  })
})
