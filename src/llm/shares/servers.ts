/** The servers that divide hard budgets: which there are, what each holds, and how the share of one that is gone is taken back. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import { dollarsText } from '../../contract/llm/dollars.ts'
import type { LlmServer } from '../../contract/llm/servers.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import type { Llm } from '../context/context.ts'
import { GONE_MS } from './division.ts'

interface ServerRow {
  readonly id: string
  readonly name: string
  readonly seen_at: number
  readonly budgets: number
  readonly held: number
}

export async function listServers({ db, clock }: Pick<Llm, 'db' | 'clock'>): Promise<LlmServer[]> {
  const now = clock()
  const rows = await fetchAll<ServerRow>(
    db,
    sql`SELECT id, name, seen_at,
        (SELECT COUNT(*) FROM llm_shares WHERE server = llm_servers.id AND since <= ${now}
          AND (until IS NULL OR until > ${now})) AS budgets,
        CAST((SELECT COALESCE(SUM(granted - used), 0) FROM llm_shares WHERE server = llm_servers.id
          AND granted > used AND since <= ${now} AND (until IS NULL OR until > ${now})) AS BIGINT) AS held
      FROM llm_servers ORDER BY id`,
  )
  return rows.map(({ id, name, seen_at, budgets, held }) => ({
    id,
    name,
    seen_at: toTime(seen_at),
    live: isLive(seen_at, now),
    budgets,
    held: dollarsText(held),
  }))
}

/**
 * Forgets a server; what it told last as used stays spent, and the rest of its shares is free. Its gateways must have ended: one that goes on could
 * spend what others get. `not_found` for none, `conflict` for one that was seen lately.
 */
export async function removeServer(room: Llm, who: Principal, id: string): Promise<void> {
  const now = room.clock()
  await room.db.tx(async (t) => {
    await t.lock('llm_shares')
    const server = await t.get<ServerRow>('SELECT * FROM llm_servers WHERE id = ?', [id])
    if (server === undefined) throw problem('not_found', { what: 'server', id })
    if (isLive(server.seen_at, now)) {
      const detail = `server ${server.name} was seen at ${toTime(server.seen_at)}; end it and its gateways, and wait a minute`
      throw problem('conflict', { detail })
    }
    await t.run(
      `INSERT INTO llm_shares (budget, since, server, project, until, granted, used)
        SELECT budget, since, '', project, until, used, used FROM llm_shares WHERE server = ?
        ON CONFLICT (budget, since, server) DO UPDATE
          SET granted = llm_shares.granted + excluded.granted, used = llm_shares.used + excluded.used`,
      [id],
    )
    await t.run('DELETE FROM llm_shares WHERE server = ?', [id])
    await t.run('DELETE FROM llm_servers WHERE id = ?', [id])
    const detail = { action: 'remove', server: server.name }
    await room.record(t, who, { verb: 'manage', resource: 'cost', id, detail })
  })
}

function isLive(seenAt: number, now: number): boolean {
  return seenAt > now - GONE_MS
}
