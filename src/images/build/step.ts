/** An image in which steps of a project run: Python, the packages of its lock, the step wrapper, and the project's own code. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { PackedFile } from '../../store/blobs/archive.ts'
import { Entries, IMAGE_USER } from '../layers/entries.ts'
import { filesBelow } from '../layers/files.ts'
import { makeLayer } from '../layers/layer.ts'
import type { Layer, LayerMaker } from '../layers/layer.ts'
import { VENV } from '../parts/wheels.ts'
import type { FoundBase } from './base.ts'
import type { RunSettings } from './compose.ts'

const PACKAGE = 'opt/slipway/python/slipway'
/** Where the project lies in the image. */
export const PROJECT = 'opt/project'

/** The layer with Slipway's own Python package: the standard library is all that it needs. */
export async function wrapperLayer(maker: LayerMaker, root: string): Promise<Layer> {
  const entries = new Entries()
  const from = join(root, 'python/slipway')
  for (const path of await filesBelow(from)) {
    if (/(?:^|\/)__pycache__\/|\.pyc$/.test(path)) continue
    entries.add(`${PACKAGE}/${path}`, { kind: 'file', mode: 0o644, source: await readFile(join(from, path)) })
  }
  return makeLayer(maker, 'the step wrapper', entries)
}

/** The layer with the project's code. */
export async function projectLayer(maker: LayerMaker, files: readonly PackedFile[]): Promise<Layer> {
  const entries = new Entries()
  for (const { path, executable, source } of files) {
    if (typeof source !== 'string') throw new Error(`${path} does not lie in a folder`)
    const content = { file: source, size: (await stat(source)).size }
    entries.add(`${PROJECT}/${path}`, { kind: 'file', mode: executable ? 0o755 : 0o644, source: content })
  }
  return makeLayer(maker, 'the code of the project', entries)
}

/** How the image is run: the wrapper, which takes the file of an attempt and the environment of the step on standard input. */
export function stepSettings(python: string, pythonPath: string): RunSettings {
  return {
    entrypoint: [pythonPath, '-I', '-S', `/${PACKAGE}/step`],
    env: {
      PATH: `/${VENV}/bin:/usr/local/bin:/usr/bin:/bin`,
      PYTHONDONTWRITEBYTECODE: '1',
      // an image that is built on this one reads here what it has
      PYTHON_VERSION: python,
      SLIPWAY_PYTHON_PATH: pythonPath,
      SLIPWAY_STEP_PYTHON: `/${VENV}/bin/python`,
      VIRTUAL_ENV: `/${VENV}`,
    },
    user: `${IMAGE_USER}:${IMAGE_USER}`,
    workingDir: `/${PROJECT}`,
  }
}

/** How an image that a Dockerfile made is run: the wrapper, with the folder, the user and the interpreter that the Dockerfile has chosen. */
export function wrappedSettings({ base, python, pythonPath }: FoundBase & { readonly python: string }): RunSettings {
  const { User: user = '', WorkingDir: workingDir = '', Env } = base.config?.config ?? {}
  const own = (name: string): string | undefined =>
    (Env ?? []).find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1)
  const venv = own('VIRTUAL_ENV')
  const settings = stepSettings(python, pythonPath)
  return {
    ...settings,
    env: {
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHON_VERSION: python,
      SLIPWAY_PYTHON_PATH: pythonPath,
      SLIPWAY_STEP_PYTHON: own('SLIPWAY_STEP_PYTHON') ?? (venv === undefined ? pythonPath : `${venv}/bin/python`),
    },
    // an image that says nothing would run as root
    user: user === '' ? settings.user : user,
    workingDir: workingDir === '' ? settings.workingDir : workingDir,
  }
}
