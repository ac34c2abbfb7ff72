/** A control process for crash tests: opens a room in a data folder, starts one run if told to, and goes on until it is killed. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openBench } from './bench.fixture.ts'

const [dataDir = ''] = process.argv.slice(2)
const bench = await openBench(dataDir)
const idFile = join(dataDir, 'run-id')
if (!existsSync(idFile)) {
  const files = JSON.parse(readFileSync(join(dataDir, 'files.json'), 'utf8')) as Record<string, string>
  writeFileSync(idFile, await bench.begin(files))
}
const run = await bench.end(readFileSync(idFile, 'utf8'))
writeFileSync(join(dataDir, 'ended.json'), JSON.stringify(run))
await bench.close()
