/** The Python of a version: the environment that it was made in, or one from the requirements in its own folder. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { requestOf } from '../../envs/request.ts'
import type { Envs } from '../../envs/environments.ts'
import type { Lock } from '../../envs/lock.ts'
import type { VersionRow } from '../context/context.ts'

/** Makes the function that finds or builds a version's interpreter. Throws what the environments room throws. */
export function versionPython(envs: Envs): (version: VersionRow, modelDir: string) => Promise<string> {
  return async (version, modelDir) => envs.python(version.environment ?? (await lockOf(envs, version, modelDir)).digest)
}

/** The packages of a version, resolved, as its interpreter has them. Throws what the environments room throws. */
export async function lockOf(envs: Envs, version: VersionRow, modelDir: string): Promise<Lock> {
  if (version.environment !== null) return envs.lock(version.environment)
  const read = (path: string): Promise<string | undefined> => ifMissing(readFile(join(modelDir, path), 'utf8'))
  return envs.resolve(await requestOf(undefined, read))
}
