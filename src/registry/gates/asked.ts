/** The gates of a model's project file: what tightens them is taken over, what loosens them waits until an admin accepts it. */
import type { Principal } from '../../contract/access.ts'
import { toTime } from '../../contract/fields.ts'
import { problem } from '../../contract/errors.ts'
import type { AskedGates, Gate } from '../../contract/registry.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { gatesOf, requireModel } from '../context/context.ts'
import type { ModelRow, Registry } from '../context/context.ts'
import { requireOverride } from '../context/override.ts'
import { announce } from '../webhooks/announce.ts'
import { stricterGates, weakerGates, weakerText } from './looser.ts'

/** What a registration says of its model. */
export interface Asking {
  readonly project: string
  readonly model: string
  readonly gates: readonly Gate[]
}

/**
 * Makes the model if it is new and holds it to the gates that are asked for as well: of its own and these the stricter. Returns what
 * is asked for and weaker, in words. Throws `conflict` for a model of another project. The caller holds the model's lock.
 */
export async function holdTo(t: Tx, room: Registry, who: Principal, asking: Asking): Promise<string[]> {
  const { model, gates } = asking
  const known = await ensureRow(t, room, who, asking)
  const held = gatesOf(known)
  const weaker = weakerGates(held, gates).map(weakerText)
  const next = weaker.length === 0 ? gates : stricterGates(held, gates)
  const changed = JSON.stringify(next) !== known.gates
  await t.run('UPDATE registered_models SET gates = ?, updated_at = ? WHERE name = ?', [
    JSON.stringify(next),
    room.clock(),
    model,
  ])
  if ((changed && !known.isNew) || weaker.length > 0) {
    const detail = {
      ...(changed && { gates: { from: held, to: next } }),
      ...(weaker.length > 0 && { asked_gates: gates, not_taken_over: weaker }),
    }
    await room.audit.record(t, who, { verb: 'write', resource: 'models', id: model, detail })
  }
  return weaker
}

/** Keeps what the version that was just registered asked for, while it is weaker; what an earlier one asked for is forgotten. */
export async function noteAsked(
  t: Tx,
  room: Registry,
  who: Principal,
  asked: {
    readonly model: string
    readonly version: number
    readonly gates: readonly Gate[]
    readonly weaker: boolean
  },
): Promise<void> {
  const { model, version, gates, weaker } = asked
  await t.run('DELETE FROM model_asked_gates WHERE model = ?', [model])
  if (!weaker) return
  await t.run('INSERT INTO model_asked_gates (model, gates, version, asked_at, asked_by) VALUES (?,?,?,?,?)', [
    model,
    JSON.stringify(gates),
    version,
    room.clock(),
    who.name,
  ])
}

/** The weaker gates that wait to be accepted; null where none do. */
export async function askedGates(reader: Reader, model: ModelRow): Promise<AskedGates | null> {
  const row = await reader.get<{ gates: string; version: number; asked_at: number; asked_by: string }>(
    'SELECT gates, version, asked_at, asked_by FROM model_asked_gates WHERE model = ?',
    [model.name],
  )
  if (row === undefined) return null
  const gates = JSON.parse(row.gates) as Gate[]
  return {
    gates,
    weaker: weakerGates(gatesOf(model), gates).map(weakerText),
    version: String(row.version),
    at: toTime(row.asked_at),
    by: row.asked_by,
  }
}

/** Sets the gates of the project file, weaker ones too: for whoever may override, with a reason. */
export async function setGates(
  room: Registry,
  who: Principal,
  model: string,
  wanted: { readonly gates: readonly Gate[]; readonly reason: string },
): Promise<void> {
  requireOverride(who, wanted.reason, 'set the gates of')
  await room.db.tx(async (t) => {
    await t.lock(`model ${model}`)
    const held = gatesOf(await requireModel(t, model))
    const given = JSON.stringify(wanted.gates)
    await t.run('UPDATE registered_models SET gates = ?, updated_at = ? WHERE name = ?', [given, room.clock(), model])
    // what waited is answered, be it by yes or by other gates
    await t.run('DELETE FROM model_asked_gates WHERE model = ?', [model])
    const detail = {
      gates: { from: held, to: wanted.gates },
      weaker: weakerGates(held, wanted.gates).map(weakerText),
      reason: wanted.reason,
      role: who.role,
    }
    await room.audit.record(t, who, { verb: 'promote', resource: 'models', id: model, detail })
  })
}

/** Keeps the gates of a name that loses its model, so that to make the model again does not loosen them. */
export async function keepGates(t: Tx, model: string): Promise<void> {
  await t.run('DELETE FROM model_asked_gates WHERE model = ?', [model])
  await keep(t, model, gatesOf(await requireModel(t, model)))
}

async function keep(t: Tx, model: string, held: readonly Gate[]): Promise<void> {
  if (held.length === 0) return
  await t.run(
    'INSERT INTO model_kept_gates (model, gates) VALUES (?,?) ON CONFLICT (model) DO UPDATE SET gates = excluded.gates',
    [model, JSON.stringify(held)],
  )
}

/** The gates that a new model begins with: those that its name had last, which are no longer kept apart then. */
async function takeKeptGates(t: Tx, model: string): Promise<Gate[]> {
  const [row] = await t.all<{ gates: string }>('DELETE FROM model_kept_gates WHERE model = ? RETURNING gates', [model])
  return row === undefined ? [] : (JSON.parse(row.gates) as Gate[])
}

/** A model that came to its name in another way than by a registration is held to what that name was held to, too. */
export async function joinKeptGates(t: Tx, model: string): Promise<void> {
  const kept = await takeKeptGates(t, model)
  if (kept.length === 0) return
  const gates = stricterGates(kept, gatesOf(await requireModel(t, model)))
  await t.run('UPDATE registered_models SET gates = ? WHERE name = ?', [JSON.stringify(gates), model])
}

/** A renamed model takes along what waits; its old name keeps its gates, and those of its new name hold too. */
export async function carryGates(t: Tx, from: string, to: string): Promise<void> {
  const held = gatesOf(await requireModel(t, to))
  await t.run('UPDATE model_asked_gates SET model = ? WHERE model = ?', [to, from])
  await joinKeptGates(t, to)
  await keep(t, from, held)
}

async function ensureRow(
  t: Tx,
  room: Registry,
  who: Principal,
  { project, model }: Asking,
): Promise<ModelRow & { readonly isNew: boolean }> {
  const now = room.clock()
  const made = await t.get<ModelRow>(
    `INSERT INTO registered_models (name, project, description, created_at, updated_at, created_by, last_version, gates)
     VALUES (?,?,'',?,?,?,0,'[]') ON CONFLICT (name) DO NOTHING RETURNING *`,
    [model, project, now, now, who.name],
  )
  if (made !== undefined) {
    await announce(t, room, { model, of: 'model', action: 'CREATED', data: { tags: {}, description: null } })
    return { ...made, gates: JSON.stringify(await takeKeptGates(t, model)), isNew: true }
  }
  const known = await requireModel(t, model)
  if (known.project !== project)
    throw problem('conflict', { detail: `the model "${model}" belongs to another project; choose another name` })
  return { ...known, isNew: false }
}
