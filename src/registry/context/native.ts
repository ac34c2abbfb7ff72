/** The native form of a version: a tree of its own, so that every server on the same blobs can lay it out, and a backup holds it. */
import { rename } from 'node:fs/promises'
import { putTree } from '../../store/blobs/trees.ts'
import { exists, formerNativeDir, layOut, placeOf } from './layout.ts'
import type { Registry, VersionRow } from './context.ts'

/** Keeps a native form that was proved; returns the digest of its tree. The folder is this machine's copy from then on. */
export async function keepNative(room: Registry, dir: string): Promise<string> {
  const { digest } = await putTree(room.blobs, dir)
  const place = placeOf(room, digest)
  await rename(dir, place).catch(async (error: unknown) => {
    if (!(await exists(place))) throw error
  })
  return digest
}

/** The folder with a version's native form. Null where it has none, and where none was kept: it has to be lowered again. */
export async function layOutNative(room: Registry, row: VersionRow): Promise<string | null> {
  if (row.lowering_state !== 'native' || row.tree === null) return null
  if (row.lowering_tree !== null) return layOut(room, row.lowering_tree)
  return adopt(room, row, formerNativeDir(placeOf(room, row.tree)))
}

/** Takes over what a server of before left beside the model. */
async function adopt(room: Registry, { model, version }: VersionRow, former: string): Promise<string | null> {
  if (!(await exists(former))) return null
  const { digest } = await putTree(room.blobs, former)
  await room.db.tx((t) =>
    t.run(
      "UPDATE model_versions SET lowering_tree = ? WHERE model = ? AND version = ? AND lowering_state = 'native' AND lowering_tree IS NULL",
      [digest, model, version],
    ),
  )
  return layOut(room, digest)
}
