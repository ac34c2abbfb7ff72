/** Where the files of versions lie on this machine, for scorers, the gateway and the native evaluator: laid out from blobs, whenever they are not there. */
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { materialise } from '../../store/blobs/trees.ts'
import type { Registry } from './context.ts'

/** Where the files of a tree lie, or will. */
export function placeOf(room: Pick<Registry, 'modelsDir'>, tree: string): string {
  return join(room.modelsDir, tree.replace(':', '-'))
}

/** The folder with a tree's files, made once: a half-made one is never seen under its name. */
export async function layOut(room: Registry, tree: string): Promise<string> {
  const dir = placeOf(room, tree)
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

/** Where servers before the column `lowering_tree` kept the native form of a laid-out version. */
export function formerNativeDir(dir: string): string {
  return `${dir}.native`
}

/** Whether a path is there. */
export async function exists(path: string): Promise<boolean> {
  return (await ifMissing(stat(path))) !== undefined
}
