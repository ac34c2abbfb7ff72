/** Finds what an image is built on: the default base, or an image in an OCI layout or a registry. */
import { problem } from '../../contract/errors.ts'
import { debianLayer } from '../base/debian.ts'
import type { BaseKind } from '../base/pins.ts'
import { BASE_PYTHON } from '../base/pins.ts'
import type { Layer, LayerMaker } from '../layers/layer.ts'
import type { BlobFolder } from '../oci/blobs.ts'
import { ImageConfig, Index, isIndex, Manifest, platformName, readDocument } from '../oci/documents.ts'
import type { Descriptor, Platform } from '../oci/documents.ts'
import { layoutBlobs, resolveInLayout } from '../oci/layout.ts'
import type { LayoutReference } from '../oci/reference.ts'
import { referenceText } from '../oci/reference.ts'
import type { Fetching } from '../parts/fetched.ts'
import type { Base } from './compose.ts'

export interface FoundBase {
  readonly base: Base
  /** The layers that the default base adds itself. */
  readonly layers: readonly Layer[]
  /** Version of Python in it, as 3.11; undefined where it tells none. */
  readonly python: string | undefined
  /** Path of its interpreter. */
  readonly pythonPath: string
}

/** The default base for a platform. */
export async function defaultBase(
  maker: LayerMaker & Fetching,
  kind: BaseKind,
  mirror: string,
  platform: Platform,
): Promise<FoundBase> {
  const layer = await debianLayer(maker, { kind, mirror, architecture: platform.architecture })
  return {
    base: { config: null, layers: [], name: 'Debian 12', digest: undefined },
    layers: [layer],
    python: kind === 'python' ? BASE_PYTHON : undefined,
    pythonPath: '/usr/bin/python3',
  }
}

/** Takes the image of a layout for a platform as base; its blobs come among those of the image. */
export async function layoutBase(
  blobs: BlobFolder,
  reference: LayoutReference,
  platform: Platform,
): Promise<FoundBase> {
  const from = layoutBlobs(reference.dir)
  // the folder is a matter of this machine, and does not stand in the image
  const name = referenceText({ ...reference, dir: 'base' })
  const found = await imageBase(from, await resolveInLayout(reference), platform, name)
  for (const layer of found.base.layers) await blobs.adopt(from, layer)
  return found
}

/** Takes an image for a platform as base; its layers stay where they are. */
export async function imageBase(
  from: Pick<BlobFolder, 'bytes'>,
  root: Descriptor,
  platform: Platform,
  name: string,
): Promise<FoundBase> {
  const found = await imageFor(from, root, platform, name)
  const { config: own, layers } = readDocument(Manifest, await from.bytes(found.digest), `the manifest ${found.digest}`)
  const config = readDocument(ImageConfig, await from.bytes(own.digest), 'the configuration of the base')
  return baseOf({ config, layers, name, digest: found.digest })
}

/** A base with what its configuration tells of Python. Throws `unprocessable` where it contradicts itself. */
function baseOf(base: Base & { readonly config: ImageConfig }): FoundBase {
  const { config, layers } = base
  if (config.rootfs.diff_ids.length !== layers.length)
    throw problem('unprocessable', {
      detail: `the base ${base.name} has ${layers.length} layers and digests of ${config.rootfs.diff_ids.length}`,
    })
  const env = (config.config?.Env ?? []).find((one) => one.startsWith('PYTHON_VERSION='))
  const python = /^PYTHON_VERSION=(\d+\.\d+)/.exec(env ?? '')?.[1]
  const pythonPath = (config.config?.Env ?? []).find((one) => one.startsWith('SLIPWAY_PYTHON_PATH='))?.split('=')[1]
  return { base, layers: [], python, pythonPath: pythonPath ?? '/usr/local/bin/python3' }
}

/** The image of a platform in what may be an index of several. Throws `unprocessable` that lists those that there are. */
export async function imageFor(
  blobs: Pick<BlobFolder, 'bytes'>,
  root: Descriptor,
  platform: Platform,
  name: string,
): Promise<Descriptor> {
  if (!isIndex(root.mediaType)) return root
  const { manifests } = readDocument(Index, await blobs.bytes(root.digest), `the index ${root.digest}`)
  const found = manifests.find(
    (one) => one.platform?.architecture === platform.architecture && one.platform.os === platform.os,
  )
  if (found !== undefined) return found
  const there = manifests.flatMap((one) => (one.platform === undefined ? [] : platformName(one.platform)))
  throw problem('unprocessable', {
    detail: `${name} has no image for ${platformName(platform)}; it has ${there.join(', ') || 'none with a platform'}`,
  })
}
