/** What an image is made of as a CycloneDX document: Debian's packages, Node, Python packages and npm packages, found in its layers. */
import { createHash } from 'node:crypto'
import { layerContents } from '../compare/contents.ts'
import type { OpenImage } from '../compare/difference.ts'

export const CYCLONEDX_TYPE = 'application/vnd.cyclonedx+json'

export interface Component {
  readonly type: 'library' | 'application'
  readonly 'bom-ref': string
  readonly name: string
  readonly version: string
  readonly purl: string
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
  const found = new Map<string, string>()
  for (const layer of image.manifest.layers)
    for (const [key, version] of (await layerContents(image.blobs, layer)).packages) found.set(key, version)
  const components = [...found]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, version]) => componentOf(key, version, image.config.architecture))
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

function componentOf(key: string, version: string, architecture: string): Component {
  const at = key.indexOf(' ')
  const [kind, name] = [key.slice(0, at), key.slice(at + 1)]
  const purl = purlOf(kind, name, version, architecture)
  return { type: kind === 'program' ? 'application' : 'library', 'bom-ref': purl, name, version, purl }
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
