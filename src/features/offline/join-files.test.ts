/** The offline join of sources of Parquet, whose values are read after it is known which rows are seen, against looking at every row. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as path } from 'node:path'
import { test } from 'node:test'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { prng } from '../../stats/prng.ts'
import { seenByLooking, type CaseRow } from '../as-of/cases.fixture.ts'
import type { Service, View } from '../definitions/definitions.ts'
import { join } from './join.ts'

const MS = 1_000_000n
const TTL_MS = 40n
const FEATURES = [
  { name: 'count', type: 'int', column: 'count' },
  { name: 'rate', type: 'float', column: 'rate' },
  { name: 'note', type: 'text', column: 'note' },
  // a time may not fit, so that it is read at once
  { name: 'seen', type: 'time', column: 'seen' },
] as const
const VIEW: View = {
  name: 'stats',
  entities: ['customer'],
  keys: [{ name: 'id', type: 'int' }],
  origin: { sources: ['stats'], query: null },
  push: false,
  event_time: 'at',
  created_time: 'known',
  ttl_ms: Number(TTL_MS),
  features: FEATURES,
  windows: [],
}
const SERVICE: Service = {
  name: 'all',
  views: [{ name: 'stats', view: 'stats', version: 1, keys: ['id'] }],
  columns: FEATURES.map(({ name, type }) => ({ name, type, of: { view: 'stats', feature: name } })),
  on_demand: [],
  on_expired: 'null',
}

/** So many that a file has several groups of rows, and threads share them. */
const ROWS = 3000
const REQUESTS = 250

interface Drawn {
  readonly keys: number
  /** A further column of the files. */
  readonly more?: string
}

const nanosecond = (n: bigint): string => `make_timestamp_ns(${n})`
const key = (n: number | null): string => (n === null ? 'NULL' : String(n))

/** Two files in which many rows collide: what tells them apart then is their order, from the first file on. */
async function writeFiles(duck: DuckDBConnection, folder: string, { keys, more = '' }: Drawn) {
  const random = prng(keys)
  const moment = (): bigint => BigInt(random.below(100)) * MS
  const rows = Array.from({ length: 2 * ROWS }, (_, i): CaseRow => {
    const event = moment()
    return {
      key: random.below(20) === 0 ? null : random.below(keys),
      event,
      created: event + BigInt(random.below(3)) * MS,
      arrival: BigInt(i),
    }
  })
  const texts = rows.map(({ key: id, event, created, arrival }) =>
    [
      key(id),
      nanosecond(event),
      nanosecond(created),
      arrival % 5n === 0n ? 'NULL' : String(arrival),
      `${arrival} / 2`,
      `'n${arrival}'`,
      nanosecond(arrival),
    ].join(', '),
  )
  for (const [i, name] of ['b', 'a'].entries()) {
    const values = texts.slice(i * ROWS, (i + 1) * ROWS).map((text) => `(${text})`)
    await duck.run(`COPY (
      SELECT id::BIGINT AS id, "at", known, "count"::BIGINT AS "count", rate::DOUBLE AS rate, note, seen${more}
      FROM (VALUES ${values.join(', ')}) AS t(id, "at", known, "count", rate, note, seen)
    ) TO '${folder}/${name}.parquet' (FORMAT parquet, ROW_GROUP_SIZE 2048)`)
  }
  const requests = Array.from({ length: REQUESTS }, () => ({
    key: random.below(15) === 0 ? null : random.below(keys + 2),
    at: moment(),
  }))
  const asked = requests.map(({ key: id, at }) => `(${key(id)}, ${nanosecond(at)})`)
  await duck.run(
    `COPY (SELECT id::BIGINT AS id, time FROM (VALUES ${asked.join(', ')}) AS t(id, time)) TO '${folder}/requests.parquet'`,
  )
  return { rows, requests }
}

async function withDuck(work: (duck: DuckDBConnection, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path(tmpdir(), 'slipway-join-files-'))
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const duck = await instance.connect()
  try {
    await duck.run(`SET TimeZone = 'UTC'`)
    await work(duck, folder)
  } finally {
    duck.closeSync()
    instance.closeSync()
    rmSync(folder, { recursive: true, force: true })
  }
}

function joinIn(duck: DuckDBConnection, folder: string) {
  const files = (...names: string[]) => ({
    paths: names.map((name) => `${folder}/${name}.parquet`),
    format: 'parquet' as const,
  })
  return join(duck, {
    entities: files('requests'),
    time: 'time',
    service: SERVICE,
    views: { stats: VIEW },
    sources: { stats: files('b', 'a') },
    include_late_data: false,
    into: `${folder}/out.parquet`,
  })
}

const cases: readonly (readonly [string, Drawn])[] = [
  ['many entities', { keys: 400 }],
  ['one entity, of which every request meets all rows', { keys: 1 }],
  ['columns that are called like the places of rows', { keys: 50, more: ', 7 AS file_index, 8 AS File_Row_Number' }],
]
for (const [name, drawn] of cases)
  test(`of several files each row gets the last of what was known: ${name}`, () =>
    withDuck(async (duck, folder) => {
      const { rows, requests } = await writeFiles(duck, folder, drawn)
      const result = await joinIn(duck, folder)
      const expected = requests.map((request) =>
        seenByLooking({ rows, requests: [], rules: { ttl: TTL_MS * MS, includeLateData: false } }, request),
      )
      const found = await duck.runAndReadAll(
        `SELECT "count", rate, note, epoch_ns(seen) FROM '${folder}/out.parquet' ORDER BY file_row_number`,
      )
      assert.deepEqual(
        found.getRows(),
        expected.map(({ status, row }) => {
          if (status !== 'live' || row === undefined) return [null, null, null, null]
          const n = row.arrival
          return [n % 5n === 0n ? null : n, Number(n) / 2, `n${n}`, n]
        }),
      )
      const counts: Record<string, number> = {}
      for (const { status, row } of expected) {
        const one = status !== 'live' ? status : (row?.arrival ?? 0n) % 5n === 0n ? 'null_value' : 'present'
        counts[one] = (counts[one] ?? 0) + 1
      }
      assert.deepEqual({ ...result.columns[0]?.statuses }, counts)
      // else nothing was tried
      assert.ok((counts['present'] ?? 0) > 20 && (counts['null_value'] ?? 0) > 0 && (counts['not_found'] ?? 0) > 0)
    }))

test('a value that does not fit is told where no row of the request sees it, too', () =>
  withDuck(async (duck, folder) => {
    const rows = `SELECT 1::BIGINT AS id, ${nanosecond(1n)} AS "at", ${nanosecond(1n)} AS known, 0.5::DOUBLE AS rate, '' AS note, ${nanosecond(1n)} AS seen`
    await duck.run(`COPY (SELECT * , 1.5::DOUBLE AS count FROM (${rows})) TO '${folder}/b.parquet'`)
    await duck.run(`COPY (SELECT *, 2::DOUBLE AS count FROM (${rows})) TO '${folder}/a.parquet'`)
    await duck.run(`COPY (SELECT 1::BIGINT AS id, ${nanosecond(5n)} AS time) TO '${folder}/requests.parquet'`)
    await assert.rejects(joinIn(duck, folder), /column "count" has 1\.5, and a whole number of 64 bits was expected/)
  }))
