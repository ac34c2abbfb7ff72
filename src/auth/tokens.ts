/** Tokens and browser sessions: made once, stored hashed, looked up on every call. */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Principal, Role } from '../contract/access.ts'
import { HOUR_MS } from '../contract/ids.ts'
import { problem } from '../contract/errors.ts'
import type { Clock, Ids } from '../contract/ids.ts'
import type { Db, Tx } from '../store/db.ts'
import type { Audit } from './audit.ts'

export interface TokenRow {
  readonly id: string
  readonly hash: string
  readonly name: string
  readonly role: Role
  readonly project: string | null
  readonly created_at: number
  readonly created_by: string
  readonly expires_at: number | null
  readonly revoked_at: number | null
  /** The attempt of a step whose token it is; null for every other. */
  readonly attempt: string | null
  /** What the node that runs the attempt may do with it; null for the token of the step itself, and for every other. */
  readonly node: 'claim' | 'work' | null
}

export interface NewToken {
  readonly name: string
  readonly role: Role
  readonly project?: string | null
  readonly expires_at?: number | null
  /** The attempt with which it ends. */
  readonly attempt?: string
  /** For the node that runs the attempt, in place of the step itself. */
  readonly node?: 'claim' | 'work'
  /** Begins its id, so that the id says what kind of token it is: a few letters and digits. */
  readonly mark?: string
}

export interface TokensDeps {
  readonly db: Db
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: Audit
}

/** The principal that the server itself acts as in its own loops. */
export const SYSTEM: Principal = { id: 'system', name: 'slipway', role: 'admin', project: null, token_id: null }

const LINK_MS = 15 * 60_000
const SESSION_MS = 12 * HOUR_MS

export interface Tokens {
  /** Makes a token; the text `slw_<id>.<secret>` is returned this once and only its hash is kept. */
  create(who: Principal, wanted: NewToken): Promise<{ token: string; row: TokenRow }>
  /** Makes it in a transaction of the caller's; `detail` is what the audit trail says of it besides. */
  createIn(
    t: Tx,
    who: Principal,
    wanted: NewToken,
    detail: Readonly<Record<string, unknown>>,
  ): Promise<{ token: string; row: TokenRow }>
  /** Makes a token that this process knows until it ends, and the database never: it opens no session and is in no list. Returns its text. */
  lend(wanted: NewToken): string
  /** Oldest first; of one project, or all of them. Those of attempts are left out: they come and go with their steps. */
  list(project?: string | null): Promise<TokenRow[]>
  /** Throws `not_found` for one that is revoked already or, where the caller is of one project, belongs to another. */
  revoke(who: Principal, id: string): Promise<void>
  /** Whether a token of this id was revoked; false where there is none, as for the server itself or a step that has ended. */
  isRevoked(id: string): Promise<boolean>
  /** Lets the token of a node be good until then (ms), in a transaction of the caller's. */
  renew(t: Tx, id: string, until: number): Promise<void>
  /** Deletes the tokens of an attempt, in the transaction that ends it. `forget` is to be called once that is committed. */
  endAttempt(t: Tx, attempt: string): Promise<void>
  /** Lets go of what was found a moment ago, so that what was deleted is refused at once. */
  forget(): void
  /** Finds who a token text belongs to. Throws `unauthenticated`. */
  find(text: string): Promise<Principal>
  /** Makes a login link's code that works once, within 15 minutes, for the holder of a token. */
  createLink(who: Principal): Promise<string>
  /** Trades a link's code for a session's secret. Throws `unauthenticated` when it is used, old or unknown. */
  openSession(code: string): Promise<{ secret: string; maxAgeS: number }>
  findSession(secret: string): Promise<Principal>
  closeSession(secret: string): Promise<void>
  /** Every token that is valid now and may predict, for the gateway's table: none of nodes; those of attempts end there within ten minutes unless they are told again. */
  valid(): Promise<TokenRow[]>
}

