/** The recipe of a project with a Dockerfile: an engine builds it, and the step wrapper is laid over it here. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { layoutBase } from '../../images/build/base.ts'
import { wrappedSettings, wrapperLayer } from '../../images/build/step.ts'
import { BUILDERS, foundBuilder, withDockerBuild } from '../../images/docker/builders.ts'
import type { Builder } from '../../images/docker/builders.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { CHECKOUT, epochOf } from './maker.ts'
import type { ImageMaker } from './maker.ts'
import type { Recipe } from './recipe.ts'
import { projectLabels, pythonOf, readProject, stepRecipe } from './step-recipe.ts'

export const DOCKERFILE = 'Dockerfile'

/** By an engine where the project has a Dockerfile or one is asked for; else without one. */
export async function projectRecipe(invocation: Invocation, maker: ImageMaker, folder: string): Promise<Recipe> {
  const builder = await builderFor(text(invocation, 'builder'), folder)
  if (builder === 'native') return stepRecipe(invocation, maker, folder)
  if (text(invocation, 'base') !== undefined || text(invocation, 'wheels') !== undefined)
    throw new UsageError(`--base and --wheels are for --builder native; ${DOCKERFILE} says what it is built on`)
  maker.say(`building ${DOCKERFILE} with ${builder}`)
  const project = await readProject(folder)
  return {
    name: project.name,
    base: 'python',
    labels: projectLabels(project),
    ownBase: (platform) => {
      const build = { folder, platform, epoch: epochOf(), revision: project.revision, say: maker.say }
      return withDockerBuild(builder, build, join(maker.cacheFolder, 'images', 'unpacked'), (dir) =>
        layoutBase(maker.blobs, { kind: 'layout', dir, tag: undefined, digest: undefined }, platform),
      )
    },
    layers: async (base) => ({
      layers: [await wrapperLayer(maker, CHECKOUT)],
      run: wrappedSettings({ ...base, python: pythonOf(base) }),
    }),
  }
}

async function builderFor(given: string | undefined, folder: string): Promise<Builder | 'native'> {
  const names = ['native', ...BUILDERS] as const
  const asked = names.find((one) => one === given)
  if (given !== undefined && asked === undefined)
    throw new UsageError(`--builder is "${given}"; expected ${names.join(', ')}`)
  const hasFile = existsSync(join(folder, DOCKERFILE))
  if (asked === 'native' || (asked === undefined && !hasFile)) return 'native'
  if (!hasFile)
    throw new UsageError(`there is no ${DOCKERFILE} in ${folder}; slipway image dockerfile ${folder} writes one`)
  const found = asked ?? (await foundBuilder())
  if (found !== undefined) return found
  throw new UsageError(
    `${folder} has a ${DOCKERFILE}, and none of ${BUILDERS.join(', ')} is on the PATH; install one, or build without it: --builder native`,
  )
}
