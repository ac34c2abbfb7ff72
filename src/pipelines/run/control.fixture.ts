/** A control process for crash tests: opens a room with real tracking in a data folder, starts one run if told to, and goes on until it is killed. */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Store } from '../../store/open.ts'
import { openBench } from '../bench.fixture.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import { stepTracking } from '../step-tracking.ts'

const [dataDir = '', databaseUrl] = process.argv.slice(2)
/** A database of which sources are queries. */
const { SLIPWAY_TEST_QUERIED: queried } = process.env
const allow = queried === undefined ? [] : [new URL(queried).host]
const changes = ({ db, blobs }: Store): Partial<PipelinesDeps> => ({
  tracking: stepTracking({
    db,
    blobs,
    clock: Date.now,
    random: randomBytes,
    record: () => Promise.resolve(),
  }),
  sources: { folders: [join(dataDir, '../sources')], hidden: [dataDir], allow, index: 'http://127.0.0.1:9' },
  ...(queried !== undefined && { secret: () => Promise.resolve(queried) }),
})
const bench = await openBench(dataDir, changes, databaseUrl)
const idFile = join(dataDir, 'run-id')
if (!existsSync(idFile)) {
  const files = JSON.parse(readFileSync(join(dataDir, 'files.json'), 'utf8')) as Record<string, string>
  writeFileSync(idFile, await bench.begin(files))
}
const run = await bench.end(readFileSync(idFile, 'utf8'))
const tracked = await bench.store.db.all('SELECT run_id, status FROM runs ORDER BY start_time')
writeFileSync(join(dataDir, 'ended.json'), JSON.stringify({ run, tracked }))
await bench.close()
