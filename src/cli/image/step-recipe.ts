/** The recipe of an image in which steps of a project run. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { lockRequest } from '../../envs/lock.ts'
import { findPython } from '../../envs/python.ts'
import { requestOf } from '../../envs/request.ts'
import { projectLayer, stepSettings, wrapperLayer } from '../../images/build/step.ts'
import { digestOf } from '../../images/oci/documents.ts'
import { ownWheels } from '../../images/parts/own-wheels.ts'
import type { OwnWheels } from '../../images/parts/own-wheels.ts'
import { wheelsLayer } from '../../images/parts/wheels.ts'
import { parseProject } from '../../pipelines/spec/parse.ts'
import { UsageError, text } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { PROJECT_FILE, projectFiles } from '../project/files.ts'
import { gitSource } from '../project/git.ts'
import { CHECKOUT } from './maker.ts'
import type { ImageMaker } from './maker.ts'
import { glibcOf, uvOf } from './recipe.ts'
import type { Recipe } from './recipe.ts'

export async function stepRecipe(invocation: Invocation, maker: ImageMaker, folder: string): Promise<Recipe> {
  const source = await ifMissing(readFile(join(folder, PROJECT_FILE), 'utf8'))
  if (source === undefined) throw new UsageError(`there is no ${PROJECT_FILE} in ${folder}; slipway init makes one`)
  const project = parseProject(source)
  const files = await projectFiles(folder, [PROJECT_FILE])
  const names = new Set(files.map(({ path }) => path))
  const request = await requestOf(project.python, async (path) =>
    names.has(path) ? readFile(join(folder, path), 'utf8') : undefined,
  )
  const uv = uvOf(maker)
  const git = await gitSource(folder)
  const own = await givenWheels(invocation)
  // the lock of the default base's Python; that of another base is made when it is known
  const lockFor = async (python: string) => {
    const interpreter = await findPython(`==${python}.*,${request.requires}`)
    return { interpreter, lock: await lockRequest(request, interpreter, uv) }
  }
  return {
    name: project.project,
    base: 'python',
    labels: {
      'org.opencontainers.image.title': project.project,
      'dev.slipway.project': project.project,
      ...(git !== undefined && git.patch === undefined && { 'org.opencontainers.image.revision': git.commit }),
    },
    layers: async (base, platform) => {
      const { python, pythonPath } = base
      if (python === undefined)
        throw problem('unprocessable', {
          detail: `the base ${base.base.name} does not tell its Python: it sets no PYTHON_VERSION; set it there, or take the default base`,
        })
      const { interpreter, lock } = await lockFor(python)
      const wheels = {
        lock: lock.text,
        python,
        pythonPath,
        interpreter: interpreter.path,
        platform,
        glibc: glibcOf(base),
        uv,
        own,
      }
      const layers = [
        await wheelsLayer(maker, wheels),
        await wrapperLayer(maker, CHECKOUT),
        await projectLayer(maker, files),
      ]
      return {
        layers,
        run: stepSettings(python, pythonPath),
        labels: { 'dev.slipway.lock': digestOf(Buffer.from(lock.text)) },
      }
    },
  }
}

/** The wheels of --wheels. */
export async function givenWheels(invocation: Invocation): Promise<OwnWheels | undefined> {
  const folder = text(invocation, 'wheels')
  return folder === undefined ? undefined : ownWheels(resolve(folder))
}
