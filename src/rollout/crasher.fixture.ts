/** A control process for the crash tests: leads version 2 of a model into use by traffic of its own, until it is killed by its fault point or done. */
import { appendFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Ingest } from '../serving/records/ingest.ts'
import { openSqlite } from '../store/sqlite/sqlite.ts'
import { SegmentWriter } from '../store/segments/segments.ts'
import { newest, openRolloutBench, round, ticking, traffic } from './bench.fixture.ts'

const [dataDir = ''] = process.argv.slice(2)
const db = openSqlite(join(dataDir, 'slipway.db'))
const bench = openRolloutBench(db, dataDir, ticking(Date.now()))
const log = join(dataDir, 'log')
const ingest = new Ingest({
  db,
  folder: log,
  clock: Date.now,
  hooks: bench.hooks,
  onIngested: () => undefined,
  onError: fail,
  chunkBytes: 8192,
})

await ingest.drain()
await round(bench)
while ((await newest(db, 'crash')).version !== '2' || (await newest(db, 'crash')).finished_at === null) {
  // another seed is another set of ids, also after a process that was killed
  const seeds = join(dataDir, 'seeds')
  appendFileSync(seeds, 'x')
  const { records } = await traffic(db, 'crash', { rows: 50, seed: statSync(seeds).size })
  const writer = new SegmentWriter(log, { maxBytes: 65_536 })
  for (const record of records) writer.append(JSON.stringify(record))
  await writer.close()
  await ingest.drain()
  await round(bench)
}
bench.errors.forEach(fail)
await db.close()

function fail(error: unknown): void {
  throw error
}
