/** The unary calls of the inference service beside ModelInfer, and the health service: message in, message out. */
import type { Verb } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { ModelStats, TensorInfo } from '../protocols/oip-pages.ts'
import {
  EXTENSIONS,
  isModelReady,
  LOADING_REFUSED,
  modelInfo,
  repositoryIndex,
  statsOf,
  typeName,
} from '../protocols/oip-pages.ts'
import type { GatewayView } from '../http/targets.ts'
import { endpointOf, isReady } from '../http/targets.ts'
import { checkVersion } from '../http/v2-paths.ts'
import { ProtoReader, ProtoWriter } from './wire.ts'

/** A call: what a token must be allowed (null = public) and the answer's message, made of the endpoints that the caller sees. */
export interface UnaryCall {
  readonly verb: Verb | null | ((message: Buffer) => Verb | null)
  readonly answer: (view: GatewayView, message: Buffer) => ProtoWriter
}

const INFERENCE = '/inference.GRPCInferenceService/'
/** MLServer has the repository calls in a service of their own; the messages are the same. */
const REPOSITORY = '/inference.model_repository.ModelRepositoryService/'

/** Path of ModelInfer. */
export const MODEL_INFER = `${INFERENCE}ModelInfer`
/** Path of Triton's stream of ModelInfer. */
export const MODEL_STREAM_INFER = `${INFERENCE}ModelStreamInfer`

/** Calls by path. */
export const CALLS: ReadonlyMap<string, UnaryCall> = new Map<string, UnaryCall>([
  [`${INFERENCE}ServerLive`, { verb: null, answer: () => new ProtoWriter().bool(1, true) }],
  [`${INFERENCE}ServerReady`, { verb: null, answer: (view) => new ProtoWriter().bool(1, isReady(view)) }],
  [`${INFERENCE}ModelReady`, { verb: 'read', answer: modelReady }],
  [`${INFERENCE}ServerMetadata`, { verb: null, answer: serverMetadata }],
  [`${INFERENCE}ModelMetadata`, { verb: 'read', answer: modelMetadata }],
  [`${INFERENCE}ModelConfig`, { verb: 'read', answer: modelConfig }],
  [`${INFERENCE}ModelStatistics`, { verb: 'read', answer: modelStatistics }],
  [`${INFERENCE}RepositoryIndex`, { verb: 'read', answer: index }],
  [`${INFERENCE}RepositoryModelLoad`, { verb: 'read', answer: refuseLoading }],
  [`${INFERENCE}RepositoryModelUnload`, { verb: 'read', answer: refuseLoading }],
  [`${REPOSITORY}RepositoryIndex`, { verb: 'read', answer: index }],
  [`${REPOSITORY}RepositoryModelLoad`, { verb: 'read', answer: refuseLoading }],
  [`${REPOSITORY}RepositoryModelUnload`, { verb: 'read', answer: refuseLoading }],
  ['/grpc.health.v1.Health/Check', { verb: (message) => (isWhole(message) ? null : 'read'), answer: healthCheck }],
])

/** Strings of a message by field number; other fields are passed over. */
function strings(message: Buffer): Map<number, string> {
  const found = new Map<number, string>()
  const reader = new ProtoReader(message)
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field <= 2) found.set(field, readText(reader))
    else reader.skip()
  }
  return found
}

/** A field that is a text, or a flag as "true". */
function readText(reader: ProtoReader): string {
  try {
    return reader.string()
  } catch {
    return String(reader.bool())
  }
}

function modelReady(view: GatewayView, message: Buffer): ProtoWriter {
  const asked = strings(message)
  const endpoint = endpointOf(view.table, asked.get(1) ?? '')
  checkVersion(endpoint, asked.get(2))
  return new ProtoWriter().bool(1, isModelReady(endpoint))
}

function serverMetadata(view: GatewayView): ProtoWriter {
  const message = new ProtoWriter().string(1, 'slipway').string(2, view.version)
  for (const extension of EXTENSIONS) message.string(3, extension)
  return message
}

