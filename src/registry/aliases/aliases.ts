/** Aliases: moved only when the gates hold, with a history that answers what was true at any time. */
import type { Principal } from '../../contract/access.ts'
import { toTime } from '../../contract/fields.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { promote } from './promotion.ts'
import type { Promotion } from './promotion.ts'
import type { Allowed } from './door.ts'
import { findVersion, requireModel } from '../context/context.ts'
import type { Registry } from '../context/context.ts'
import { announce } from '../webhooks/announce.ts'

export interface Move {
  readonly model: string
  readonly alias: string
  readonly from: string | null
  readonly to: string | null
  readonly at: string
  readonly actor: string
  readonly reason: string
  readonly verdict_id: string | null
  /** When it was brought in from another server, where no gate of this one was asked; null for a move that was made here. */
  readonly imported_at: string | null
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
  readonly imported_at: number | null
}

/**
 * Moves an alias. On a model with gates the version is judged now, against what production is now, and a failed gate refuses
 * the move (`gate_refused`) unless an admin overrides it with a reason. Verdict, move and audit row are one transaction.
 */
export function moveAlias(room: Registry, who: Principal, wish: Promotion): Promise<Move> {
  return promote(room, who, wish, (t, allowed) => moveIn(t, room, who, { ...wish, ...allowed }))
}

/** The move itself and its audit row, as the work of a promotion. */
export async function moveIn(t: Tx, room: Registry, who: Principal, wish: Promotion & Allowed): Promise<Move> {
  const { version, verdict, overridden } = wish
  const move = await writeMove(t, room, who, { ...wish, to: version })
  await room.audit.record(t, who, {
    verb: 'promote',
    resource: 'models',
    id: `${wish.model}@${wish.alias}`,
    detail: {
      from: move.from,
      to: move.to,
      reason: move.reason,
      verdict,
      ...(overridden && { overridden: true, role: who.role }),
    },
  })
  return move
}

/** A return of an endpoint from one version to an earlier one. */
export interface Return {
  readonly model: string
  readonly alias: string
  readonly from: string | null
  readonly to: string
  readonly reason: string
}

/**
 * Moves an alias back to a version that it has named before, in the transaction that returns an endpoint to it. Nothing is judged:
 * what has answered before may answer again. Undefined, and nothing moved, when the alias names another version than the
 * one that was left, or never named the earlier one.
 */
export async function returnAlias(t: Tx, room: Registry, who: Principal, back: Return): Promise<Move | undefined> {
  await t.lock(`model ${back.model}`)
  if (back.from === null || (await aliasVersion(t, back.model, back.alias)) !== back.from) return undefined
  const [model, alias, version] = [back.model, back.alias, Number(back.to)]
  const before = await t.get<{ seq: number }>(
    'SELECT seq FROM alias_moves WHERE model = ? AND alias = ? AND to_version = ? LIMIT 1',
    [model, alias, version],
  )
  if (before === undefined || (await findVersion(t, model, version)) === undefined) return undefined
  const move = await writeMove(t, room, who, { model, alias, to: version, reason: back.reason, verdict: null })
  await room.audit.record(t, who, {
    verb: 'promote',
    resource: 'models',
    id: `${model}@${alias}`,
    detail: { from: move.from, to: move.to, reason: move.reason, returned: true },
  })
  return move
}

interface Written {
  readonly model: string
  readonly alias: string
  readonly to: number | null
  readonly reason?: string
  readonly verdict: string | null
}

/** Writes a move or, with `to` null, a removal, and its row of history; the caller holds the model's lock and audits. */
export async function writeMove(t: Tx, room: Registry, who: Principal, wanted: Written): Promise<Move> {
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
    imported_at: null,
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
  await announce(t, room, {
    model: row.model,
    of: 'alias',
    action: wanted.to === null ? 'DELETED' : 'CREATED',
    data: { alias: row.alias, ...(wanted.to !== null && { version: String(wanted.to) }) },
  })
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
    const move = await writeMove(t, room, who, { ...wish, to: null, verdict: null })
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

/** Moves of an alias to a version since a time, ms, oldest first: what names each, and what is said of it; undefined where the project has no such model. */
export async function movesSince(
  reader: Reader,
  of: { readonly project: string; readonly model: string; readonly alias: string; readonly since: number },
): Promise<{ cause: string; what: string }[] | undefined> {
  const { project, model, alias, since } = of
  const known = await reader.get('SELECT name FROM registered_models WHERE name = ? AND project = ?', [model, project])
  if (known === undefined) return undefined
  const rows = await reader.all<{ id: string; to_version: number; actor: string }>(
    `SELECT id, to_version, actor FROM alias_moves
     WHERE model = ? AND alias = ? AND at > ? AND to_version IS NOT NULL AND imported_at IS NULL ORDER BY seq LIMIT 1000`,
    [model, alias, since],
  )
  return rows.map(({ id, to_version: version, actor }) => ({
    cause: id,
    what: `${actor} moved alias ${alias} of model ${model} to version ${version}`,
  }))
}

/** Every move of a model's aliases, newest first. */
export async function aliasHistory(room: Registry, model: string): Promise<Move[]> {
  await requireModel(room.db, model)
  return (await room.db.all<MoveRow>('SELECT * FROM alias_moves WHERE model = ? ORDER BY seq DESC', [model])).map(shown)
}

/** What an alias named at a time, who had moved it there and why. */
export interface NamedAt {
  readonly model: string
  readonly alias: string
  readonly version: string
  readonly since: string
  readonly moved_by: string
  readonly reason: string
  readonly verdict_id: string | null
  /** As of a move. */
  readonly imported_at: string | null
}

/** Which version each alias named at a time (ms since 1970), of the models that a principal may see. */
export async function modelsAt(reader: Reader, who: Principal, at: number): Promise<NamedAt[]> {
  const rows = await reader.all<MoveRow>(
    `SELECT m.* FROM alias_moves m WHERE m.at <= ? AND m.to_version IS NOT NULL AND m.seq = (
       SELECT MAX(n.seq) FROM alias_moves n WHERE n.model = m.model AND n.alias = m.alias AND n.at <= ?)
       AND (CAST(? AS TEXT) IS NULL OR m.model IN (SELECT name FROM registered_models WHERE project = ?))
     ORDER BY m.model, m.alias`,
    [at, at, who.project, who.project],
  )
  return rows.map((row) => ({
    model: row.model,
    alias: row.alias,
    version: String(row.to_version),
    since: toTime(row.at),
    moved_by: row.actor,
    reason: row.reason,
    verdict_id: row.verdict_id,
    imported_at: row.imported_at === null ? null : toTime(row.imported_at),
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
    imported_at: row.imported_at === null ? null : toTime(row.imported_at),
  }
}
