/** Builds the image of a model from a checkout that is elsewhere, with a cache of its own: what the test of two clones runs. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as Compose from '../../src/images/build/compose.ts'
import type * as Model from '../../src/images/build/model.ts'
import type * as Serve from '../../src/images/build/serve.ts'
import type * as Blobs from '../../src/images/oci/blobs.ts'
import type * as Node from '../../src/images/parts/node.ts'

/** The digest of the image of a native model, by the code and the files of the checkout `home`. */
export async function imageOf(home: string, model: string): Promise<string> {
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
  const { layer } = await nodeLayer(maker, { root: home, registry: 'https://registry.invalid' }, 'amd64')
  const layers = [
    layer,
    await gatewayLayer(maker, home),
    await modelLayer(maker, alone, { kind: 'native', dir: model }),
  ]
  const base = { config: null, layers: [], name: 'none', digest: undefined }
  const platform = { os: 'linux', architecture: 'amd64' }
  const parts = { base, layers, run: serveSettings(), labels: {}, epoch: 0, platform }
  return (await composeImage(maker.blobs, parts)).digest
}
