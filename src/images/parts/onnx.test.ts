/** What of ONNX Runtime comes into an image: the library of its processor, what is required, and nothing that only installs. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { layerContents } from '../compare/contents.ts'
import { BlobFolder } from '../oci/blobs.ts'
import { onnxLayer } from './onnx.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-onnx-layer-'))
after(() => rmSync(root, { recursive: true }))
const runtime = join(root, 'runtime')
const NODE = 'node_modules/onnxruntime-node'
const file = (path: string, text = path): void => {
  mkdirSync(dirname(join(runtime, path)), { recursive: true })
  writeFileSync(join(runtime, path), text)
}
const manifest = (name: string, dependencies: object): string =>
  JSON.stringify({ name, version: '1.0.0', dependencies })
file('package.json', manifest('recipe', { 'onnxruntime-node': '1.0.0' }))
file(`${NODE}/package.json`, manifest('onnxruntime-node', { 'onnxruntime-common': '1.0.0', 'adm-zip': '1.0.0' }))
file('node_modules/onnxruntime-common/package.json', manifest('onnxruntime-common', {}))
file('node_modules/adm-zip/package.json', manifest('adm-zip', {}))
for (const path of ['dist/index.js', 'dist/index.d.ts', 'README.md', 'script/install.js']) file(`${NODE}/${path}`)
for (const place of ['linux/x64', 'linux/arm64', 'darwin/arm64', 'win32/x64'])
  file(`${NODE}/bin/napi-v6/${place}/lib.so`)

async function paths(architecture: string): Promise<string[]> {
  const blobs = new BlobFolder(join(root, 'blobs'))
  const layer = await onnxLayer({ blobs, compression: 'gzip' }, runtime, architecture)
  return [...(await layerContents(blobs, layer.descriptor)).files.keys()]
}

test('each processor has its own library and the same program', async () => {
  for (const [architecture, machine] of [
    ['amd64', 'x64'],
    ['arm64', 'arm64'],
  ] as const)
    assert.deepEqual(
      (await paths(architecture)).filter((path) => !path.endsWith('package.json')),
      [`bin/napi-v6/linux/${machine}/lib.so`, 'dist/index.js', 'script/install.js'].map(
        (path) => `opt/onnxruntime/${NODE}/${path}`,
      ),
    )
})

test('a processor without a library is refused', async () => {
  await assert.rejects(paths('riscv64'), { code: 'unprocessable', message: /no library for linux\/riscv64/ })
})
