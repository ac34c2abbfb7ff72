/** Pages of the Open Inference Protocol and of Triton beside infer: metadata, readiness, configuration, statistics, repository. */
import type { Reply } from './exchange.ts'
import { JSON_TYPE } from './exchange.ts'
import type { AnswerShape } from '../../scoring/rows/outputs.ts'
import { problem } from '../../contract/errors.ts'
import { isRecord, parseJson } from '../../scoring/rows/json.ts'
import type { LiveEndpoint, LiveTable, LiveVariant } from '../traffic/live.ts'
import { invalid } from '../../scoring/rows/rows.ts'
import { askedOf, OUTPUT } from './oip.ts'
import { DATATYPE } from './tensors.ts'

/** What the server can beside the plain protocol, in Triton's words. */
export const EXTENSIONS = [
  'parameters',
  'binary_tensor_data',
  'model_configuration',
  'statistics',
  'model_repository',
] as const

/** A tensor as metadata describes it; -1 = any number of rows. */
export interface TensorInfo {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
}

export interface ModelInfo {
  readonly name: string
  readonly versions: readonly string[]
  readonly platform: string
  readonly inputs: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
}

/** What the protocol calls a model is an endpoint here. */
export function modelInfo(endpoint: LiveEndpoint): ModelInfo {
  const loaded = loadedOf(endpoint)
  return {
    name: endpoint.route.name,
    versions: [...new Set(loaded.map((variant) => variant.route.version))],
    platform: `slipway_${loaded[0]?.route.backend.kind ?? 'none'}`,
    inputs: askedOf(endpoint).map(({ name, kind }) => ({ name, datatype: DATATYPE[kind], shape: [-1] })),
    outputs: [{ name: OUTPUT, ...answersOf(loaded[0]) }],
  }
}

/** As the model itself says, else its signature, else one number a row. */
function answersOf(variant: LiveVariant | undefined): AnswerShape {
  const backend = variant?.route.backend
  const promised = backend === undefined || backend.kind === 'native' ? undefined : backend.answers
  return variant?.backend.answers?.() ?? promised ?? { datatype: 'FP64', shape: [-1] }
}

function loadedOf(endpoint: LiveEndpoint): LiveVariant[] {
  return [endpoint.stable, endpoint.canary].filter((variant): variant is LiveVariant => variant !== undefined)
}

/** GET /v2. */
export function serverMetadata(version: string): Reply {
  return json({ name: 'slipway', version, extensions: EXTENSIONS })
}

/** GET /v2/models/NAME. */
export function modelMetadata(endpoint: LiveEndpoint): Reply {
  return json(modelInfo(endpoint))
}

export function isModelReady(endpoint: LiveEndpoint): boolean {
  return endpoint.stable?.backend.ready() ?? false
}

/** GET /v2/models/NAME/ready: 503 until the stable version can answer. */
export function modelReady(endpoint: LiveEndpoint): Reply {
  const ready = isModelReady(endpoint)
  return json({ name: endpoint.route.name, ready }, ready ? 200 : 503)
}

/** GET /v2/models/NAME/config: Triton's model configuration, as far as it has a meaning here. */
export function modelConfig(endpoint: LiveEndpoint): Reply {
  const { name, platform, inputs, outputs } = modelInfo(endpoint)
  return json({
    name,
    platform,
    backend: 'slipway',
    version_policy: { latest: { num_versions: 1 } },
    max_batch_size: 0,
    input: inputs.map(configOf),
    output: outputs.map(configOf),
  })
}

function configOf(info: TensorInfo): object {
  return { name: info.name, data_type: typeName(info), dims: info.shape }
}

/** A datatype as Triton's configuration names it. */
export function typeName({ datatype }: TensorInfo): string {
  return `TYPE_${datatype === 'BYTES' ? 'STRING' : datatype}`
}

/** Counts of one version since the gateway started. Times are nanoseconds. */
export interface ModelStats {
  readonly name: string
  readonly version: string
  readonly last_inference: number
  /** Rows answered. */
  readonly inference_count: number
  /** Requests answered. */
  readonly execution_count: number
  readonly inference_stats: {
    readonly success: { readonly count: number; readonly ns: number }
    readonly fail: { readonly count: number; readonly ns: number }
    readonly compute_infer: { readonly count: number; readonly ns: number }
  }
}

/** The figures of every loaded version of some endpoints. */
export function statsOf(endpoints: Iterable<LiveEndpoint>): ModelStats[] {
  return [...endpoints].flatMap((endpoint) =>
    loadedOf(endpoint).map(({ route, stats }) => {
      const fine = stats.requests - stats.errors
      const ns = Math.round(stats.busyUs * 1000)
      return {
        name: endpoint.route.name,
        version: route.version,
        last_inference: stats.lastAt,
        inference_count: stats.rows,
        execution_count: fine,
        inference_stats: {
          success: { count: fine, ns },
          fail: { count: stats.errors, ns: 0 },
          compute_infer: { count: fine, ns },
        },
      }
    }),
  )
}

/** GET /v2/models/stats and /v2/models/NAME/stats. */
export function modelStats(endpoints: Iterable<LiveEndpoint>): Reply {
  const none = { count: 0, ns: 0 }
  const model_stats = statsOf(endpoints).map((one) => ({
    ...one,
    inference_stats: {
      ...one.inference_stats,
      queue: none,
      compute_input: none,
      compute_output: none,
      cache_hit: none,
      cache_miss: none,
    },
    batch_stats: [],
  }))
  return json({ model_stats })
}

export interface IndexItem {
  readonly name: string
  readonly version: string
  readonly state: 'READY' | 'UNAVAILABLE'
  readonly reason: string
}

/** Every endpoint with the versions that answer. `ready` true = only those that can answer now. */
export function repositoryIndex(table: LiveTable, ready: boolean): IndexItem[] {
  const items = [...table.endpoints.values()].flatMap((endpoint) =>
    loadedOf(endpoint).map((variant): IndexItem => {
      const fine = variant.backend.ready()
      const reason = fine ? '' : 'loading'
      return {
        name: endpoint.route.name,
        version: variant.route.version,
        state: fine ? 'READY' : 'UNAVAILABLE',
        reason,
      }
    }),
  )
  return ready ? items.filter((item) => item.state === 'READY') : items
}

/** Longest body of a question for the index, bytes. */
const INDEX_BYTES = 4096

/** POST /v2/repository/index: a bare list. The body may be empty or `{"ready": true}`. */
export function indexReply(table: LiveTable, body: Buffer): Reply {
  if (body.length > INDEX_BYTES) throw problem('payload_too_large', { limit: INDEX_BYTES })
  const asked = body.length === 0 ? {} : parseJson(body)
  if (!isRecord(asked)) throw invalid('body', asked, 'an object, or nothing')
  return json(repositoryIndex(table, asked['ready'] === true))
}

/** Why callers of predictions may not load or unload models. */
export const LOADING_REFUSED =
  'models are loaded and unloaded by deploys: use slipway ship, POST /v1/endpoints/NAME/deploy or slipway rollback'

function json(value: unknown, status = 200): Reply {
  return { status, type: JSON_TYPE, body: JSON.stringify(value) }
}
