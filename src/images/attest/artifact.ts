/** What is attached to an image: a manifest of its own that names the image as its subject, and one document. */
import { z } from 'zod'
import { problem } from '../../contract/errors.ts'
import type { BlobFolder } from '../oci/blobs.ts'
import { documentBytes, Manifest, readDocument, TYPES } from '../oci/documents.ts'
import type { Descriptor } from '../oci/documents.ts'

export const SIGNATURE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'

/** The name under which a signature has the image's manifest. */
export const SIGNED_FILE = 'manifest.json'

/** A document about an image. */
export interface Attachment {
  readonly type: string
  readonly document: Buffer
  readonly annotations?: Readonly<Record<string, string>>
}

/** Keeps an artifact among blobs; the same document about the same image is the same artifact. Returns the descriptor of its manifest. */
export async function makeArtifact(
  blobs: BlobFolder,
  subject: Descriptor,
  { type, document, annotations = {} }: Attachment,
): Promise<Descriptor> {
  const empty = Buffer.from('{}')
  const { mediaType, digest, size } = subject
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    artifactType: type,
    config: { mediaType: TYPES.empty, digest: await blobs.put(empty), size: empty.length },
    layers: [{ mediaType: type, digest: await blobs.put(document), size: document.length }],
    subject: { mediaType, digest, size },
    ...(Object.keys(annotations).length > 0 && { annotations }),
  }
  const bytes = documentBytes(manifest)
  return {
    mediaType: TYPES.manifest,
    digest: await blobs.put(bytes),
    size: bytes.length,
    artifactType: type,
    ...(Object.keys(annotations).length > 0 && { annotations }),
  }
}

/** An artifact as its own manifest describes it: what registries list of it is not always that. */
export async function describeArtifact(source: Pick<BlobFolder, 'bytes'>, artifact: Descriptor): Promise<Descriptor> {
  const manifest = readDocument(Manifest, await source.bytes(artifact.digest), `the artifact ${artifact.digest}`)
  const { artifactType = manifest.config.mediaType, annotations } = manifest
  const { mediaType, digest, size } = artifact
  return { mediaType, digest, size, artifactType, ...(annotations !== undefined && { annotations }) }
}

/** The document of an artifact, checked to be about this image. Throws `unprocessable` for what is not. */
export async function readArtifact(
  source: Pick<BlobFolder, 'bytes'>,
  artifact: Descriptor,
  subject: string,
): Promise<Buffer> {
  const what = `the artifact ${artifact.digest}`
  const manifest = readDocument(Manifest, await source.bytes(artifact.digest), what)
  const [layer] = z.array(z.custom<Descriptor>()).parse(manifest.layers)
  if (manifest.subject?.digest !== subject || layer === undefined)
    throw problem('unprocessable', { detail: `${what} is not about ${subject}` })
  return source.bytes(layer.digest)
}
