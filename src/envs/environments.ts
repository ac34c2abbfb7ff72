/** Environments: a project's request becomes a lock, the lock a built environment that all rooms share. */
import { problem } from '../contract/errors.ts'
import type { Clock } from '../contract/ids.ts'
import type { Plan } from '../isolation/plan.ts'
import type { Db } from '../store/db.ts'
import { buildEnvironment, builtPython } from './build.ts'
import { lockRequest, type Lock, type LockOptions } from './lock.ts'
import { findPython } from './python.ts'
import type { EnvRequest } from './request.ts'

export interface EnvsDeps {
  readonly db: Db
  readonly clock: Clock
  /** Shared by all data folders of a user. */
  readonly cacheFolder: string
  /** Never ask the network; what is not cached is an error. */
  readonly offline: boolean
  /** How builds are confined; absent or null = not at all. */
  readonly plan?: Plan | null
}

/** Tells how far a long work is, one line at a time. */
export type Say = (line: string) => void

export interface Envs {
  /** Locks a request and remembers the lock. Needs the network the first time only. */
  resolve(request: EnvRequest, say?: Say): Promise<Lock>
  /** The interpreter of an environment, built if need be. Throws `not_found` for an unknown digest. */
  python(digest: string, say?: Say): Promise<string>
  /** The lock of an environment. Throws `not_found`. */
  lock(digest: string): Promise<Lock>
}

/** Makes the environments of one cache folder; their locks are remembered in the database. */
export function environments(deps: EnvsDeps): Envs {
  const { cacheFolder, offline, plan = null } = deps
  const options = (say: Say = () => undefined): LockOptions => ({ cacheFolder, offline, plan, say })
  return {
    async resolve(request, say) {
      const lock = await lockRequest(request, await findPython(request.requires), options(say))
      await remember(deps, lock)
      return lock
    },
    async python(digest, say) {
      const built = builtPython(cacheFolder, digest)
      if (built !== undefined) return built
      const lock = await readLock(deps.db, digest)
      const python = await findPython(`==${lock.python_version}`)
      return buildEnvironment(lock, python, options(say))
    },
    lock: (digest) => readLock(deps.db, digest),
  }
}

async function remember({ db, clock }: EnvsDeps, lock: Lock): Promise<void> {
  const known = await db.get('SELECT digest FROM environments WHERE digest = ?', [lock.digest])
  if (known !== undefined) return
  await db.tx((t) =>
    t.run(
      `INSERT INTO environments (digest, python_version, platform, lock_text, packages, created_at)
       VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`,
      [lock.digest, lock.python_version, lock.platform, lock.text, JSON.stringify(lock.packages), clock()],
    ),
  )
}

async function readLock(db: Db, digest: string): Promise<Lock> {
  const row = await db.get<{ python_version: string; platform: string; lock_text: string; packages: string }>(
    'SELECT python_version, platform, lock_text, packages FROM environments WHERE digest = ?',
    [digest],
  )
  if (row === undefined) throw problem('not_found', { what: 'environment', id: digest })
  const { python_version, platform, lock_text, packages } = row
  return { digest, python_version, platform, text: lock_text, packages: JSON.parse(packages) as Lock['packages'] }
}
