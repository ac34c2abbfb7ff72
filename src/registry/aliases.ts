/** Aliases: moved only when the gates hold, with a history that answers what was true at any time. */
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import { toTime } from '../contract/fields.ts'
import type { GateResult } from '../contract/registry.ts'
import type { Reader, Tx } from '../store/db.ts'
import { gatesOf, requireModel, requireVersion } from './room.ts'
import type { Registry } from './room.ts'
import { judgeVersion } from './verdicts.ts'

export interface AliasWish {
  readonly model: string
  readonly alias: string
  readonly version: string | number
  readonly reason?: string
  /** Move although a gate does not hold; an admin's right, and it needs a reason. */
  readonly override?: boolean
}

export interface Move {
  readonly model: string
  readonly alias: string
  readonly from: string | null
  readonly to: string | null
  readonly at: string
  readonly actor: string
  readonly reason: string
  readonly verdict_id: string | null
}

interface MoveRow {
  readonly model: string
  readonly alias: string
  readonly from_version: number | null
  readonly to_version: number | null
  readonly at: number
  readonly actor: string
  readonly reason: string
  readonly verdict_id: string | null
}

/** Aliases of a model with gates that may name any version: nobody is answered by them. */
const FREE = new Set(['candidate', 'challenger', 'archived', 'shadow'])

/**
 * Moves an alias. On a model with gates the version is judged now, against what production is now, and a failed gate refuses
 * the move (`gate_refused`) unless an admin overrides it with a reason. Verdict, move and audit row are one transaction.
 */
export async function moveAlias(room: Registry, who: Principal, wish: AliasWish): Promise<Move> {
  const model = await requireModel(room.db, wish.model)
  const version = await requireVersion(room.db, wish.model, wish.version)
  const guarded = gatesOf(model).length > 0 && !FREE.has(wish.alias)
  const judged = guarded ? await judgeVersion(room, version) : undefined
  const overridden = judged !== undefined && !judged.passed
  if (overridden) refuseUnlessOverridden(who, wish, judged.results)
  return room.db.tx(async (t) => {
    await t.lock(`model ${wish.model}`)
    const verdict = judged === undefined ? null : await judged.store(t)
    const move = await write(t, room, who, { ...wish, to: version.version, verdict })
    await room.audit.record(t, who, {
      verb: 'promote',
      resource: 'models',
      id: `${wish.model}@${wish.alias}`,
      detail: { from: move.from, to: move.to, reason: move.reason, verdict, ...(overridden && { overridden: true }) },
    })
    return move
  })
}

function refuseUnlessOverridden(who: Principal, wish: AliasWish, results: readonly GateResult[]): void {
  const failed = results.filter((one) => one.outcome !== 'passed')
  const detail = failed.map((one) => `${one.name}: ${one.reason}`).join('; ')
  if (wish.override !== true) {
    throw problem('gate_refused', {
      model: wish.model,
      version: String(wish.version),
      alias: wish.alias,
      detail,
      gates: failed,
    })
  }
  if (who.role !== 'admin')
    throw problem('forbidden', { role: who.role, verb: 'override the gates of', resource: 'models' })
  if ((wish.reason ?? '').trim() === '') {
    throw problem('invalid_field', {
      field: 'reason',
      value: wish.reason ?? '',
      expected: 'why the gates are overridden',
    })
  }
}

interface Written {
  readonly model: string
  readonly alias: string
  readonly to: number | null
  readonly reason?: string
  readonly verdict: string | null
}

/** Writes a move or, with `to` null, a removal, and its row of history. */
async function write(t: Tx, room: Registry, who: Principal, wanted: Written): Promise<Move> {
  const before = await t.get<{ version: number }>('SELECT version FROM model_aliases WHERE model = ? AND alias = ?', [
    wanted.model,
    wanted.alias,
  ])
  const at = room.clock()
  if (wanted.to === null)
    await t.run('DELETE FROM model_aliases WHERE model = ? AND alias = ?', [wanted.model, wanted.alias])
  else {
    await t.run(
      'INSERT INTO model_aliases (model, alias, version, moved_at) VALUES (?,?,?,?) ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version, moved_at = excluded.moved_at',
      [wanted.model, wanted.alias, wanted.to, at],
    )
  }
  const last = await t.get<{ seq: number }>('SELECT MAX(seq) AS seq FROM alias_moves WHERE model = ?', [wanted.model])
  const row: MoveRow = {
    model: wanted.model,
    alias: wanted.alias,
    from_version: before?.version ?? null,
    to_version: wanted.to,
    at,
    actor: who.name,
    reason: wanted.reason ?? '',
    verdict_id: wanted.verdict,
  }
  await t.run(
    'INSERT INTO alias_moves (id, seq, model, alias, from_version, to_version, at, actor, reason, verdict_id) VALUES (?,?,?,?,?,?,?,?,?,?)',
    [
      room.ids('mov'),
      (last?.seq ?? 0) + 1,
      row.model,
      row.alias,
      row.from_version,
      row.to_version,
      row.at,
      row.actor,
      row.reason,
      row.verdict_id,
    ],
  )
  return shown(row)
}

/** Takes an alias away; nothing happens when it is not there. */
export async function removeAlias(
  room: Registry,
  who: Principal,
  wish: { model: string; alias: string; reason?: string },
): Promise<void> {
  await room.db.tx(async (t) => {
    await t.lock(`model ${wish.model}`)
    const known = await t.get('SELECT version FROM model_aliases WHERE model = ? AND alias = ?', [
      wish.model,
      wish.alias,
    ])
    if (known === undefined) return
    const move = await write(t, room, who, { ...wish, to: null, verdict: null })
    await room.audit.record(t, who, {
      verb: 'promote',
      resource: 'models',
      id: `${wish.model}@${wish.alias}`,
      detail: { from: move.from, to: null },
    })
  })
}

/** The version that an alias names, or undefined. */
export async function aliasVersion(reader: Reader, model: string, alias: string): Promise<string | undefined> {
  const row = await reader.get<{ version: number }>('SELECT version FROM model_aliases WHERE model = ? AND alias = ?', [
    model,
    alias,
  ])
  return row === undefined ? undefined : String(row.version)
}

/** Every move of a model's aliases, newest first. */
export async function aliasHistory(room: Registry, model: string): Promise<Move[]> {
  await requireModel(room.db, model)
  return (await room.db.all<MoveRow>('SELECT * FROM alias_moves WHERE model = ? ORDER BY seq DESC', [model])).map(shown)
}

/** Which version each alias named at a time (ms since 1970). */
export async function modelsAt(
  reader: Reader,
  at: number,
): Promise<{ model: string; alias: string; version: string; since: string }[]> {
  const rows = await reader.all<MoveRow>(
    `SELECT m.* FROM alias_moves m WHERE m.at <= ? AND m.to_version IS NOT NULL AND m.seq = (
       SELECT MAX(n.seq) FROM alias_moves n WHERE n.model = m.model AND n.alias = m.alias AND n.at <= ?)
     ORDER BY m.model, m.alias`,
    [at, at],
  )
  return rows.map((row) => ({
    model: row.model,
    alias: row.alias,
    version: String(row.to_version),
    since: toTime(row.at),
  }))
}

function text(version: number | null): string | null {
  return version === null ? null : String(version)
}

function shown(row: MoveRow): Move {
  return {
    model: row.model,
    alias: row.alias,
    from: text(row.from_version),
    to: text(row.to_version),
    at: toTime(row.at),
    actor: row.actor,
    reason: row.reason,
    verdict_id: row.verdict_id,
  }
}
