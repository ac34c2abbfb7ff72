/**
 * Runs test files in this process, one after the other, each as a suite in a test of its name: what stands outside of suites in a file (`before`,
 * `beforeEach`, `after`) is for its own tests. Writes to a file what each has cost.
 *
 * `node test/check/shared-process.ts COSTS.json FILE…`
 */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { after, describe, test } from 'node:test'
import { cpuSeconds } from './cpu.ts'
import type { Cost } from './tap.ts'

const [output = '', ...files] = process.argv.slice(2)
const costs: Record<string, Cost> = {}
// each fixture clears away at the end
process.setMaxListeners(0)
process.once('exit', () => writeFileSync(output, JSON.stringify(costs)))

// tests belong to the suite in which they are called, which is forgotten once anything was awaited, as by `import()`
const load = createRequire(import.meta.url)

/** Each test of a file has its limit; the file itself has none here, or it would be named in place of the test that hangs. */
const NO_LIMIT = { timeout: 2 ** 31 - 1 }

// the test waits until the files before have ended, for a file may ask for the time as it is loaded; the suite waits for the whole file,
// as a process of its own does, before its first test begins
for (const file of files)
  test(file, NO_LIMIT, () => {
    describe('all', () => {
      const [at, cpu] = [performance.now(), cpuSeconds()]
      load(resolve(file))
      after(() => {
        costs[file] = { seconds: (performance.now() - at) / 1000, cpu: cpuSeconds() - cpu }
      })
    })
  })
