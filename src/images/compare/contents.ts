/** What lies in layers: their files by path with a hash each, and the packages that these files are of. */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream'
import { problem } from '../../contract/errors.ts'
import { readMembers } from '../../store/blobs/archive.ts'
import type { ArchiveMember } from '../../store/blobs/archive.ts'
import { decompressor } from '../layers/compression.ts'
import type { Descriptor } from '../oci/documents.ts'

/** Where blobs are read from. */
export interface BlobSource {
  stream(digest: string): AsyncIterable<Uint8Array>
}

export interface Contents {
  /** Path to what lies there: a hash, or what a link leads to. */
  readonly files: Map<string, string>
  /** `python scikit-learn` to its version; the other kinds are `debian`, `npm` and `program`. */
  readonly packages: Map<string, string>
  /** SHA-256 of the tar, as configurations name layers. */
  readonly diffId: string
}

/** Bounds of one layer. */
const LIMITS = { bytes: 64 * 1024 ** 3, files: 1_000_000 }
/** Files that are read for what package they are of are no larger. */
const MOST_METADATA = 1024 * 1024

/** Reads a layer to its end. Throws `unprocessable` for a media type that is not known, and `bad_request` for a damaged tar. */
export async function layerContents(blobs: BlobSource, layer: Descriptor): Promise<Contents> {
  const tar = createHash('sha256')
  const [files, packages] = [new Map<string, string>(), new Map<string, string>()]
  for await (const member of readMembers(hashed(tarOf(blobs, layer), tar), LIMITS)) {
    const path = member.path.replace(/^\.?\//, '')
    if (member.type === '5') continue
    const wanted = member.size <= MOST_METADATA ? packageKind(path) : undefined
    const { hash, text } = await digested(member, wanted !== undefined)
    files.set(path, member.type === '0' ? `${hash}${member.executable ? ' x' : ''}` : `link ${member.link}`)
    if (wanted !== undefined) addPackage(packages, wanted, text)
  }
  return { files, packages, diffId: `sha256:${tar.digest('hex')}` }
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

type PackageKind = 'python' | 'debian' | 'npm' | 'program'

function packageKind(path: string): PackageKind | undefined {
  if (path.endsWith('.dist-info/METADATA')) return 'python'
  if (/^var\/lib\/dpkg\/status(?:\.d\/[^/]+)?$/.test(path)) return 'debian'
  if (path === 'usr/share/doc/node/VERSION') return 'program'
  // the program of the image itself
  if (path === 'opt/slipway/package.json') return 'npm'
  return /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/@]+\/package\.json$/.test(path) ? 'npm' : undefined
}

function addPackage(packages: Map<string, string>, kind: PackageKind, text: string): void {
  if (kind === 'program') {
    packages.set('program node', text.trim())
    return
  }
  if (kind === 'npm') {
    const name = /^ {0,8}"name": *"([^"]+)"/m.exec(text)?.[1]
    const version = /^ {0,8}"version": *"([^"]+)"/m.exec(text)?.[1]
    if (name !== undefined && version !== undefined) packages.set(`npm ${name}`, version)
    return
  }
  const paragraphs = kind === 'debian' ? text.split('\n\n') : [text.split(/\r?\n\r?\n/)[0] ?? '']
  for (const paragraph of paragraphs) {
    const name = /^(?:Package|Name): *(\S+)/m.exec(paragraph)?.[1]
    const version = /^Version: *(\S+)/m.exec(paragraph)?.[1]
    if (name !== undefined && version !== undefined) packages.set(`${kind} ${name}`, version)
  }
}
