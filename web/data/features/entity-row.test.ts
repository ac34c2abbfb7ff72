/** What is typed for a look-up, the row that is asked for, and what came back by view. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNumerals } from '../../../src/contract/values/numerals.ts'
import { askedOf, faultOf, fieldsOf, rowOf, seenOf, valueText } from './entity-row.ts'
import type { EntityField } from './entity-row.ts'

const VIEWS = [
  { name: 'trips', keys: [{ name: 'customer_id', type: 'int' as const }] },
  { name: 'weather', keys: [{ name: 'airport', type: 'text' as const }] },
]
const SERVICE = {
  name: 'no_show',
  version: 2,
  views: [
    { name: 'trips', view: 'trips', version: 1, keys: ['customer_id'] },
    { name: 'origin', view: 'weather', version: 1, keys: ['origin'] },
    { name: 'target', view: 'weather', version: 1, keys: ['target'] },
  ],
  fields: [
    { name: 'fare', type: 'float' as const },
    { name: 'origin', type: 'text' as const },
  ],
}

test('a service asks for the keys of its views under its own names, each once, then for the fields of a request', () => {
  assert.deepEqual(fieldsOf(SERVICE, VIEWS), [
    { name: 'customer_id', type: 'int', kind: 'key' },
    { name: 'origin', type: 'text', kind: 'key' },
    { name: 'target', type: 'text', kind: 'key' },
    { name: 'fare', type: 'float', kind: 'field' },
  ])
  const changed = [{ name: 'trips', keys: [...(VIEWS[0]?.keys ?? []), { name: 'leg', type: 'int' as const }] }]
  assert.deepEqual(
    fieldsOf(SERVICE, changed).map(({ type }) => type),
    [undefined, undefined, undefined, 'float'],
    'of a view that has other keys now no type is known',
  )
})

const field = (type: EntityField['type'], kind: EntityField['kind'] = 'key'): EntityField => ({ name: 'x', type, kind })

test('what cannot be read is told by what was expected', () => {
  const faults: readonly (readonly [EntityField['type'], string, string | undefined])[] = [
    ['int', '9223372036854775807', undefined],
    ['int', '9223372036854775808', 'a whole number of 64 bits'],
    ['int', '-9223372036854775808', undefined],
    ['int', '-9223372036854775809', 'a whole number of 64 bits'],
    ['int', '1.0', 'a whole number of 64 bits'],
    ['float', '1e3', undefined],
    ['float', 'NaN', 'a number'],
    ['bool', 'yes', 'true or false'],
    ['bool', 'false', undefined],
    ['time', 'monday', 'a time, for example 2026-05-03T10:00:00Z'],
    ['text', '42', undefined],
    [undefined, 'anything', undefined],
    ['text', '', 'a key is needed'],
  ]
  assert.deepEqual(
    faults.map(([type, text]) => faultOf(field(type), text)),
    faults.map(([, , expected]) => expected),
  )
  assert.equal(faultOf(field('float', 'field'), ''), undefined, 'a field may be null')
})

test('a row keeps all digits, and what is empty is null', () => {
  const fields: EntityField[] = [
    { name: 'id', type: 'int', kind: 'key' },
    { name: 'plain', type: 'int', kind: 'key' },
    { name: 'unknown', type: undefined, kind: 'key' },
    { name: 'code', type: 'text', kind: 'key' },
    { name: 'fare', type: 'float', kind: 'field' },
    { name: 'staff', type: 'bool', kind: 'field' },
    { name: 'left', type: 'text', kind: 'field' },
  ]
  const texts = { id: ' 9007199254740993 ', plain: '+007', unknown: '12', code: '0042', fare: '2', staff: 'false' }
  assert.equal(
    JSON.stringify(rowOf(fields, texts)),
    '{"id":9007199254740993,"plain":7,"unknown":12,"code":"0042","fare":2,"staff":false,"left":null}',
  )
})

test('nothing is asked until each key has its text; the newest version is not named', () => {
  const fields = fieldsOf(SERVICE, VIEWS)
  const ask = (texts: Record<string, string>, isNewest = true) =>
    JSON.stringify(askedOf({ project: 'flights', service: SERVICE, isNewest, fields, texts }))
  assert.equal(ask({ customer_id: '7', origin: 'JFK' }), undefined)
  const texts = { customer_id: '7', origin: 'JFK', target: 'EWR', fare: 'dear' }
  assert.equal(ask(texts), undefined)
  assert.equal(
    ask({ ...texts, fare: '' }),
    '{"project":"flights","service":"no_show","entities":[{"customer_id":7,"origin":"JFK","target":"EWR","fare":null}]}',
  )
  assert.match(ask({ ...texts, fare: '' }, false), /"service":"no_show","version":2,/)
})

test('values are shown with their digits', () => {
  const [whole, float, text, none] = parseNumerals('[9007199254740993, 3.0, "3", null]') as unknown[]
  assert.deepEqual([whole, float, text, none, true].map(valueText), ['9007199254740993', '3.0', '3', null, 'true'])
})

test('what was read stands by view, with a status for each column; what is on demand comes last', () => {
  const columns = [
    { name: 'share', type: 'float' as const, of: 'on_demand:share' },
    { name: 'wind', type: 'float' as const, of: 'origin:wind_kt' },
    { name: 'tier', type: 'text' as const, of: 'trips:tier' },
    { name: 'old', type: 'int' as const, of: 'trips:old' },
  ]
  const view = (name: string, of: string) => ({ name, view: of, version: 1, stored: true, horizon: null })
  const views = [view('trips', 'trips'), view('origin', 'weather'), view('inner', 'inner')]
  const seen = seenOf(columns, views, {
    features: { share: 0.5, wind: null, tier: 'gold', old: 3 },
    missing: { wind: 'not_found', old: 'expired' },
    events: { trips: { at: '2026-05-03T10:00:00Z', age_ms: 60_000 } },
  })
  assert.deepEqual(
    seen.map((group) => [
      group.view?.name ?? null,
      group.event?.age_ms ?? null,
      group.columns.map(({ name, feature, value, status }) => [name, feature, value, status]),
    ]),
    [
      [
        'trips',
        60_000,
        [
          ['tier', 'tier', 'gold', 'present'],
          ['old', 'old', '3', 'expired'],
        ],
      ],
      ['origin', null, [['wind', 'wind_kt', null, 'not_found']]],
      ['inner', null, []],
      [null, null, [['share', 'share', '0.5', 'present']]],
    ],
  )
})
