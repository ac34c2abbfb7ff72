/** Files that cannot be read or written: a library before libc that fails the calls of a process below a folder, for as long as a test says. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from '../tools.ts'

/** How: EIO for all, EIO or ENOSPC for what writes, EACCES for what opens. */
export type Failing = 'read' | 'write' | 'full' | 'locked'

export interface FailingFiles {
  /** What the process is to be started with. */
  readonly env: Readonly<Record<string, string>>
  /** From now on the files below a folder fail. */
  fail(how: Failing, folder: string): void
  /** From now on nothing fails. */
  mend(): void
  remove(): void
}

/** Why tests are skipped where `failingFiles` gives nothing. */
export const NO_COMPILER = 'needs Linux and a C compiler, for a library that makes reads and writes fail'

/** Builds the library; undefined where there is no compiler, or no LD_PRELOAD. */
export function failingFiles(): FailingFiles | undefined {
  const compiler = findProgram('gcc') ?? findProgram('cc')
  if (compiler === undefined || process.platform !== 'linux') return undefined
  const folder = mkdtempSync(join(tmpdir(), 'slipway-failing-'))
  const library = join(folder, 'failing-files.so')
  const control = join(folder, 'how')
  const source = join(import.meta.dirname, 'failing-files.c')
  execFileSync(compiler, ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], { stdio: 'pipe' })
  return {
    env: { LD_PRELOAD: library, FAILING_FILES: control },
    fail: (how, below) => writeFileSync(control, `${how} ${below}`),
    mend: () => rmSync(control, { force: true }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
