/** The ports of rollouts, carried out by serving and the registry. */
import { isDeepStrictEqual } from 'node:util'
import { SYSTEM } from '../auth/tokens.ts'
import type { Principal } from '../contract/access.ts'
import { MonitorSettings } from '../contract/monitoring.ts'
import { PRODUCTION } from '../contract/registry.ts'
import { faultPoint } from '../store/fault.ts'
import type { Reader } from '../store/db.ts'
import { aliasVersion, moveIn, returnAlias } from '../registry/aliases/aliases.ts'
import { isWanted, markDeployment, wantedDeployments } from '../registry/versions/deployments.ts'
import { enter } from '../registry/aliases/door.ts'
import { promote } from '../registry/aliases/promotion.ts'
import type { Registry } from '../registry/context/context.ts'
import type { Endpoints } from '../serving/endpoints/endpoints.ts'
import { currentEpoch } from '../serving/context/epoch.ts'
import { endpointRow, inputNames, variantsOf, writeOverride } from '../serving/context/rows.ts'
import { slicesIn } from './context/context.ts'
import type { Asked, RolloutDeps, Target } from './context/context.ts'
import type { BreakerRule } from './evidence/spending.ts'

export type RolloutPorts = Pick<
  RolloutDeps,
  | 'target'
  | 'ensureEndpoint'
  | 'prepare'
  | 'setVariants'
  | 'epoch'
  | 'publish'
  | 'enter'
  | 'promote'
  | 'demote'
  | 'asked'
  | 'isAsked'
  | 'mark'
  | 'inputNames'
  | 'isCanary'
>

export function rolloutPorts(serving: Endpoints, registry: Registry): RolloutPorts {
  const { db } = registry
  return {
    target,
    async ensureEndpoint(asked, mayChange) {
      const settled = await ensureSettings(serving, db, asked, mayChange)
      await ensureFeatures(serving, asked)
      return settled
    },
    prepare: (endpoint, version) => serving.prepare(endpoint, [{ role: 'stable', version, weight: 0 }]),
    setVariants: (t, endpoint, variants, cause) => serving.writeVariants(t, endpoint, variants, cause),
    epoch: (reader) => currentEpoch(reader),
    publish: () => serving.refresh(),
    enter(who, { as, ...candidate }, work) {
      const { endpoint, model, version } = candidate
      const entry = { model, version, as: `${as} on endpoint "${endpoint}"`, loads: true }
      return enter(registry, who, entry, {
        async write(t) {
          await writeOverride(t, candidate, null)
          return work(t)
        },
      })
    },
    async promote(who, candidate, { reason, also }) {
      const { model, version } = candidate
      const wish = { model, alias: PRODUCTION, version, reason }
      return promote(registry, who, wish, async (t, allowed) => {
        if (!(await also(t))) return false
        await writeOverride(t, candidate, null)
        // an alias that names it already, as one that was brought in does, is no reason not to ask
        if ((await aliasVersion(t, model, PRODUCTION)) !== version)
          await moveIn(t, registry, who, { ...wish, ...allowed })
        faultPoint('rollout.promoted')
        return true
      })
    },
    async demote(t, back) {
      await returnAlias(t, registry, SYSTEM, { ...back, alias: PRODUCTION })
    },
    asked: () => wantedDeployments(db),
    isAsked: (reader, asked) => isWanted(reader, asked),
    mark: (t, asked, taken) => markDeployment(t, asked, taken),
    inputNames,
    isCanary,
  }
}

async function ensureSettings(
  serving: Endpoints,
  db: Reader,
  asked: Asked,
  mayChange: boolean,
): Promise<Awaited<ReturnType<RolloutDeps['ensureEndpoint']>>> {
  const { endpoint, project, model, monitor } = asked
  const known = await endpointRow(db, endpoint)
  if (known?.project === project && known.model === model) {
    const settings = JSON.parse(known.monitor) as Asked['monitor']
    const isSame = isSameMonitor(serving.openedMonitor(settings), serving.openedMonitor(monitor))
    if (isSame || !mayChange) return { monitor: settings, kept: !isSame }
  }
  await serving.put(wisher(asked), endpoint, { project, model, monitor, via: wayOf(asked) })
  return { monitor, kept: false }
}

/** Gives the version the feature service that its project file names; where it names no version of it, the one that is the newest now. */
async function ensureFeatures(serving: Endpoints, asked: Asked): Promise<void> {
  const { endpoint, version: model_version, features } = asked
  if (features === undefined) return
  const [service = '', number] = features.split('@')
  const known = (await serving.features(endpoint)).model_versions[model_version]
  if (known?.service === service && (number === undefined || known.version === Number(number))) return
  const version = number === undefined ? undefined : Number(number)
  await serving.setFeatures(wisher(asked), endpoint, { service, version, model_version })
}

/** Who shipped a version; the server itself where nobody has noted it. It acts with the right that was looked at before. */
function wisher({ by, project }: Asked): Principal {
  return by === undefined ? SYSTEM : { ...SYSTEM, id: by, name: by, project }
}

/** By what a wish came. */
function wayOf({ model, version, run }: Asked): Record<string, unknown> {
  return { ...(run !== undefined && { run }), model, version }
}

/** Settings that are left out are their defaults. */
function isSameMonitor(a: Asked['monitor'], b: Asked['monitor']): boolean {
  const [one, other] = [a, b].map((settings) => MonitorSettings.safeParse(settings).data)
  return isDeepStrictEqual(one, other)
}

async function target(reader: Reader, name: string): Promise<Target | undefined> {
  const row = await endpointRow(reader, name)
  if (row === undefined) return undefined
  const variants = await variantsOf(reader, name)
  return {
    name,
    model: row.model,
    stable: variants.find((one) => one.role === 'stable')?.version ?? null,
    variants: variants.map(({ role, version, weight, breaker }) => ({
      role,
      version,
      weight,
      ...(breaker !== null && { breaker: JSON.parse(breaker) as BreakerRule }),
    })),
  }
}

async function isCanary(reader: Reader, endpoint: string, version: string, since: number): Promise<boolean> {
  const variants = await variantsOf(reader, endpoint)
  return variants.some((one) => one.role === 'canary' && one.version === version && one.since === since)
}

/** The slices that an endpoint's monitor names. */
export async function monitorSlices(reader: Reader, endpoint: string): Promise<readonly string[]> {
  const row = await endpointRow(reader, endpoint)
  return slicesIn(JSON.parse(row?.monitor ?? '{}') as { slices?: unknown })
}
