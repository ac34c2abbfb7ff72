/** A folder as a git repository, for tests that tell commits. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface Repository {
  /** What git prints, without the last line end. Throws when it fails. */
  readonly git: (...args: readonly string[]) => string
  /** Writes files, commits all there is and gives the commit. */
  readonly commit: (files: Readonly<Record<string, string>>) => string
}

/** The folder need not be there before `commit`, nor be a repository before `git('init')`. */
export function repositoryIn(folder: string): Repository {
  const names = ['-c', 'user.name=ada', '-c', 'user.email=ada@example.org']
  const git = (...args: readonly string[]): string =>
    execFileSync('git', [...names, ...args], { cwd: folder, encoding: 'utf8' }).trim()
  return {
    git,
    commit(files) {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true })
        writeFileSync(join(folder, name), text)
      }
      git('add', '-A')
      git('commit', '-qm', 'change')
      return git('rev-parse', 'HEAD')
    },
  }
}
