/** What tests of the image commands use: a server with one native model, and a base that is made here. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { testEnvFolder } from '../../../test/python-env.ts'
import { registryApi } from '../../contract/registry.ts'
import { servingApi } from '../../contract/serving.ts'
import { composeImage } from '../../images/build/compose.ts'
import { Entries } from '../../images/layers/entries.ts'
import { makeLayer } from '../../images/layers/layer.ts'
import { layoutBlobs, nameInLayout } from '../../images/oci/layout.ts'
import { inputOf, ONE_TREE, writeDocument } from '../../scoring/native/document.fixture.ts'
import { version } from '../answers.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'

/** The cache of layers of all tests: to compress Node takes seconds. */
export const TEST_CACHE = join(testEnvFolder(), 'images')

/** One tree over x: to the left of 30 it answers 11, to the right 12. */
export function writeModel(dir: string, leaf = 1): string {
  mkdirSync(dir, { recursive: true })
  const json = {
    format: 'slipway.native/1',
    estimator: 'sklearn.Tree',
    output: 'predict',
    classes: null,
    versions: {},
    inputs: [inputOf('x', 'number', true)],
    tables: [],
    blocks: [{ input: 0, steps: [] }],
    width: 1,
    model: ONE_TREE,
  }
  writeDocument(dir, 'model', json, {
    roots: Int32Array.of(0),
    feature: Int32Array.of(0, -1, -1),
    threshold: Float64Array.of(30, 0, 0),
    left: Int32Array.of(1, 0, 1),
    right: Int32Array.of(2, 0, 1),
    flags: Uint8Array.of(1, 0, 0),
    leaves: Float64Array.of(leaf, 2),
    bitsets: new Uint32Array(0),
  })
  return dir
}

const VERSION = version({
  model: 'delay',
  created_at: '2026-01-01T00:00:00.000Z',
  aliases: ['production'],
  run_id: '5f1c',
  tree: `sha256:${'1'.repeat(64)}`,
  size: 1,
})

/** Has the server answer with a model whose native form lies in a folder, or by Python where there is none. */
export function answerModel(server: RecordedServer, dir: string | undefined): void {
  const { created_at, description, tags } = VERSION
  const model = {
    name: 'delay',
    created_at,
    description,
    tags,
    aliases: { production: '3' },
    latest_version: '3',
    versions: 3,
  }
  const lowering = {
    state: dir === undefined ? ('python' as const) : ('native' as const),
    reason: dir === undefined ? 'a custom class' : null,
    probes: null,
    worst_ulp: null,
    onnx: null,
  }
  server.answer(registryApi.getModel, model)
  server.answer(registryApi.getVersion, { ...VERSION, lowering })
  const inputs = [{ name: 'x', kind: 'number' as const, required: true, dtype: 'double' }]
  const python = { kind: 'python' as const, dir: '/m', python: '/p', tensor: null, workers: 1, memory_mb: 1 }
  const backend = dir === undefined ? python : { kind: 'native' as const, dir }
  server.answer(servingApi.makeReady, { model: 'delay', version: '3', inputs, backend, packages: null })
}

/** Has it answer by Python with files that lie in a folder, and with packages as a server says them. */
export function answerPython(
  server: RecordedServer,
  dir: string,
  packages: { readonly python_version: string; readonly lock: string } | null,
): void {
  answerModel(server, undefined)
  const backend = { kind: 'python' as const, dir, python: '/p', tensor: null, workers: 3, memory_mb: 1 }
  const inputs = [{ name: 'x', kind: 'number' as const, required: true, dtype: 'double' }]
  server.answer(servingApi.makeReady, { model: 'delay', version: '3', inputs, backend, packages })
}

/** A base with one file and the version of Python that it is given; returns its name for --base. */
export async function writeBase(dir: string, python?: string): Promise<string> {
  const blobs = layoutBlobs(dir)
  const layer = await makeLayer({ blobs, compression: 'gzip' }, 'a base', new Entries().file('etc/base', 'base\n'))
  const run = {
    entrypoint: ['/bin/sh'],
    env: python === undefined ? {} : { PYTHON_VERSION: python },
    user: '0',
    workingDir: '/',
  }
  const base = { config: null, layers: [], name: '', digest: undefined }
  const platform = { os: 'linux', architecture: 'amd64' }
  await nameInLayout(
    dir,
    await composeImage(blobs, { base, layers: [layer], run, labels: { vendor: 'ours' }, epoch: 0, platform }),
    'base',
  )
  return `layout:${dir}:base`
}
