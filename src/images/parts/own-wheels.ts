/** Wheels that the user has built of packages that publish none: they join the lock by their own hash. */
import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { problem } from '../../contract/errors.ts'

/** A folder of wheels, with the hashes by `name==version`: of several platforms there are several. */
export interface OwnWheels {
  readonly dir: string
  readonly hashes: ReadonlyMap<string, readonly string[]>
}

/** Reads a folder. Throws `unprocessable` where it has no wheel. */
export async function ownWheels(dir: string): Promise<OwnWheels> {
  const hashes = new Map<string, string[]>()
  for (const name of (await readdir(dir)).toSorted()) {
    const [, project = '', version = ''] = /^([^-]+)-([^-]+)-(?:[^-]+-){2,3}[^-]+\.whl$/.exec(name) ?? []
    if (project === '') continue
    const bytes = await readFile(join(dir, name))
    const key = `${normal(project)}==${version}`
    hashes.set(key, [...(hashes.get(key) ?? []), createHash('sha256').update(bytes).digest('hex')])
  }
  if (hashes.size === 0) throw problem('unprocessable', { detail: `there is no wheel in ${dir}` })
  return { dir, hashes }
}

/** The lock with the hashes of these wheels, each only for the very version that the lock names. */
export function lockWith(lock: string, { hashes }: OwnWheels): string {
  return lock.replace(/^([A-Za-z0-9][\w.-]*)(\[[^\]]*\])?==([^\s;\\]+)(.*?)(\\?)$/gm, (line, name: string, ...rest) => {
    const found = hashes.get(`${normal(name)}==${String(rest[1])}`)
    if (found === undefined) return line
    const added = found.map((hash) => ` \\\n    --hash=sha256:${hash}`).join('')
    return `${line.replace(/\s*\\$/, '')}${added}${line.endsWith('\\') ? ' \\' : ''}`
  })
}

/** The one form of a project's name (PEP 503). */
function normal(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-')
}
