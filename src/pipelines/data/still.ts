/** Whether files that steps read without declaring them are still what they were, where the server may read them. */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { normalize } from 'node:path'
import { ifMissing, ifRefused } from '../../contract/absence/absent.ts'
import type { Read } from '../../contract/runs/reads.ts'
import type { SourceAccess } from '../context/deps.ts'
import { allowedPath, isBelow } from './kinds/files.ts'

/** Digests of files that have not been touched since, by path: who looks again costs no reading. */
const KEPT = 1000
const kept = new Map<string, { readonly state: string; readonly digest: string }>()

/**
 * Files that are gone or hold something else, in words. Of what lies outside of the folders that sources may be read from nothing is
 * said, not even whether it is there: a step names what it likes.
 */
export async function changedFiles(access: SourceAccess | undefined, reads: readonly Read[]): Promise<string[]> {
  if (access === undefined) return []
  const found: string[] = []
  for (const { kind, name, digest } of reads) {
    if (kind !== 'file' || digest === null) continue
    const now = await digestNow(access, name, digest)
    if (now === 'gone') found.push(`file ${name} is gone`)
    else if (now !== 'unseen' && now !== digest) found.push(`file ${name} was edited since`)
  }
  return found
}

/** A digest as the wrapper of steps writes it, in the form of the other one. */
async function digestNow(access: SourceAccess, name: string, like: string): Promise<string> {
  if (normalize(name) !== name || !access.folders.some((folder) => isBelow(name, folder))) return 'unseen'
  try {
    const real = await ifMissing(realpath(name))
    if (real === undefined) return 'gone'
    // a link that leads out, and what the server keeps for itself
    const path = await ifRefused(allowedPath(real, access), 'unprocessable')
    if (path === undefined) return 'unseen'
    const file = await ifMissing(open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK))
    return file === undefined ? 'gone' : await digestOf(file, path, like)
  } catch (error) {
    // this server may not read what the step could
    if (['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return 'unseen'
    throw error
  }
}

async function digestOf(file: FileHandle, path: string, like: string): Promise<string> {
  try {
    const stats = await file.stat({ bigint: true })
    if (!stats.isFile()) return 'gone'
    if (!like.startsWith('sha256:')) return `size ${stats.size} changed ${stats.mtimeNs}`
    const state = `${stats.dev} ${stats.ino} ${stats.size} ${stats.ctimeNs}`
    const known = kept.get(path)
    if (known?.state === state) return known.digest
    const hash = createHash('sha256')
    for await (const part of file.createReadStream({ autoClose: false })) hash.update(part as Buffer)
    const digest = `sha256:${hash.digest('hex')}`
    kept.set(path, { state, digest })
    if (kept.size > KEPT) kept.delete(kept.keys().next().value ?? '')
    return digest
  } finally {
    await file.close()
  }
}