export function tokens(deps: TokensDeps): Tokens {
  const { db, clock } = deps
  const cache = new Map<string, { row: TokenRow; until: number }>()
  /** Texts whose secret was checked a moment ago, so that a caller's next calls are not hashed again. */
  const proved = new Map<string, { row: TokenRow; until: number }>()
  const lent = new Map<string, TokenRow>()
  /** Counts what was let go of: what was read before is not kept after. */
  let forgotten = 0
  const forget = (): void => {
    forgotten++
    cache.clear()
    proved.clear()
  }
  const byId = async (id: string): Promise<TokenRow | undefined> => {
    const own = lent.get(id)
    if (own !== undefined) return own
    const known = cache.get(id)
    if (known !== undefined && isFresh(known, clock())) return known.row
    const before = forgotten
    const row = await db.get<TokenRow>('SELECT * FROM tokens WHERE id = ?', [id])
    if (row !== undefined && before === forgotten) cache.set(id, { row, until: clock() + CACHE_MS })
    return row
  }
  return {
    create: (who, wanted) => db.tx((t) => create(deps, t, who, { wanted, detail: { action: 'create' } })),
    createIn: (t, who, wanted, detail) => create(deps, t, who, { wanted, detail }),
    lend(wanted) {
      const { token, row } = newToken(deps, SYSTEM, wanted)
      lent.set(row.id, row)
      return token
    },
    list: (project = null) => list(db, project),
    async revoke(who, id) {
      await revoke(deps, who, id)
      forget()
    },
    isRevoked: async (id) => (await byId(id))?.revoked_at != null,
    async renew(t, id, until) {
      await t.run("UPDATE tokens SET expires_at = ? WHERE id = ? AND node = 'work'", [until, id])
    },
    async endAttempt(t, attempt) {
      await t.run('DELETE FROM tokens WHERE attempt = ?', [attempt])
    },
    forget,
    async find(text) {
      const now = clock()
      const known = proved.get(text)
      if (known !== undefined && isFresh(known, now)) return principal(alive(known.row, now), lent)
      const before = forgotten
      const row = await check(splitToken(text), byId, now)
      if (proved.size >= PROVED) proved.clear()
      if (before === forgotten) proved.set(text, { row, until: now + CACHE_MS })
      return principal(row, lent)
    },
    createLink: (who) => createLink(deps, who),
    openSession: (code) => openSession(deps, code),
    async findSession(secret) {
      const found = await db.get<{ token_id: string; expires_at: number }>(
        'SELECT token_id, expires_at FROM sessions WHERE hash = ?',
        [sha256(secret)],
      )
      if (found === undefined || found.expires_at <= clock())
        throw problem('unauthenticated', { detail: 'the session has ended' })
      const row = await byId(found.token_id)
      if (row === undefined) throw problem('unauthenticated', { detail: 'the session has ended' })
      return principal(alive(row, clock()), lent)
    },
    async closeSession(secret) {
      await db.tx((t) => t.run('DELETE FROM sessions WHERE hash = ?', [sha256(secret)]))
    },
    async valid() {
      const now = clock()
      const rows = await db.all<TokenRow>(
        'SELECT * FROM tokens WHERE node IS NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)',
        [now],
      )
      return rows.map((row) => leased(row, now))
    },
  }
}

async function revoke({ db, clock, audit }: TokensDeps, who: Principal, id: string): Promise<void> {
  await db.tx(async (t) => {
    const sql = 'UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL'
    const own = who.project === null ? [] : [who.project]
    const changed = await t.run(own.length === 0 ? sql : `${sql} AND project = ?`, [clock(), id, ...own])
    if (changed === 0) throw problem('not_found', { what: 'token', id })
    await t.run('DELETE FROM sessions WHERE token_id = ?', [id])
    await audit.record(t, who, { verb: 'manage', resource: 'tokens', id, detail: { action: 'revoke' } })
  })
}

function list(db: Db, project: string | null): Promise<TokenRow[]> {
  const [own, values] = project === null ? ['', []] : ['AND project = ?', [project]]
  return db.all<TokenRow>(`SELECT * FROM tokens WHERE attempt IS NULL ${own} ORDER BY created_at, id`, values)
}

/** The token of an attempt is good for a gateway that hears nothing more for one to two of these, ms. */
const LEASE_MS = 300_000

/**
 * A token as a gateway may take it. That of an attempt is given out for a while, and again before the while is over: who is deleted while
 * nobody can tell the gateway of it is refused then all the same. The end is a round time, so that the table changes seldom.
 */
function leased(row: TokenRow, now: number): TokenRow {
  if (row.attempt === null) return row
  const end = (Math.floor(now / LEASE_MS) + 2) * LEASE_MS
  return { ...row, expires_at: Math.min(end, row.expires_at ?? end) }
}

/** A revoked token stops working on another replica within this time; on this one at once. */
const CACHE_MS = 5_000

/** A clock that was set back does not keep an entry longer. */
function isFresh({ until }: { readonly until: number }, now: number): boolean {
  return until > now && until <= now + CACHE_MS
}

/** Most token texts that are remembered as checked. */
const PROVED = 1000

/** The hash under which a secret is stored. Secrets have 192 random bits, so one round of sha256 is enough. */
export function sha256(secret: string): string {
  return hash('sha256', secret)
}

interface Making {
  readonly wanted: NewToken
  readonly detail: Readonly<Record<string, unknown>>
}

