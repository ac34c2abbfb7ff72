/** Which versions an endpoint has answered with: each change of its stable version, with who made it, when and why. */
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { DEPLOYMENT_WAYS, Deployment, NotJudged } from '../../contract/serving.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { all, fetchAll, sql } from '../../store/sql/sql.ts'

/** Why the stable version of an endpoint changes. */
export interface Cause {
  /** Name of who does it. */
  readonly by: string
  readonly way: (typeof DEPLOYMENT_WAYS)[number]
  readonly reason: string
  /** The rollout that does it, and the gates of it that had nothing to judge. */
  readonly rollout?: string
  readonly not_judged?: readonly NotJudged[]
}

/** A change of the stable version; null where there is none. */
export interface Change extends Cause {
  readonly version: string | null
  readonly previous: string | null
  /** ms */
  readonly at: number
}

/** Keeps a change, in the transaction that makes it and under its lock of the routing. */
export async function keepDeployment(t: Tx, endpoint: string, change: Change): Promise<void> {
  const { version, previous, at, by, way, reason, rollout = null, not_judged = [] } = change
  const last = await t.get<{ number: number }>(
    'SELECT number FROM endpoint_deployments WHERE endpoint = ? ORDER BY number DESC LIMIT 1',
    [endpoint],
  )
  await t.run(
    `INSERT INTO endpoint_deployments (endpoint, number, version, previous, at, by_name, way, reason, rollout, not_judged)
     VALUES (?,?,?,?,?,?,?,?,?,?)`,
    [endpoint, (last?.number ?? 0) + 1, version, previous, at, by, way, reason, rollout, JSON.stringify(not_judged)],
  )
}

interface Row {
  readonly number: number
  readonly version: string | null
  readonly previous: string | null
  readonly at: number
  readonly by_name: string
  readonly way: Cause['way']
  readonly reason: string
  readonly rollout: string | null
  readonly not_judged: string
}

function shown({ previous, at, by_name, not_judged, ...row }: Row): Deployment {
  return {
    ...row,
    previous_version: previous,
    at: toTime(at),
    by: by_name,
    not_judged: JSON.parse(not_judged) as NotJudged[],
  }
}

const COLUMNS = sql`number, version, previous, at, by_name, way, reason, rollout, not_judged`

/** The newest change of an endpoint, where it brought the version that answers now. */
export async function deploymentOf(
  reader: Reader,
  endpoint: string,
  stable: string | undefined,
): Promise<Deployment | null> {
  const [newest] = await fetchAll<Row>(
    reader,
    sql`SELECT ${COLUMNS} FROM endpoint_deployments WHERE endpoint = ${endpoint} ORDER BY number DESC LIMIT 1`,
  )
  return newest === undefined || newest.version !== (stable ?? null) ? null : shown(newest)
}

export interface DeploymentsQuery {
  readonly limit: number
  readonly page_token?: string | undefined
}

export interface Deployments {
  readonly items: Deployment[]
  readonly next_page_token?: string
}

/** The changes of an endpoint, newest first. Throws `invalid_field` for a token that no page has given. */
export async function listDeployments(
  reader: Reader,
  endpoint: string,
  { limit, page_token }: DeploymentsQuery,
): Promise<Deployments> {
  const conditions = [
    sql`endpoint = ${endpoint}`,
    ...(page_token === undefined ? [] : [sql`number < ${numberIn(page_token)}`]),
  ]
  const rows = await fetchAll<Row>(
    reader,
    sql`SELECT ${COLUMNS} FROM endpoint_deployments WHERE ${all(conditions)} ORDER BY number DESC LIMIT ${limit + 1}`,
  )
  const items = rows.slice(0, limit).map(shown)
  const last = items.at(-1)
  return { items, ...(rows.length > limit && last && { next_page_token: String(last.number) }) }
}

function numberIn(token: string): number {
  if (/^[1-9]\d{0,14}$/.test(token)) return Number(token)
  throw problem('invalid_field', { field: 'query.page_token', value: token, expected: 'the next_page_token of a page' })
}
