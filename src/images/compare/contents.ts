/** What lies in layers: their files by path with a hash each, and the packages that these files are of. */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream'
import { problem } from '../../contract/errors.ts'
import { readMembers } from '../../store/blobs/archive.ts'
import type { ArchiveMember } from '../../store/blobs/archive.ts'
import { decompressor } from '../layers/compression.ts'
import type { Descriptor } from '../oci/documents.ts'
import { debianLicenses, npmLicenses, pythonLicenses } from './licenses.ts'
import type { License } from './licenses.ts'

/** Where blobs are read from. */
export interface BlobSource {
  stream(digest: string): AsyncIterable<Uint8Array>
}

export interface Contents {
  /** Path to what lies there: a hash, or what a link leads to. */
  readonly files: Map<string, string>
  /** `python scikit-learn` to its version; the other kinds are `debian`, `npm` and `program`. */
  readonly packages: Map<string, string>
  /** What is known of packages besides, by the same keys. */
  readonly about: Map<string, About>
  /** SHA-256 of the tar, as configurations name layers. */
  readonly diffId: string
}

export interface About {
  readonly licenses?: readonly License[]
  /** SHA-256 of the program itself, hex. */
  readonly sha256?: string
  /** SHA-256 of the RECORD of a Python package, which has the SHA-256 of each of its files (PEP 376, 427), hex. */
  readonly record?: string
}

/** Bounds of one layer. */
const LIMITS = { bytes: 64 * 1024 ** 3, files: 1_000_000 }
/** Files that are read for what package they are of are no larger. */
const MOST_METADATA = 1024 * 1024

/** Reads a layer to its end. Throws `unprocessable` for a media type that is not known, and `bad_request` for a damaged tar. */
export async function layerContents(blobs: BlobSource, layer: Descriptor): Promise<Contents> {
  const tar = createHash('sha256')
  const found = new Found()
  const { files } = found
  for await (const member of readMembers(hashed(tarOf(blobs, layer), tar), LIMITS)) {
    const path = member.path.replace(/^\.?\//, '')
    if (member.type === '5') continue
    const wanted = member.size <= MOST_METADATA ? packageKind(path) : undefined
    const { hash, text } = await digested(member, wanted !== undefined)
    files.set(path, member.type === '0' ? `${hash}${member.executable ? ' x' : ''}` : `link ${member.link}`)
    if (wanted !== undefined) found.add(wanted, { path, text })
    if (member.type === '2') found.addLink(path, member.link)
  }
  const { packages } = found
  return { files, packages, about: found.about(), diffId: `sha256:${tar.digest('hex')}` }
}

/** The tar of a layer. */
function tarOf(blobs: BlobSource, { mediaType, digest }: Descriptor): AsyncIterable<Uint8Array> {
  const undo = decompressor(mediaType)
  if (undo === undefined)
    throw problem('unprocessable', { detail: `the layer ${digest} is of the type ${mediaType}, which is not known` })
  if (undo === 'none') return blobs.stream(digest)
  // a fault of either is thrown where the stream is read
  return pipeline(blobs.stream(digest), undo, () => undefined)
}

async function* hashed(
  parts: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array> {
  for await (const part of parts) {
    hash.update(part)
    yield part
  }
}

async function digested(member: ArchiveMember, keep: boolean): Promise<{ hash: string; text: string }> {
  const hash = createHash('sha256')
  const parts: Uint8Array[] = []
  for await (const part of member.body) {
    hash.update(part)
    if (keep) parts.push(part)
  }
  return { hash: hash.digest('hex'), text: Buffer.concat(parts).toString('utf8') }
}

type PackageKind = 'python' | 'debian' | 'npm' | 'program' | 'copyright'

const DOC_FOLDER = /^usr\/share\/doc\/([^/]+)$/
const COPYRIGHT = /^usr\/share\/doc\/([^/]+)\/copyright$/

function packageKind(path: string): PackageKind | undefined {
  if (path.endsWith('.dist-info/METADATA')) return 'python'
  if (COPYRIGHT.test(path)) return 'copyright'
  if (/^var\/lib\/dpkg\/status(?:\.d\/[^/]+)?$/.test(path)) return 'debian'
  if (path === 'usr/share/doc/node/VERSION') return 'program'
  // the program of the image itself
  if (path === 'opt/slipway/package.json') return 'npm'
  return /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/@]+\/package\.json$/.test(path) ? 'npm' : undefined
}

/** The packages of a layer, as their files are met. */
class Found {
  readonly files = new Map<string, string>()
  readonly packages = new Map<string, string>()
  readonly #licenses = new Map<string, readonly License[]>()
  /** Packages of Debian whose copyright file lies in the folder of another. */
  readonly #shared = new Map<string, string>()
  /** Folders with what is known of a package of Python. */
  readonly #infos = new Map<string, string>()

  add(kind: PackageKind, { path, text }: { readonly path: string; readonly text: string }): void {
    if (kind === 'program') this.packages.set('program node', text.trim())
    else if (kind === 'copyright') this.#licenses.set(`debian ${COPYRIGHT.exec(path)?.[1] ?? ''}`, debianLicenses(text))
    else if (kind === 'npm') this.#npm(text)
    else if (kind === 'python') this.#python(path, text)
    else for (const paragraph of text.split('\n\n')) this.#named('debian', paragraph)
  }

  addLink(path: string, target: string): void {
    const name = DOC_FOLDER.exec(path)?.[1]
    if (name !== undefined) this.#shared.set(`debian ${name}`, `debian ${target.replace(/^.*\//, '')}`)
  }

  about(): Map<string, About> {
    for (const [key, other] of this.#shared) {
      const licenses = this.#licenses.get(other)
      if (licenses !== undefined) this.#licenses.set(key, licenses)
    }
    const about = new Map<string, About>([...this.#licenses].map(([key, licenses]) => [key, { licenses }]))
    for (const [key, folder] of this.#infos) {
      const record = this.files.get(`${folder}/RECORD`)
      if (record !== undefined) about.set(key, { ...about.get(key), record: bare(record) })
    }
    const node = this.files.get(NODE)
    if (this.packages.has('program node') && node !== undefined) about.set('program node', { sha256: bare(node) })
    return about
  }

  #npm(text: string): void {
    const name = /^ {0,8}"name": *"([^"]+)"/m.exec(text)?.[1]
    const version = /^ {0,8}"version": *"([^"]+)"/m.exec(text)?.[1]
    if (name === undefined || version === undefined) return
    this.packages.set(`npm ${name}`, version)
    this.#licenses.set(`npm ${name}`, npmLicenses(text))
  }

  #python(path: string, text: string): void {
    const key = this.#named('python', text.split(/\r?\n\r?\n/)[0] ?? '')
    if (key === undefined) return
    this.#licenses.set(key, pythonLicenses(text))
    this.#infos.set(key, path.slice(0, path.lastIndexOf('/')))
  }

  #named(kind: PackageKind, paragraph: string): string | undefined {
    const name = /^(?:Package|Name): *(\S+)/m.exec(paragraph)?.[1]
    const version = /^Version: *(\S+)/m.exec(paragraph)?.[1]
    if (name === undefined || version === undefined) return undefined
    this.packages.set(`${kind} ${name}`, version)
    return `${kind} ${name}`
  }
}

/** Where the layer of Node has it. */
const NODE = 'usr/local/bin/node'

/** The hash of a file without its right to be run. */
function bare(hash: string): string {
  return hash.replace(/ x$/, '')
}
