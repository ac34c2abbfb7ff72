/** Brings versions to an endpoint: prepared and loaded first, then written and swapped; deploys and rollbacks by hand. */
import type { Principal } from '../../contract/access.ts'
import { Problem, problem } from '../../contract/errors.ts'
import type { GatewayFile } from '../../gateway/run-files.ts'
import type { Allowed, Enter } from '../../registry/aliases/door.ts'
import { lockModel } from '../../registry/context/context.ts'
import type { Reader, Tx } from '../../store/db.ts'
import type { ServingContext } from '../context/context.ts'
import type { WantedVariant } from '../context/rows.ts'
import { requireEndpoint, variantsOf, writeOverride } from '../context/rows.ts'
import { buildTable, warmAll } from '../fleet/routing.ts'
import type { RoutingDeps } from '../fleet/routing.ts'
import type { Cause } from './deployments.ts'
import { prepareVersion } from './preparation.ts'
import type { PreparationDeps } from './preparation.ts'
import { lockRouting, writeVariants } from './variants.ts'

/** An endpoint's return from one version to the one before. */
export interface Returned {
  readonly endpoint: string
  readonly model: string
  readonly from: string | null
  readonly to: string
  readonly reason: string
}

/** A version that is to answer at once. */
export interface Deploy {
  readonly version: string
  readonly reason?: string | undefined
  /** Although the endpoint is frozen; needs a reason. */
  readonly override_freeze?: boolean | undefined
  /** Although the gates of its model do not hold; an admin's right, and it needs a reason. */
  readonly override_gates?: boolean | undefined
}

export interface DeploymentDeps extends ServingContext, PreparationDeps, Pick<RoutingDeps, 'tokens' | 'open'> {
  readonly gateways: () => readonly GatewayFile[]
  /** Port: the registry's door, by which a version comes to an endpoint. */
  readonly enter: Enter
  /** Port: why nothing may go forward on an endpoint now, in words; null when it may. */
  readonly frozen?: (reader: Reader, endpoint: string) => Promise<string | null>
  /** Port: told of a rollback in its transaction, so that the alias of the version that was left goes back too. */
  readonly returned?: (t: Tx, who: Principal, back: Returned) => Promise<void>
}

/** Finds the files of versions and loads them on the gateways, so that naming them in `writeVariants` is instant. Throws `unprocessable` for one that does not load. */
export async function prepareVariants(
  deps: DeploymentDeps,
  name: string,
  variants: readonly WantedVariant[],
): Promise<void> {
  const { db } = deps
  const row = await requireEndpoint(db, name)
  for (const { version } of variants) {
    await prepareVersion(deps, row, version).catch((error: unknown) => {
      if (error instanceof Problem) throw error
      throw notLoaded(version, error instanceof Error ? error.message : String(error), error)
    })
  }
  const { table } = await buildTable(deps, { instead: { endpoint: name, variants } })
  const [failed] = (await warmAll(deps.gateways(), table)).filter((one) => one.endpoint === name)
  if (failed === undefined) return
  deps.places.forget({ model: row.model, version: failed.version })
  await db.tx((t) => t.run('DELETE FROM endpoint_versions WHERE endpoint = ? AND version = ?', [name, failed.version]))
  throw notLoaded(failed.version, failed.reason)
}

function notLoaded(version: string, reason: string, cause?: unknown): Error {
  return problem('unprocessable', { detail: `version ${version} does not load: ${reason}` }, cause)
}

/** Prepares variants and writes them; `also` runs in the transaction that writes. Nothing is changed when a version does not load. */
export async function changeVariants(
  deps: DeploymentDeps,
  name: string,
  variants: readonly WantedVariant[],
  { cause, also }: { readonly cause: Cause; readonly also?: ((t: Tx) => Promise<void>) | undefined },
): Promise<void> {
  await prepareVariants(deps, name, variants)
  await deps.db.tx(async (t) => {
    // first, for it locks the model, as every act at the door does before the routing
    await also?.(t)
    await writeVariants(t, name, variants, { now: deps.clock(), cause })
  })
}

