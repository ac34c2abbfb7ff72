/** An image that answers predictions with one model: how its gateway is laid out and run. */
import { IMAGE_USER } from '../layers/entries.ts'
import type { Layer, LayerMaker } from '../layers/layer.ts'
import { NODE_PATH } from '../parts/node.ts'
import { HOME, programLayer } from '../parts/program-layer.ts'
import type { RunSettings } from './compose.ts'
import { MODEL } from './model.ts'

const PROGRAM = 'src/gateway/alone'

export const GATEWAY_PORT = 4601

/** The layer with the gateway's own files. */
export function gatewayLayer(maker: LayerMaker, root: string): Promise<Layer> {
  return programLayer(maker, root, { program: PROGRAM, comment: 'the gateway' })
}

/** How the image is run. */
export function serveSettings(): RunSettings {
  return {
    entrypoint: [NODE_PATH, `/${HOME}/${PROGRAM}.js`, `/${MODEL}`],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', SLIPWAY_DATA: '/data' },
    user: `${IMAGE_USER}:${IMAGE_USER}`,
    workingDir: '/data',
    ports: [GATEWAY_PORT],
    volumes: ['/data'],
    healthcheck: [NODE_PATH, '-e', HEALTH],
  }
}

/** Ends with 0 where the gateway says that it answers predictions. */
export const HEALTH = `fetch('http://127.0.0.1:' + (process.env.SLIPWAY_PORT || ${GATEWAY_PORT}) + '/v2/health/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`
