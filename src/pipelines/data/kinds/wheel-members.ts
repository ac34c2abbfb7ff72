/** The files of a wheel that a source names: members of it, and members of the zip archives among them. */
import { problem } from '../../../contract/errors.ts'
import { zipContent, zipEntries, ZipFault, type ZipEntry } from '../../../registry/scan/zip.ts'
import { safePath } from '../../../store/blobs/archive.ts'

/** Most members of a wheel, or of an archive in it. */
const MOST_MEMBERS = 100_000
/** Most that all archives in a wheel that a source goes into may unpack to: they are opened in memory. */
const MOST_OPENED = 512 * 1024 * 1024

/** A file that is given: its path in the tree, empty for one file alone, and the archive in which it lies. */
export interface WheelMember {
  readonly path: string
  readonly size: number
  /** Unpacks it, to `size` bytes. Throws `unprocessable` where it is not what the directory of its archive says. */
  readonly content: () => Buffer
}

/** An archive with the name by which people know it. */
interface Archive {
  readonly name: string
  readonly bytes: Buffer
  readonly entries: readonly ZipEntry[]
}

/** The files that are named, each once. Throws `unprocessable`, naming what is not there, cannot be opened, or cannot lie in one folder. */
export function wheelMembers(bytes: Buffer, filename: string, files: readonly string[]): WheelMember[] {
  const wheel = archiveOf(bytes, filename)
  const open = opener(wheel)
  const found = files.flatMap((file) => {
    const own = within(wheel, file)
    if (own.length > 0) return own.map((entry) => ({ in: wheel, entry, name: entry.name }))
    const zip = zipOf(wheel, file)
    if (zip === undefined) throw problem('unprocessable', { detail: `${filename} has no "${file}"` })
    const archive = open(zip)
    const inner = file.slice(zip.name.length + 1)
    const some = within(archive, inner)
    if (some.length === 0) throw problem('unprocessable', { detail: `${archive.name} has no ${told(inner, archive)}` })
    return some.map((entry) => ({ in: archive, entry, name: `${zip.name}/${entry.name}` }))
  })
  const unique = [...new Map(found.map((one) => [one.name, one])).values()]
  refuseBoth(unique.map(({ name }) => name))
  const isOne = files.length === 1 && unique.length === 1 && unique[0]?.name === files[0]
  return unique.map(({ in: archive, entry, name }) => ({
    path: isOne ? '' : safePath(name),
    size: entry.size,
    content: () => opened(archive.name, () => zipContent(archive.bytes, entry, entry.size)),
  }))
}

/** Files of an archive that a path names: one, or all below a folder. Nothing of a path names all of it. */
function within({ entries }: Archive, path: string): ZipEntry[] {
  const files = entries.filter(({ name }) => !name.endsWith('/'))
  const folder = path.replace(/\/+$/, '')
  if (folder === '') return files
  return files.filter(({ name }) => name === path || name.startsWith(`${folder}/`))
}

/** The member into which a path goes. */
function zipOf({ entries }: Archive, file: string): ZipEntry | undefined {
  return entries.find(({ name }) => /\.zip$/i.test(name) && file.startsWith(`${name}/`))
}

/** Opens archives in a wheel, each once, and all together within what memory is meant to hold. */
function opener(wheel: Archive): (zip: ZipEntry) => Archive {
  const known = new Map<string, Archive>()
  let taken = 0
  return (zip) => {
    const before = known.get(zip.name)
    if (before !== undefined) return before
    taken += zip.size
    const name = `"${zip.name}" in ${wheel.name}`
    if (taken > MOST_OPENED)
      throw problem('unprocessable', {
        detail: `${name} is ${zip.size} bytes; archives in a wheel are opened up to ${MOST_OPENED} bytes together`,
      })
    const content = opened(name, () => zipContent(wheel.bytes, zip, zip.size))
    const archive = archiveOf(content, name)
    known.set(zip.name, archive)
    return archive
  }
}

function archiveOf(bytes: Buffer, name: string): Archive {
  return { name, bytes, entries: opened(name, () => zipEntries(bytes, MOST_MEMBERS)) }
}

const NAMED = 10

/** What was not found, with what there is: nobody sees into such an archive from the index. */
function told(inner: string, { entries }: Archive): string {
  const names = entries.slice(0, NAMED).map(({ name }) => `"${name}"`)
  const more = entries.length > NAMED ? ` and ${entries.length - NAMED} more` : ''
  return `"${inner}"; it has ${names.length === 0 ? 'nothing' : names.join(', ')}${more}`
}

/** An archive and what lies in it would be a file and a folder of one name. */
function refuseBoth(names: readonly string[]): void {
  const all = new Set(names)
  for (const name of names) {
    const parts = name.split('/')
    const file = parts.map((_, i) => parts.slice(0, i).join('/')).find((above) => all.has(above))
    if (file === undefined) continue
    const detail = `"${file}" and "${name}" cannot both be given: the one is a file and would be the other's folder`
    throw problem('unprocessable', { detail })
  }
}

function opened<T>(name: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    if (!(error instanceof ZipFault)) throw error
    throw problem('unprocessable', { detail: `${name} is no archive that can be read: ${error.message}` }, error)
  }
}
