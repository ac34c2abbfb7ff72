/** Exchanges of Feast 0.67, of plain callers and of its SDK, as they were recorded: what is read of them, and that replies are the same. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FeatureRow } from '../../contract/features/online.ts'
import type { KeyType, ValueType } from '../../contract/features/section.ts'
import { Numeral, parseNumerals } from '../../contract/values/numerals.ts'
import { readFeastIncremental, readFeastMaterialise } from './materialise.ts'
import { readFeastPush, readFeastWrite } from './push.ts'
import { feastReply } from './reply.ts'
import { readFeastRequest } from './request.ts'

interface Exchange {
  readonly of: 'curl' | 'sdk'
  readonly note: string
  readonly path: string
  readonly body: string
  readonly status: number
  readonly reply: string
}

interface Answered {
  readonly metadata: { readonly feature_names: string[]; readonly feature_view_metadata?: { name: string }[] }
  readonly results: { values: unknown[]; statuses: string[]; event_timestamps: string[] }[]
}

const RECORDED = JSON.parse(
  readFileSync(join(import.meta.dirname, 'recorded.fixture.json'), 'utf8'),
) as readonly Exchange[]

/** Of the views that were served while this was recorded; lists, bytes and maps are none of our types. */
const TYPES: Readonly<Record<string, ValueType>> = {
  trips: 'int',
  rate: 'float',
  city: 'text',
  mean_delay: 'float',
  flights: 'int',
  is_closed: 'bool',
  last_flight: 'time',
  note: 'text',
  hours: 'float',
  delay_per_km: 'float',
}
const KEYS: Readonly<Record<string, KeyType>> = {
  driver_id: 'int',
  airport_id: 'text',
  origin_id: 'text',
  destination_id: 'text',
  tail: 'int',
}

const called = (path: string) => RECORDED.filter((one) => one.path === path)
const answered = called('/get-online-features').filter(({ status }) => status === 200)

interface List {
  readonly as: string
  readonly type: ValueType
  readonly values: readonly unknown[]
  readonly statuses: readonly string[]
  readonly event_timestamps: readonly string[]
}

test('replies are those of Feast, but for its order of columns and its nulls that are called present', () => {
  assert.ok(answered.length >= 10)
  for (const { body, reply } of answered) {
    const given = readFeastRequest(parseNumerals(body)).rows
    const { metadata, results } = parseNumerals(reply) as Answered
    const all = metadata.feature_names.map((as, i) => ({ as, ...(results[i] ?? assert.fail(as)) }))
    const keys = all.filter(({ as }) => Object.hasOwn(KEYS, as))
    const lists = all.flatMap((list): List[] => {
      const type = TYPES[list.as.replace(/^.*__/, '')]
      return type === undefined ? [] : [{ ...list, type }]
    })
    const views = metadata.feature_view_metadata?.map(({ name }) => ({ name, version: 1 }))
    const made = feastReply({
      keys: keys.map(({ as }) => ({ name: as, type: KEYS[as] ?? 'text' })),
      given,
      columns: lists.map(({ as, type }) => ({ name: as, as, type, view: as })),
      rows: given.map((_, row) => rowOf(lists, row)),
      ...(views && { views }),
    })
    const expected = {
      results: [...keys, ...lists].map(({ values, statuses, event_timestamps }) => ({
        values,
        statuses: statuses.map((status, i) => (values[i] === null && status === 'PRESENT' ? 'NULL_VALUE' : status)),
        event_timestamps,
      })),
      metadata: {
        feature_names: [...keys, ...lists].map(({ as }) => as),
        ...(views && { feature_view_metadata: views }),
      },
    }
    assert.equal(JSON.stringify(made), JSON.stringify(expected))
  }
})

