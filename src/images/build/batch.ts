/** An image that scores tables with one model: it takes the names of an input and an output, and ends when that is written. */
import { IMAGE_USER } from '../layers/entries.ts'
import type { Layer, LayerMaker } from '../layers/layer.ts'
import { NODE_PATH } from '../parts/node.ts'
import { HOME, programLayer } from '../parts/program-layer.ts'
import type { RunSettings } from './compose.ts'
import { MODEL } from './model.ts'

const PROGRAM = 'src/serving/batch/alone'

/** The layer with the program's own files. */
export function batchLayer(maker: LayerMaker, root: string): Promise<Layer> {
  return programLayer(maker, root, { program: PROGRAM, comment: 'batch scoring' })
}

/** How the image is run: names of files are relative to /data. */
export function batchSettings(): RunSettings {
  return {
    entrypoint: [NODE_PATH, `/${HOME}/${PROGRAM}.js`, `/${MODEL}`],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    user: `${IMAGE_USER}:${IMAGE_USER}`,
    workingDir: '/data',
    volumes: ['/data'],
  }
}
