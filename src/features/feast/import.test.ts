/** Two Feast repositories as Feast 0.67 read them, the one that `feast init` makes and a richer one, as sections of a project file. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import { FeaturesSection } from '../../contract/features/section.ts'
import { Source } from '../../pipelines/spec/external/source.ts'
import { readSection } from '../definitions/read.ts'
import { importRepository, importText } from './import.ts'
import { FeastRepository } from './repository.ts'

const repositoryOf = (name: string): FeastRepository =>
  FeastRepository.parse(JSON.parse(readFileSync(join(import.meta.dirname, `${name}.fixture.json`), 'utf8')))

/** What the written text means, read as a project file is. */
function readBack(repository: FeastRepository) {
  const imported = importRepository(repository)
  const { sources, features } = z
    .object({ sources: z.record(z.string(), Source), features: FeaturesSection })
    .parse(parse(importText(imported, 'somewhere')))
  const { definitions, faults } = readSection(features, { sources: Object.keys(sources) })
  assert.deepEqual(faults, [])
  const left = imported.left.map(({ what, why }) => `${what}: ${why}`)
  return { sources, ...definitions, left }
}

const RICH = repositoryOf('rich')
const rich = readBack(RICH)
const told = (text: string, left: readonly string[] = rich.left): void =>
  assert.ok(
    left.some((line) => line.includes(text)),
    `${text} is not among\n${left.join('\n')}`,
  )

test('what was imported is a section without a fault', () => {
  const template = readBack(repositoryOf('template'))
  assert.deepEqual([...template.views.keys()], ['driver_hourly_stats_fresh', 'driver_hourly_stats'])
  assert.deepEqual([...template.services.keys()], ['driver_activity_v1', 'driver_activity_v2', 'driver_activity_v3'])
  // the type of its key is declared nowhere, and is that of the column
  assert.deepEqual(template.entities.get('driver')?.keys, [{ name: 'driver_id', type: 'int' }])
  told('label view driver_quality_labels', template.left)
  told('source driver_quality_labels_batch: no view', template.left)
  told('driver_hourly_stats:driver_profile: its type is Struct', template.left)
})

test('keys and their types', () => {
  assert.deepEqual(
    [...rich.entities.values()].map(({ name, keys }) => [name, keys[0]?.name, keys[0]?.type]),
    [
      ['airport', 'airport_id', 'text'],
      ['plane', 'tail', 'int'],
      ['untyped', 'airport_id', 'text'],
    ],
  )
  told('entity badge: its key "badge_id" is BYTES')
  told('view badges: its entity badge')
  told('entity airport: its owner and tags')
})

test('views have the types, times and times to live that they had', () => {
  const view = rich.views.get('airport_delays') ?? assert.fail()
  assert.deepEqual(
    view.features.map(({ name, type }) => [name, type]),
    [
      ['mean_delay', 'float'],
      ['flights', 'int'],
      ['is_closed', 'bool'],
      ['last_flight', 'time'],
      ['note', 'text'],
    ],
  )
  assert.deepEqual(
    [view.event_time, view.created_time, view.ttl_ms, view.push, view.origin?.sources],
    ['event_timestamp', 'created', 172_800_000, true, ['delays']],
  )
  // a time to live of zero and none at all mean the same to Feast
  assert.equal(rich.views.get('plane_hours')?.ttl_ms, null)
  assert.equal(rich.views.get('bought')?.ttl_ms, null)
  assert.equal(rich.views.get('inferred')?.ttl_ms, 5_400_000)
  assert.deepEqual(rich.views.get('everywhere')?.keys, [])
  told('airport_delays:recent: its type is Array(Float64)')
  told('airport_delays:note: its tags')
})

test('a view without a schema has the columns of its files that are neither keys nor times', () => {
  assert.deepEqual(
    rich.views.get('inferred')?.features.map(({ name }) => name),
    ['mean_delay', 'flights', 'is_closed', 'last_flight', 'note'],
  )
})

test('other names in the source: a feature has its column, and a key is given its name by a query', () => {
  const view = rich.views.get('plane_hours') ?? assert.fail()
  assert.deepEqual(view.features, [{ name: 'hours', type: 'float', column: 'hrs' }])
  assert.deepEqual(view.origin, { sources: ['mapped'], query: 'SELECT *, "TAIL_NO" AS "tail" FROM "mapped"' })
})

