/** What an image of a native model costs with a warm cache: to build it, and to push it when only the code has changed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { defaultCacheFolder } from '../../src/envs/cache-folder.ts'
import { egressStream } from '../../src/http/egress-stream.ts'
import { composeImage } from '../../src/images/build/compose.ts'
import { modelLayer } from '../../src/images/build/model.ts'
import { gatewayLayer, serveSettings } from '../../src/images/build/serve.ts'
import { Entries } from '../../src/images/layers/entries.ts'
import { makeLayer } from '../../src/images/layers/layer.ts'
import type { Layer } from '../../src/images/layers/layer.ts'
import { BlobFolder } from '../../src/images/oci/blobs.ts'
import type { Descriptor } from '../../src/images/oci/documents.ts'
import { copyImage } from '../../src/images/oci/graph.ts'
import { layoutBlobs, nameInLayout } from '../../src/images/oci/layout.ts'
import { nodeLayer } from '../../src/images/parts/node.ts'
import { RemoteImage } from '../../src/images/remote/image.ts'
import { RegistrySession } from '../../src/images/remote/session.ts'
import { push } from '../../src/images/remote/transfer.ts'
import { NO_REGISTRY, startRegistry } from '../../test/images/registry.ts'
import { megabytes } from '../table.ts'
import type { Row } from '../table.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Bytes of the model: as many as that of the flights example has. */
const MODEL = 204_000
const ROUNDS = 5
const PLATFORM = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' }

interface Built {
  readonly root: Descriptor
  readonly bytes: number
}

/** Rows of a build and of a push; without the call of the server that lays the model out, and without a base. */
export async function image(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-image-'))
  const blobs = new BlobFolder(join(defaultCacheFolder(), 'images'))
  writeFileSync(join(folder, 'model.bin'), randomBytes(MODEL))
  writeFileSync(join(folder, 'model.json'), '{}')
  try {
    const { bytes } = await build(blobs, folder)
    const times: number[] = []
    for (let i = 0; i < ROUNDS; i++) {
      const began = performance.now()
      const { root } = await build(blobs, folder)
      const dir = join(folder, `layout${i}`)
      await copyImage(blobs, layoutBlobs(dir), root)
      await nameInLayout(dir, root, 'v1')
      times.push(performance.now() - began)
    }
    return [
      row('image of a native model, warm', times, 3000, `${megabytes(bytes)} compressed, without a base`),
      await pushed(blobs, folder),
    ]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function build(blobs: BlobFolder, model: string, code?: string): Promise<Built> {
  const maker = { blobs, compression: 'gzip' as const, fetch: undefined, say: nothing }
  const alone = {
    format: 'slipway.serve/1',
    endpoint: 'm',
    model: 'm',
    version: '1',
    project: 'default',
    tree: null,
    inputs: [],
  } as const
  const { layer } = await nodeLayer(
    maker,
    { root: ROOT, registry: 'https://registry.npmjs.org' },
    PLATFORM.architecture,
  )
  const changed = code === undefined ? [] : [await makeLayer(maker, 'code', new Entries().file('opt/code.js', code))]
  const layers: Layer[] = [
    layer,
    await gatewayLayer(maker, ROOT),
    ...changed,
    await modelLayer(maker, alone, { kind: 'native', dir: model }),
  ]
  const base = { config: null, layers: [], name: 'none', digest: undefined }
  const root = await composeImage(blobs, {
    base,
    layers,
    run: serveSettings(),
    labels: {},
    epoch: 0,
    platform: PLATFORM,
  })
  return { root, bytes: layers.reduce((total, { descriptor }) => total + descriptor.size, 0) }
}

async function pushed(blobs: BlobFolder, model: string): Promise<Row> {
  const registry = await startRegistry()
  if (registry === undefined)
    return { ...row('image pushed, only code changed', [], 1000, ''), measured: NO_REGISTRY, ok: null }
  try {
    const fetch = egressStream({ allow: [registry.host] })
    const session = new RegistrySession(registry.host, { fetch, credentials: async () => undefined })
    const to = new RemoteImage(session, {
      kind: 'registry',
      host: registry.host,
      repository: 'm',
      tag: 'v1',
      digest: undefined,
    })
    await push({ from: blobs, root: (await build(blobs, model)).root, to, say: nothing })
    const times: number[] = []
    for (let i = 0; i < ROUNDS; i++) {
      const { root } = await build(blobs, model, `// ${randomBytes(8).toString('hex')}`)
      const began = performance.now()
      await push({ from: blobs, root, to, say: nothing })
      times.push(performance.now() - began)
    }
    return row('image pushed, only code changed', times, 1000, 'Debian’s docker-registry on this machine')
  } finally {
    registry.stop()
  }
}

function nothing(): void {
  // says nothing
}

function row(name: string, times: readonly number[], limit: number, beside: string): Row {
  const sorted = times.toSorted((a, b) => a - b)
  const [median = 0, worst = 0] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)]
  return {
    name,
    measured: `median ${median.toFixed(0)} ms, worst ${worst.toFixed(0)} ms`,
    target: `≤ ${limit / 1000} s`,
    beside,
    ok: worst <= limit,
    figures: { median_ms: median, worst_ms: worst },
  }
}
