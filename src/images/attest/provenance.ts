/** Where an image comes from as SLSA provenance: an in-toto statement about its digest, made by the build that made it. */
import type { OpenImage } from '../compare/difference.ts'

export const IN_TOTO_TYPE = 'application/vnd.in-toto+json'
export const PROVENANCE = 'https://slsa.dev/provenance/v1'

export interface Builder {
  /** Version of Slipway. */
  readonly slipway: string
  /** Whose hosts packages come from, by kind. */
  readonly hosts: Readonly<Record<string, string>>
}

/** The statement. What it says of the image is read from it, which the build has just made; it has no time. */
export function provenanceOf(
  name: string,
  { digest, manifest, config }: OpenImage,
  { slipway, hosts }: Builder,
): object {
  const labels = config.config?.Labels ?? {}
  const own = Object.entries(labels).filter(([key]) => key.startsWith('dev.slipway.'))
  const annotations = manifest.annotations ?? {}
  const base = annotations['org.opencontainers.image.base.digest']
  const revision = labels['org.opencontainers.image.revision']
  const files = labels['dev.slipway.files']
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name, digest: digestSet(digest) }],
    predicateType: PROVENANCE,
    predicate: {
      buildDefinition: {
        buildType: 'https://slipway.dev/image-build/v1',
        externalParameters: Object.fromEntries(own),
        internalParameters: {
          platform: `${config.os}/${config.architecture}`,
          created: config.created ?? '',
          packages_from: hosts,
        },
        resolvedDependencies: [
          ...(base === undefined
            ? []
            : [{ name: annotations['org.opencontainers.image.base.name'] ?? 'base', digest: digestSet(base) }]),
          ...(revision === undefined ? [] : [{ name: 'source', digest: { gitCommit: revision } }]),
          ...(files === undefined ? [] : [{ name: 'model files', digest: digestSet(files) }]),
          ...manifest.layers.map((layer, i) => ({
            name: (config.history ?? [])[i]?.created_by ?? `layer ${i + 1}`,
            digest: digestSet(layer.digest),
          })),
        ],
      },
      runDetails: { builder: { id: 'https://slipway.dev/image-build', version: { slipway } } },
    },
  }
}

function digestSet(digest: string): Record<string, string> {
  const [algorithm = '', hex = ''] = digest.split(':')
  return { [algorithm]: hex }
}