test('pushes, streams and warehouses', () => {
  told(
    'view airport_delays: what was pushed to delays_push is pushed to the view itself, by its name, "airport_delays"',
  )
  told('view stream_delays: stream is a KafkaSource, which nothing here reads')
  told('view plane_age: its source warehouse was not carried over: it is a SnowflakeSource')
  told('source orders: declare the secret FEAST_DATABASE')
  assert.deepEqual(Object.keys(rich.sources), ['delays', 'orders', 'in_s3', 'mapped'])
  assert.equal(rich.sources['orders']?.sql?.query, 'SELECT * FROM orders')
  assert.deepEqual(
    [rich.sources['in_s3']?.s3?.url, rich.sources['in_s3']?.s3?.endpoint],
    ['s3://lake/flights/', 'http://minio:9000'],
  )
  assert.equal(rich.sources['delays']?.file, '/srv/rich/data/delays.parquet')
})

test('a pushed view whose source is in a warehouse is only pushed', () => {
  const sources = RICH.sources.map((one) => (one.name === 'delays' ? { ...one, kind: 'BigQuerySource' } : one))
  const { views, left } = readBack({ ...RICH, sources })
  assert.deepEqual(
    [views.get('airport_delays')?.origin, views.get('airport_delays')?.event_time, views.has('everywhere')],
    [null, 'event_timestamp', false],
  )
  told('view airport_delays: its source delays was not carried over: it is a BigQuerySource', left)
})

test('services take the same features, under the same names and keys', () => {
  const { views, columns } = rich.services.get('late_v1') ?? assert.fail()
  assert.deepEqual(
    views.map(({ name, view, keys }) => [name, view, keys]),
    [
      ['origin', 'airport_delays', ['origin_id']],
      ['destination', 'airport_delays', ['destination_id']],
      ['plane_hours', 'plane_hours', ['tail']],
    ],
  )
  assert.deepEqual(
    columns.map(({ name }) => name),
    ['origin__mean_delay', 'origin__flights', 'destination__mean_delay', 'plane_hours__hours'],
  )
  assert.deepEqual(
    rich.services.get('small')?.columns.map(({ name }) => name),
    ['note', 'hours'],
  )
  told('service late_v1: it is without per_distance')
  told('service late_v1: two of its features have one name')
  told('service small: it is without airport_delays:recent')
})

test('a part of a view stays that part', () => {
  const { features } = importRepository(RICH)
  assert.deepEqual(features.services['small']?.['features'], ['airport_delays:note', 'plane_hours:hours'])
})

test('a function of Python is told with what it reads', () => {
  told(
    'on-demand view per_distance: a function of Python (pandas) makes delay_per_km from airport_delays, request asked',
  )
})

test('what cannot be named, found or dated is told, and nothing that needs it is written', () => {
  const broken: FeastRepository = {
    ...RICH,
    entities: RICH.entities.map((one) => (one.name === 'untyped' ? { ...one, key: 'nowhere' } : one)),
    views: RICH.views.map((one) => {
      if (one.name === 'everywhere') return { ...one, name: 'every-where' }
      if (one.name === 'lake') return { ...one, computed: true }
      if (one.name === 'airport_delays') return { ...one, features: one.features.slice(4, 5) }
      return one
    }),
    sources: RICH.sources.map((one) => (one.name === 'mapped' ? { ...one, event_time: '', columns: null } : one)),
  }
  const { views, services, left } = readBack(broken)
  assert.deepEqual([...views.keys()], ['bought', 'stream_delays'])
  assert.deepEqual([...services.keys()], [])
  told('entity untyped: it declares no value_type, and no file says what "nowhere" is', left)
  told('view every-where: its name is "every-where", and names here are letters', left)
  told('view lake: its rows are made by Python or by aggregations', left)
  told('view airport_delays: none of its features was carried over', left)
  told('view plane_hours: its source mapped declares no timestamp_field', left)
  told('service small: none of its features was carried over', left)
})

test('sources that nothing here can read are told with what they are', () => {
  for (const [change, why] of [
    [{ path: 'gs://bucket/x.parquet' }, 'it lies in gs://, which is not reached from here'],
    [{ path: '/srv/data/*.parquet' }, 'is a pattern'],
    [{ format: 'DeltaFormat' }, 'its format is DeltaFormat'],
    [{ path: 's3://A/x' }, 's3.url: s3://BUCKET/KEY'],
    [{ path: null }, 'it names no path'],
  ] as const) {
    const sources = RICH.sources.map((one) => (one.name === 'delays' ? { ...one, ...change } : one))
    told(`source delays: `, readBack({ ...RICH, sources }).left)
    told(why, readBack({ ...RICH, sources }).left)
  }
})
