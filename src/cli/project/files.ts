/** A project folder of the user as an upload: its files without what is left out, and its project file. */
import { readdir, readlink, stat } from 'node:fs/promises'
import { readUserText } from '../../contract/absence/user-file.ts'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { ifMissing } from '../../contract/absence/absent.ts'
import type { Client } from '../../client/client.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import type { Reply } from '../../contract/route.ts'
import { writeArchive } from '../../store/blobs/archive.ts'
import type { PackedFile } from '../../store/blobs/archive.ts'
import { IGNORE_FILE, readIgnore, type Ignore } from '../../pipelines/spec/ignore.ts'
import { UsageError } from '../invocation/command.ts'
import { readProjectFile, refuseFaulty, withPlaces, type ProjectFile } from './file/project-file.ts'
import { gitSource } from './git.ts'

/** Uploads the folder and makes a pipeline version of it. `file` chooses another project file inside the folder. */
export async function submitProject(
  client: Client,
  folder: string,
  file?: string,
): Promise<Reply<typeof pipelinesApi.createPipelineVersion>> {
  const { project, body } = await uploadProject(client, folder, file)
  const source = await gitSource(resolve(folder))
  return withPlaces(project, () =>
    client.call(pipelinesApi.createPipelineVersion, { body: { ...body, ...(source !== undefined && { source }) } }),
  )
}

/** Uploads the folder and makes nothing of it: its project file, and what a server is told of it. Throws for faults that are known without a server. */
export async function uploadProject(
  client: Client,
  folder: string,
  file?: string,
): Promise<{
  readonly project: ProjectFile
  readonly body: { readonly text: string; readonly tree: string; readonly file: string }
}> {
  const root = resolve(folder)
  const project = await readProjectFile(root, file)
  refuseFaulty(project)
  const files = project.uploaded(await projectFiles(root, [project.file]))
  const { digest } = await client.call(pipelinesApi.uploadTree, {
    body: Readable.toWeb(Readable.from(writeArchive(files))),
  })
  return { project, body: { text: project.text, tree: digest, file: project.as } }
}

/**
 * The files of a project that are not left out, sorted by path; `always` names files that never are. Links are refused: what
 * they point to would not be part of the upload.
 */
export async function projectFiles(root: string, always: readonly string[] = []): Promise<PackedFile[]> {
  const rules = await readUserText(join(root, IGNORE_FILE)).catch((error: unknown) => {
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
      if (entry.isSymbolicLink()) throw await aLink(this.#root, path)
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

/** What is said of a link: where it leads, and why it is not followed. */
async function aLink(root: string, path: string): Promise<Error> {
  const target = await readlink(join(root, path))
  return new UsageError(
    `${path} is a link to ${target}, and what a link leads to is no part of the upload; copy the file into the project, or leave the link out in ${IGNORE_FILE}`,
  )
}
