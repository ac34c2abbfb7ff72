/** Artifacts of an image, wherever it lies: listed, read, and attached. */
import { resolve } from 'node:path'
import { describeArtifact, readArtifact, SIGNATURE_TYPE } from '../../images/attest/artifact.ts'
import { isStatement } from '../../images/attest/cosign.ts'
import { SIGNED_DOCUMENTS } from '../../images/attest/statements.ts'
import type { AttachedDocument, SignedType } from '../../images/attest/statements.ts'
import type { BlobFolder } from '../../images/oci/blobs.ts'
import { Manifest, readDocument } from '../../images/oci/documents.ts'
import type { Descriptor } from '../../images/oci/documents.ts'
import { copyImage } from '../../images/oci/graph.ts'
import { artifactsInLayout, layoutBlobs, nameInLayout } from '../../images/oci/layout.ts'
import type { Reference } from '../../images/oci/reference.ts'
import { attach, referrersOf } from '../../images/remote/referrers.ts'
import type { ImageSource } from './opened.ts'
import type { OpenRemote } from './registries.ts'

/** The artifacts that are about a digest. */
export async function artifactsOf(place: Reference, digest: string, open: OpenRemote): Promise<readonly Descriptor[]> {
  if (place.kind === 'registry') return referrersOf(open(place), digest)
  const blobs = layoutBlobs(place.dir)
  const found: Descriptor[] = []
  for (const one of await artifactsInLayout(place.dir)) {
    const { subject } = readDocument(Manifest, await blobs.bytes(one.digest), `the artifact ${one.digest}`)
    if (subject?.digest === digest) found.push(one)
  }
  return found
}

/** The documents that are attached to a digest, of the types that are asked for. */
async function documentsOf(
  place: Reference,
  digest: string,
  types: readonly string[],
  open: OpenRemote,
): Promise<{ artifact: Descriptor; document: Buffer }[]> {
  const documents: { artifact: Descriptor; document: Buffer }[] = []
  for (const listed of await artifactsOf(place, digest, open)) {
    const source =
      place.kind === 'registry' ? open({ ...place, tag: undefined, digest: listed.digest }) : layoutBlobs(place.dir)
    if ('find' in source) await source.resolve()
    const artifact = await describeArtifact(source, listed)
    if (!types.includes(artifact.artifactType ?? '')) continue
    documents.push({ artifact, document: await readArtifact(source, artifact, digest) })
  }
  return documents
}

/** The signatures that are attached to a digest, but for those of statements. */
export async function signaturesOf(place: Reference, digest: string, open: OpenRemote): Promise<Buffer[]> {
  const found = await documentsOf(place, digest, [SIGNATURE_TYPE], open)
  return found.filter(({ artifact }) => !isStatement(artifact)).map(({ document }) => document)
}

/** The SBOM and provenance that are attached to a digest, and the bundles of statements about it. */
export async function statedOf(
  place: Reference,
  digest: string,
  open: OpenRemote,
): Promise<{ documents: AttachedDocument[]; bundles: Buffer[] }> {
  const found = await documentsOf(place, digest, [SIGNATURE_TYPE, ...Object.keys(SIGNED_DOCUMENTS)], open)
  return {
    documents: found.flatMap(({ artifact: { artifactType = '' }, document }) =>
      artifactType in SIGNED_DOCUMENTS ? [{ type: artifactType as SignedType, document }] : [],
    ),
    bundles: found.flatMap(({ artifact, document }) => (isStatement(artifact) ? [document] : [])),
  }
}

/** Attaches artifacts that lie among blobs to the image at a place. */
export async function attachTo(
  place: Reference,
  blobs: BlobFolder,
  artifacts: readonly Descriptor[],
  open: OpenRemote,
): Promise<void> {
  for (const artifact of artifacts) {
    if (place.kind === 'registry') {
      await attach(blobs, artifact, open(place))
      continue
    }
    const dir = resolve(place.dir)
    await copyImage(blobs, layoutBlobs(dir), artifact)
    await nameInLayout(dir, artifact, undefined)
  }
}

/** Brings an artifact with its parts among blobs. */
export async function bringArtifact(source: ImageSource, artifact: Descriptor, to: BlobFolder): Promise<void> {
  const bytes = await source.bytes(artifact.digest)
  const { config, layers } = readDocument(Manifest, bytes, `the artifact ${artifact.digest}`)
  for (const { digest } of [config, ...layers]) await to.put(await source.bytes(digest))
  await to.put(bytes)
}
