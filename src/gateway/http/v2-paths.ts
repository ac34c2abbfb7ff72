/** Paths below /v2: the Open Inference Protocol, and Triton's repository, configuration and statistics calls. */
import { problem } from '../../contract/errors.ts'
import type { LiveEndpoint } from '../traffic/live.ts'
import type { Asked, PageTarget, Target } from './targets.ts'
import { endpointOf, get, isReady, json, predictTarget } from './targets.ts'
import { oipFailure, oipProtocol } from '../protocols/oip.ts'
import {
  indexReply,
  LOADING_REFUSED,
  modelConfig,
  modelMetadata,
  modelReady,
  modelStats,
  serverMetadata,
} from '../protocols/oip-pages.ts'

/** Finds the target of a path; `parts` are those behind /v2. Throws `not_found`, `no_route` or `method_not_allowed`. */
export function findV2(asked: Asked, parts: readonly string[]): Target {
  const { view, method, path } = asked
  const [area, name] = parts
  switch (area) {
    case undefined:
    case '':
      return get(asked, null, () => serverMetadata(view.version))
    case 'health':
      return health(asked, name)
    case 'repository':
      return repository(asked, parts.slice(1))
    case 'models':
      return models(asked, parts.slice(1))
    default:
      throw problem('no_route', { method, path })
  }
}

function health(asked: Asked, what: string | undefined): PageTarget {
  if (what === 'live') return get(asked, null, () => json({ live: true }))
  if (what !== 'ready') throw problem('no_route', { method: asked.method, path: asked.path })
  return get(asked, null, () => {
    const ready = isReady(asked.view)
    return json({ live: true, ready }, ready ? 200 : 503)
  })
}

/** /v2/repository/index, and /v2/repository/models/NAME/load and unload, which are refused. */
function repository(asked: Asked, parts: readonly string[]): PageTarget {
  const { method, path } = asked
  const [what, , action] = parts
  const page = { kind: 'page', verb: 'read', fail: oipFailure } as const
  if (method !== 'POST') throw problem('method_not_allowed', { method, path, allowed: 'POST' })
  if (what === 'index' && parts.length === 1)
    return { ...page, takesBody: true, reply: (body) => indexReply(asked.seen(), body) }
  if (what === 'models' && parts.length === 3 && (action === 'load' || action === 'unload'))
    return { ...page, takesBody: false, reply: () => json({ error: LOADING_REFUSED }, 403) }
  throw problem('no_route', { method, path })
}

function models(asked: Asked, parts: readonly string[]): Target {
  const { method, path } = asked
  const [name, ...rest] = parts
  if (name === undefined || name === '')
    return get(asked, 'read', () => json({ models: [...asked.seen().endpoints.keys()] }))
  if (name === 'stats' && rest.length === 0)
    return get(asked, 'read', () => modelStats(asked.seen().endpoints.values()))
  const named = rest[0] === 'versions' && rest[1] !== undefined
  const version = named ? rest[1] : undefined
  const action = named ? rest[2] : rest[0]
  if (action === 'infer') return predictTarget(asked, { name, protocol: oipProtocol, version })
  const endpoint = endpointOf(asked.seen(), name)
  checkVersion(endpoint, version)
  switch (action) {
    case undefined:
    case '':
      return get(asked, 'read', () => modelMetadata(endpoint))
    case 'ready':
      return get(asked, 'read', () => modelReady(endpoint))
    case 'config':
      return get(asked, 'read', () => modelConfig(endpoint))
    case 'stats':
      return get(asked, 'read', () => modelStats([endpoint]))
    default:
      throw problem('no_route', { method, path })
  }
}

/** Throws `not_found` for a version that the endpoint does not answer with. */
export function checkVersion(endpoint: LiveEndpoint, version: string | undefined): void {
  const known = [endpoint.stable, endpoint.canary].some((variant) => variant?.route.version === version)
  if (version !== undefined && version !== '' && !known) throw problem('not_found', { what: 'version', id: version })
}
