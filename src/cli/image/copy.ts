/** `slipway image push|pull|copy`: whole images between layouts and registries. */
import { join, resolve } from 'node:path'
import { defaultCacheFolder } from '../../envs/cache-folder.ts'
import { BlobFolder } from '../../images/oci/blobs.ts'
import type { Descriptor } from '../../images/oci/documents.ts'
import { partsOf } from '../../images/oci/graph.ts'
import { layoutBlobs, nameInLayout, resolveInLayout } from '../../images/oci/layout.ts'
import { parseReference, referenceText } from '../../images/oci/reference.ts'
import type { Reference } from '../../images/oci/reference.ts'
import type { RemoteImage } from '../../images/remote/image.ts'
import { pull as pullImage } from '../../images/remote/transfer.ts'
import type { Moved } from '../../images/remote/transfer.ts'
import { config } from '../invocation/config.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { artifactsOf, attachTo, bringArtifact } from './attached.ts'
import { deliver, layoutPlace, registryPlace } from './deliver.ts'
import { registries } from './registries.ts'
import type { OpenRemote } from './registries.ts'

export async function push(invocation: Invocation): Promise<number> {
  const [from, to] = two(invocation, 'push layout:image registry.example.org/team/model:v3')
  return copied(invocation, layoutPlace(from, 'the image'), registryPlace(to, 'the second image'))
}

export async function pull(invocation: Invocation): Promise<number> {
  const [from, to] = two(invocation, 'pull registry.example.org/team/model:v3 layout:image')
  const source = parseReference(from)
  if (source.kind !== 'registry') throw new UsageError(`the image is "${from}"; expected REGISTRY/REPOSITORY[:TAG]`)
  return copied(invocation, source, layoutPlace(to, 'the second image'))
}

export async function copy(invocation: Invocation): Promise<number> {
  const [from, to] = two(invocation, 'copy registry.example.org/dev/model:v3 registry.example.org/prod/model:v3')
  const place = to.startsWith('layout:') ? layoutPlace(to, 'the second image') : registryPlace(to, 'the second image')
  return copied(invocation, parseReference(from), place)
}

function two({ args }: Invocation, example: string): [string, string] {
  const [act, from, to] = args
  if (from === undefined || to === undefined)
    throw new UsageError(`image ${act} needs two images: slipway image ${example}`)
  return [from, to]
}

/** Brings an image with what is attached to it from one place to another; its bytes stay what they are. */
export async function copyWhole(
  from: Reference,
  to: Reference,
  open: OpenRemote,
  say: (line: string) => void,
): Promise<{ root: Descriptor; moved: Moved | undefined; attached: number }> {
  const { root, moved } = await transfer(from, to, open, say)
  return { root, moved, attached: await copyAttached(from, to, root, open) }
}

async function copied(invocation: Invocation, from: Reference, to: Reference): Promise<number> {
  const { out } = invocation
  const { root, moved, attached } = await copyWhole(from, to, registries(), (line) => out.progress(line))
  out.data({ from: referenceText(from), to: referenceText(to), digest: root.digest, ...moved, attached })
  if (moved !== undefined)
    out.line(`${moved.sent} blobs sent (${moved.bytes} bytes), ${moved.mounted} mounted, ${moved.there} were there`)
  if (attached > 0) out.line(`${attached} documents and signatures are attached as they were`)
  out.line(`${referenceText(to)}: ${root.digest}`)
  return 0
}

/** Brings what is attached to an image, and to those of its platforms, after it; returns how many artifacts that were. */
async function copyAttached(from: Reference, to: Reference, root: Descriptor, open: OpenRemote): Promise<number> {
  const blobs = cache()
  const source = from.kind === 'layout' ? layoutBlobs(from.dir) : open({ ...from, tag: undefined, digest: root.digest })
  if ('resolve' in source) await source.resolve()
  let count = 0
  for (const { digest } of (await partsOf(source, root)).manifests) {
    const artifacts = await artifactsOf(from, digest, open)
    for (const artifact of artifacts) {
      const one = from.kind === 'layout' ? source : open({ ...from, tag: undefined, digest: artifact.digest })
      if ('resolve' in one) await one.resolve()
      await bringArtifact(one, artifact, blobs)
    }
    await attachTo(to, blobs, artifacts, open)
    count += artifacts.length
  }
  return count
}

function cache(): BlobFolder {
  return new BlobFolder(join(config('SLIPWAY_CACHE') ?? defaultCacheFolder(), 'images'))
}

async function transfer(
  from: Reference,
  to: Reference,
  open: OpenRemote,
  say: (line: string) => void,
): Promise<{ root: Descriptor; moved: Moved | undefined }> {
  if (from.kind === 'layout') {
    const root = await resolveInLayout(from)
    const { moved } = await deliver({ blobs: layoutBlobs(from.dir), root, lenders: [] }, to, open, say)
    return { root, moved }
  }
  const image = open(from)
  const root = await image.resolve()
  if (to.kind === 'layout') {
    const dir = resolve(to.dir)
    const moved = await pullImage(image, root, layoutBlobs(dir), say)
    await nameInLayout(dir, root, to.tag)
    return { root, moved }
  }
  // through the cache, but for what the other registry has or mounts
  const blobs = cache()
  await documents(image, root, blobs)
  const { moved } = await deliver({ blobs, root, lenders: [image] }, to, open, say)
  return { root, moved }
}

/** Brings manifests and indexes alone. */
async function documents(image: RemoteImage, root: Descriptor, to: BlobFolder): Promise<void> {
  for (const one of (await partsOf(image, root)).manifests) await to.put(await image.bytes(one.digest))
}
