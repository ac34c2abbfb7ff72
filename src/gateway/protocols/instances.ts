/** Protocols that send `instances`: KServe's and TensorFlow Serving's v1, and Vertex AI's. */
import type { Problem } from '../../contract/errors.ts'
import type { Answer, Ask } from '../engine/ask.ts'
import type { PredictCall, Protocol, Reply } from './exchange.ts'
import { JSON_TYPE, makeAsk } from './exchange.ts'
import { explanationsOf } from './explanations.ts'
import { toJson } from '../../scoring/rows/json.ts'
import type { LiveEndpoint } from '../traffic/live.ts'
import { invalid } from '../../scoring/rows/rows.ts'
import { rowsOfItems } from './columns.ts'
import { failureHeaders } from './native.ts'
import { inputsOf } from './oip.ts'
import { objectOf, prepareJson } from './json-body.ts'
import { isModelReady } from './oip-pages.ts'

/** How `instances` are read, whatever they are answered with. */
const reading = { prepare: prepareJson, isJson: () => true, read: readInstances }

/** POST /v1/models/NAME:predict: `{instances: [row, …]}` → `{predictions: […]}`; a row is an object or a list by place. */
export const kserveProtocol: Protocol = {
  ...reading,
  write: writeKserve,
  fail: kserveFailure,
}

/** POST …/endpoints/NAME:predict of Vertex AI: `{instances, parameters}` → `{predictions, deployedModelId, model, modelVersionId}`. */
export const vertexProtocol: Protocol = {
  ...reading,
  write: writeVertex,
  fail: vertexFailure,
}

function readInstances(call: PredictCall): { ask: Ask; note: unknown } {
  const body = objectOf(call)
  const { instances, parameters } = body
  if (!Array.isArray(instances)) throw invalid('instances', instances, 'a list of rows')
  const rows = rowsOfItems('instances', instances, inputsOf(call.endpoint))
  return { ask: makeAsk(call, rows, { params: parameters }), note: undefined }
}

function predictionsOf(answer: Answer): readonly unknown[] {
  return answer.results.predictions()
}

function writeKserve(answer: Answer): Reply {
  const headers = { 'x-slipway-version': answer.variant.route.version }
  return {
    status: 200,
    type: JSON_TYPE,
    body: toJson({ predictions: predictionsOf(answer), ...explanationsOf(answer) }),
    headers,
  }
}

function writeVertex(answer: Answer): Reply {
  const { endpoint, variant } = answer
  const body = toJson({
    predictions: predictionsOf(answer),
    ...explanationsOf(answer),
    deployedModelId: `${endpoint.route.name}-${variant.route.role}`,
    model: endpoint.route.model,
    modelDisplayName: endpoint.route.model,
    modelVersionId: variant.route.version,
  })
  return { status: 200, type: JSON_TYPE, body }
}

/** KServe's error shape: one text. */
export function kserveFailure(error: Problem): Reply {
  const body = JSON.stringify({ error: error.message })
  return { status: error.status, type: JSON_TYPE, body, headers: failureHeaders(error) }
}

/** Names that Google's APIs give to statuses. */
const STATUS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

/** The error shape of Google's APIs. */
export function vertexFailure(error: Problem): Reply {
  const status = STATUS[error.status] ?? (error.status < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL')
  const body = JSON.stringify({ error: { code: error.status, message: error.message, status } })
  return { status: error.status, type: JSON_TYPE, body, headers: failureHeaders(error) }
}

/** GET /v1/models/NAME. */
export function kserveReady(endpoint: LiveEndpoint): Reply {
  const ready = isModelReady(endpoint)
  const body = JSON.stringify({ name: endpoint.route.name, ready })
  return { status: ready ? 200 : 503, type: JSON_TYPE, body }
}
