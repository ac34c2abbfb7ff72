/** The recipes of the images of Slipway itself. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findPython } from '../../envs/python.ts'
import { BASE_PYTHON } from '../../images/base/pins.ts'
import { UV_LOCK, controlLayers, controlSettings } from '../../images/build/control.ts'
import { nodeLayer } from '../../images/parts/node.ts'
import { wheelsLayer } from '../../images/parts/wheels.ts'
import { gitSource } from '../project/git.ts'
import { CHECKOUT } from './maker.ts'
import type { ImageMaker } from './maker.ts'
import { uvOf } from './recipe.ts'
import type { Recipe } from './recipe.ts'
import { followerLayer, followerSettings } from '../../images/build/gateway.ts'
import { wrapperLayer } from '../../images/build/step.ts'

/** The server itself. */
export async function controlRecipe(maker: ImageMaker): Promise<Recipe> {
  const interpreter = await findPython('>=3.10')
  return {
    ...(await ownParts('slipway')),
    layers: async (base, platform) => {
      const { python = BASE_PYTHON, pythonPath } = base
      const tools = {
        lock: UV_LOCK,
        python,
        pythonPath,
        interpreter: interpreter.path,
        platform,
        glibc: '2_28',
        uv: uvOf(maker),
      }
      const { layer } = await nodeLayer(maker, { root: CHECKOUT, registry: maker.npmRegistry }, platform.architecture)
      const own = await controlLayers(maker, CHECKOUT, platform.architecture)
      return { layers: [layer, await wheelsLayer(maker, tools), ...own], run: controlSettings() }
    },
  }
}

/** Its data plane alone. */
export async function followerRecipe(maker: ImageMaker): Promise<Recipe> {
  return {
    ...(await ownParts('slipway-gateway')),
    layers: async ({ pythonPath }, platform) => {
      const { layer } = await nodeLayer(maker, { root: CHECKOUT, registry: maker.npmRegistry }, platform.architecture)
      const own = [await wrapperLayer(maker, CHECKOUT), await followerLayer(maker, CHECKOUT)]
      return { layers: [layer, ...own], run: followerSettings(pythonPath) }
    },
  }
}

/** An image of Slipway is of this checkout, and of no project. */
async function ownParts(title: string): Promise<Pick<Recipe, 'name' | 'base' | 'labels'>> {
  const { version } = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8')) as { version: string }
  const git = await gitSource(CHECKOUT)
  return {
    name: `${title}/${version}`,
    base: 'python',
    labels: {
      'org.opencontainers.image.title': title,
      'org.opencontainers.image.version': version,
      ...(git !== undefined && git.patch === undefined && { 'org.opencontainers.image.revision': git.commit }),
    },
  }
}
