/**
 * The pages as the bundler makes them now: built once by the check for all its files, or by a test file for itself.
 *
 * covers: web/
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

/** A fresh folder that goes with this process. */
function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-web-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'web')
}

/** Names the folder of pages that the check has built for all its files. */
const SHARED = 'SLIPWAY_TEST_PAGES'

/** The folder of the pages as they are now, which nobody may change: the one that the check has built, else a fresh one. */
export function buildPages(): string {
  const shared = process.env[SHARED]
  return shared ?? buildInto(freshFolder())
}

/** Builds the pages once, for test processes that have these variables. Throws with what the bundler said. */
export function sharePages(): Readonly<Record<string, string>> {
  return { [SHARED]: buildInto(freshFolder()) }
}

function buildInto(folder: string): string {
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const built = spawnSync(process.execPath, [vite, 'build', 'web', '--outDir', folder, '--emptyOutDir'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 120_000,
  })
  if (built.status !== 0) throw new Error(`the pages could not be built:\n${built.stdout}\n${built.stderr}`)
  return folder
}
