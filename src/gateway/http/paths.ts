/** The gateway's paths, read by hand: what a method and a path mean. */
import { problem } from '../../contract/errors.ts'
import { isNonce } from '../../store/folder-proof.ts'
import type { Reply } from '../protocols/exchange.ts'
import { JSON_TYPE } from '../protocols/exchange.ts'
import type { LiveEndpoint } from '../traffic/live.ts'
import { openApi } from './open-api.ts'
import { kserveProtocol, kserveReady, vertexProtocol } from '../protocols/instances.ts'
import { mlflowProtocol } from '../protocols/mlflow.ts'
import { nativeProtocol } from '../protocols/native.ts'
import type { Asked, PageTarget, PredictTarget, Target } from './targets.ts'
import { decode, endpointOf, get, isReady, json, predictTarget } from './targets.ts'
import { findV2 } from './v2-paths.ts'

const NATIVE = '/v1/endpoints/'
const PREDICT = ':predict'

/** Finds the target of a request. Throws `unauthenticated`, `not_found`, `no_route` or `method_not_allowed`. */
export function findTarget(asked: Asked): Target {
  const { path } = asked
  if (path.endsWith(PREDICT)) return findPredict(asked)
  const parts = path.split('/').map(decode)
  switch (parts[1]) {
    case 'v2':
      return findV2(asked, parts.slice(2))
    case 'v1':
      return findV1(asked, parts.slice(2))
    case 'models':
      return findMultiModel(asked, parts.slice(2))
    default:
      return invocations(asked, parts.slice(1)) ?? page(asked)
  }
}

const VERTEX = /^\/v1\/projects\/[^/]+\/locations\/[^/]+\/endpoints\/([^/]+)$/

/** Paths that end with `:predict`: Slipway's own, KServe's and Vertex AI's. */
function findPredict(asked: Asked): PredictTarget {
  const path = asked.path.slice(0, -PREDICT.length)
  if (path.startsWith(NATIVE))
    return predictTarget(asked, { name: path.slice(NATIVE.length), protocol: nativeProtocol })
  if (path.startsWith(KSERVE))
    return predictTarget(asked, { name: path.slice(KSERVE.length), protocol: kserveProtocol })
  const vertex = VERTEX.exec(path)
  if (vertex !== null) return predictTarget(asked, { name: vertex[1], protocol: vertexProtocol })
  throw problem('no_route', { method: asked.method, path: asked.path })
}

const KSERVE = '/v1/models/'

/** /v1/endpoints/NAME/openapi.json, /v1/models, /v1/models/NAME and /v1/proof. */
function findV1(asked: Asked, parts: readonly string[]): Target {
  const [area, name, more] = parts
  if (area === 'endpoints' && name !== undefined && more === 'openapi.json' && parts.length === 3) {
    const endpoint = endpointOf(asked.seen(), name)
    return get(asked, 'read', () => json(openApi(endpoint)))
  }
  if (area === 'models' && (name === undefined || name === ''))
    return get(asked, 'read', () => json(modelsPage([...asked.seen().endpoints.keys()], asked.models())))
  if (area === 'models' && parts.length === 2) {
    const known = asked.models().find((one) => one === name)
    if (known !== undefined && !asked.seen().endpoints.has(known))
      return get(asked, 'read', () => json(modelItem(known)))
    const endpoint = endpointOf(asked.seen(), name)
    return get(asked, 'read', () => kserveReady(endpoint))
  }
  if (area === 'proof' && parts.length === 1) return get(asked, null, () => json(proof(asked)))
  throw problem('no_route', { method: asked.method, path: asked.path })
}

/** What KServe's clients read of endpoints, and those of OpenAI and of Anthropic of language models. */
function modelsPage(models: readonly string[], llm: readonly string[]): object {
  const data = llm.map(modelItem)
  return { models, object: 'list', data, has_more: false, first_id: llm[0] ?? null, last_id: llm.at(-1) ?? null }
}

/** A language model by its name; when it was made is nobody's business. */
function modelItem(id: string): object {
  const created_at = '1970-01-01T00:00:00Z'
  return { id, object: 'model', created: 0, owned_by: 'slipway', type: 'model', display_name: id, created_at }
}

/** As the control process shows it, at the address of predictions. */
function proof({ view, url, method, path }: Asked): object {
  const nonce = new URLSearchParams(url.split('?')[1]).get('nonce') ?? ''
  if (!isNonce(nonce))
    throw problem('invalid_field', { field: 'nonce', value: nonce, expected: '32 to 128 hexadecimal digits' })
  const shown = view.proof(nonce)
  if (shown === undefined) throw problem('no_route', { method, path })
  return shown
}

/** SageMaker's multi-model contract: /models, /models/NAME, /models/NAME/invoke. Models come and go by deploys alone. */
function findMultiModel(asked: Asked, parts: readonly string[]): Target {
  const { method, path } = asked
  const [name, action] = parts
  if (method === 'DELETE' || (method === 'POST' && parts.length === 0))
    throw problem('forbidden', { role: 'of any caller', verb: 'load or unload', resource: 'models: deploys do that' })
  if (name === undefined)
    return get(asked, 'read', () => json({ models: [...asked.seen().endpoints.values()].map(describeModel) }))
  if (action === 'invoke' && parts.length === 2) return predictTarget(asked, { name, protocol: mlflowProtocol })
  const endpoint = endpointOf(asked.seen(), name)
  if (parts.length === 1) return get(asked, 'read', () => json(describeModel(endpoint)))
  throw problem('no_route', { method, path })
}

function describeModel({ route }: LiveEndpoint): object {
  return { modelName: route.name, modelUrl: `models:/${route.model}` }
}

/** /invocations and /endpoints/NAME/invocations, with MLflow's and SageMaker's health paths and MLflow's /version beside them. */
function invocations(asked: Asked, parts: readonly string[]): Target | undefined {
  const { view } = asked
  const named = parts[0] === 'endpoints' && parts.length === 3
  const action = named ? parts[2] : parts.length === 1 ? parts[0] : undefined
  const name = named ? (parts[1] as string) : undefined
  if (action === 'invocations') return predictTarget(asked, { name, protocol: mlflowProtocol })
  if (action === 'version') return get(asked, null, () => ({ status: 200, type: 'text/plain', body: view.version }))
  if (action !== 'ping' && action !== 'health') return undefined
  // whoever ends a process that does not answer here has to wait for no model; `/ping` and `/v2/health/ready` tell of those
  if (name === undefined && action === 'health') return get(asked, null, () => health(true))
  if (name === undefined)
    return get(asked, null, () => health(view.table.only?.stable?.backend.ready() ?? isReady(view)))
  const endpoint = asked.seen().endpoints.get(name)
  return get(asked, 'read', () => health(endpoint?.stable?.backend.ready()))
}

function health(ready: boolean | undefined): Reply {
  return { status: ready === true ? 200 : 404, type: JSON_TYPE, body: '\n' }
}

function page(asked: Asked): PageTarget {
  const { view, method, path } = asked
  // KServe's client asks here whether a server of its first protocol lives.
  if (path === '/') return get(asked, null, () => json({ status: 'alive' }))
  if (path === '/metrics') {
    const type = 'text/plain; version=0.0.4; charset=utf-8'
    return get(asked, 'read', () => ({ status: 200, type, body: view.metrics(asked.seen()) }))
  }
  throw problem('no_route', { method, path })
}