function modelMetadata(view: GatewayView, message: Buffer): ProtoWriter {
  const asked = strings(message)
  const endpoint = endpointOf(view.table, asked.get(1) ?? '')
  checkVersion(endpoint, asked.get(2))
  const info = modelInfo(endpoint)
  const answer = new ProtoWriter().string(1, info.name)
  for (const version of info.versions) answer.string(2, version)
  answer.string(3, info.platform)
  for (const input of info.inputs) answer.message(4, tensorMetadata(input))
  for (const output of info.outputs) answer.message(5, tensorMetadata(output))
  return answer
}

function tensorMetadata({ name, datatype, shape }: TensorInfo): ProtoWriter {
  return new ProtoWriter().string(1, name).string(2, datatype).packed(3, shape)
}

/** Numbers of Triton's DataType enum. */
const TYPES: Readonly<Record<string, number>> = { TYPE_BOOL: 1, TYPE_INT64: 9, TYPE_FP64: 12, TYPE_STRING: 13 }

function modelConfig(view: GatewayView, message: Buffer): ProtoWriter {
  const info = modelInfo(endpointOf(view.table, strings(message).get(1) ?? ''))
  const config = new ProtoWriter().string(1, info.name).string(2, info.platform).string(17, 'slipway')
  for (const { name, ...input } of info.inputs) {
    const type = TYPES[typeName({ name, ...input })] ?? 0
    config.message(5, new ProtoWriter().string(1, name).uint(2, type).packed(4, input.shape))
  }
  for (const { name, ...output } of info.outputs) {
    const type = TYPES[typeName({ name, ...output })] ?? 0
    config.message(6, new ProtoWriter().string(1, name).uint(2, type).packed(3, output.shape))
  }
  return new ProtoWriter().message(1, config)
}

function modelStatistics(view: GatewayView, message: Buffer): ProtoWriter {
  const name = strings(message).get(1) ?? ''
  const endpoints = name === '' ? view.table.endpoints.values() : [endpointOf(view.table, name)]
  const answer = new ProtoWriter()
  for (const stats of statsOf(endpoints)) answer.message(1, statistics(stats))
  return answer
}

function statistics(stats: ModelStats): ProtoWriter {
  const { success, fail, compute_infer } = stats.inference_stats
  const inference = new ProtoWriter()
    .message(1, duration(success))
    .message(2, duration(fail))
    .message(5, duration(compute_infer))
  return new ProtoWriter()
    .string(1, stats.name)
    .string(2, stats.version)
    .uint(3, stats.last_inference)
    .uint(4, stats.inference_count)
    .uint(5, stats.execution_count)
    .message(6, inference)
}

function duration({ count, ns }: { count: number; ns: number }): ProtoWriter {
  return new ProtoWriter().uint(1, count).uint(2, ns)
}

function index(view: GatewayView, message: Buffer): ProtoWriter {
  const answer = new ProtoWriter()
  for (const { name, version, state, reason } of repositoryIndex(view.table, strings(message).get(2) === 'true'))
    answer.message(1, new ProtoWriter().string(1, name).string(2, version).string(3, state).string(4, reason))
  return answer
}

function refuseLoading(): never {
  throw problem('forbidden', { role: 'of any caller', verb: 'load or unload', resource: `models: ${LOADING_REFUSED}` })
}

const SERVING = 1
const NOT_SERVING = 2

/** grpc.health.v1: the empty service and the inference service are the gateway; an endpoint's name is that endpoint. */
function healthCheck(view: GatewayView, message: Buffer): ProtoWriter {
  const ready = isWhole(message) ? isReady(view) : isModelReady(endpointOf(view.table, serviceOf(message)))
  return new ProtoWriter().uint(1, ready ? SERVING : NOT_SERVING)
}

function isWhole(message: Buffer): boolean {
  const service = serviceOf(message)
  return service === '' || service === INFERENCE.slice(1, -1)
}

function serviceOf(message: Buffer): string {
  return strings(message).get(1) ?? ''
}
