/** The table of a reference: a file of Parquet says what the CSV of the same rows says; times in each of their forms; tables that are unfit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { csvTable, referenceTable } from './table.ts'

const INPUTS = ['temp', 'count', 'late', 'carrier', 'day']
const MOMENT = Date.UTC(2013, 0, 1, 5)

type Columns = Parameters<typeof parquetWriteBuffer>[0]['columnData']
const parquet = (columnData: Columns): Uint8Array => new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 2 }))

const columns = (time: string): Columns => [
  { name: 'left_out', data: [[1], [2], [3]], type: 'JSON' },
  { name: time, data: [new Date(MOMENT), new Date(MOMENT + 1), new Date(MOMENT + 3_600_000)], type: 'TIMESTAMP' },
  { name: 'carrier', data: ['UA', null, 'a "b", c'], type: 'STRING' },
  { name: 'temp', data: [39.02, null, Number.NaN], type: 'DOUBLE' },
  { name: 'count', data: [1n, 2n, null], type: 'INT64' },
  { name: 'late', data: [true, false, null], type: 'BOOLEAN' },
  { name: 'day', data: [7, null, 9], type: 'INT32' },
]

const CSV = `event_time,carrier,temp,count,late,day
${MOMENT},UA,39.02,1,true,7
${MOMENT + 1},,,2,false,
${MOMENT + 3_600_000},"a ""b"", c",,,,9
`

for (const time of ['event_time', 'event_timestamp'])
  test(`a file of Parquet with ${time} says what the CSV of its rows says`, async () => {
    const expected = csvTable(Buffer.from(CSV), INPUTS)
    assert.deepEqual(expected.cells[3], ['UA', '', 'a "b", c'])
    assert.deepEqual(await referenceTable(parquet(columns(time)), INPUTS), expected)
  })

test('times among the inputs are texts, as the gateway fills them in', async () => {
  const moments = [new Date(MOMENT), new Date(MOMENT + 1), null]
  const table = parquet([
    { name: 'event_time', data: [new Date(0), new Date(1), new Date(2)], type: 'TIMESTAMP' },
    { name: 'seen', data: moments, type: 'TIMESTAMP' },
  ])
  assert.deepEqual((await referenceTable(table, ['seen'])).cells, [
    ['2013-01-01T05:00:00Z', '2013-01-01T05:00:00.001Z', ''],
  ])
})

test('times are ms since 1970, or texts in UTC where they name no zone', async () => {
  const forms = [MOMENT, `${MOMENT}.0`, '2013-01-01T05:00:00Z', '2013-01-01 05:00:00', '2013-01-01 00:00:00-05:00']
  const table = await referenceTable(Buffer.from(`event_timestamp\n${forms.join('\n')}\n`), [])
  assert.deepEqual(
    [...table.times],
    forms.map(() => MOMENT),
  )
  const texts = parquet([{ name: 'event_time', data: ['2013-01-01T05:00:00Z'], type: 'STRING' }])
  assert.deepEqual([...(await referenceTable(texts, [])).times], [MOMENT])
})

test('event_time counts where both are there', async () => {
  const both = await referenceTable(Buffer.from('event_timestamp,event_time\n1,2\n'), [])
  assert.deepEqual([...both.times], [2])
})

const UNFIT: readonly [what: string, table: Uint8Array, inputs: readonly string[], why: RegExp][] = [
  ['no time', Buffer.from('temp\n1\n'), ['temp'], /the table has no column "event_time"; it has temp/],
  ['no time in Parquet', parquet([{ name: 'temp', data: [1.5], type: 'DOUBLE' }]), ['temp'], /no column "event_time"/],
  ['no input', parquet(columns('event_time')), ['gone'], /the table has no column "gone"; it has left_out, event_time/],
  ['no rows', Buffer.from('event_time,temp\n'), ['temp'], /needs rows with event_time .*; it has no rows/],
  ['a gap', Buffer.from('event_time,a\n1,1\n,1\n'), ['a'], /it has "" in row 2/],
  ['no such day', Buffer.from('event_time,a\n2013-02-30,1\n'), ['a'], /it has "2013-02-30" in row 1/],
  [
    'a list',
    parquet([
      { name: 'event_time', data: [new Date(MOMENT)], type: 'TIMESTAMP' },
      { name: 'tags', data: [['a', 'b']], type: 'JSON' },
    ]),
    ['tags'],
    /the table has lists or groups in its column "tags"/,
  ],
  ['a cut file', parquet(columns('event_time')).subarray(0, 200), INPUTS, /a file of Parquet that cannot be read: /],
]

for (const [what, table, inputs, why] of UNFIT)
  test(`a table is unfit: ${what}`, async () => {
    await assert.rejects(referenceTable(table, inputs), { name: 'Problem', code: 'unprocessable', message: why })
  })
