/** Puts a version into use only when its gates hold at that very moment. */
import { allows } from '../../contract/access.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { Tx } from '../../store/db.ts'
import { requireModel, requireVersion } from '../context/context.ts'
import type { Registry } from '../context/context.ts'
import { enter } from './door.ts'
import type { Allowed } from './door.ts'

export interface Promotion {
  readonly model: string
  /** The alias, or the stage of MLflow's wire, that the version is to have. */
  readonly alias: string
  readonly version: string | number
  readonly reason?: string
  /** Promote although a gate does not hold; an admin's right, and it needs a reason. */
  readonly override?: boolean
}

/** Aliases and stages that may name any version: nobody is answered by them. Compared in lower case. */
const FREE = new Set(['candidate', 'challenger', 'archived', 'shadow', 'staging', 'none'])

/** True when an alias or stage names what people are answered with, so that gates and the right to promote guard it. */
export function isGuarded(alias: string): boolean {
  return !FREE.has(alias.toLowerCase())
}

/** Refuses a principal who may not change what answers. */
export function requirePromote(who: Principal, alias: string): void {
  if (!isGuarded(alias) || allows(who.role, { verb: 'promote', resource: 'models' })) return
  throw problem('forbidden', { role: who.role, verb: 'promote', resource: 'models' })
}

/**
 * Brings a version in by the door where the alias or stage is guarded, and does `work` in the transaction in which that still
 * holds; what is free asks nothing. Throws `gate_refused` with the gates that do not hold.
 */
export async function promote<T>(
  room: Registry,
  who: Principal,
  wish: Promotion,
  work: (t: Tx, allowed: Allowed) => Promise<T>,
): Promise<T> {
  if (isGuarded(wish.alias)) return enter(room, who, { ...wish, as: wish.alias }, { write: work })
  return room.db.tx(async (t) => {
    await t.lock(`model ${wish.model}`)
    await requireModel(t, wish.model)
    const { version } = await requireVersion(t, wish.model, wish.version)
    return work(t, { version, verdict: null, overridden: false })
  })
}
