/** Holds trees that were laid out as folders `sha256-…` against their blobs: nothing else looks at those files again. */
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { ifFound, ifMissing } from '../../contract/absence/absent.ts'
import type { Blobs } from '../blobs/blobs.ts'
import { treeFiles } from '../blobs/trees.ts'
import { verified } from '../blobs/verify.ts'

/** Names of the folders below `folder` in which a file is missing or is not that of the tree, as far as they were looked at within `ms`. */
export async function damagedTrees(blobs: Blobs, folder: string, ms: number): Promise<string[]> {
  const end = performance.now() + ms
  const damaged: string[] = []
  for (const name of (await ifMissing(readdir(folder))) ?? []) {
    if (performance.now() > end) break
    if (!/^sha256-[0-9a-f]{64}$/.test(name)) continue
    const files = await ifFound(treeFiles(blobs, name.replace('-', ':')))
    for (const file of files ?? []) {
      if (await isWhole(join(folder, name, file.path), file.digest)) continue
      damaged.push(name)
      break
    }
  }
  return damaged
}

async function isWhole(path: string, digest: string): Promise<boolean> {
  try {
    await finished(verified(createReadStream(path), digest).resume())
    return true
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (code === 'corrupt_blob' || code === 'ENOENT' || code === 'EIO') return false
    throw error
  }
}
