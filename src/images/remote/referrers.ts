/** What is attached to an image in a registry: by the referrers of the specification, else by the tag that stands for them. */
import { ifJson } from '../../contract/absence/absent.ts'
import { wholeBody } from '../../http/egress-stream.ts'
import type { BlobFolder } from '../oci/blobs.ts'
import { documentBytes, Index, Manifest, MOST_DOCUMENT, readDocument, TYPES } from '../oci/documents.ts'
import type { Descriptor } from '../oci/documents.ts'
import { RemoteImage } from './image.ts'
import { putManifest, uploadBlob } from './upload.ts'

/** All that is attached to a digest in the repository of an image. */
export async function referrersOf(image: RemoteImage, digest: string): Promise<readonly Descriptor[]> {
  const { repository } = image.reference
  const path = `${repository}/referrers/${digest}`
  const reply = await image.session.call({ method: 'GET', path, scope: `repository:${repository}:pull` })
  const type = reply.headers['content-type']?.split(';')[0]
  if (reply.status === 200 && type === TYPES.index) {
    const bytes = await wholeBody(reply, MOST_DOCUMENT, `the referrers of ${digest}`)
    return readDocument(Index, bytes, `the referrers of ${digest}`).manifests
  }
  reply.body.destroy()
  return byTag(image, digest)
}

/** Attaches an artifact that lies among blobs: its parts, its manifest, and the tag where the registry keeps no referrers itself. */
export async function attach(from: BlobFolder, artifact: Descriptor, image: RemoteImage): Promise<void> {
  const bytes = await from.bytes(artifact.digest)
  const { config, layers, subject } = readDocument(Manifest, bytes, `the artifact ${artifact.digest}`)
  for (const blob of [config, ...layers]) {
    const content = await from.bytes(blob.digest)
    await uploadBlob(image, blob, async function* (_digest, offset) {
      yield content.subarray(offset)
    })
  }
  const kept = await putManifest(image, artifact, bytes)
  if (subject === undefined || kept.subject === subject.digest) return
  const before = await byTag(image, subject.digest)
  const manifests = [...before.filter(({ digest }) => digest !== artifact.digest), artifact]
  const index = documentBytes({ schemaVersion: 2, mediaType: TYPES.index, manifests })
  const root = { mediaType: TYPES.index, digest: '', size: index.length }
  await putManifest(image, { ...root, digest: await from.put(index) }, index, tagOf(subject.digest))
}

async function byTag(image: RemoteImage, digest: string): Promise<readonly Descriptor[]> {
  const tagged = new RemoteImage(image.session, { ...image.reference, tag: tagOf(digest), digest: undefined })
  const found = await tagged.find()
  if (found === undefined) return []
  const bytes = await tagged.bytes(found.digest)
  // somebody may have given this tag to an image
  const index = Index.safeParse(ifJson(bytes.toString('utf8')))
  return index.success ? index.data.manifests : []
}

function tagOf(digest: string): string {
  return digest.replace(':', '-')
}
