/** `slipway image dockerfile`: writes the Dockerfile of a project, with the images that it is built on pinned by their digests. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { readUserText } from '../../contract/absence/user-file.ts'
import { dirname, join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { UV_VERSION } from '../../envs/uv.ts'
import { BASE_PYTHON } from '../../images/base/pins.ts'
import { imageBase } from '../../images/build/base.ts'
import type { FoundBase } from '../../images/build/base.ts'
import { dockerfile as dockerfileText, dockerignore } from '../../images/docker/dockerfile.ts'
import type { DockerfileWanted } from '../../images/docker/dockerfile.ts'
import { IMAGE_USER } from '../../images/layers/entries.ts'
import { digestOf } from '../../images/oci/documents.ts'
import { parseReference, referenceText } from '../../images/oci/reference.ts'
import type { RegistryReference } from '../../images/oci/reference.ts'
import { IGNORE_FILE } from '../../pipelines/spec/ignore.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { DOCKERFILE } from './docker-recipe.ts'
import { imageMaker, platformsOf } from './maker.ts'
import { registries } from './registries.ts'
import type { OpenRemote } from './registries.ts'
import { lockFor, pythonOf, readProject } from './step-recipe.ts'
import type { ReadProject } from './step-recipe.ts'

const PYTHON_IMAGE = `docker.io/library/python:${BASE_PYTHON}-slim-bookworm`
const UV_IMAGE = `ghcr.io/astral-sh/uv:${UV_VERSION}`
const REQUIREMENTS = 'requirements.lock'

export async function dockerfile(invocation: Invocation): Promise<number> {
  const folder = resolve(invocation.args[1] ?? '.')
  const project = await readProject(folder)
  const open = registries()
  const base = await pinned(open, text(invocation, 'base') ?? PYTHON_IMAGE, '--base')
  const uv = await pinned(open, text(invocation, 'uv') ?? UV_IMAGE, '--uv')
  const found = await baseOf(invocation, open, base)
  const python = pythonOf(found)
  const { lock } = await lockFor(project, python, imageMaker(invocation))
  const kind = lockKind(project)
  const rules = (await ifMissing(readUserText(join(folder, IGNORE_FILE)))) ?? ''
  const files: Record<string, string> = {
    [DOCKERFILE]: dockerfileText({
      base: referenceText(base),
      uv: referenceText(uv),
      python,
      pythonPath: found.pythonPath,
      lock: kind,
      lockDigest: digestOf(Buffer.from(lock.text)),
      project: project.name,
      user: IMAGE_USER,
    }),
    '.dockerignore': dockerignore(rules),
    ...(kind.kind === 'requirements' && { [REQUIREMENTS]: lock.text }),
  }
  await refuseReplacing(invocation, folder, Object.keys(files))
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
  invocation.out.data({ folder, files: Object.keys(files), base: referenceText(base), uv: referenceText(uv) })
  for (const name of Object.keys(files)) invocation.out.line(join(folder, name))
  invocation.out.line(`build it: slipway image build ${invocation.args[1] ?? '.'} --for step`)
  return 0
}

/** An image in a registry with the digest that its tag has now; one that has a digest stays as it is. */
async function pinned(open: OpenRemote, given: string, flag: string): Promise<RegistryReference> {
  const reference = parseReference(given, flag)
  if (reference.kind !== 'registry')
    throw problem('invalid_field', {
      field: flag,
      value: given,
      expected: 'an image in a registry, which engines can pull',
    })
  if (reference.digest !== undefined) return reference
  return { ...reference, digest: (await open(reference).resolve()).digest }
}

async function baseOf(invocation: Invocation, open: OpenRemote, base: RegistryReference): Promise<FoundBase> {
  const image = open(base)
  const [platform] = platformsOf(invocation)
  if (platform === undefined) throw new UsageError('--platform names none')
  return imageBase(image, await image.resolve(), platform, referenceText(base))
}

/** uv's own lock where the project has one; else what its packages were resolved to now. */
function lockKind({ request }: ReadProject): DockerfileWanted['lock'] {
  if (request.kind !== 'lock') return { kind: 'requirements', file: REQUIREMENTS }
  const path = Object.keys(request.files).find((name) => name.endsWith('uv.lock')) ?? 'uv.lock'
  return { kind: 'uv', folder: dirname(path) === '.' ? '' : dirname(path) }
}

async function refuseReplacing(invocation: Invocation, folder: string, names: readonly string[]): Promise<void> {
  if (invocation.flags['force'] === true) return
  const there = names.filter((name) => existsSync(join(folder, name)))
  if (there.length > 0)
    throw problem('conflict', { detail: `${there.join(', ')} in ${folder} would be replaced; --force does it` })
}