/** The row that a reader of ours would give, made of the values of a reply of Feast. */
function rowOf(lists: readonly List[], row: number): FeatureRow {
  const [features, missing, events]: [FeatureRow['features'], FeatureRow['missing'], FeatureRow['events']] = [
    {},
    {},
    {},
  ]
  for (const { as, type, values, statuses, event_timestamps: times } of lists) {
    features[as] = ours(values[row], type)
    if (statuses[row] === 'NOT_FOUND') missing[as] = 'not_found'
    else if (values[row] === null) missing[as] = 'null_value'
    const at = times[row] ?? ''
    if (at !== '1970-01-01T00:00:00Z') events[as] = { at, age_ms: 0 }
  }
  return { features, missing, events }
}

/** A value of a reply of Feast as a reader of ours has it. */
function ours(value: unknown, type: ValueType): unknown {
  const number = value instanceof Numeral ? value.text : value
  if (typeof number !== 'number' && !(value instanceof Numeral)) return value
  if (type === 'time') return new Date(Number(number) * 1000).toISOString()
  return type === 'int' ? BigInt(number as string) : Number(number)
}

test('requests are read in the order in which they are written', () => {
  const [first] = answered.filter(({ of }) => of === 'sdk')
  assert.deepEqual(readFeastRequest(parseNumerals(first?.body ?? '')), {
    features: ['mean_delay', 'flights', 'is_closed', 'last_flight', 'recent', 'note'].map(
      (one) => `airport_delays:${one}`,
    ),
    service: undefined,
    rows: [{ airport_id: 'JFK' }, { airport_id: 'nope' }, { airport_id: 'LGA' }],
    full: false,
    versions: false,
  })
  const service = readFeastRequest(parseNumerals(answered.find(({ body }) => body.includes('late_v1'))?.body ?? ''))
  assert.equal(service.service, 'late_v1')
  assert.equal(service.features, undefined)
  assert.equal(service.full, true)
  assert.deepEqual(Object.keys(service.rows[0] ?? {}), [
    'origin_id',
    'destination_id',
    'tail',
    'distance',
    'airport_id',
  ])
})

test('a view without entities is asked for once', () => {
  const asked = called('/get-online-features').find(({ body }) => body.includes('"entities": {}'))
  assert.deepEqual(readFeastRequest(JSON.parse(asked?.body ?? '')).rows, [{}])
})

test('what Feast refuses with a status of 422 is refused by name', () => {
  const [without] = called('/get-online-features').filter(({ status }) => status === 422)
  assert.throws(() => readFeastRequest(JSON.parse(without?.body ?? '')), /entities: got .*expected an object of lists/)
})

test('pushes are read as rows', () => {
  const pushes = called('/push')
  assert.ok(pushes.length >= 3)
  for (const { body, status, note } of pushes) {
    if (status === 200) assert.equal(readFeastPush(JSON.parse(body)).table.count, 1, note)
    else assert.throws(() => readFeastPush(JSON.parse(body)), /(to: got "?nowhere|df: got)/, note)
  }
  for (const { body, status, of } of called('/write-to-online-store')) {
    const { name, table } = readFeastWrite(parseNumerals(body))
    assert.equal(name, of === 'sdk' ? 'airport_delays' : 'driver_stats')
    assert.equal(table.count, of === 'sdk' && status === 200 ? 2 : 1)
  }
})

test('materialisations are read', () => {
  for (const { body, of } of called('/materialize'))
    assert.deepEqual(
      readFeastMaterialise(JSON.parse(body)),
      of === 'sdk'
        ? { views: ['plane_hours'], version: undefined, until: '2026-12-02T00:00:00+00:00' }
        : { views: ['driver_stats'], version: undefined, until: '2024-02-01T00:00:00Z' },
    )
  for (const { body, of } of called('/materialize-incremental'))
    assert.deepEqual(
      readFeastIncremental(JSON.parse(body)),
      of === 'sdk'
        ? { views: ['plane_hours'], version: undefined, until: '2026-12-02T12:00:00+00:00' }
        : { views: undefined, version: undefined, until: '2024-03-01T00:00:00Z' },
    )
})
