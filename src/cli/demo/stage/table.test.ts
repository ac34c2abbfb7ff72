/** The table of flights: rows by time, values as they were written, changes of unit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { celsius, flightTable, kilometres } from './table.ts'

const CSV = `id,event_time,label_time,y,distance,temp,dewp,carrier,origin,dest,month,dep_delay
c,3000,9000,1,500,,41,UA,EWR,IAH,1,12
a,1000,4000,0,733.5,39.02,28.04,9E,JFK,MIA,1,
b,2000,5000,0,1400,50,32,AA,LGA,ORD,1,-3
`

test('rows come in time order, from the first moment to before the last', () => {
  const table = flightTable(CSV)
  const ids = (from: number, until: number) => Array.from(table.between(from, until), (one) => one.id)
  assert.deepEqual(ids(0, Infinity), ['a', 'b', 'c'])
  assert.deepEqual(ids(1000, 3000), ['a', 'b'])
  assert.deepEqual(ids(1001, 2001), ['b'])
  assert.deepEqual(ids(3001, 9999), [])
})

test('numbers, codes and missing values are what the columns say; what is known later is no input', () => {
  const [first, , last] = [...flightTable(CSV).between(0, 4000)]
  assert.deepEqual(first, {
    id: 'a',
    event_time: 1000,
    label_time: 4000,
    y: 0,
    inputs: { distance: 733.5, temp: 39.02, dewp: 28.04, carrier: '9E', origin: 'JFK', dest: 'MIA' },
  })
  assert.equal(last?.inputs['temp'], null)
})

test('a change of unit changes its columns only, and leaves what is missing missing', () => {
  const [, warm, missing] = [...flightTable(CSV).between(0, 4000)]
  assert.deepEqual(celsius(warm?.inputs ?? {}), { ...warm?.inputs, temp: 10, dewp: 0 })
  assert.equal(celsius(missing?.inputs ?? {})['temp'], null)
  assert.deepEqual(kilometres(missing?.inputs ?? {}), { ...missing?.inputs, distance: 500 * 1.609344 })
})

test('a table without times is refused with its columns', () => {
  assert.throws(() => flightTable('id,y\n1,0\n'), /no column event_time; its columns are id,y/)
})
