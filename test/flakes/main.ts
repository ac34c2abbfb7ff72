/**
 * Looks for tests that end by luck: runs test files many times beside a load that keeps all cores busy.
 *
 * `npm run flakes -- [PATH PART…] [--times N] [--load N]`; by default all files of the first part of the check, twenty times, beside as many
 * endless loops as there are cores. Exit code 1 when a file failed.
 */
import { delimiter, join } from 'node:path'
import { prepare } from '../check/prepare.ts'
import { createProgress } from '../check/progress.ts'
import { runMain } from '../main.ts'
import { beforeShims } from '../tools.ts'
import { flakesOf, flakesReport } from './flakes.ts'
import { startLoad } from './load.ts'
import { planOf } from './plan.ts'

async function main(): Promise<number> {
  const { root, files, times, loops } = planOf(process.argv.slice(2))
  // as the check has it
  process.env['PATH'] = [join(root, 'node_modules/.bin'), ...beforeShims(), process.env['PATH'] ?? ''].join(delimiter)
  const progress = createProgress(process.stdout)
  const late = await prepare(root, files, progress)
  await late.over
  const stopLoad = startLoad(loops)
  const flakes = await flakesOf(root, files, times, progress)
  await stopLoad()
  console.log(`\n${flakesReport(flakes, files.length, times)}`)
  return flakes.length === 0 ? 0 : 1
}

await runMain('flakes', main)
