/** The code of a project as it was uploaded: its files without what is left out, and what is known of each from its text. */
import type { Blobs } from '../../store/blobs/blobs.ts'
import { putManifest, treeFiles, type TreeFile } from '../../store/blobs/trees.ts'
import type { Code } from './closure.ts'
import { IGNORE_FILE, readIgnore } from './ignore.ts'
import { readSource, type Source } from './python/source.ts'

export interface ReadCode extends Code {
  /** The tree of the files that stay; steps get no others. */
  readonly tree: string
  /** The rules by which files are left out. */
  readonly rules: readonly string[]
}

/** Largest source that is read, bytes. */
const SOURCE_LIMIT = 1024 * 1024
/** Sources that may name the project file. */
const SCRIPT = /\.(?:py|sh|bash)$/
/** Sources of which is remembered what was read: most of a project is as it was the time before. */
const REMEMBERED = 4096

const remembered = new Map<string, Source>()

/** Reads the code of a tree. */
export async function readCode(blobs: Blobs, given: string, projectFile: string): Promise<ReadCode> {
  const uploaded = await treeFiles(blobs, given)
  const own = uploaded.find(({ path }) => path === IGNORE_FILE)
  const ignore = readIgnore(own === undefined ? '' : ((await textOf(blobs, own)) ?? ''))
  const files = uploaded.filter(({ path }) => path === projectFile || !ignore.leavesOut(path))
  const sources = new Map<string, Source>()
  const namesProjectFile = new Set<string>()
  await Promise.all(
    files
      .filter(({ path }) => SCRIPT.test(path))
      .map(async (file) => {
        const text = await textOf(blobs, file)
        if (text === null || text.includes(projectFile)) namesProjectFile.add(file.path)
        if (file.path.endsWith('.py')) sources.set(file.path, sourceOf(file.digest, text))
      }),
  )
  const tree = files.length === uploaded.length ? given : (await putManifest(blobs, files)).digest
  return { tree, rules: ignore.rules, files, sources, projectFile, namesProjectFile }
}

function sourceOf(digest: string, text: string | null): Source {
  const source = remembered.get(digest) ?? readSource(text)
  remembered.delete(digest)
  remembered.set(digest, source)
  const [oldest] = remembered.keys()
  if (remembered.size > REMEMBERED && oldest !== undefined) remembered.delete(oldest)
  return source
}

/** The text of a file; null where it is too large or no UTF-8. */
async function textOf(blobs: Blobs, { digest, size }: TreeFile): Promise<string | null> {
  if (size > SOURCE_LIMIT) return null
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await blobs.bytes(digest))
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}
