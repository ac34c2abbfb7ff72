/** Decides which versions an endpoint answers with: checks the wish and writes the rows. */
import { problem } from '../../contract/errors.ts'
import type { Tx } from '../../store/db.ts'
import { raiseEpoch } from '../context/epoch.ts'
import type { WantedVariant } from '../context/rows.ts'
import { requireEndpoint, variantsOf } from '../context/rows.ts'
import { keepDeployment } from './deployments.ts'
import type { Cause, Change } from './deployments.ts'

function refuse(value: unknown, expected: string): never {
  throw problem('invalid_field', { field: 'variants', value, expected })
}

/** Checks a wish: one stable at most, one canary at most, weights in range, a canary only beside a stable. Throws `invalid_field`. */
export function checkVariants(variants: readonly WantedVariant[]): void {
  const count = (role: WantedVariant['role']): number => variants.filter((one) => one.role === role).length
  if (count('stable') > 1) refuse(variants, 'one stable variant')
  if (count('canary') > 1) refuse(variants, 'at most one canary')
  if (count('canary') === 1 && count('stable') === 0) refuse(variants, 'a stable variant beside the canary')
  const shadows = new Set(variants.filter((one) => one.role === 'shadow').map((one) => one.version))
  if (shadows.size !== count('shadow')) refuse(variants, 'each shadow version once')
  for (const { weight, role } of variants) {
    if (!Number.isInteger(weight) || weight < 0 || weight > 10_000) refuse(weight, 'a weight of 0 to 10000')
    if (role !== 'canary' && weight !== 0) refuse(weight, `weight 0 for ${role}; only a canary has one`)
  }
}

/** Locks the routing for the rest of a transaction: after the model, and before the audit chain. */
export async function lockRouting(t: Tx): Promise<void> {
  await t.lock('serving')
}

/**
 * Writes the variants of an endpoint in the caller's transaction and raises the epoch. A variant that stays in its role keeps its
 * `since`; a canary that had tripped stays tripped. A stable version that is replaced becomes the previous one, and who replaced it and why
 * is kept.
 */
export async function writeVariants(
  t: Tx,
  endpoint: string,
  variants: readonly WantedVariant[],
  { now, cause }: { readonly now: number; readonly cause: Cause },
): Promise<number> {
  checkVariants(variants)
  await lockRouting(t)
  await requireEndpoint(t, endpoint)
  const before = await variantsOf(t, endpoint)
  await keepStable(t, endpoint, { previous: stableOf(before), version: stableOf(variants), at: now, ...cause })
  await t.run('DELETE FROM endpoint_variants WHERE endpoint = ?', [endpoint])
  for (const { role, version, weight, breaker } of variants) {
    const same = before.find((one) => one.role === role && one.version === version)
    await t.run(
      'INSERT INTO endpoint_variants (endpoint, role, version, weight, since, tripped, breaker) VALUES (?,?,?,?,?,?,?)',
      [
        endpoint,
        role,
        version,
        same?.tripped == null ? weight : 0,
        same?.since ?? now,
        same?.tripped ?? null,
        breaker === undefined ? null : JSON.stringify(breaker),
      ],
    )
  }
  await t.run('UPDATE endpoints SET updated_at = ? WHERE name = ?', [now, endpoint])
  return raiseEpoch(t)
}

function stableOf(variants: readonly Pick<WantedVariant, 'role' | 'version'>[]): string | null {
  return variants.find((one) => one.role === 'stable')?.version ?? null
}

/** Keeps which version was replaced, by whom and why. */
async function keepStable(t: Tx, endpoint: string, change: Change): Promise<void> {
  const { previous, version } = change
  if (previous === version) return
  if (previous !== null && version !== null)
    await t.run('UPDATE endpoints SET previous_version = ? WHERE name = ?', [previous, endpoint])
  await keepDeployment(t, endpoint, change)
}
