/** A project folder of the user as an upload: its files without what is left out, and its project file. */
import { readFile, readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { ifMissing } from '../../contract/absence/absent.ts'
import type { Client } from '../../client/client.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import type { Reply } from '../../contract/route.ts'
import { writeArchive } from '../../store/blobs/archive.ts'
import type { PackedFile } from '../../store/blobs/archive.ts'
import { decoded } from '../../pipelines/spec/code.ts'
import { IGNORE_FILE, readIgnore, type Ignore } from '../../pipelines/spec/ignore.ts'
import { UsageError } from '../invocation/command.ts'
import { gitSource } from './git.ts'

export const PROJECT_FILE = 'slipway.yaml'

/** Uploads the folder and makes a pipeline version of it. `file` chooses another project file inside the folder. */
export async function submitProject(
  client: Client,
  folder: string,
  file = PROJECT_FILE,
): Promise<Reply<typeof pipelinesApi.createPipelineVersion>> {
  const root = resolve(folder)
  const bytes = await ifMissing(readFile(join(root, file)))
  if (bytes === undefined) throw new UsageError(`there is no ${file} in ${root}; slipway init makes one`)
  const { text, fault } = decoded(bytes)
  if (fault !== undefined) throw new UsageError(`${file}:${fault.line}: ${fault.message}`)
  const files = await projectFiles(root, [file])
  const source = await gitSource(root)
  const tree = await client.call(pipelinesApi.uploadTree, { body: Readable.toWeb(Readable.from(writeArchive(files))) })
  return client.call(pipelinesApi.createPipelineVersion, {
    body: { text, tree: tree.digest, file, ...(source !== undefined && { source }) },
  })
}

/**
 * The files of a project that are not left out, sorted by path; `always` names files that never are. Links are refused: what
 * they point to would not be part of the upload.
 */
export async function projectFiles(root: string, always: readonly string[] = []): Promise<PackedFile[]> {
  const rules = await readFile(join(root, IGNORE_FILE), 'utf8').catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'ENOENT') return ''
    throw error
  })
  const walked = new Walk(root, readIgnore(rules), always)
  await walked.folder('')
  return walked.files.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

class Walk {
  readonly files: PackedFile[] = []
  readonly #root: string
  readonly #ignore: Ignore
  readonly #always: readonly string[]

  constructor(root: string, ignore: Ignore, always: readonly string[]) {
    this.#root = root
    this.#ignore = ignore
    this.#always = always
  }

  async folder(folder: string): Promise<void> {
    const entries = await readdir(join(this.#root, folder), { withFileTypes: true })
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      const isFolder = entry.isDirectory()
      if (!this.#always.includes(path) && this.#ignore.leavesOut(path, isFolder)) continue
      if (entry.isSymbolicLink()) throw new Error(`${path} is a link; copy the file into the project instead`)
      if (entry.isFile()) await this.#file(path)
      else if (isFolder && !(await this.#isEnvironment(path))) await this.folder(path)
    }
  }

  /** A virtual environment of whatever name: this file is what Python knows one by. */
  async #isEnvironment(folder: string): Promise<boolean> {
    const found = await ifMissing(stat(join(this.#root, folder, 'pyvenv.cfg')))
    return found !== undefined
  }

  async #file(path: string): Promise<void> {
    const source = join(this.#root, path)
    const { size, mode } = await stat(source)
    this.files.push({ path, size, executable: (mode & 0o100) !== 0, source })
  }
}
