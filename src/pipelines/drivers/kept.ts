/** Checkpoints in the folder of an attempt, as the step's own code has written them: nothing of it is taken on trust. */
import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ifJson, ifMissing } from '../../contract/absence/absent.ts'
import { Problem } from '../../contract/errors.ts'
import { CheckpointState } from '../../contract/runs/checkpoints.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { putTree } from '../../store/blobs/trees.ts'

/** One that is kept by content. Times in ms since 1970. */
export interface StoredCheckpoint {
  readonly number: number
  readonly step: number | null
  readonly at: number
  readonly size: number
  readonly tree: string
}

/** How many of an attempt are kept besides its files: the last, and one to fall back to. */
export const STORED = 2

/** Bytes of what a step says that are read. */
const MOST = 64 * 1024 * 1024

const Sealed = z.object({ manifest: z.string() })
const Facts = z.object({
  step: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).nullable(),
  at: z.number().min(0).max(1e11),
})

/** What the step says of its checkpoints; undefined where it says nothing that can be read. */
export async function readState(dir: string): Promise<CheckpointState | undefined> {
  if (!(await isFolder(join(dir, 'said')))) return undefined
  return CheckpointState.safeParse(await readOwn(join(dir, 'said', 'checkpoints.json'))).data
}

/** Stores the newest checkpoints by content, the newest first. What cannot be kept, or is no checkpoint, is left out. */
export async function storeCheckpoints(blobs: Blobs, dir: string): Promise<StoredCheckpoint[]> {
  const folder = join(dir, 'checkpoints')
  if (!(await isFolder(folder))) return []
  const names = ((await ifMissing(readdir(folder))) ?? []).filter((name) => /^\d{12}$/.test(name)).toSorted()
  const stored: StoredCheckpoint[] = []
  for (const name of names.toReversed()) {
    if (stored.length === STORED) break
    const facts = await readFacts(join(folder, name))
    const tree = facts === undefined ? undefined : await kept(putTree(blobs, join(folder, name)))
    if (facts === undefined || tree === undefined) continue
    stored.push({
      number: Number(name),
      step: facts.step,
      at: Math.round(facts.at * 1000),
      size: tree.size,
      tree: tree.digest,
    })
  }
  return stored
}

/** A link would lead to what others keep. */
async function isFolder(path: string): Promise<boolean> {
  return (await ifMissing(lstat(path)))?.isDirectory() === true
}

async function readFacts(folder: string): Promise<z.output<typeof Facts> | undefined> {
  if (!(await isFolder(folder))) return undefined
  const { data } = Sealed.safeParse(await readOwn(join(folder, 'checkpoint.json')))
  return data === undefined ? undefined : Facts.safeParse(ifJson(data.manifest)).data
}

/** JSON of a plain file; a link would show what lies elsewhere. */
async function readOwn(path: string): Promise<unknown> {
  const found = await ifMissing(lstat(path))
  if (found === undefined || !found.isFile() || found.size > MOST) return undefined
  const text = await ifMissing(readFile(path, 'utf8'))
  return text === undefined ? undefined : ifJson(text)
}

/** What a promise gives; undefined where what is to be kept is refused for what it is. */
async function kept<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    if (error instanceof Problem && error.status < 500) return undefined
    throw error
  }
}
