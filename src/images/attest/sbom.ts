/** What an image is made of as a CycloneDX document: Debian's packages, Node, Python packages and npm packages, found in its layers. */
import { createHash } from 'node:crypto'
import { layerContents } from '../compare/contents.ts'
import type { About } from '../compare/contents.ts'
import type { OpenImage } from '../compare/difference.ts'
import { forDocument } from '../compare/licenses.ts'
import type { License } from '../compare/licenses.ts'

export const CYCLONEDX_TYPE = 'application/vnd.cyclonedx+json'

export interface Component {
  readonly type: 'library' | 'application'
  readonly 'bom-ref': string
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly licenses?: readonly License[]
  readonly hashes?: readonly { readonly alg: 'SHA-256'; readonly content: string }[]
  readonly properties?: readonly { readonly name: string; readonly value: string }[]
}

export interface Bom {
  readonly bomFormat: 'CycloneDX'
  readonly specVersion: '1.6'
  readonly serialNumber: string
  readonly version: 1
  readonly metadata: object
  readonly components: readonly Component[]
}

/** The document. It has no time, so that the same image has the same one; a later layer's version of a package counts. */
export async function billOfMaterials(name: string, image: OpenImage, slipway: string): Promise<Bom> {
  const found = new Map<string, Package>()
  for (const layer of image.manifest.layers) {
    const { packages, about } = await layerContents(image.blobs, layer)
    for (const [key, version] of packages) found.set(key, { version, about: about.get(key) ?? {} })
    // Debian's copyright files may lie in another layer than what lists its packages
    for (const [key, more] of about) {
      const known = found.get(key)
      if (known !== undefined && !packages.has(key)) found.set(key, { ...known, about: { ...known.about, ...more } })
    }
  }
  const components = [...found]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, one]) => componentOf(key, one, image.config.architecture))
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(image.digest)}`,
    version: 1,
    metadata: {
      component: { type: 'container', 'bom-ref': image.digest, name, version: image.digest },
      tools: { components: [{ type: 'application', name: 'slipway', version: slipway }] },
    },
    components,
  }
}

interface Package {
  readonly version: string
  readonly about: About
}

/** Name of the property with the hash of a RECORD. */
const RECORD = 'slipway:python:record-sha256'

function componentOf(key: string, { version, about }: Package, architecture: string): Component {
  const at = key.indexOf(' ')
  const [kind, name] = [key.slice(0, at), key.slice(at + 1)]
  const purl = purlOf(kind, name, version, architecture)
  const licenses = forDocument(about.licenses ?? [])
  return {
    type: kind === 'program' ? 'application' : 'library',
    'bom-ref': purl,
    name,
    version,
    ...(about.sha256 !== undefined && { hashes: [{ alg: 'SHA-256', content: about.sha256 }] }),
    ...(licenses.length > 0 && { licenses }),
    purl,
    ...(about.record !== undefined && { properties: [{ name: RECORD, value: about.record }] }),
  }
}

/** A package URL, by the rules of each kind. */
function purlOf(kind: string, name: string, version: string, architecture: string): string {
  const encoded = encodeURIComponent(version)
  if (kind === 'python') return `pkg:pypi/${name.toLowerCase().replaceAll('_', '-')}@${encoded}`
  if (kind === 'debian') return `pkg:deb/debian/${encodeURIComponent(name)}@${encoded}?arch=${architecture}`
  if (kind === 'npm') return `pkg:npm/${name.replace('@', '%40')}@${encoded}`
  return `pkg:generic/${encodeURIComponent(name)}@${encoded}`
}

/** A UUID that a digest always gives (version 8: of our own making). */
function uuidOf(digest: string): string {
  const hex = createHash('sha256').update(`cyclonedx ${digest}`).digest('hex')
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
