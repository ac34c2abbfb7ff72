/** `slipway image build`: an OCI image of a model that answers, or of a project whose steps run, without a daemon. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { registryApi } from '../../contract/registry.ts'
import { servingApi } from '../../contract/serving.ts'
import { lockRequest } from '../../envs/lock.ts'
import { findPython } from '../../envs/python.ts'
import { requestOf } from '../../envs/request.ts'
import type { UvOptions } from '../../envs/uv.ts'
import { defaultBase, imageBase, layoutBase } from '../../images/build/base.ts'
import type { FoundBase } from '../../images/build/base.ts'
import { BASE_PYTHON } from '../../images/base/pins.ts'
import type { BaseKind } from '../../images/base/pins.ts'
import { controlLayers, controlSettings, UV_LOCK } from '../../images/build/control.ts'
import { composeImage, composeIndex } from '../../images/build/compose.ts'
import type { RunSettings } from '../../images/build/compose.ts'
import { gatewayLayer, modelLayer, serveSettings } from '../../images/build/serve.ts'
import { projectLayer, stepSettings, wrapperLayer } from '../../images/build/step.ts'
import type { Layer } from '../../images/layers/layer.ts'
import type { Descriptor, Platform } from '../../images/oci/documents.ts'
import { digestOf, platformName } from '../../images/oci/documents.ts'
import { parseReference, referenceText } from '../../images/oci/reference.ts'
import type { RemoteImage } from '../../images/remote/image.ts'
import { complete } from '../../images/remote/transfer.ts'
import { nodeLayer } from '../../images/parts/node.ts'
import { ownWheels } from '../../images/parts/own-wheels.ts'
import { wheelsLayer } from '../../images/parts/wheels.ts'
import { parseProject } from '../../pipelines/spec/parse.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { PROJECT_FILE, projectFiles } from '../project/files.ts'
import { gitSource } from '../project/git.ts'
import { resolveVersion } from '../registry/version-name.ts'
import { CHECKOUT, epochOf, imageMaker, platformsOf } from './maker.ts'
import type { ImageMaker } from './maker.ts'
import { attest } from './attest.ts'
import { deliver, destinationsOf } from './deliver.ts'
import { registries } from './registries.ts'
import type { OpenRemote } from './registries.ts'

/** What an image is made of on any platform, and how its layers are made for one. */
interface Recipe {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly base: BaseKind
  readonly layers: (base: FoundBase, platform: Platform) => Promise<PlatformPart>
}

interface PlatformPart {
  readonly layers: readonly Layer[]
  readonly run: RunSettings
  /** Labels that only the layers tell. */
  readonly labels?: Readonly<Record<string, string>>
}

export async function build(invocation: Invocation): Promise<number> {
  const [, subject] = invocation.args
  const purpose = text(invocation, 'for') ?? 'serve'
  const destinations = destinationsOf(invocation)
  const open = registries()
  const lenders: RemoteImage[] = []
  const platforms = platformsOf(invocation)
  const epoch = epochOf()
  const maker = imageMaker(invocation)
  const recipe = await recipeOf(invocation, maker, purpose, subject)
  const images: Descriptor[] = []
  for (const platform of platforms) {
    const base = await baseFor(invocation, maker, recipe.base, { platform, open, lenders })
    const { layers, run, labels } = await recipe.layers(base, platform)
    const all = { ...recipe.labels, ...labels }
    const parts = { base: base.base, layers: [...base.layers, ...layers], run, labels: all, epoch, platform }
    images.push(await composeImage(maker.blobs, parts))
  }
  const [only] = images
  const root = images.length === 1 && only !== undefined ? only : await composeIndex(maker.blobs, images)
  const places: string[] = []
  for (const destination of destinations) {
    const { to, moved } = await deliver({ blobs: maker.blobs, root, lenders }, destination, open, maker.say)
    places.push(to)
    invocation.out.line(`${to}: ${recipe.name} for ${platforms.map(platformName).join(', ')}`)
    if (moved !== undefined)
      invocation.out.line(`${moved.sent} blobs sent, ${moved.mounted} mounted, ${moved.there} were there`)
  }
  if (invocation.flags['attest'] === true) {
    await complete(maker.blobs, root, lenders, maker.say)
    for (const place of destinations) await attest(maker.blobs, images, { place, name: recipe.name, open })
    invocation.out.line('its SBOM and provenance are attached')
  }
  invocation.out.data({ name: recipe.name, digest: root.digest, to: places, platforms: platforms.map(platformName) })
  invocation.out.line(root.digest)
  return 0
}

function recipeOf(
  invocation: Invocation,
  maker: ImageMaker,
  purpose: string,
  subject: string | undefined,
): Promise<Recipe> {
  if (purpose === 'step') return stepRecipe(invocation, maker, resolve(subject ?? '.'))
  if (purpose === 'control') return controlRecipe(maker)
  if (purpose !== 'serve') throw new UsageError(`--for is "${purpose}"; expected serve, step or control`)
  if (subject === undefined)
    throw new UsageError('image build --for serve needs a model: slipway image build flight-delay')
  return serveRecipe(invocation, maker, subject)
}

interface BaseQuery {
  readonly platform: Platform
  readonly open: OpenRemote
  /** Gets the image in a registry whose layers are needed. */
  readonly lenders: RemoteImage[]
}

