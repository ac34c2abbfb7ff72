/** The image of Slipway's data plane alone: a gateway that follows the routing table of a server beside it, on a volume that both see. */
import { IMAGE_USER } from '../layers/entries.ts'
import type { Layer, LayerMaker } from '../layers/layer.ts'
import { NODE_PATH } from '../parts/node.ts'
import { HOME, programLayer } from '../parts/program-layer.ts'
import type { RunSettings } from './compose.ts'
import { GATEWAY_PORT, HEALTH } from './serve.ts'

const PROGRAM = 'src/gateway/follow'

/** The layer with its own files; models, their environments and ONNX Runtime lie on the volume. */
export function followerLayer(maker: LayerMaker, root: string): Promise<Layer> {
  return programLayer(maker, root, { program: PROGRAM, comment: 'the gateway' })
}

/** How the image is run; its folders are those of the control image. */
export function followerSettings(pythonPath: string): RunSettings {
  return {
    entrypoint: [NODE_PATH, `/${HOME}/${PROGRAM}.js`],
    env: {
      HOME: '/data',
      PATH: '/usr/local/bin:/usr/bin:/bin',
      SLIPWAY_CACHE: '/data/cache',
      SLIPWAY_DATA: '/data/slipway',
      SLIPWAY_PYTHON: pythonPath,
    },
    user: `${IMAGE_USER}:${IMAGE_USER}`,
    workingDir: '/data',
    ports: [GATEWAY_PORT],
    volumes: ['/data'],
    healthcheck: [NODE_PATH, '-e', HEALTH],
  }
}
