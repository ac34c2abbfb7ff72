/** The recipe of an image in which steps of a project run. */
import { readUserText } from '../../contract/absence/user-file.ts'
import { join, resolve } from 'node:path'
import { problem } from '../../contract/errors.ts'
import { lockRequest } from '../../envs/lock.ts'
import type { Lock } from '../../envs/lock.ts'
import { findPython } from '../../envs/python.ts'
import type { Interpreter } from '../../envs/python.ts'
import { requestOf } from '../../envs/request.ts'
import type { EnvRequest } from '../../envs/request.ts'
import type { FoundBase } from '../../images/build/base.ts'
import { projectLayer, stepSettings, wrapperLayer } from '../../images/build/step.ts'
import { digestOf } from '../../images/oci/documents.ts'
import { ownWheels } from '../../images/parts/own-wheels.ts'
import type { OwnWheels } from '../../images/parts/own-wheels.ts'
import { wheelsLayer } from '../../images/parts/wheels.ts'
import type { PackedFile } from '../../store/blobs/archive.ts'
import { parseProject } from '../../pipelines/spec/parse.ts'
import { text } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { readProjectFile, refuseFaulty } from '../project/file/project-file.ts'
import { projectFiles } from '../project/files.ts'
import { gitSource } from '../project/git.ts'
import { CHECKOUT } from './maker.ts'
import type { ImageMaker } from './maker.ts'
import { glibcOf, uvOf } from './recipe.ts'
import type { Recipe } from './recipe.ts'

/** A project folder, read. */
export interface ReadProject {
  readonly name: string
  readonly files: readonly PackedFile[]
  readonly request: EnvRequest
  /** The commit; undefined where something differs from it. */
  readonly revision: string | undefined
}

/** Throws UsageError where there is no project file. */
export async function readProject(folder: string): Promise<ReadProject> {
  const read = await readProjectFile(resolve(folder))
  refuseFaulty(read)
  const project = parseProject(read.text)
  const files = read.uploaded(await projectFiles(folder, [read.file]))
  const names = new Set(files.map(({ path }) => path))
  const request = await requestOf(project.python, async (path) =>
    names.has(path) ? readUserText(join(folder, path)) : undefined,
  )
  const git = await gitSource(folder)
  return { name: project.project, files, request, revision: git?.patch === undefined ? git?.commit : undefined }
}

/** Labels of an image of a project. */
export function projectLabels({ name, revision }: ReadProject): Record<string, string> {
  return {
    'org.opencontainers.image.title': name,
    'dev.slipway.project': name,
    ...(revision !== undefined && { 'org.opencontainers.image.revision': revision }),
  }
}

/** The Python of a base. Throws `unprocessable` where it tells none. */
export function pythonOf({ base, python }: FoundBase): string {
  if (python !== undefined) return python
  throw problem('unprocessable', {
    detail: `the base ${base.name} does not tell its Python: it sets no PYTHON_VERSION; set it there, or take the default base`,
  })
}

/** The packages of a project for a Python, resolved by an interpreter of this machine with that version. */
export async function lockFor(
  { request }: ReadProject,
  python: string,
  maker: ImageMaker,
): Promise<{ interpreter: Interpreter; lock: Lock }> {
  const interpreter = await findPython(`==${python}.*,${request.requires}`)
  return { interpreter, lock: await lockRequest(request, interpreter, uvOf(maker)) }
}

/** Without an engine: packages as wheels, the wrapper, and the code. */
export async function stepRecipe(invocation: Invocation, maker: ImageMaker, folder: string): Promise<Recipe> {
  const project = await readProject(folder)
  const own = await givenWheels(invocation)
  return {
    name: project.name,
    base: 'python',
    labels: projectLabels(project),
    layers: async (base, platform) => {
      const { pythonPath } = base
      const python = pythonOf(base)
      const { interpreter, lock } = await lockFor(project, python, maker)
      const wheels = {
        lock: lock.text,
        python,
        pythonPath,
        interpreter: interpreter.path,
        platform,
        glibc: glibcOf(base),
        uv: uvOf(maker),
        own,
      }
      const layers = [
        await wheelsLayer(maker, wheels),
        await wrapperLayer(maker, CHECKOUT),
        await projectLayer(maker, project.files),
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
