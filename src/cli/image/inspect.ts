/** `slipway image inspect`: what an image is: digest, platforms, layers with their sizes, how it is run, labels. */
import { isIndex, Index, platformName, readDocument } from '../../images/oci/documents.ts'
import type { Platform } from '../../images/oci/documents.ts'
import type { OpenImage } from '../../images/compare/difference.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { openImage, openReference } from './opened.ts'
import type { OpenReference } from './opened.ts'
import { platformsOf } from './maker.ts'

export async function inspect(invocation: Invocation): Promise<number> {
  const [, given] = invocation.args
  if (given === undefined) throw new UsageError('image inspect needs an image: slipway image inspect layout:image')
  const opened = await openReference(given)
  const wanted = invocation.flags['platform'] === undefined ? await platformsIn(opened) : platformsOf(invocation)
  const images: OpenImage[] = []
  for (const platform of wanted) images.push(await openImage(opened, platform))
  invocation.out.data({ name: opened.name, digest: opened.root.digest, images: images.map(told) })
  invocation.out.line(`${opened.name}  ${opened.root.digest}`)
  for (const image of images) print(invocation, image)
  return 0
}

/** All platforms of an index; of a single image, the one that it says. */
async function platformsIn({ root, source }: OpenReference): Promise<Platform[]> {
  if (!isIndex(root.mediaType)) return [{ os: 'linux', architecture: 'amd64' }]
  const { manifests } = readDocument(Index, await source.bytes(root.digest), `the index ${root.digest}`)
  return manifests.flatMap(({ platform }) => (platform === undefined ? [] : [platform]))
}

function told({ digest, manifest, config }: OpenImage): object {
  return {
    digest,
    platform: platformName(config),
    size: sizeOf({ manifest }),
    layers: manifest.layers.map((layer, i) => ({
      ...layer,
      diff_id: config.rootfs.diff_ids[i],
      made_by: purposes(config)[i],
    })),
    config: config.config ?? {},
    annotations: manifest.annotations ?? {},
  }
}

function sizeOf({ manifest }: Pick<OpenImage, 'manifest'>): number {
  return manifest.layers.reduce((total, { size }) => total + size, manifest.config.size)
}

function purposes({ history }: OpenImage['config']): string[] {
  return (history ?? []).filter((one) => one.empty_layer !== true).map((one) => one.created_by ?? '')
}

function print({ out }: Invocation, image: OpenImage): void {
  const { digest, manifest, config } = image
  const run = config.config ?? {}
  out.line('')
  out.line(
    `${platformName(config)}  ${digest}  ${megabytes(sizeOf(image))} compressed, made ${config.created ?? 'at no time that it says'}`,
  )
  out.table(
    ['layer', 'size', 'made by'],
    manifest.layers.map((layer, i) => [layer.digest.slice(7, 19), megabytes(layer.size), purposes(config)[i] ?? '']),
  )
  out.line(`user ${run.User || 'root'}, runs ${[...(run.Entrypoint ?? []), ...(run.Cmd ?? [])].join(' ')}`)
  for (const [key, value] of Object.entries(run.Labels ?? {})) out.line(`${key}=${value}`)
}

/** A size as people read it. */
export function megabytes(bytes: number): string {
  return bytes < 100_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}
