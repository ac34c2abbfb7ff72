/** Builds images from a checkout that is elsewhere, with a cache of its own: what the test of two clones runs. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as Compose from '../../src/images/build/compose.ts'
import type * as Control from '../../src/images/build/control.ts'
import type * as Follower from '../../src/images/build/gateway.ts'
import type * as Model from '../../src/images/build/model.ts'
import type * as Serve from '../../src/images/build/serve.ts'
import type { Layer } from '../../src/images/layers/layer.ts'
import type * as Blobs from '../../src/images/oci/blobs.ts'
import type * as Node from '../../src/images/parts/node.ts'

/** Digests of the images of a native model, of a gateway and of the server (where its pages are built), by the code and files of the checkout `home`. */
export async function imagesOf(home: string, model: string): Promise<Record<string, string>> {
  const of = (path: string): Promise<unknown> => import(pathToFileURL(join(home, 'src/images', path)).href)
  const { BlobFolder } = (await of('oci/blobs.ts')) as typeof Blobs
  const { modelLayer } = (await of('build/model.ts')) as typeof Model
  const { gatewayLayer, serveSettings } = (await of('build/serve.ts')) as typeof Serve
  const { nodeLayer } = (await of('parts/node.ts')) as typeof Node
  const { composeImage } = (await of('build/compose.ts')) as typeof Compose
  const maker = {
    blobs: new BlobFolder(join(home, 'cache')),
    compression: 'gzip' as const,
    fetch: undefined,
    say: () => undefined,
  }
  const alone = {
    format: 'slipway.serve/1',
    endpoint: 'm',
    model: 'm',
    version: '1',
    project: 'default',
    tree: null,
    inputs: [],
  } as const
  const { controlLayers, controlSettings } = (await of('build/control.ts')) as typeof Control
  const { followerLayer, followerSettings } = (await of('build/gateway.ts')) as typeof Follower
  const { layer } = await nodeLayer(maker, { root: home, registry: 'https://registry.invalid' }, 'amd64')
  const base = { config: null, layers: [], name: 'none', digest: undefined }
  const platform = { os: 'linux', architecture: 'amd64' }
  const digestOf = async (layers: readonly Layer[], run: Compose.RunSettings): Promise<string> =>
    (await composeImage(maker.blobs, { base, layers: [layer, ...layers], run, labels: {}, epoch: 0, platform })).digest
  const isBuilt = existsSync(join(home, 'dist/web'))
  return {
    serve: await digestOf(
      [await gatewayLayer(maker, home), await modelLayer(maker, alone, { kind: 'native', dir: model })],
      serveSettings(),
    ),
    gateway: await digestOf([await followerLayer(maker, home)], followerSettings('/usr/bin/python3')),
    ...(isBuilt && { control: await digestOf(await controlLayers(maker, home, 'amd64'), controlSettings()) }),
  }
}
