/** Exchanges the ID token of a machine for a token of ours: by exact claims of a trust, once, for a short while. */
import { decodeJwt, errors, jwtVerify } from 'jose'
import type { JWTPayload } from 'jose'
import { minute } from '../client/clock.ts'
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import type { Clock } from '../contract/ids.ts'
import type { Db } from '../store/db.ts'
import { sha256 } from './tokens.ts'
import type { Tokens } from './tokens.ts'
import type { issuerKeys } from './machine-issuer.ts'
import { trustsOf } from './machine-trusts.ts'
import type { TrustRow } from './machine-trusts.ts'

export interface ExchangeDeps {
  readonly db: Db
  readonly clock: Clock
  readonly tokens: Pick<Tokens, 'createIn'>
  readonly keys: ReturnType<typeof issuerKeys>
}

export interface Exchanged {
  readonly token: string
  readonly trust: string
  readonly role: TrustRow['role']
  readonly project: string
  readonly expires_at: number
}

/** Signatures by a key pair alone: with a shared secret whoever can read the public key could sign. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
/** How far clocks may be apart, and how old an ID token may be, seconds. */
const TOLERANCE_S = 30
const MOST_AGE_S = 15 * 60
/** The last moment that a date can name, ms; an ID token may claim to end after it. */
const LAST_TIME = 8.64e15
/** Events of GitHub that the owner of the repository or its members set off. What others can set off may only read. */
const OWN_EVENTS = new Set('push pull_request merge_group workflow_dispatch schedule release deployment'.split(' '))

/** Throws `unauthenticated` with the reason, and `unavailable` or `upstream_failed` where the issuer's keys cannot be had. */
export async function exchange(
  deps: ExchangeDeps,
  asked: { readonly id_token: string; readonly trust?: string | undefined },
): Promise<Exchanged> {
  const issuer = issuerOf(asked.id_token)
  const trusts = await trustsOf(deps.db, issuer)
  // nothing is asked of an issuer that nobody has named
  if (trusts.length === 0) throw refused('its issuer is not trusted')
  const claims = await verify(deps, issuer, asked.id_token)
  const trust = chosen(
    trusts.filter((one) => holds(one, claims)),
    asked.trust,
  )
  return give(deps, trust, claims)
}

const NO_TRUST = 'no trust has its audience, subject and claims'

function issuerOf(token: string): string {
  try {
    const { iss } = decodeJwt(token) as { iss?: unknown }
    return typeof iss === 'string' ? iss : ''
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) throw refused('it is no JWT')
    throw error
  }
}

async function verify({ keys, clock }: ExchangeDeps, issuer: string, token: string): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys(issuer), {
      issuer,
      algorithms: ALGORITHMS,
      clockTolerance: TOLERANCE_S,
      maxTokenAge: MOST_AGE_S,
      requiredClaims: ['exp', 'iat', 'sub', 'aud'],
      currentDate: new Date(clock()),
    })
    return payload
  } catch (error) {
    if (error instanceof errors.JOSEError) throw refused(`${error.message}${clocks(error, clock())}`)
    // jose says so of keys that are too short or no keys at all
    if (error instanceof TypeError || error instanceof DOMException)
      throw refused(`the key of its issuer cannot be used: ${error.message}`)
    throw error
  }
}

/** Of a token whose times do not hold: what it says and what this server's clock says, for one of the two is wrong. */
function clocks(error: Error, now: number): string {
  const times = error as { readonly claim?: unknown; readonly payload?: JWTPayload }
  const said = ['iat', 'nbf', 'exp'].includes(String(times.claim)) ? times.payload?.[String(times.claim)] : undefined
  if (typeof said !== 'number') return ''
  return `; it says ${minute(said * 1000)}, and the clock of this server ${minute(now)}`
}

/** Every text is the same, letter by letter. A claim that is a number is no text. */
function holds({ audience, subject, claims }: TrustRow, payload: JWTPayload): boolean {
  const { aud, sub } = payload
  const only = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud
  if (only !== audience || sub !== subject) return false
  const wanted = Object.entries(JSON.parse(claims) as Record<string, string>)
  return wanted.every(([claim, text]) => Object.hasOwn(payload, claim) && payload[claim] === text)
}

function chosen(trusts: readonly TrustRow[], name: string | undefined): TrustRow {
  const named = name === undefined ? trusts : trusts.filter((one) => one.name === name)
  const [first, second] = named
  if (first === undefined) throw refused(NO_TRUST)
  if (second !== undefined) throw refused('several trusts hold; name the one that is meant')
  return first
}

/** Notes the ID token as used, makes ours and records both in one transaction. */
async function give(deps: ExchangeDeps, trust: TrustRow, claims: JWTPayload): Promise<Exchanged> {
  const now = deps.clock()
  const { event_name: event } = claims
  const own = event === undefined || (typeof event === 'string' && OWN_EVENTS.has(event))
  const role = own ? trust.role : 'viewer'
  const expires_at = now + trust.minutes * 60_000
  const who: Principal = { id: trust.id, name: trust.name, role, project: trust.project, token_id: null }
  const detail = { action: 'exchange', trust: trust.name, issuer: trust.issuer, subject: trust.subject }
  const token = await deps.db.tx(async (t) => {
    // its issuer may have been slow, and the trust been removed meanwhile
    const held = await trustsOf(t, trust.issuer)
    if (!held.some(({ id }) => id === trust.id)) throw refused(NO_TRUST)
    await t.run('DELETE FROM machine_exchanges WHERE expires_at < ?', [now - TOLERANCE_S * 2000])
    const until = Math.min(Math.round((claims.exp ?? 0) * 1000), LAST_TIME)
    const added = await t.run(
      'INSERT INTO machine_exchanges (hash, expires_at) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING',
      [usedHash(claims), until],
    )
    if (added === 0) throw refused('it was exchanged before')
    const wanted = { name: `ci:${trust.name}`, role, project: trust.project, expires_at }
    return deps.tokens.createIn(t, who, wanted, detail)
  })
  return { token: token.token, trust: trust.name, role, project: trust.project, expires_at }
}

/** By what it says and not by its bytes: the same token can be spelt in several ways. */
function usedHash(claims: JWTPayload): string {
  return sha256(claims.jti === undefined ? JSON.stringify(claims) : JSON.stringify([claims.iss, claims.jti]))
}

function refused(detail: string): Error {
  return problem('unauthenticated', { detail: `the ID token is not taken: ${detail}` })
}
