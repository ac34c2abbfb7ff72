/** Checks the credential of a request against the tokens of the routing table, without asking anybody. */
import { hash } from 'node:crypto'
import { allows } from '../../contract/access.ts'
import type { Verb } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { TokenRoute } from '../table/table.ts'
import type { LiveTable } from './live.ts'

/** Headers whose token was found, remembered per table so that the hash is computed once. */
const known = new WeakMap<LiveTable, Map<string, TokenRoute>>()
const MAX_KNOWN = 10_000

/**
 * Lets a request through whose token may do `verb` on endpoints (and on this endpoint's project, when one is given).
 * Returns the token; undefined while the table is open to requests without one. Throws `unauthenticated` or `forbidden`.
 */
export function admit(
  table: LiveTable,
  authorization: string | undefined,
  verb: Verb,
  scope: { project: string | null; now: number },
): TokenRoute | undefined {
  if (authorization === undefined) {
    if (table.source.open) return undefined
    throw problem('unauthenticated', { detail: 'the request carries none' })
  }
  const token = find(table, authorization)
  if (token.expires_at !== null && token.expires_at <= scope.now)
    throw problem('unauthenticated', { detail: 'the token has expired' })
  if (!allows(token.role, { verb, resource: 'endpoints' }))
    throw problem('forbidden', { role: token.role, verb, resource: 'endpoints' })
  if (token.project !== null && scope.project !== null && token.project !== scope.project)
    throw problem('forbidden', { role: token.role, verb, resource: `endpoints of project ${scope.project}` })
  return token
}

function find(table: LiveTable, authorization: string): TokenRoute {
  let cache = known.get(table)
  const cached = cache?.get(authorization)
  if (cached !== undefined) return cached
  const match = /^slw_([a-z0-9]{1,64})\.([A-Za-z0-9_-]{16,128})$/.exec(tokenText(authorization))
  if (match === null) throw problem('unauthenticated', { detail: 'a token looks like slw_ID.SECRET' })
  const token = table.tokens.get(match[1] as string)
  if (token === undefined || token.hash !== hash('sha256', match[2] as string, 'hex'))
    throw problem('unauthenticated', { detail: 'the token is not known' })
  if (cache === undefined || cache.size >= MAX_KNOWN) known.set(table, (cache = new Map()))
  cache.set(authorization, token)
  return token
}

function tokenText(authorization: string): string {
  const space = authorization.indexOf(' ')
  const scheme = authorization.slice(0, space).toLowerCase()
  const value = authorization.slice(space + 1).trim()
  if (scheme === 'bearer') return value
  if (scheme === 'basic') {
    const pair = Buffer.from(value, 'base64').toString('utf8')
    return pair.slice(pair.indexOf(':') + 1)
  }
  throw problem('unauthenticated', { detail: `the scheme "${scheme.slice(0, 20)}" is not Bearer or Basic` })
}
