/** Routes of the auth room. */
import type { Principal } from '../contract/access.ts'
import { authApi } from '../contract/auth.ts'
import { ifRefused } from '../contract/absence/absent.ts'
import { DAY_MS } from '../contract/ids.ts'
import { problem } from '../contract/errors.ts'
import { toTime } from '../contract/fields.ts'
import type { Clock } from '../contract/ids.ts'
import { mount, Raw } from '../http/mount.ts'
import type { Call, Mounted } from '../http/mount.ts'
import type { Db } from '../store/db.ts'
import type { AuditRow } from './audit.ts'
import { COOKIE, cookieOf } from './authenticate.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { TokenRow, Tokens } from './tokens.ts'
import { all, fetchAll, sql } from '../store/sql/sql.ts'

export interface AuthParts {
  readonly access: Tokens
  readonly db: Db
  readonly clock: Clock
  readonly book: Pick<Checkpoints, 'verify' | 'write' | 'tellRestored'>
}

export function authRoutes({ access: tokens, db, clock, book }: AuthParts): Mounted[] {
  return [
    mount(authApi.whoami, ({ who }) => ({ id: who.id, name: who.name, role: who.role, project: who.project })),
    mount(authApi.createToken, async ({ who, body }) => {
      const { name, role, expires_in_days: days } = body
      const expires_at = days === undefined ? null : clock() + days * DAY_MS
      const made = await tokens.create(who, { name, role, project: projectOf(who, body.project), expires_at })
      return { token: made.token, row: shown(made.row) }
    }),
    mount(authApi.listTokens, async ({ who }) => ({ items: (await tokens.list(who.project)).map(shown) })),
    mount(authApi.revokeToken, async ({ who, params }) => {
      await tokens.revoke(who, params.id)
      return {}
    }),
    mount(authApi.createLoginLink, async ({ who, origin }) => ({
      url: `${origin}/login/${await tokens.createLink(who)}`,
    })),
    mount(authApi.login, (call) => login(tokens, call)),
    mount(authApi.logout, async ({ headers, origin }) => {
      const secret = cookieOf(typeof headers['cookie'] === 'string' ? headers['cookie'] : undefined)
      if (secret !== undefined) await tokens.closeSession(secret)
      return new Raw(200, { 'content-type': 'application/json', 'set-cookie': cookie('', 0, origin) }, '{}')
    }),
    mount(authApi.listAudit, ({ query }) => listAudit(db, query)),
    mount(authApi.verifyAudit, () => book.verify()),
    mount(authApi.checkpointAudit, async ({ who, body }) => {
      const { note, restored = false } = body
      if (!restored) return { line: await book.write(note ?? 'asked') }
      if (note === undefined)
        throw problem('invalid_field', { field: 'note', value: null, expected: 'a text that says what was restored' })
      return { line: await book.tellRestored(who, note) }
    }),
  ]
}

/** The project of a new token: an admin of one project makes tokens of that one alone. Throws `forbidden`. */
function projectOf(who: Principal, wanted: string | null | undefined): string | null {
  if (who.project === null) return wanted ?? null
  if (wanted === undefined || wanted === who.project) return who.project
  const resource = wanted === null ? 'tokens of all projects' : `tokens of project ${wanted}`
  throw problem('forbidden', { role: `${who.role} of project ${who.project}`, verb: 'manage', resource })
}

/** Opens the session of a link. Who only looks, by HEAD or to have the page ready, does not use it up. Throws `unauthenticated`. */
async function login(tokens: Tokens, call: Call<typeof authApi.login>): Promise<Raw> {
  const { params, headers, head, origin } = call
  const fetched = ['sec-purpose', 'purpose', 'x-moz'].some((name) => String(headers[name]).includes('prefetch'))
  if (head || fetched) return new Raw(200, NOT_KEPT, '')
  const asked = tokens.openSession(params.code)
  // a browser shows a page; a program wants to be told
  const opened = await (String(headers['accept']).includes('text/html') ? ifRefused(asked, 'unauthenticated') : asked)
  if (opened === undefined) return new Raw(303, { ...NOT_KEPT, location: '/login?link=used' }, '')
  const set = cookie(opened.secret, opened.maxAgeS, origin)
  return new Raw(303, { ...NOT_KEPT, location: '/', 'set-cookie': set }, '')
}

const NOT_KEPT = { 'cache-control': 'no-store' }

/** Behind https the browser must not send it over http. */
function cookie(secret: string, maxAgeS: number, origin: string): string {
  const secure = origin.startsWith('https:') ? '; Secure' : ''
  return `${COOKIE}=${secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeS}${secure}`
}

function shown(row: TokenRow) {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    project: row.project,
    created_at: toTime(row.created_at),
    created_by: row.created_by,
    expires_at: row.expires_at === null ? null : toTime(row.expires_at),
    revoked_at: row.revoked_at === null ? null : toTime(row.revoked_at),
  }
}

interface AuditQuery {
  readonly page_token?: string | undefined
  readonly limit: number
  readonly resource?: string | undefined
  readonly resource_id?: string | undefined
}

async function listAudit(db: Db, query: AuditQuery) {
  const asked = [
    ...(query.page_token === undefined ? [] : [sql`seq < ${Number(query.page_token) || 0}`]),
    ...(query.resource === undefined ? [] : [sql`resource = ${query.resource}`]),
    ...(query.resource_id === undefined ? [] : [sql`resource_id = ${query.resource_id}`]),
  ]
  const rows = await fetchAll<AuditRow>(
    db,
    sql`SELECT * FROM audit WHERE ${all(asked)} ORDER BY seq DESC LIMIT ${query.limit + 1}`,
  )
  const items = rows.slice(0, query.limit).map((row) => ({
    ...row,
    at: toTime(row.at),
    detail: JSON.parse(row.detail) as Record<string, unknown>,
  }))
  const last = items.at(-1)
  return { items, ...(rows.length > query.limit && last && { next_page_token: String(last.seq) }) }
}