/** A token that is kept nowhere yet. */
function newToken(
  deps: Pick<TokensDeps, 'ids' | 'clock'>,
  who: Principal,
  wanted: NewToken,
): { token: string; row: TokenRow } {
  const secret = randomBytes(24).toString('base64url')
  const row: TokenRow = {
    id: `${wanted.mark ?? ''}${deps.ids('t').slice(2)}`,
    hash: sha256(secret),
    name: wanted.name,
    role: wanted.role,
    project: wanted.project ?? null,
    created_at: deps.clock(),
    created_by: who.name,
    expires_at: wanted.expires_at ?? null,
    revoked_at: null,
    attempt: wanted.attempt ?? null,
    node: wanted.node ?? null,
  }
  return { token: `slw_${row.id}.${secret}`, row }
}

async function create(
  deps: TokensDeps,
  t: Tx,
  who: Principal,
  { wanted, detail }: Making,
): Promise<{ token: string; row: TokenRow }> {
  const made = newToken(deps, who, wanted)
  const { row } = made
  await insert(t, row)
  // the attempt itself is what is recorded of a step
  if (row.attempt !== null) return made
  const { name, role, project, expires_at } = row
  const told = { ...detail, name, role, project, expires_at }
  await deps.audit.record(t, who, { verb: 'manage', resource: 'tokens', id: row.id, detail: told })
  return made
}

async function insert(t: Tx, row: TokenRow): Promise<void> {
  await t.run(
    'INSERT INTO tokens (id, hash, name, role, project, created_at, created_by, expires_at, attempt, node) VALUES (?,?,?,?,?,?,?,?,?,?)',
    [
      row.id,
      row.hash,
      row.name,
      row.role,
      row.project,
      row.created_at,
      row.created_by,
      row.expires_at,
      row.attempt,
      row.node,
    ],
  )
}

function splitToken(text: string): { id: string; secret: string } {
  const match = /^slw_([a-z0-9]{1,64})\.([A-Za-z0-9_-]{16,128})$/.exec(text)
  if (match?.[1] === undefined || match[2] === undefined) {
    throw problem('unauthenticated', { detail: 'a token looks like slw_ID.SECRET' })
  }
  return { id: match[1], secret: match[2] }
}

async function check(
  given: { id: string; secret: string },
  byId: (id: string) => Promise<TokenRow | undefined>,
  now: number,
): Promise<TokenRow> {
  const row = await byId(given.id)
  const matches = row !== undefined && timingSafeEqual(Buffer.from(row.hash), Buffer.from(sha256(given.secret)))
  if (!matches) throw problem('unauthenticated', { detail: 'the token is not known' })
  return alive(row, now)
}

function alive(row: TokenRow, now: number): TokenRow {
  if (row.revoked_at !== null) throw problem('unauthenticated', { detail: 'the token was revoked' })
  if (row.expires_at !== null && row.expires_at <= now)
    throw problem('unauthenticated', { detail: 'the token has expired' })
  return row
}

function principal(row: TokenRow, lent: ReadonlyMap<string, TokenRow>): Principal {
  const token_id = lent.has(row.id) ? null : row.id
  const who = { id: row.id, name: row.name, role: row.role, project: row.project, token_id }
  if (row.attempt === null) return who
  return { ...who, attempt: row.attempt, ...(row.node !== null && { node: row.node }) }
}

async function createLink(deps: TokensDeps, who: Principal): Promise<string> {
  if (who.token_id === null || who.attempt !== undefined)
    throw problem('bad_request', { detail: 'a login link is made with a token of a person or program' })
  const code = randomBytes(24).toString('base64url')
  await deps.db.tx((t) =>
    t.run('INSERT INTO login_links (hash, token_id, expires_at) VALUES (?,?,?)', [
      sha256(code),
      who.token_id,
      deps.clock() + LINK_MS,
    ]),
  )
  return code
}

async function openSession(deps: TokensDeps, code: string): Promise<{ secret: string; maxAgeS: number }> {
  const secret = randomBytes(24).toString('base64url')
  const now = deps.clock()
  const used = 'the login link was used or is too old; make another with: slipway env --link'
  const left = 'SELECT 1 FROM login_links WHERE hash = ? AND used_at IS NULL AND expires_at > ?'
  // a code that leads nowhere costs no transaction
  if ((await deps.db.get(left, [sha256(code), now])) === undefined) throw problem('unauthenticated', { detail: used })
  await deps.db.tx(async (t) => {
    const link = await t.get<{ token_id: string }>(
      'UPDATE login_links SET used_at = ? WHERE hash = ? AND used_at IS NULL AND expires_at > ? RETURNING token_id',
      [now, sha256(code), now],
    )
    if (link === undefined) throw problem('unauthenticated', { detail: used })
    await t.run('INSERT INTO sessions (hash, token_id, created_at, expires_at) VALUES (?,?,?,?)', [
      sha256(secret),
      link.token_id,
      now,
      now + SESSION_MS,
    ])
  })
  return { secret, maxAgeS: SESSION_MS / 1000 }
}
