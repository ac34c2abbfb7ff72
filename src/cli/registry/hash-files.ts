/** Files of a version as they arrive here, each with the hash of its bytes. */
import { createHash } from 'node:crypto'
import type { Client } from '../../client/client.ts'
import { registryApi } from '../../contract/registry.ts'
import type { Invocation } from '../invocation/command.ts'

export interface VersionRef {
  readonly name: string
  readonly version: string
}

/** The same files, with the size and digest of what was sent in place of what the server says. */
export async function hashFiles<F extends { readonly path: string }>(
  client: Client,
  invocation: Invocation,
  { name, version }: VersionRef,
  given: readonly F[],
): Promise<(F & { size: number; digest: string })[]> {
  const files: (F & { size: number; digest: string })[] = []
  for (const file of given) {
    invocation.out.progress(`hashing ${file.path}`)
    const query = { path: file.path }
    const response = await client.open(registryApi.versionFile, { params: { name, version }, query })
    const hash = createHash('sha256')
    let size = 0
    if (response.body !== null)
      for await (const chunk of response.body) {
        hash.update(chunk)
        size += chunk.length
      }
    files.push({ ...file, size, digest: `sha256:${hash.digest('hex')}` })
  }
  return files
}
