/** The default base: a few packages of Debian, pinned by hash and laid out by their own file lists, without running anything of theirs. */
import { posix } from 'node:path'
import { problem } from '../../contract/errors.ts'
import type { TarEntry } from '../../registry/scan/tar.ts'
import { Entries, IMAGE_USER } from '../layers/entries.ts'
import type { LayerEntry } from '../layers/entries.ts'
import { layerByRecipe } from '../layers/layer.ts'
import type { Layer, LayerMaker } from '../layers/layer.ts'
import { pinnedFile } from '../parts/fetched.ts'
import type { Fetching } from '../parts/fetched.ts'
import { readPackage } from './package.ts'
import type { DebianPackage } from './package.ts'
import { BASE_PYTHON, pinsOf } from './pins.ts'
import type { BaseKind, BasePins, Pin } from './pins.ts'

/** What changes when the layout of the base does, so that a kept layer is made anew. */
const RECIPE = 3

/** Files that nothing in an image reads; licences stay. */
const LEFT_OUT =
  /^usr\/share\/(?:doc\/.*(?<!\/copyright)$|man\/|locale\/|lintian\/|bug\/|info\/|doc-base\/)|^usr\/lib\/[^/]+\/gconv\/|^usr\/lib\/valgrind\/|\.pyc$/

export interface DebianBase {
  readonly mirror: string
  readonly kind: BaseKind
  readonly architecture: string
}

/** The layer of the base. Throws `unprocessable` for a processor without pins, and what `pinnedFile` throws. */
export async function debianLayer(maker: LayerMaker & Fetching, base: DebianBase): Promise<Layer> {
  const pins = pinsOf(base.kind, base.architecture)
  if (pins === undefined)
    throw problem('unprocessable', {
      detail: `there is no default base for linux/${base.architecture}; name one with --base`,
    })
  const recipe = { base: RECIPE, kind: base.kind, packages: pins.packages.map(({ sha256 }) => sha256) }
  const comment = `Debian ${pins.release}: ${pins.packages.map(({ name }) => name).join(' ')}`
  return layerByRecipe(maker, comment, recipe, async () => {
    const packages: DebianPackage[] = []
    for (const pin of pins.packages) packages.push(await readPackage(await bytesOf(maker, base.mirror, pin), pin.name))
    return baseEntries(pins, packages, base.kind)
  })
}

function bytesOf(fetching: Fetching, mirror: string, pin: Pin): Promise<Buffer> {
  return pinnedFile(fetching, { name: pin.name, url: `${mirror}/${pin.path}`, size: pin.size, hash: pin.sha256 })
}

function baseEntries(pins: BasePins, packages: readonly DebianPackage[], kind: BaseKind): Entries {
  const entries = new Entries()
  for (const { members } of packages) addMembers(entries, members)
  // scanners read what a base without dpkg is made of here
  for (const [i, { control }] of packages.entries())
    entries.file(`var/lib/dpkg/status.d/${pins.packages[i]?.name ?? ''}`, control)
  addSystem(entries, pins)
  if (kind === 'python') addPython(entries, packages)
  return entries
}

function addMembers(entries: Entries, members: readonly TarEntry[]): void {
  const contents = new Map<string, TarEntry>()
  for (const member of members) {
    const path = member.name.replace(/^\.\//, '').replace(/\/$/, '')
    contents.set(path, member)
    if (path === '' || path === '.' || member.type === '5' || isLeftOut(path, member)) continue
    entries.add(path, entryOf(member, contents))
  }
}

/** Packages of one source may have their licence in the folder of one of them, which the others link to. */
function isLeftOut(path: string, { type }: TarEntry): boolean {
  return LEFT_OUT.test(path) && !(type === '2' && /^usr\/share\/doc\/[^/]+$/.test(path))
}

function entryOf(member: TarEntry, before: ReadonlyMap<string, TarEntry>): LayerEntry {
  const { type, mode, content, link, name } = member
  if (type === '0') return { kind: 'file', mode: mode & 0o755, source: content }
  if (type === '2') return { kind: 'link', target: link }
  const same = type === '1' ? before.get(posix.normalize(link)) : undefined
  if (same === undefined || same.type !== '0')
    throw problem('unprocessable', { detail: `a package has ${name}, which is no file, folder or link` })
  return { kind: 'file', mode: same.mode & 0o755, source: same.content }
}

/** What the packages' own scripts would have made, and a user with a number. */
function addSystem(entries: Entries, { release, codename }: BasePins): void {
  const home = `${IMAGE_USER}:${IMAGE_USER}`
  entries
    .file('etc/passwd', `root:x:0:0:root:/root:/usr/sbin/nologin\nslipway:x:${home}:slipway:/data:/usr/sbin/nologin\n`)
    .file('etc/group', `root:x:0:\nslipway:x:${IMAGE_USER}:\n`)
    .file('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n')
    .file(
      'etc/os-release',
      `PRETTY_NAME="Debian GNU/Linux ${release} (${codename})"\nNAME="Debian GNU/Linux"\nVERSION_ID="${release}"\nVERSION_CODENAME=${codename}\nID=debian\n`,
    )
    .add('tmp', { kind: 'folder', mode: 0o1777 })
    .add('data', { kind: 'folder', mode: 0o750, owner: IMAGE_USER })
}

/** The interpreter by its usual names, and the certificates in one file as OpenSSL reads them. */
function addPython(entries: Entries, packages: readonly DebianPackage[]): void {
  entries.add('usr/bin/python3', { kind: 'link', target: `python${BASE_PYTHON}` })
  entries.add('usr/bin/python', { kind: 'link', target: `python${BASE_PYTHON}` })
  const certificates = packages
    .flatMap(({ members }) => members.filter((one) => /^\.\/usr\/share\/ca-certificates\/.*\.crt$/.test(one.name)))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ content }) => content.toString('utf8').trimEnd())
  entries.file('etc/ssl/certs/ca-certificates.crt', `${certificates.join('\n')}\n`)
  entries.add('usr/lib/ssl/cert.pem', { kind: 'link', target: '/etc/ssl/certs/ca-certificates.crt' })
}
