/** Calls as they are told: pages of the log, and one call with all that is kept of it. */
import { ifJson } from '../../contract/absence/absent.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { LlmCall, LlmCallDetail } from '../../contract/llm-calls.ts'
import { sees, visible } from '../../auth/visibility.ts'
import type { Db, Sql } from '../../store/db.ts'
import { all, raw, searchAll, sql } from '../../store/sql/sql.ts'
import type { CallRest, CallRow } from './rows.ts'

/** Which calls are asked for. */
export interface CallQuery {
  readonly project?: string | undefined
  readonly endpoint?: string | undefined
  /** Id of a token. */
  readonly key?: string | undefined
  readonly outcome?: LlmCall['outcome'] | undefined
  readonly cache?: 'hit' | 'miss' | undefined
  /** Only those in which a guardrail found something. */
  readonly guarded?: 'true' | undefined
  /** RFC 3339: calls that began at or after it. */
  readonly since?: string | undefined
  /** RFC 3339: calls that began before it. */
  readonly until?: string | undefined
  readonly limit: number
  readonly page_token?: string | undefined
}

/** Columns of a page: all but the content, which may be long. */
const COLUMNS = raw(
  `id, project, endpoint, key_token, user_name, team, provider, model, dialect, stream, started, us, first_us, own_us, status, outcome,
   error, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_status, cost, price, reserved, cache, saved,
   guards, trace, rest`,
)

/** A page of the calls of the principal's projects, newest first. Throws `invalid_field` for a page token that is none. */
export async function listCalls(
  db: Db,
  who: Principal,
  query: CallQuery,
): Promise<{ items: LlmCall[]; next_page_token?: string }> {
  const rows = await searchAll<Omit<CallRow, 'content'>>(
    db,
    sql`SELECT ${COLUMNS} FROM llm_calls WHERE ${all(conditions(who, query))}
      ORDER BY started DESC, id DESC LIMIT ${query.limit + 1}`,
  )
  const page = rows.slice(0, query.limit)
  const items = page.map((row) => viewOf(row, JSON.parse(row.rest) as CallRest))
  const last = page.at(-1)
  return rows.length > query.limit && last !== undefined
    ? { items, next_page_token: Buffer.from(JSON.stringify([last.started, last.id])).toString('base64url') }
    : { items }
}

function conditions(who: Principal, query: CallQuery): Sql[] {
  const found = [visible(who, 'project')]
  if (query.project !== undefined) found.push(sql`project = ${query.project}`)
  if (query.endpoint !== undefined) found.push(sql`endpoint = ${query.endpoint}`)
  if (query.key !== undefined) found.push(sql`key_token = ${query.key}`)
  if (query.outcome !== undefined) found.push(sql`outcome = ${query.outcome}`)
  // said for the index of those that did not end well
  if (query.outcome !== undefined && query.outcome !== 'ok') found.push(raw("outcome <> 'ok'"))
  // each said as its index says it
  if (query.cache !== undefined) found.push(raw(query.cache === 'hit' ? "cache = 'hit'" : "cache = 'miss'"))
  if (query.guarded !== undefined) found.push(raw('guards IS NOT NULL'))
  if (query.since !== undefined) found.push(sql`started >= ${Date.parse(query.since)}`)
  if (query.until !== undefined) found.push(sql`started < ${Date.parse(query.until)}`)
  if (query.page_token !== undefined) {
    const [at, id] = readToken(query.page_token)
    // said by itself, so that an index can begin there
    found.push(sql`started <= ${at}`, sql`(started < ${at} OR id < ${id})`)
  }
  return found
}

function readToken(token: string): [number, string] {
  const value = ifJson(Buffer.from(token, 'base64url').toString('utf8'))
  const [at, id] = Array.isArray(value) ? (value as unknown[]) : []
  if (typeof at === 'number' && Number.isSafeInteger(at) && typeof id === 'string' && !id.includes('\0'))
    return [at, id]
  throw problem('invalid_field', { field: 'query.page_token', value: token, expected: 'the next_page_token of a page' })
}

/**
 * One call, with request and answer where they are kept: whoever may read calls may read their traces, which hold the same. Throws
 * `not_found`, also for a call of a project that the principal does not see.
 */
export async function getCall(db: Db, who: Principal, id: string): Promise<LlmCallDetail> {
  const row = await db.get<CallRow>('SELECT * FROM llm_calls WHERE id = ?', [id])
  if (row === undefined || !sees(who, row.project)) throw problem('not_found', { what: 'llm call', id })
  const rest = JSON.parse(row.rest) as CallRest
  const { attempts, raw_usage, lost, budgets, digest, finish, traceparent } = rest
  return {
    ...viewOf(row, rest),
    reserved_nanodollars: row.reserved,
    budgets: [...budgets],
    attempts: [...attempts],
    raw_usage,
    lost: [...lost],
    finish,
    traceparent,
    digest,
    content: row.content === null ? null : (JSON.parse(row.content) as LlmCallDetail['content']),
  }
}

function viewOf(row: Omit<CallRow, 'content'>, rest: CallRest): LlmCall {
  const { id, project, endpoint, team, provider, model, dialect } = row
  const { us, first_us, own_us, status, outcome, error, cost_status, price, trace } = row
  return {
    id,
    project,
    endpoint,
    key: row.key_token,
    user: row.user_name,
    team,
    tags: [...rest.tags],
    provider,
    model,
    dialect,
    stream: row.stream === 1,
    started: toTime(row.started),
    us,
    first_us,
    own_us,
    status,
    outcome,
    error,
    tokens: {
      input: row.input_tokens,
      output: row.output_tokens,
      cache_read: row.cache_read_tokens,
      cache_write: row.cache_write_tokens,
      reasoning: row.reasoning_tokens,
    },
    cost_status,
    cost_nanodollars: row.cost,
    price,
    cache: row.cache,
    saved_nanodollars: row.saved,
    guards: row.guards === null ? [] : (JSON.parse(row.guards) as LlmCall['guards']),
    trace,
  }
}
