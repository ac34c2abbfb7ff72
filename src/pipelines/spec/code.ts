/** The code of a project as it was uploaded: its files without what is left out, and what is known of each from its text. */
import { isUtf8 } from 'node:buffer'
import { problem } from '../../contract/errors.ts'
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

/** Reads the code of a tree. Throws `unprocessable` for an ignore file that is no text. */
export async function readCode(blobs: Blobs, given: string, projectFile: string): Promise<ReadCode> {
  const uploaded = await treeFiles(blobs, given)
  const own = uploaded.find(({ path }) => path === IGNORE_FILE)
  const ignore = readIgnore(own === undefined ? '' : await rulesIn(blobs, own))
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

/** The rules of an ignore file. Throws `unprocessable` where it is no text: files would count, and be kept, that are to be left out. */
async function rulesIn(blobs: Blobs, { digest, size }: TreeFile): Promise<string> {
  if (size > SOURCE_LIMIT)
    throw problem('unprocessable', { detail: `${IGNORE_FILE}: got ${size} bytes, expected at most ${SOURCE_LIMIT}` })
  return textIn(IGNORE_FILE, await blobs.bytes(digest))
}

/** The text of a file that is named in a refusal. Throws `unprocessable`. */
export function textIn(path: string, bytes: Buffer): string {
  const { text, fault } = decoded(bytes)
  if (fault === undefined) return text
  throw problem('unprocessable', { detail: `${path}:${fault.line}: ${fault.message}` })
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

/** The text of a file, and the first place where it is none: what stands there is read as a mark then. */
export function decoded(bytes: Buffer): { text: string; fault?: { line: number; message: string } } {
  const text = bytes.toString('utf8')
  if (isUtf8(bytes)) return { text }
  const again = Buffer.from(text)
  let at = 0
  while (bytes[at] === again[at]) at++
  const line = bytes.subarray(0, at).toString('latin1').split('\n').length
  const byte = (bytes[at] ?? 0).toString(16).padStart(2, '0')
  return { text, fault: { line, message: `got byte 0x${byte}, expected text in UTF-8` } }
}
