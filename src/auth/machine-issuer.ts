/** The public keys of issuers of OIDC tokens: by discovery, kept for a while, read again when a key is new. */
import type { FlattenedJWSInput, JSONWebKeySet, JWSHeaderParameters, CryptoKey } from 'jose'
import { ifJson } from '../contract/absence/absent.ts'
import { Problem, problem } from '../contract/errors.ts'
import type { Clock } from '../contract/ids.ts'
import type { Egress } from '../http/egress.ts'

/**
 * The key of an issuer for a token's header. Throws jose's `JWKSNoMatchingKey`, `unavailable` while the issuer does not answer, and
 * `upstream_failed` for an answer that no issuer gives.
 */
export type KeyOf = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>

/** Keys are good for so long. */
const KEPT_MS = 10 * 60_000
/**
 * Within the shorter time they are read again once for each unknown key that a token names, as an issuer that has just changed its key does,
 * and for so many of them at most: whoever invents names of keys must not have an issuer asked for each.
 */
const APART_MS = 30_000
const MOST_UNKNOWN = 8

/** Loaded by the first token of a machine: most servers get none, and it is a twentieth of their start. */
const jose = () => import('jose')

interface Kept {
  readonly find: KeyOf
  readonly at: number
}

/**
 * The keys of each issuer; only those of trusts are ever asked for, so nobody makes this server call where they like. What is known is
 * taken while unknown keys are asked for: else whoever names one would have all others wait for a slow issuer.
 */
export function issuerKeys(send: Egress, clock: Clock): (issuer: string) => KeyOf {
  const kept = new Map<string, Kept>()
  const asking = new Map<string, Promise<Kept>>()
  const ask = async (issuer: string): Promise<Kept> => {
    try {
      const set = await fetchKeys(send, issuer)
      const { createLocalJWKSet } = await jose()
      const found = { find: createLocalJWKSet(set), at: clock() }
      kept.set(issuer, found)
      return found
    } finally {
      // what failed is asked for again by the next
      asking.delete(issuer)
    }
  }
  const read = (issuer: string): Promise<Kept> => {
    const asked = asking.get(issuer) ?? ask(issuer)
    asking.set(issuer, asked)
    return asked
  }
  const isOld = ({ at }: Pick<Kept, 'at'>, most: number): boolean => clock() - at > most || at > clock()
  const unknown = new Map<string, Map<string, number>>()
  /** Whether the keys are to be read again for a key that is not among them; not twice in a short time for the same one. */
  const isNew = (issuer: string, { kid = '' }: JWSHeaderParameters): boolean => {
    const recent = [...(unknown.get(issuer) ?? [])].filter(([, at]) => !isOld({ at }, APART_MS))
    const ids = new Map(recent)
    unknown.set(issuer, ids)
    if (ids.has(kid) || ids.size >= MOST_UNKNOWN) return false
    ids.set(kid, clock())
    return true
  }
  return (issuer) => async (header, token) => {
    const known = kept.get(issuer)
    const keys = known === undefined || isOld(known, KEPT_MS) ? await read(issuer) : known
    try {
      return await keys.find(header, token)
    } catch (error) {
      const { errors } = await jose()
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      const isFirst = isNew(issuer, header)
      // what was read for this very call is not read twice
      if (!isOld(keys, APART_MS) && (!isFirst || keys !== known)) throw error
      return (await read(issuer)).find(header, token)
    }
  }
}

async function fetchKeys(send: Egress, issuer: string): Promise<JSONWebKeySet> {
  const found = (await get(send, issuer, `${issuer}/.well-known/openid-configuration`)) as Record<
    string,
    unknown
  > | null
  const { jwks_uri: uri, issuer: named } = found ?? {}
  if (named !== issuer) throw failed(issuer, 'its configuration names another issuer')
  // keys that came in the clear could be anybody's
  if (typeof uri !== 'string' || (issuer.startsWith('https:') && !uri.startsWith('https:')))
    throw failed(issuer, 'its configuration names no safe address of keys')
  const set = (await get(send, issuer, uri)) as { keys?: unknown } | null
  if (!Array.isArray(set?.keys)) throw failed(issuer, 'its keys are no set of keys')
  // secrets that signer and verifier share are no proof, wherever they come from
  const keys = (set.keys as ({ kty?: unknown } | null)[]).filter((key) =>
    ['RSA', 'EC', 'OKP'].includes(String(key?.kty)),
  )
  return { keys } as JSONWebKeySet
}

async function get(send: Egress, issuer: string, url: string): Promise<unknown> {
  const { status, body } = await reach(send, issuer, url)
  if (status >= 500 || status === 429) throw away(issuer, `${url} answers ${status}`)
  if (status !== 200) throw failed(url, `status ${status}`)
  return ifJson(body.toString('utf8')) ?? null
}

/** What the network or this server's rules refuse is no mistake of the job that asks. */
async function reach(send: Egress, issuer: string, url: string): ReturnType<Egress> {
  try {
    return await send({ method: 'GET', url, headers: { accept: 'application/json' } })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const isPrivate = error.code === 'invalid_field'
    throw away(
      issuer,
      isPrivate ? 'its address is a private one that SLIPWAY_EGRESS_ALLOW does not name' : error.message,
    )
  }
}

function away(issuer: string, detail: string): Error {
  return problem('unavailable', { what: `issuer ${issuer}`, detail })
}

function failed(what: string, detail: string): Error {
  return problem('upstream_failed', { what: `issuer ${what}`, detail })
}
