/** Approvals of versions by people other than their author; a gate counts them. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { Reader } from '../../store/db.ts'
import { requireVersion } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { rejudge } from './verdicts.ts'

interface ApprovalRow {
  readonly name: string
  readonly role: string
  readonly comment: string
  readonly at: number
}

/** Approves a version, once a person, and judges it again. Throws `conflict` for its author. */
export async function approve(
  room: Registry,
  who: Principal,
  of: { model: string; version: string },
  comment: string,
): Promise<VersionRow> {
  const row = await requireVersion(room.db, of.model, of.version)
  if (row.created_by === who.name)
    throw problem('conflict', { detail: `${who.name} made ${row.model}/${row.version}: somebody else must approve it` })
  await room.db.tx(async (t) => {
    await t.lock(`model ${row.model}`)
    await t.run(
      `INSERT INTO model_approvals (model, version, principal, name, role, comment, at) VALUES (?,?,?,?,?,?,?)
       ON CONFLICT (model, version, principal) DO UPDATE SET role = excluded.role, comment = excluded.comment, at = excluded.at`,
      [row.model, row.version, who.id, who.name, who.role, comment, room.clock()],
    )
    await room.audit.record(t, who, {
      verb: 'approve',
      resource: 'models',
      id: `${row.model}/${row.version}`,
      detail: { approved: true, role: who.role, comment },
    })
  })
  await rejudge(room, row)
  return requireVersion(room.db, row.model, row.version)
}

/** Takes one's own approval back and judges the version again. Throws `not_found` when there is none. */
export async function withdraw(
  room: Registry,
  who: Principal,
  of: { model: string; version: string },
): Promise<VersionRow> {
  const row = await requireVersion(room.db, of.model, of.version)
  const id = `${row.model}/${row.version}`
  await room.db.tx(async (t) => {
    await t.lock(`model ${row.model}`)
    const changed = await t.run('DELETE FROM model_approvals WHERE model = ? AND version = ? AND principal = ?', [
      row.model,
      row.version,
      who.id,
    ])
    if (changed === 0) throw problem('not_found', { what: `approval by ${who.name} of`, id })
    await room.audit.record(t, who, { verb: 'approve', resource: 'models', id, detail: { approved: false } })
  })
  await rejudge(room, row)
  return requireVersion(room.db, row.model, row.version)
}

/** The approvals of a version as the API shows them, oldest first. */
export async function approvalsOf(
  reader: Reader,
  of: Pick<VersionRow, 'model' | 'version'>,
): Promise<{ by: string; role: string; at: string; comment: string }[]> {
  const rows = await reader.all<ApprovalRow>(
    'SELECT name, role, comment, at FROM model_approvals WHERE model = ? AND version = ? ORDER BY at, principal',
    [of.model, of.version],
  )
  return rows.map((row) => ({ by: row.name, role: row.role, at: toTime(row.at), comment: row.comment }))
}
