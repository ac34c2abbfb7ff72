/** A project folder of the user as an upload: its files without what tools leave there, and its project file. */
import { readFile, readdir, stat } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { Readable } from 'node:stream'
import type { Client } from '../../client/client.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import type { Reply } from '../../contract/route.ts'
import { writeArchive } from '../../store/blobs/archive.ts'
import type { PackedFile } from '../../store/blobs/archive.ts'
import { UsageError } from '../invocation/command.ts'
import { gitSource } from './git.ts'

/** Folders and files that are never part of a project's code. */
const LEFT_OUT = new Set([
  '.git',
  '.hg',
  '.slipway',
  '.venv',
  'venv',
  'node_modules',
  '__pycache__',
  '.ipynb_checkpoints',
  '.pytest_cache',
  '.mypy_cache',
  '.ruff_cache',
  'mlruns',
  'mlartifacts',
  '.DS_Store',
])

export const PROJECT_FILE = 'slipway.yaml'

/** Uploads the folder and makes a pipeline version of it. `file` chooses another project file inside the folder. */
export async function submitProject(
  client: Client,
  folder: string,
  file = PROJECT_FILE,
): Promise<Reply<typeof pipelinesApi.createPipelineVersion>> {
  const root = resolve(folder)
  const text = await readFile(join(root, file), 'utf8').catch(() => {
    throw new UsageError(`there is no ${file} in ${root}; slipway init makes one`)
  })
  const files = await projectFiles(root)
  const source = await gitSource(root)
  const tree = await client.call(pipelinesApi.uploadTree, { body: Readable.toWeb(Readable.from(writeArchive(files))) })
  return client.call(pipelinesApi.createPipelineVersion, {
    body: { text, tree: tree.digest, file, ...(source !== undefined && { source }) },
  })
}

/** The files of a project, sorted by path. Links are refused: what they point to would not be part of the upload. */
export async function projectFiles(root: string): Promise<PackedFile[]> {
  const found: PackedFile[] = []
  await walk(root, root, found)
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

async function walk(root: string, folder: string, found: PackedFile[]): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (LEFT_OUT.has(entry.name) || entry.name.endsWith('.pyc')) continue
    const path = join(folder, entry.name)
    if (entry.isSymbolicLink())
      throw new Error(`${relative(root, path)} is a link; copy the file into the project instead`)
    if (entry.isDirectory()) await walk(root, path, found)
    else if (entry.isFile()) {
      const { size, mode } = await stat(path)
      found.push({
        path: relative(root, path).split('\\').join('/'),
        size,
        executable: (mode & 0o100) !== 0,
        source: path,
      })
    }
  }
}
