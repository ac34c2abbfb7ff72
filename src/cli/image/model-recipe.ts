/** The recipe of an image with one model, which answers or scores tables: what its backend needs, a program, and last the model. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type * as z from 'zod'
import { problem } from '../../contract/errors.ts'
import { registryApi } from '../../contract/registry.ts'
import { servingApi } from '../../contract/serving.ts'
import type { Scoring } from '../../contract/serving.ts'
import { findPython } from '../../envs/python.ts'
import type { Alone } from '../../gateway/table/alone-file.ts'
import { batchLayer, batchSettings } from '../../images/build/batch.ts'
import type { FoundBase } from '../../images/build/base.ts'
import { modelLayer } from '../../images/build/model.ts'
import { gatewayLayer, serveSettings } from '../../images/build/serve.ts'
import { wrapperLayer } from '../../images/build/step.ts'
import type { Layer } from '../../images/layers/layer.ts'
import type { Platform } from '../../images/oci/documents.ts'
import { digestOf } from '../../images/oci/documents.ts'
import { nodeLayer } from '../../images/parts/node.ts'
import { onnxLayer } from '../../images/parts/onnx.ts'
import type { OwnWheels } from '../../images/parts/own-wheels.ts'
import { wheelsLayer } from '../../images/parts/wheels.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { versionOfCheckout } from '../project/registered.ts'
import { resolveVersion } from '../registry/version-name.ts'
import { CHECKOUT } from './maker.ts'
import type { ImageMaker } from './maker.ts'
import { glibcOf, uvOf } from './recipe.ts'
import type { Recipe } from './recipe.ts'
import { givenWheels } from './step-recipe.ts'

/** What an image with a model is for. */
export type ModelPurpose = 'serve' | 'batch'

const PROGRAMS = {
  serve: { layer: gatewayLayer, settings: serveSettings },
  batch: { layer: batchLayer, settings: batchSettings },
} as const

export async function modelRecipe(
  invocation: Invocation,
  maker: ImageMaker,
  purpose: ModelPurpose,
  subject: string,
): Promise<Recipe> {
  const { client } = await connect(invocation)
  const apart = invocation.flags['registered'] === true
  const { model, version } = await (apart ? versionOfCheckout(client, subject) : resolveVersion(client, subject))
  const [known, scoring] = await Promise.all([
    client.call(registryApi.getVersion, { params: { name: model, version } }),
    client.call(servingApi.makeReady, { params: { name: model, version } }),
  ])
  const { backend, inputs, packages } = scoring
  const place = backend.kind === 'onnx' ? dirname(backend.file) : backend.dir
  if (!existsSync(place))
    throw new Error(`the model's files are not here (${place}); run image build on the machine of the data folder`)
  const own = await givenWheels(invocation)
  const alone: Omit<Alone, 'backend'> = {
    format: 'slipway.serve/1',
    endpoint: model,
    model,
    version,
    project: 'default',
    tree: known.tree,
    inputs,
  }
  const { layer: programLayer, settings } = PROGRAMS[purpose]
  return {
    name: `${model}/${version}`,
    base: backend.kind === 'python' ? 'python' : 'node',
    labels: {
      'org.opencontainers.image.title': model,
      'org.opencontainers.image.version': version,
      'dev.slipway.model': model,
      'dev.slipway.version': version,
      ...(known.run_id !== null && { 'dev.slipway.run': known.run_id }),
      ...(known.pipeline_run_id !== null && { 'dev.slipway.pipeline-run': known.pipeline_run_id }),
      ...(known.tree !== null && { 'dev.slipway.files': known.tree }),
      ...(packages != null && { 'dev.slipway.lock': digestOf(Buffer.from(packages.lock)) }),
    },
    layers: async (base, platform) => {
      const { layer } = await nodeLayer(maker, { root: CHECKOUT, registry: maker.npmRegistry }, platform.architecture)
      const needed = await backendLayers(maker, scoring, { base, platform, own })
      const code = await programLayer(maker, CHECKOUT)
      return { layers: [layer, ...needed, code, await modelLayer(maker, alone, backend)], run: settings() }
    },
  }
}

interface ModelPlace {
  readonly base: FoundBase
  readonly platform: Platform
  readonly own: OwnWheels | undefined
}

/** What a model needs beside the program that asks it. */
async function backendLayers(
  maker: ImageMaker,
  scoring: z.output<typeof Scoring>,
  { base, platform, own }: ModelPlace,
): Promise<Layer[]> {
  const { backend, packages } = scoring
  if (backend.kind === 'onnx') return [await onnxLayer(maker, backend.runtime, platform.architecture)]
  if (backend.kind === 'native') return []
  if (packages == null)
    throw problem('unprocessable', {
      detail: `the server does not say which packages ${scoring.model}/${scoring.version} answers with; it is older than this command`,
    })
  const made = packages.python_version.split('.').slice(0, 2).join('.')
  if (base.python !== made)
    throw problem('unprocessable', {
      detail: `${scoring.model}/${scoring.version} was made with Python ${made}, and the base ${base.base.name} has ${base.python === undefined ? 'none that it tells by PYTHON_VERSION' : base.python}; name one with ${made} by --base`,
    })
  const interpreter = await findPython(`==${made}.*`)
  const wheels = await wheelsLayer(maker, {
    lock: packages.lock,
    python: made,
    pythonPath: base.pythonPath,
    interpreter: interpreter.path,
    platform,
    glibc: glibcOf(base),
    uv: uvOf(maker),
    own,
  })
  return [wheels, await wrapperLayer(maker, CHECKOUT)]
}
