/** Projects of one test file, each in a folder of its own below `root`, and `slipway validate` on them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { writeFiles } from '../../../test/fixtures/project-server.ts'
import { runCommand, type Said } from '../run-command.fixture.ts'

export interface Projects {
  readonly root: string
  /** Writes one; gives its folder. */
  readonly project: (files: Readonly<Record<string, string | Buffer>>) => string
  readonly validate: (...words: readonly string[]) => Promise<Said>
}

/** Called at the top of a file, whose last test it outlives. */
export function projectsOf(name: string): Projects {
  const root = mkdtempSync(join(tmpdir(), `slipway-${name}-`))
  after(() => rmSync(root, { recursive: true, force: true }))
  let made = 0
  return {
    root,
    project: (files) => writeFiles(join(root, `project-${++made}`), files),
    validate: (...words) => runCommand(root, 'validate', ...words),
  }
}

/** Until the end of a test, code that writes a pipeline may run for so many seconds; for what is to be too late, and nothing else. */
export function secondsForCode(t: { after: (end: () => void) => void }, seconds: number): void {
  process.env['SLIPWAY_PIPELINE_FILE_SECONDS'] = String(seconds)
  t.after(() => {
    delete process.env['SLIPWAY_PIPELINE_FILE_SECONDS']
  })
}
