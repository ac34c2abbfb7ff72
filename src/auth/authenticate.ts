/** Finds who makes a call from its headers: Bearer, Basic with the token as password (MLflow's client), or the UI's session cookie. */
import type { IncomingHttpHeaders } from 'node:http'
import { ifRefused } from '../contract/absence/absent.ts'
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import { schemeFault } from '../contract/secrets/masked.ts'
import type { Tokens } from './tokens.ts'

/** Name of the session cookie. */
export const COOKIE = 'slipway_session'

export type Authenticate = (request: { headers: IncomingHttpHeaders; method: string }) => Promise<Principal | undefined>

/** Makes the check. With `open` (only with --no-auth on loopback) a call without a credential that is known is an admin's. */
export function authenticator(tokens: Tokens, open: boolean): Authenticate {
  const withoutToken = async (cookie: string | undefined): Promise<Principal | undefined> => {
    const session = cookieOf(cookie)
    if (session !== undefined) {
      const who = await ifRefused(tokens.findSession(session), 'unauthenticated')
      if (who !== undefined) return who
    }
    return open ? OPEN : undefined
  }
  const byToken = async (authorization: string): Promise<Principal> => tokens.find(tokenOf(authorization))
  return async ({ headers: { authorization, cookie } }) => {
    if (authorization === undefined) return withoutToken(cookie)
    if (!open) return byToken(authorization)
    // where everybody may call, a client's token of another server is no reason to refuse it
    return (await ifRefused(byToken(authorization), 'unauthenticated')) ?? OPEN
  }
}

const OPEN: Principal = { id: 'anyone', name: 'anyone', role: 'admin', project: null, token_id: null }

function tokenOf(authorization: string): string {
  if (authorization.startsWith('Bearer ')) return authorization.slice(7)
  const [scheme = '', value = ''] = authorization.split(' ', 2)
  if (/^bearer$/i.test(scheme)) return value
  if (/^basic$/i.test(scheme)) {
    const pair = Buffer.from(value, 'base64').toString('utf8')
    return pair.slice(pair.indexOf(':') + 1)
  }
  throw problem('unauthenticated', { detail: schemeFault(authorization) })
}

/** The session secret in a Cookie header, if it is there. */
export function cookieOf(header: string | undefined): string | undefined {
  for (const part of header?.split(';') ?? []) {
    const [key, value] = part.trim().split('=', 2)
    if (key === COOKIE && value !== undefined && value !== '') return value
  }
  return undefined
}
