/** Checks the credential of a request against the tokens of the routing table, without asking anybody. */
import { hash } from 'node:crypto'
import { ifRefusedNow } from '../../contract/absence/absent.ts'
import { allows } from '../../contract/access.ts'
import type { Verb } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { schemeFault } from '../../contract/secrets/masked.ts'
import type { FailedCredentials } from '../../http/callers/failed-credentials.ts'
import type { TokenRoute } from '../table/table.ts'
import type { LiveTable } from './live.ts'
import { onlyOf, requireTable } from './live.ts'

/** Headers whose token was found, remembered per table so that the hash is computed once. */
const known = new WeakMap<LiveTable, Map<string, TokenRoute>>()
const MAX_KNOWN = 10_000

/** The table as callers of one project see it, made once a table. */
const parts = new WeakMap<LiveTable, Map<string, LiveTable>>()

/** Who asks: the request's header, and when. */
export interface Caller {
  readonly authorization: string | undefined
  /** ms. */
  readonly now: number
  /** Where the request came from, to count credentials that are wrong. */
  readonly from?: { readonly address: string | undefined; readonly failed: FailedCredentials }
}

/** The endpoints that a caller may know of: all, or those of its token's project. Throws as `admit`, but never `forbidden`. */
export function seenBy(table: LiveTable, caller: Caller): LiveTable {
  const project = authenticate(table, caller)?.project ?? null
  if (project === null) return table
  let known = parts.get(table)
  if (known === undefined) parts.set(table, (known = new Map()))
  const seen = known.get(project) ?? ofProject(table, project)
  known.set(project, seen)
  return seen
}

function ofProject(table: LiveTable, project: string): LiveTable {
  const endpoints = new Map([...table.endpoints].filter(([, { route }]) => route.project === project))
  return { ...table, endpoints, only: onlyOf(endpoints) }
}

/**
 * Lets a request through whose token may do `verb` on endpoints. Returns the token; undefined while the table is open to
 * requests without one. Throws `unauthenticated`, `forbidden`, `too_many_requests` for one wrong credential too many of its address, and
 * `unavailable` before the first table.
 */
export function admit(table: LiveTable, caller: Caller, verb: Verb): TokenRoute | undefined {
  const token = authenticate(table, caller)
  if (token !== undefined && !allows(token.role, { verb, resource: 'endpoints' }))
    throw problem('forbidden', { role: token.role, verb, resource: 'endpoints' })
  return token
}

function authenticate(table: LiveTable, caller: Caller): TokenRoute | undefined {
  requireTable(table)
  const { authorization, now } = caller
  if (table.source.open) return authorization === undefined ? undefined : ofOpen(table, authorization, now)
  if (authorization === undefined) throw problem('unauthenticated', { detail: 'the request carries none' })
  const token = counted(caller, () => find(table, authorization))
  if (isOver(token, now)) throw problem('unauthenticated', { detail: 'the token has expired' })
  return token
}

/** Where everybody may ask, a client's token of another server is no reason to refuse it; one that is known keeps its role and project. */
function ofOpen(table: LiveTable, authorization: string, now: number): TokenRoute | undefined {
  const token = ifRefusedNow(() => find(table, authorization), 'unauthenticated')
  return token === undefined || isOver(token, now) ? undefined : token
}

function isOver({ expires_at }: TokenRoute, now: number): boolean {
  return expires_at !== null && expires_at <= now
}

function counted({ from, now }: Caller, look: () => TokenRoute): TokenRoute {
  try {
    return look()
  } catch (error) {
    from?.failed.failed(from.address ?? '', now)
    throw error
  }
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
  throw problem('unauthenticated', { detail: schemeFault(authorization) })
}
