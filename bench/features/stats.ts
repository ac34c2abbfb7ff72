/** What both are measured with: a million rows of ten features of 100,000 customers over thirty days, and requests at moments among them. */
import { DuckDBInstance } from '@duckdb/node-api'
import type { Service, View } from '../../src/features/definitions/definitions.ts'

export const CUSTOMERS = 100_000
export const NAMES: readonly string[] = Array.from({ length: 10 }, (_, i) => `f${i}`)

export const VIEW: View = {
  name: 'stats',
  entities: ['customer'],
  keys: [{ name: 'customer_id', type: 'int' }],
  origin: { sources: ['stats'], query: null },
  push: false,
  event_time: 'event_timestamp',
  created_time: 'created',
  ttl_ms: 10 * 86_400_000,
  features: NAMES.map((name) => ({ name, type: 'float', column: name })),
  windows: [],
}

export const SERVICE: Service = {
  name: 'all',
  views: [{ name: 'stats', view: 'stats', version: 1, keys: ['customer_id'] }],
  columns: NAMES.map((name) => ({ name, type: 'float', of: { view: 'stats', feature: name } })),
  on_demand: [],
  on_expired: 'null',
}

/** SQL of a number below `most` that looks like chance, by a number and a salt. */
const random = (of: string, salt: number, most: number): string =>
  `((${of} * 2654435761 + ${salt} * 40503) % 4294967291 * 48271 % 2147483647 % ${most})`

const moment = (salt: number): string =>
  `TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(${random('i', salt, 30 * 86_400)})`

/** Rows and requests, by numbers that are the same on each machine: one request in eleven is of a customer that has no row. */
export async function writeStats(
  folder: string,
  { rows, requests }: { rows: number; requests: number },
): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const duck = await instance.connect()
  try {
    await duck.run(`
COPY (
  SELECT customer_id, event_timestamp, event_timestamp + to_seconds(${random('i', 5, 3600)}) AS created, ${NAMES.join(', ')}
  FROM (SELECT i, ${random('i', 1, CUSTOMERS)} AS customer_id, ${moment(2)} AS event_timestamp,
    ${NAMES.map((name, k) => `${random('i', 10 + k, 1_000_000)} / 1000.0::DOUBLE AS ${name}`).join(', ')}
    FROM range(${rows}) AS t(i))
) TO '${folder}/stats.parquet' (FORMAT parquet)`)
    await duck.run(`
COPY (
  SELECT ${random('i', 3, CUSTOMERS + CUSTOMERS / 10)} AS customer_id, ${moment(4)} AS event_timestamp, i % 2 AS label
  FROM range(${requests}) AS t(i)
) TO '${folder}/requests.parquet' (FORMAT parquet)`)
  } finally {
    duck.closeSync()
    instance.closeSync()
  }
}
