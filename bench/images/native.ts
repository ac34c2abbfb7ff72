/** The image of a native model as the benches of images make it, without a server. */
import { join } from 'node:path'
import type { FoundBase } from '../../src/images/build/base.ts'
import { composeImage } from '../../src/images/build/compose.ts'
import { modelLayer } from '../../src/images/build/model.ts'
import { gatewayLayer, serveSettings } from '../../src/images/build/serve.ts'
import { Entries } from '../../src/images/layers/entries.ts'
import { makeLayer } from '../../src/images/layers/layer.ts'
import type { Layer } from '../../src/images/layers/layer.ts'
import type { BlobFolder } from '../../src/images/oci/blobs.ts'
import type { Descriptor } from '../../src/images/oci/documents.ts'
import { nodeLayer } from '../../src/images/parts/node.ts'
import type { InputField } from '../../src/scoring/rows/fields.ts'
import type { Row } from '../table.ts'

const ROOT = join(import.meta.dirname, '../..')
export const PLATFORM = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' }

export interface Built {
  readonly root: Descriptor
  readonly bytes: number
}

interface Parts {
  /** A layer more. */
  readonly code?: string
  /** None where it is not given. */
  readonly found?: FoundBase
  readonly inputs?: readonly InputField[]
}

/** The image of a native model. */
export async function build(
  blobs: BlobFolder,
  model: string,
  { code, found, inputs = [] }: Parts = {},
): Promise<Built> {
  const maker = { blobs, compression: 'gzip' as const, fetch: undefined, say: nothing }
  const alone = {
    format: 'slipway.serve/1',
    endpoint: 'm',
    model: 'm',
    version: '1',
    project: 'default',
    tree: null,
    inputs,
  } as const
  const { layer } = await nodeLayer(maker, { root: ROOT, registry: 'https://registry.invalid' }, PLATFORM.architecture)
  const changed = code === undefined ? [] : [await makeLayer(maker, 'code', new Entries().file('opt/code.js', code))]
  const layers: Layer[] = [
    layer,
    await gatewayLayer(maker, ROOT),
    ...changed,
    await modelLayer(maker, alone, { kind: 'native', dir: model }),
  ]
  const base = found?.base ?? { config: null, layers: [], name: 'none', digest: undefined }
  const all = [...(found?.layers ?? []), ...layers]
  const root = await composeImage(blobs, {
    base,
    layers: all,
    run: serveSettings(),
    labels: {},
    epoch: 0,
    platform: PLATFORM,
  })
  return { root, bytes: all.reduce((total, { descriptor }) => total + descriptor.size, 0) }
}

export function nothing(): void {
  // says nothing
}

/** The times of something, against a limit in ms. */
export function row(name: string, times: readonly number[], limit: number, beside: string): Row {
  const [middle, worst] = [median(times), Math.max(...times)]
  return {
    name,
    measured: `median ${middle.toFixed(0)} ms, worst ${worst.toFixed(0)} ms`,
    target: `≤ ${limit / 1000} s`,
    beside,
    ok: worst <= limit,
    figures: { median_ms: middle, worst_ms: worst },
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
