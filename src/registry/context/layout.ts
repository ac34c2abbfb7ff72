/** Where the files of versions lie on disk, for scorers, the gateway and the native evaluator. */
import { access, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { materialise } from '../../store/blobs/trees.ts'
import type { Registry } from './context.ts'

/** The folder with a tree's files, made once: a half-made one is never seen under its name. */
export async function layOut(room: Registry, tree: string): Promise<string> {
  const dir = join(room.modelsDir, tree.replace(':', '-'))
  if (await exists(dir)) return dir
  const fresh = `${dir}.${room.ids('new')}`
  await mkdir(room.modelsDir, { recursive: true })
  try {
    await materialise(room.blobs, tree, fresh)
    await rename(fresh, dir).catch(async (error: unknown) => {
      if (!(await exists(dir))) throw error
    })
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return dir
}

/** Where the lowered form of a laid-out version lies. */
export function nativeDir(dir: string): string {
  return `${dir}.native`
}

/** Whether a path is there. */
export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