/**
 * Makes a version the stable one; canary and shadows end. Throws `gate_refused` for one that the registry does not let in,
 * `unprocessable`, `conflict` in a freeze, `invalid_field` for an override without a reason, `forbidden` for one by too low a role.
 */
export async function deployVersion(deps: DeploymentDeps, who: Principal, name: string, wish: Deploy): Promise<void> {
  const { version, reason, override_gates: override } = wish
  if (wish.override_freeze === true && reason === undefined)
    throw problem('invalid_field', { field: 'reason', value: null, expected: 'why the freeze is overridden' })
  await overriddenFreeze(deps, deps.db, name, wish)
  const { model } = await requireEndpoint(deps.db, name)
  const variants = [{ role: 'stable', version, weight: 0 } as const]
  const entry = { model, version, as: `stable on endpoint "${name}"`, reason, override, loads: true }
  await deps.enter(who, entry, {
    prepare: () => prepareVariants(deps, name, variants),
    async write(t, allowed) {
      const cause = { by: who.name, way: 'deployed', reason: reason ?? '' } as const
      await writeVariants(t, name, variants, { now: deps.clock(), cause })
      const override = await keepEntry(t, deps, who, { endpoint: name, version, reason: reason ?? '', allowed })
      const overrides = await overriddenFreeze(deps, t, name, wish)
      const detail = {
        version,
        ...(reason !== undefined && { reason }),
        ...(overrides !== null && { overrides }),
        ...(allowed.verdict !== null && { verdict: allowed.verdict }),
        ...override,
      }
      await deps.audit.record(t, who, { verb: 'deploy', resource: 'endpoints', id: name, detail })
    },
  })
}

/** Keeps how a version came in: by its gates, or by whose override. Resolves to what the audit trail says of an override. */
async function keepEntry(
  t: Tx,
  { clock }: Pick<DeploymentDeps, 'clock'>,
  who: Principal,
  came: { readonly endpoint: string; readonly version: string; readonly reason: string; readonly allowed: Allowed },
): Promise<object> {
  const { allowed, reason } = came
  if (!allowed.overridden) {
    await writeOverride(t, came, null)
    return {}
  }
  const refusal = allowed.refusal ?? ''
  await writeOverride(t, came, { by: who.name, role: who.role, at: clock(), reason, refusal })
  return { overridden: true, role: who.role, refusal }
}

/** The freeze that a deploy overrides; null where there is none. Throws `conflict` for one that holds it up. */
async function overriddenFreeze(
  { frozen }: DeploymentDeps,
  reader: Reader,
  name: string,
  { override_freeze }: Deploy,
): Promise<string | null> {
  const why = (await frozen?.(reader, name)) ?? null
  if (why === null || override_freeze === true) return why
  throw problem('conflict', { detail: `${name} is ${why}; wait, or set override_freeze and a reason` })
}

/**
 * Returns to the stable version before the present one, which is still loaded. What has answered before may answer again at once: no gate
 * is asked. Throws `conflict` when there is none.
 */
export async function rollBack(deps: DeploymentDeps, who: Principal, name: string, reason: string): Promise<void> {
  const { previous_version, model } = await requireEndpoint(deps.db, name)
  if (previous_version === null)
    throw problem('conflict', { detail: `endpoint "${name}" has had no other version to return to` })
  const from = (await variantsOf(deps.db, name)).find((variant) => variant.role === 'stable')?.version ?? null
  const cause = { by: who.name, way: 'rolled_back', reason } as const
  const also = async (t: Tx): Promise<void> => {
    await lockModel(t, model)
    await lockRouting(t)
    await deps.returned?.(t, who, { endpoint: name, model, from, to: previous_version, reason })
    const detail = { action: 'rollback', version: previous_version, reason }
    await deps.audit.record(t, who, { verb: 'deploy', resource: 'endpoints', id: name, detail })
  }
  await changeVariants(deps, name, [{ role: 'stable', version: previous_version, weight: 0 }], { cause, also })
}
