/** Whom issuers of OIDC tokens may vouch for: made, listed and removed by who manages tokens. */
import type { Principal } from '../contract/access.ts'
import type { Clock, Ids } from '../contract/ids.ts'
import { problem } from '../contract/errors.ts'
import type { MachineTrust, machinesApi } from '../contract/identity/machines.ts'
import { toTime } from '../contract/fields.ts'
import type { Input } from '../contract/route.ts'
import type { Db, Reader } from '../store/db.ts'
import type { Audit } from './audit.ts'

export interface TrustRow {
  readonly id: string
  readonly name: string
  readonly issuer: string
  readonly audience: string
  readonly subject: string
  /** JSON: claim → text. */
  readonly claims: string
  readonly role: MachineTrust['role']
  readonly project: string
  readonly minutes: number
  readonly created_at: number
  readonly created_by: string
  readonly removed_at: number | null
}

export interface TrustsDeps {
  readonly db: Db
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: Audit
}

type Wanted = Input<typeof machinesApi.createTrust>['body']

/** The trusts of an issuer that hold now. */
export function trustsOf(reader: Reader, issuer: string): Promise<TrustRow[]> {
  return reader.all<TrustRow>('SELECT * FROM machine_trusts WHERE issuer = ? AND removed_at IS NULL', [issuer])
}

/** Throws `conflict` for a name that is taken, `forbidden` for another project than the caller's. */
export async function createTrust(deps: TrustsDeps, who: Principal, wanted: Wanted): Promise<MachineTrust> {
  const { name, issuer, audience, subject, claims, role, project, minutes } = wanted
  if (who.project !== null && who.project !== project) {
    const resource = `machines of project ${project}`
    throw problem('forbidden', { role: `${who.role} of project ${who.project}`, verb: 'manage', resource })
  }
  const id = deps.ids('mt')
  const now = deps.clock()
  const kept = JSON.stringify(claims)
  await deps.db.tx(async (t) => {
    await t.lock('machine trusts')
    const taken = await t.get('SELECT id FROM machine_trusts WHERE name = ? AND removed_at IS NULL', [name])
    if (taken !== undefined) throw problem('conflict', { detail: `there is a machine called "${name}" already` })
    await t.run(
      `INSERT INTO machine_trusts (id, name, issuer, audience, subject, claims, role, project, minutes, created_at, created_by)
       VALUES (?,?,?,?,?,?,?,?,?,?,?)`,
      [id, name, issuer, audience, subject, kept, role, project, minutes, now, who.name],
    )
    const detail = { action: 'trust', name, issuer, audience, subject, claims, role, project, minutes }
    await deps.audit.record(t, who, { verb: 'manage', resource: 'tokens', id, detail })
  })
  return { id, ...wanted, created_at: toTime(now), created_by: who.name }
}

/** Of the caller's project, or all; oldest first. */
export async function listTrusts({ db }: TrustsDeps, who: Principal): Promise<MachineTrust[]> {
  const rows = await db.all<TrustRow>(
    `SELECT * FROM machine_trusts WHERE removed_at IS NULL AND (CAST(? AS TEXT) IS NULL OR project = ?)
     ORDER BY created_at, id`,
    [who.project, who.project],
  )
  return rows.map(shown)
}

/** Throws `not_found`, also for one of a project that the caller does not see. */
export async function removeTrust({ db, clock, audit }: TrustsDeps, who: Principal, id: string): Promise<void> {
  await db.tx(async (t) => {
    const changed = await t.run(
      `UPDATE machine_trusts SET removed_at = ? WHERE id = ? AND removed_at IS NULL
       AND (CAST(? AS TEXT) IS NULL OR project = ?)`,
      [clock(), id, who.project, who.project],
    )
    if (changed === 0) throw problem('not_found', { what: 'machine', id })
    await audit.record(t, who, { verb: 'manage', resource: 'tokens', id, detail: { action: 'distrust' } })
  })
}

function shown(row: TrustRow): MachineTrust {
  const { id, name, issuer, audience, subject, role, project, minutes, created_by } = row
  const claims = JSON.parse(row.claims) as Record<string, string>
  return {
    id,
    name,
    issuer,
    audience,
    subject,
    claims,
    role,
    project,
    minutes,
    created_by,
    created_at: toTime(row.created_at),
  }
}
