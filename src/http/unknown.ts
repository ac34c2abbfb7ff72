/** Answers to requests that no route matches: 405 where the path is known, else 404, in the error shape of the routes around it. */
import { problem } from '../contract/errors.ts'
import type { Problem } from '../contract/errors.ts'
import { slipwayFailure } from './failure.ts'
import type { Mounted, Raw } from './mount.ts'

export interface Unrouted {
  readonly error: Problem
  readonly render: (error: Problem, requestId: string) => Raw
  readonly headers: Readonly<Record<string, string>>
  /** True where the path may be a page of the web UI: no route with access control shares its first part. */
  readonly page: boolean
}

type Render = Unrouted['render']

/** Makes the judge of unrouted requests; `path` comes without its query, still percent-encoded. */
export function unrouted(routes: readonly Mounted[]): (method: string, path: string) => Unrouted {
  const patterns = routes.map((mounted) => ({ pattern: patternOf(mounted.route.path), mounted }))
  const dialects = dialectsOf(routes)
  const guarded = new Set(
    routes.filter(({ route }) => route.access !== 'public').map(({ route }) => firstPart(route.path)),
  )
  return (method, path) => {
    const here = patterns.filter(({ pattern }) => pattern.test(path)).map(({ mounted }) => mounted)
    if (here.length === 0) {
      const part = firstPart(path)
      const error = problem('no_route', { method, path })
      return {
        error,
        render: dialects.get(part) ?? slipwayFailure,
        headers: {},
        page: part === '' || !guarded.has(part),
      }
    }
    const allowed = [...new Set(here.map(({ route }) => route.method))].sort().join(', ')
    return {
      error: problem('method_not_allowed', { method, path, allowed }),
      render: here[0]?.fail ?? slipwayFailure,
      headers: { allow: allowed },
      page: false,
    }
  }
}

/** The error shape that all routes below a first part of the path share. */
function dialectsOf(routes: readonly Mounted[]): Map<string, Render> {
  const dialects = new Map<string, Render>()
  for (const { route, fail = slipwayFailure } of routes) {
    const part = firstPart(route.path)
    const known = dialects.get(part)
    dialects.set(part, known === undefined || known === fail ? fail : slipwayFailure)
  }
  return dialects
}

function firstPart(path: string): string {
  return path.split('/', 2)[1] ?? ''
}

function patternOf(path: string): RegExp {
  const literal = path.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${literal.replace(/(?<=\/):\w+/g, '[^/]+').replaceAll('*', '.*')}$`)
}
