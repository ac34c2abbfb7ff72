/** Puts a version into use only when its gates hold at that very moment. */
import { allows } from '../../contract/access.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { GateResult } from '../../contract/registry.ts'
import type { Tx } from '../../store/db.ts'
import { wantLowering } from '../context/lowering-job.ts'
import { heldTo } from '../gates/policy.ts'
import { requireModel, requireVersion } from '../context/context.ts'
import type { Registry } from '../context/context.ts'
import { ensureScan } from '../scan/scanning.ts'
import { judgeVersion, refusalText } from '../gates/verdicts.ts'

export interface Promotion {
  readonly model: string
  /** The alias, or the stage of MLflow's wire, that the version is to have. */
  readonly alias: string
  readonly version: string | number
  readonly reason?: string
  /** Promote although a gate does not hold; an admin's right, and it needs a reason. */
  readonly override?: boolean
}

/** What the work of a promotion is given: the verdict that allows it, null where nothing was to be judged. */
export interface Allowed {
  readonly version: number
  readonly verdict: string | null
  readonly overridden: boolean
}

/** Aliases and stages that may name any version: nobody is answered by them. Compared in lower case. */
const FREE = new Set(['candidate', 'challenger', 'archived', 'shadow', 'staging', 'none'])

/** How often a promotion is judged again because what it was compared with has changed meanwhile. */
const TRIES = 8

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
 * Judges the version against what the aliases name, then does `work` in a transaction in which that is still so; otherwise it
 * judges again. Throws `gate_refused` with the gates that do not hold. The verdict is stored in the transaction.
 */
export async function promote<T>(
  room: Registry,
  who: Principal,
  wish: Promotion,
  work: (t: Tx, allowed: Allowed) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const done = await tryPromote(room, who, wish, work)
    if (done !== undefined) return done.value
  }
  throw problem('conflict', { detail: `the aliases of "${wish.model}" change faster than a version can be judged` })
}

/** Undefined when the judgement was out of date by the time it was to be used. */
async function tryPromote<T>(
  room: Registry,
  who: Principal,
  wish: Promotion,
  work: (t: Tx, allowed: Allowed) => Promise<T>,
): Promise<{ value: T } | undefined> {
  const model = await requireModel(room.db, wish.model)
  const row = await requireVersion(room.db, wish.model, wish.version)
  const guarded = isGuarded(wish.alias)
  const malicious = guarded && (await ensureScan(room, row))?.verdict === 'malicious'
  const gates = guarded ? await heldTo(room.db, model, malicious) : []
  const judged = gates.length > 0 ? await judgeVersion(room, row) : undefined
  const overridden = judged !== undefined && !judged.passed
  if (overridden) refuseUnlessOverridden(who, wish, judged.results)
  return room.db.tx(async (t) => {
    await t.lock(`model ${wish.model}`)
    const now = await requireModel(t, wish.model)
    const still = await requireVersion(t, wish.model, wish.version)
    const current =
      judged === undefined ? !guarded || (await heldTo(t, now, malicious)).length === 0 : await judged.isCurrent(t)
    if (!current) return undefined
    const verdict = judged === undefined ? null : await judged.store(t)
    if (guarded && (overridden || still.lowering_reason !== null)) await wantLowering(t, still)
    return { value: await work(t, { version: still.version, verdict, overridden }) }
  })
}

function refuseUnlessOverridden(who: Principal, wish: Promotion, results: readonly GateResult[]): void {
  const failed = results.filter((one) => one.outcome !== 'passed')
  if (wish.override !== true) {
    throw problem('gate_refused', {
      model: wish.model,
      version: String(wish.version),
      alias: wish.alias,
      detail: refusalText(results),
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
