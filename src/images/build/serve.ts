/** An image that answers predictions: Node, the gateway, and one native model; no Python is in it. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ALONE_FILE } from '../../gateway/table/alone-file.ts'
import type { Alone } from '../../gateway/table/alone-file.ts'
import { Entries, IMAGE_USER } from '../layers/entries.ts'
import { filesBelow } from '../layers/files.ts'
import { layerByRecipe, makeLayer } from '../layers/layer.ts'
import type { Layer, LayerMaker } from '../layers/layer.ts'
import { NODE_PATH } from '../parts/node.ts'
import { programDigest, programFiles, withoutTypes } from '../parts/program.ts'
import type { RunSettings } from './compose.ts'

/** Where the program and the model lie in the image. */
export const HOME = 'opt/slipway'
const PROGRAM = 'src/gateway/alone'

export const GATEWAY_PORT = 4601

/** The layer with the gateway's own files. */
export async function gatewayLayer(maker: LayerMaker, root: string): Promise<Layer> {
  const files = await programFiles(root, `${PROGRAM}.ts`)
  return layerByRecipe(maker, 'the gateway', { gateway: 1, files: programDigest(files) }, async () => {
    const entries = new Entries()
    for (const [path, bytes] of withoutTypes(files)) entries.file(`${HOME}/${path}`, bytes)
    return entries
  })
}

/** What of a native model's folder is read when it answers; the rest proved it. */
const MODEL_FILES = /^model\.(?:json|bin)$/

/** The layer with the model, which is the last: code that changes does not push it again. */
export async function modelLayer(maker: LayerMaker, alone: Omit<Alone, 'backend'>, dir: string): Promise<Layer> {
  const entries = new Entries()
  for (const path of (await filesBelow(dir)).filter((one) => MODEL_FILES.test(one))) {
    const { size } = await stat(join(dir, path))
    entries.add(`${HOME}/model/native/${path}`, { kind: 'file', mode: 0o644, source: { file: join(dir, path), size } })
  }
  const serve: Alone = { ...alone, backend: { kind: 'native', dir: 'native' } }
  entries.file(`${HOME}/model/${ALONE_FILE}`, `${JSON.stringify(serve, null, 2)}\n`)
  return makeLayer(maker, `the model ${alone.model} ${alone.version}`, entries)
}

/** How the image is run. */
export function serveSettings(): RunSettings {
  return {
    entrypoint: [NODE_PATH, `/${HOME}/${PROGRAM}.js`, `/${HOME}/model`],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', SLIPWAY_DATA: '/data' },
    user: `${IMAGE_USER}:${IMAGE_USER}`,
    workingDir: '/data',
    ports: [GATEWAY_PORT],
    volumes: ['/data'],
    healthcheck: [NODE_PATH, '-e', HEALTH],
  }
}

const HEALTH = `fetch('http://127.0.0.1:${GATEWAY_PORT}/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`
