/** Many entities are handed over in few parts, and the last row of each is there. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import type { View } from '../definitions/definitions.ts'
import type { SourceRow } from '../online/source-rows.ts'
import { materialise } from './materialise.ts'

const ENTITIES = 5000
const VIEW: View = {
  name: 'stats',
  entities: ['customer'],
  keys: [{ name: 'id', type: 'int' }],
  origin: { sources: ['stats'], query: null },
  push: false,
  event_time: 'at',
  created_time: null,
  ttl_ms: null,
  features: [{ name: 'n', type: 'int', column: 'n' }],
  windows: [],
}

test('rows of a large view are handed over by thousands, from two files in their order', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-materialise-'))
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const duck = await instance.connect()
  try {
    // three rows of one moment for each entity: two in the first file, one in the second, which is the last
    const paths = ['b', 'a'].map((name) => join(folder, `${name}.parquet`))
    for (const [i, path] of paths.entries())
      await duck.run(`COPY (SELECT (range * 7) % ${ENTITIES} AS id, TIMESTAMP '2026-01-01' AS "at", range + ${i} AS n
        FROM range(${ENTITIES * (2 - i)})) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`)
    const parts: (readonly SourceRow[])[] = []
    const { rows } = await materialise(duck, {
      view: VIEW,
      sources: { stats: { paths, format: 'parquet' } },
      until: BigInt(Date.UTC(2026, 1, 1)) * 1_000_000n,
      take: (found) => void ('rows' in found && parts.push(found.rows)),
    })
    assert.equal(rows, ENTITIES)
    const found = new Map(parts.flat().map(({ entity, values }) => [entity, values[0]]))
    const expected = Array.from({ length: ENTITIES }, (_, k) => [String((k * 7) % ENTITIES), k + 1] as const)
    assert.deepEqual(found, new Map(expected))
    assert.equal(parts.flat().length, ENTITIES)
    for (const part of parts.slice(0, -1)) assert.ok(part.length >= 2000, String(part.length))
  } finally {
    duck.closeSync()
    instance.closeSync()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a text that no read should bring ends it, by the name of its feature', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-materialise-'))
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const duck = await instance.connect()
  try {
    const path = join(folder, 'long.parquet')
    const row = `SELECT 1::BIGINT AS id, TIMESTAMP '2026-01-01' AS "at", repeat('x', 65537) AS n`
    await duck.run(`COPY (${row}) TO '${path}' (FORMAT parquet)`)
    const made = materialise(duck, {
      view: { ...VIEW, features: [{ name: 'note', type: 'text', column: 'n' }] },
      sources: { stats: { paths: [path], format: 'parquet' } },
      until: BigInt(Date.UTC(2026, 1, 1)) * 1_000_000n,
      take: () => undefined,
    })
    await assert.rejects(made, /"note" has a text of 65537 characters in a row, and at most 65536 were expected/)
  } finally {
    duck.closeSync()
    instance.closeSync()
    rmSync(folder, { recursive: true, force: true })
  }
})