async function baseFor(
  invocation: Invocation,
  maker: ImageMaker,
  kind: BaseKind,
  { platform, open, lenders }: BaseQuery,
): Promise<FoundBase> {
  const given = text(invocation, 'base')
  if (given === undefined) return defaultBase(maker, kind, maker.mirror, platform)
  const reference = parseReference(given, '--base')
  if (reference.kind === 'layout') return layoutBase(maker.blobs, reference, platform)
  const image = open(reference)
  const root = await image.resolve()
  const { tag, digest } = reference
  const now =
    tag === undefined || digest === undefined ? undefined : await open({ ...reference, digest: undefined }).find()
  if (now !== undefined && now.digest !== digest)
    maker.say(
      `note: the base has moved: ${reference.repository}:${tag} is ${now.digest} by now; it is built on ${digest}`,
    )
  lenders.push(image)
  return imageBase(image, root, platform, referenceText(reference))
}

async function serveRecipe(invocation: Invocation, maker: ImageMaker, subject: string): Promise<Recipe> {
  const { client } = await connect(invocation)
  const { model, version } = await resolveVersion(client, subject)
  const [known, scoring] = await Promise.all([
    client.call(registryApi.getVersion, { params: { name: model, version } }),
    client.call(servingApi.makeReady, { params: { name: model, version } }),
  ])
  const { backend, inputs } = scoring
  if (backend.kind !== 'native') {
    const why = known.lowering.reason ?? 'it was not lowered'
    throw problem('unprocessable', {
      detail: `${model}/${version} answers by ${backend.kind === 'onnx' ? 'ONNX Runtime' : 'Python'}, and an image for serving takes native models: ${why}`,
    })
  }
  if ((await ifMissing(readFile(join(backend.dir, 'model.json')))) === undefined)
    throw new Error(
      `the model's files are not here (${backend.dir}); run image build on the machine of the data folder`,
    )
  const alone = { format: 'slipway.serve/1', endpoint: model, model, version, project: 'default', inputs } as const
  return {
    name: `${model}/${version}`,
    base: 'node',
    labels: {
      'org.opencontainers.image.title': model,
      'org.opencontainers.image.version': version,
      'dev.slipway.model': model,
      'dev.slipway.version': version,
      ...(known.run_id !== null && { 'dev.slipway.run': known.run_id }),
      ...(known.pipeline_run_id !== null && { 'dev.slipway.pipeline-run': known.pipeline_run_id }),
      ...(known.tree !== null && { 'dev.slipway.files': known.tree }),
    },
    layers: async (_base, platform) => {
      const { layer } = await nodeLayer(maker, { root: CHECKOUT, registry: maker.npmRegistry }, platform.architecture)
      const code = await gatewayLayer(maker, CHECKOUT)
      return { layers: [layer, code, await modelLayer(maker, alone, backend.dir)], run: serveSettings() }
    },
  }
}

/** The server itself; it is of this checkout, and of no project. */
async function controlRecipe(maker: ImageMaker): Promise<Recipe> {
  const { version } = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8')) as { version: string }
  const git = await gitSource(CHECKOUT)
  const interpreter = await findPython('>=3.10')
  return {
    name: `slipway/${version}`,
    base: 'python',
    labels: {
      'org.opencontainers.image.title': 'slipway',
      'org.opencontainers.image.version': version,
      ...(git !== undefined && git.patch === undefined && { 'org.opencontainers.image.revision': git.commit }),
    },
    layers: async (base, platform) => {
      const { python = BASE_PYTHON, pythonPath } = base
      const uv: UvOptions = { cacheFolder: maker.cacheFolder, offline: maker.offline, plan: null, say: maker.say }
      const tools = { lock: UV_LOCK, python, pythonPath, interpreter: interpreter.path, platform, glibc: '2_28', uv }
      const { layer } = await nodeLayer(maker, { root: CHECKOUT, registry: maker.npmRegistry }, platform.architecture)
      const own = await controlLayers(maker, CHECKOUT, platform.architecture)
      return { layers: [layer, await wheelsLayer(maker, tools), ...own], run: controlSettings() }
    },
  }
}

async function stepRecipe(invocation: Invocation, maker: ImageMaker, folder: string): Promise<Recipe> {
  const source = await ifMissing(readFile(join(folder, PROJECT_FILE), 'utf8'))
  if (source === undefined) throw new UsageError(`there is no ${PROJECT_FILE} in ${folder}; slipway init makes one`)
  const project = parseProject(source)
  const files = await projectFiles(folder, [PROJECT_FILE])
  const names = new Set(files.map(({ path }) => path))
  const request = await requestOf(project.python, async (path) =>
    names.has(path) ? readFile(join(folder, path), 'utf8') : undefined,
  )
  const uv: UvOptions = { cacheFolder: maker.cacheFolder, offline: maker.offline, plan: null, say: maker.say }
  const git = await gitSource(folder)
  const wheelsDir = text(invocation, 'wheels')
  const own = wheelsDir === undefined ? undefined : await ownWheels(resolve(wheelsDir))
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
      const glibc = base.base.config === null ? '2_36' : '2_28'
      const wheels = { lock: lock.text, python, pythonPath, interpreter: interpreter.path, platform, glibc, uv, own }
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
