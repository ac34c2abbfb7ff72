/** Virtual keys: tokens of programs, each with what it may call of language models, and how much. */
import { projectNamed, sees, visible } from '../../auth/visibility.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import { KEY_MARK } from '../../contract/llm/key-id.ts'
import type { KeyChange, LlmKey, NewKey } from '../../contract/llm/keys.ts'
import type { KeyRoute } from '../../gateway/table/llm.ts'
import type { Reader } from '../../store/db.ts'
import { insertRow, updateRows } from '../../store/sql/rows.ts'
import { all, fetchAll, raw, sql } from '../../store/sql/sql.ts'
import type { Llm } from '../context/context.ts'

/** A row of `llm_keys`; `models` and `tags` are JSON lists. */
interface KeyRow {
  readonly token: string
  readonly project: string
  readonly name: string
  readonly models: string | null
  readonly rpm: number | null
  readonly tpm: number | null
  readonly concurrency: number | null
  readonly user: string | null
  readonly team: string | null
  readonly tags: string
  readonly content: number
  readonly expires_at: number | null
  readonly created_at: number
  readonly created_by: string
}

/** Columns by the fields of a change; `user` is a word of SQL. */
const COLUMNS = {
  models: 'models',
  rpm: 'rpm',
  tpm: 'tpm',
  concurrency: 'concurrency',
  user: '"user"',
  team: 'team',
  tags: 'tags',
  content: 'content',
} as const satisfies Record<keyof KeyChange, string>

const DAY_MS = 86_400_000

/** Makes a key: a token with the role `service` and its limits, both or none. The text of the token is told this once. */
export async function createKey(
  room: Llm,
  who: Principal,
  given: NewKey,
): Promise<{ readonly token: string; readonly key: LlmKey }> {
  const tokens = tokensOf(room)
  const { name, project: named, expires_in_days, ...limits } = given
  const project = projectNamed(who, named)
  const expires_at = expires_in_days === undefined ? null : room.clock() + expires_in_days * DAY_MS
  return room.db.tx(async (t) => {
    const wanted = { name, role: 'service', project, expires_at, mark: KEY_MARK } as const
    const made = await tokens.createIn(t, who, wanted, { action: 'create', llm: limits })
    const row = {
      token: made.row.id,
      project,
      name,
      ...columnsOf({ models: null, user: null, team: null, tags: [], content: true, ...limits }),
      expires_at,
      created_at: room.clock(),
      created_by: who.name,
    }
    await insertRow(t, 'llm_keys', row)
    return { token: made.token, key: showKey(await requireKey(t, who, made.row.id), false) }
  })
}

/** The keys of the projects that the caller sees, or of one of them, oldest first. */
export async function listKeys(room: Llm, who: Principal, project?: string): Promise<LlmKey[]> {
  const of = project === undefined ? raw('1 = 1') : sql`project = ${project}`
  const rows = await fetchAll<KeyRow>(
    room.db,
    sql`SELECT * FROM llm_keys WHERE ${all([visible(who, 'project'), of])} ORDER BY created_at, token`,
  )
  const known = (await room.tokens?.list(who.project ?? project ?? null)) ?? []
  const revoked = new Set(known.filter(({ revoked_at }) => revoked_at !== null).map(({ id }) => id))
  return rows.map((row) => showKey(row, revoked.has(row.token)))
}

/** Changes what is given of a key; null takes a limit away. `not_found` for one that the caller does not see. */
export async function changeKey(room: Llm, who: Principal, id: string, change: KeyChange): Promise<LlmKey> {
  const row = await room.db.tx(async (t) => {
    await requireKey(t, who, id)
    const columns = columnsOf(change)
    if (Object.keys(columns).length > 0) {
      await updateRows(t, 'llm_keys', columns, sql`token = ${id}`)
      await room.record(t, who, { verb: 'manage', resource: 'tokens', id, detail: { action: 'limit', llm: change } })
    }
    return requireKey(t, who, id)
  })
  return showKey(row, (await room.tokens?.isRevoked(id)) ?? false)
}

/** Revokes a key: first its token, so that it is never one without limits. `not_found` for one that the caller does not see. */
export async function removeKey(room: Llm, who: Principal, id: string): Promise<void> {
  await requireKey(room.db, who, id)
  await revokeAndDelete(room, who, id)
}

/**
 * Revokes the keys that a project has now, which is removed; one that is made meanwhile stays with its limits. Throws `unavailable` where
 * there are some and no tokens.
 */
export async function removeKeysOf(room: Pick<Llm, 'db' | 'tokens'>, who: Principal, project: string): Promise<void> {
  const rows = await room.db.all<{ token: string }>('SELECT token FROM llm_keys WHERE project = ?', [project])
  for (const { token } of rows) await revokeAndDelete(room, who, token)
}

/** The key of that id. Throws `not_found` for one that the caller does not see. */
export async function requireKey(reader: Reader, who: Principal, id: string): Promise<KeyRow> {
  const row = await reader.get<KeyRow>('SELECT * FROM llm_keys WHERE token = ?', [id])
  if (row === undefined || !sees(who, row.project)) throw problem('not_found', { what: 'virtual key', id })
  return row
}

/** Whether a token is a virtual key. */
export async function isKey(reader: Reader, token: string | null): Promise<boolean> {
  return (await reader.get('SELECT 1 FROM llm_keys WHERE token = ?', [token])) !== undefined
}

/** All keys as gateways get them, by their tokens. */
export async function keyRoutes(reader: Reader): Promise<KeyRoute[]> {
  const rows = await reader.all<KeyRow>('SELECT * FROM llm_keys ORDER BY token')
  return rows.map((row) => ({ token: row.token, ...limitsOf(row) }))
}

async function revokeAndDelete(room: Pick<Llm, 'db' | 'tokens'>, who: Principal, id: string): Promise<void> {
  const tokens = tokensOf(room)
  // what was cut off after it had revoked the token goes on from there
  tokens.forget()
  if (!(await tokens.isRevoked(id))) await tokens.revoke(who, id)
  await room.db.tx((t) => t.run('DELETE FROM llm_keys WHERE token = ?', [id]))
}

function tokensOf({ tokens }: Pick<Llm, 'tokens'>) {
  if (tokens !== undefined) return tokens
  throw problem('unavailable', { what: 'virtual keys', detail: 'this server makes no tokens' })
}

function columnsOf(change: KeyChange): Record<string, string | number | null> {
  return Object.fromEntries(
    (Object.keys(COLUMNS) as (keyof KeyChange)[]).flatMap((field) => {
      const value = change[field]
      if (value === undefined) return []
      const kept = Array.isArray(value) ? JSON.stringify(value) : typeof value === 'boolean' ? Number(value) : value
      return [[COLUMNS[field], kept]]
    }),
  )
}

function limitsOf(
  row: KeyRow,
): Omit<KeyRoute, 'token' | 'models' | 'tags'> & { models: string[] | null; tags: string[] } {
  const { rpm, tpm, concurrency, user, team } = row
  return {
    models: row.models === null ? null : (JSON.parse(row.models) as string[]),
    rpm,
    tpm,
    concurrency,
    user,
    team,
    tags: JSON.parse(row.tags) as string[],
    content: row.content !== 0,
  }
}

function showKey(row: KeyRow, revoked: boolean): LlmKey {
  const { token, name, project, created_by } = row
  return {
    id: token,
    name,
    project,
    ...limitsOf(row),
    created_at: toTime(row.created_at),
    created_by,
    expires_at: row.expires_at === null ? null : toTime(row.expires_at),
    revoked,
  }
}
