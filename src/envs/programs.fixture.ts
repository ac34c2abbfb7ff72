/** Programs for tests of what looks for programs: shell scripts in a folder of their own, first on PATH while they are needed. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Programs {
  readonly folder: string
  /** Writes a program of the body of a shell script; returns its path. */
  add(name: string, body: string): string
  /** Runs `work` with these variables; undefined takes one out. PATH is this folder, then the usual one unless it is named. */
  within<T>(env: Readonly<Record<string, string | undefined>>, work: () => Promise<T>): Promise<T>
  remove(): void
}

export function programs(): Programs {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-programs-'))
  return {
    folder,
    add(name, body) {
      const path = join(folder, name)
      writeFileSync(path, `#!/bin/sh\n${body}\n`)
      chmodSync(path, 0o755)
      return path
    },
    async within(env, work) {
      const wanted: Record<string, string | undefined> = { PATH: `${folder}:${process.env['PATH']}`, ...env }
      const before = Object.fromEntries(Object.keys(wanted).map((key) => [key, process.env[key]]))
      set(wanted)
      try {
        return await work()
      } finally {
        set(before)
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function set(env: Readonly<Record<string, string | undefined>>): void {
  for (const [key, value] of Object.entries(env)) {
    if (value === undefined) delete process.env[key]
    else process.env[key] = value
  }
}
