/** The files of a package that a source names: members of its wheel or source archive, and members of the zip archives among them. */
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { problem } from '../../../contract/errors.ts'
import { zipContent, zipEntries, ZipFault } from '../../../registry/scan/zip.ts'
import { readMembers, safePath } from '../../../store/blobs/archive.ts'

/** Most members of an archive. */
const MOST_MEMBERS = 100_000
/** Most that a source archive unpacks to, and most that all zip archives in a package that a source goes into do: they are opened in memory. */
const MOST_OPENED = 512 * 1024 * 1024

/** A file that is given: its path in the tree, empty for one file alone. */
export interface PackageMember {
  readonly path: string
  readonly size: number
  /** Unpacks it, to `size` bytes. Throws `unprocessable` where it is not what its archive says. */
  readonly content: () => Buffer
}

/** An archive with the name by which people know it, and the files in it. */
interface Archive {
  readonly name: string
  readonly files: readonly PackageMember[]
}

/** The files that are named, each once. Throws `unprocessable`, naming what is not there, cannot be opened, or cannot lie in one folder. */
export async function packageMembers(
  bytes: Buffer,
  filename: string,
  asked: readonly string[],
): Promise<PackageMember[]> {
  const whole = filename.endsWith('.whl') ? zipArchive(bytes, filename) : await sourceArchive(bytes, filename)
  const open = opener(whole)
  const found = asked.flatMap((path) => {
    const own = within(whole, path)
    if (own.length > 0) return own
    const zip = zipOf(whole, path)
    if (zip === undefined) throw problem('unprocessable', { detail: `${filename} has no "${path}"` })
    const archive = open(zip)
    const inner = path.slice(zip.path.length + 1)
    const some = within(archive, inner)
    if (some.length === 0) throw problem('unprocessable', { detail: `${archive.name} has no ${told(inner, archive)}` })
    return some.map((file) => ({ ...file, path: `${zip.path}/${file.path}` }))
  })
  const unique = [...new Map(found.map((file) => [file.path, file])).values()]
  refuseBoth(unique.map(({ path }) => path))
  const isOne = asked.length === 1 && unique.length === 1 && unique[0]?.path === asked[0]
  return unique.map((file) => ({ ...file, path: isOne ? '' : safePath(file.path) }))
}

/** Files of an archive that a path names: one, or all below a folder. Nothing of a path names all of it. */
function within({ files }: Archive, path: string): PackageMember[] {
  const folder = path.replace(/\/+$/, '')
  if (folder === '') return [...files]
  return files.filter((file) => file.path === path || file.path.startsWith(`${folder}/`))
}

/** The file into which a path goes. */
function zipOf({ files }: Archive, path: string): PackageMember | undefined {
  return files.find((file) => /\.zip$/i.test(file.path) && path.startsWith(`${file.path}/`))
}

/** Opens zip archives in a package, each once, and all together within what memory is meant to hold. */
function opener(whole: Archive): (zip: PackageMember) => Archive {
  const known = new Map<string, Archive>()
  let taken = 0
  return (zip) => {
    const before = known.get(zip.path)
    if (before !== undefined) return before
    taken += zip.size
    const name = `"${zip.path}" in ${whole.name}`
    if (taken > MOST_OPENED)
      throw problem('unprocessable', {
        detail: `${name} is ${zip.size} bytes; archives in a package are opened up to ${MOST_OPENED} bytes together`,
      })
    const archive = zipArchive(zip.content(), name)
    known.set(zip.path, archive)
    return archive
  }
}

function zipArchive(bytes: Buffer, name: string): Archive {
  const entries = opened(name, () => zipEntries(bytes, MOST_MEMBERS)).filter((entry) => !entry.name.endsWith('/'))
  const content = (entry: (typeof entries)[number]) => () =>
    opened(`"${entry.name}" in ${name}`, () => zipContent(bytes, entry, entry.size))
  return { name, files: entries.map((entry) => ({ path: entry.name, size: entry.size, content: content(entry) })) }
}

/** A packed tar whose files all lie in one folder, NAME-VERSION, which is left out: paths are then those of a wheel. */
async function sourceArchive(bytes: Buffer, name: string): Promise<Archive> {
  const tar = opened(name, () => gunzipSync(bytes, { maxOutputLength: MOST_OPENED }))
  const files: PackageMember[] = []
  for await (const { path, type, size, body } of readMembers(Readable.from([tar]), {
    bytes: MOST_OPENED,
    files: MOST_MEMBERS,
  })) {
    if (type !== '0') continue
    const parts: Uint8Array[] = []
    for await (const part of body) parts.push(part)
    const content = Buffer.concat(parts)
    files.push({ path: path.replace(/^(\.\/)?[^/]+\//, ''), size, content: () => content })
  }
  return { name, files }
}

const NAMED = 10

/** What was not found, with what there is: nobody sees into such an archive from the index. */
function told(inner: string, { files }: Archive): string {
  const names = files.slice(0, NAMED).map(({ path }) => `"${path}"`)
  const more = files.length > NAMED ? ` and ${files.length - NAMED} more` : ''
  return `"${inner}"; it has ${names.length === 0 ? 'nothing' : names.join(', ')}${more}`
}

/** An archive and what lies in it would be a file and a folder of one name. */
function refuseBoth(paths: readonly string[]): void {
  const all = new Set(paths)
  for (const path of paths) {
    const parts = path.split('/')
    const file = parts.map((_, i) => parts.slice(0, i).join('/')).find((above) => all.has(above))
    if (file === undefined) continue
    const detail = `"${file}" and "${path}" cannot both be given: the one is a file and would be the other's folder`
    throw problem('unprocessable', { detail })
  }
}

/** What is opened. Throws `unprocessable` for what is no archive, is damaged, or unpacks to more than it may. */
function opened<T>(name: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    const isPacking = error instanceof Error && 'code' in error && /^(Z_|ERR_BUFFER_TOO_LARGE)/.test(String(error.code))
    if (!(error instanceof ZipFault) && !isPacking) throw error
    throw problem('unprocessable', { detail: `${name} is no archive that can be read: ${error.message}` }, error)
  }
}
