/** Where the files of an MLflow server lie, and where they lie in Slipway. */
import type { Dirent } from 'node:fs'
import { createReadStream, existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { placeOfUri } from '../../tracking/context/paths.ts'
import type { SourceFile } from '../send.ts'

/** The end of a place by MLflow's own layout: experiment, run or model or trace, its artifacts. */
const LAYOUT = /(?:^|\/)([^/]+\/(?:(?:models|traces)\/)?[^/]+\/artifacts(?:\/.*)?)$/

/** The address that a place has in Slipway: files that lie in a folder or behind MLflow's proxy move in, others stay where they are. */
export function movedUri(uri: string): string {
  if (placeOfUri(uri) !== undefined) return uri.replace(/^mlflow-artifacts:\/\/[^/]*\//, 'mlflow-artifacts:/')
  const path = localPath(uri)
  const [, place] = path === undefined ? [] : (LAYOUT.exec(path) ?? [])
  return place === undefined ? uri : `mlflow-artifacts:/${place}`
}

/** The address of an experiment's files in Slipway. */
export function movedLocation(uri: string | null, id: string): string {
  const own = `mlflow-artifacts:/${id}`
  if (uri === null || uri === '' || placeOfUri(uri) !== undefined || localPath(uri) !== undefined) return own
  return uri
}

/** The files of a run, logged model or trace; none where its place is not a folder of this machine. Links are left out. */
export async function* filesAt(uri: string, root: string | undefined): AsyncGenerator<SourceFile> {
  const owner = placeOfUri(movedUri(uri))?.owner ?? ''
  const folder = folderOf(uri, root)
  if (owner === '' || folder === undefined) return
  yield* walk(folder, '', owner)
}

/** The folder: by its own path, else below the folder that the server kept its artifacts in. */
function folderOf(uri: string, root: string | undefined): string | undefined {
  const path = localPath(uri)
  if (path !== undefined && existsSync(path)) return path
  const moved = movedUri(uri).replace(/^mlflow-artifacts:\/+/, '')
  const below = root === undefined || moved === uri ? undefined : join(root, moved)
  return below !== undefined && existsSync(below) ? below : undefined
}

function localPath(uri: string): string | undefined {
  if (uri.startsWith('file://')) return fileURLToPath(uri)
  if (uri.startsWith('file:')) return uri.slice('file:'.length)
  return /^[a-z][a-z0-9+.-]*:/i.test(uri) ? undefined : uri
}

async function* walk(folder: string, below: string, owner: string): AsyncGenerator<SourceFile> {
  const entries: Dirent[] = await readdir(join(folder, below), { withFileTypes: true })
  for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) yield* walk(folder, path, owner)
    else if (entry.isFile()) {
      const full = join(folder, path)
      const { mtimeMs } = await stat(full)
      yield { owner, path, updated_at: Math.floor(mtimeMs), open: () => createReadStream(full) }
    }
  }
}
