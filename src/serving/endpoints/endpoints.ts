/** The endpoints of this server: what may be done with them, with every gateway told before a change resolves. */
import { holdsOpenAddress, openedMonitor } from '../../auth/sealed-monitor.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { EndpointFeatures, Scoring } from '../../contract/serving.ts'
import type { Tx } from '../../store/db.ts'
import type { z } from 'zod'
import { readFeatures, writeFeatures, type WantedFeatures } from '../context/features.ts'
import type { EndpointLimits } from '../context/limits.ts'
import { readLimits, writeLimits } from '../context/limits.ts'
import type { VariantRow, WantedVariant } from '../context/rows.ts'
import { variantsOf } from '../context/rows.ts'
import type { EndpointChanges } from './changes.ts'
import { listDeployments } from './deployments.ts'
import type { Cause, Deployments, DeploymentsQuery } from './deployments.ts'
import { changeVariants, deployVersion, prepareVariants, rollBack } from './deployment.ts'
import type { Deploy, DeploymentDeps } from './deployment.ts'
import { getEndpoint, listEndpoints } from './listing.ts'
import type { EndpointView, ListingDeps } from './listing.ts'
import { readyVersion } from './preparation.ts'
import { keptMonitors, removeEndpoint, writeEndpoint } from './settings.ts'
import type { VersionPorts } from '../fleet/places.ts'
import type { EndpointSettings, SettingsDeps } from './settings.ts'
import { writeVariants } from './variants.ts'

export interface EndpointsDeps
  extends DeploymentDeps, SettingsDeps, ListingDeps, Pick<VersionPorts, 'versionPackages'> {
  readonly changes: Pick<EndpointChanges, 'changed'>
  /** Brings rows, tokens and settings as they are now to every gateway; resolves when those that are up answer with them. */
  readonly publish: () => Promise<unknown>
  readonly log: (message: string, error?: unknown) => void
}

export interface Endpoints {
  /** Every endpoint of a project, or of all, with live figures. */
  list(project?: string): Promise<EndpointView[]>
  /** One endpoint with live figures. Throws `not_found`. */
  endpoint(name: string): Promise<EndpointView>
  /** The changes of its stable version, newest first. */
  deployments(name: string, query: DeploymentsQuery): Promise<Deployments>
  /** Makes an endpoint or changes its settings. Throws `conflict` when it serves another model or project. */
  put(who: Principal, name: string, settings: EndpointSettings): Promise<EndpointView>
  /** Settings of a monitor as they are kept, with the addresses themselves: to compare and to send to. One that another key has sealed stays sealed. */
  openedMonitor(kept: Readonly<Record<string, unknown>>): Record<string, unknown>
  /** How many endpoints have an address of a webhook in their row that is not sealed. */
  openAddresses(): Promise<number>
  /** Takes an endpoint out of service; its log stays. Throws `not_found`. */
  remove(who: Principal, name: string): Promise<void>
  /** The bounds of an endpoint; `{}` where none were set. */
  limits(name: string): Promise<EndpointLimits>
  /** Replaces the bounds of an endpoint; resolves when the gateways hold them. Throws `not_found`. */
  setLimits(who: Principal, name: string, limits: EndpointLimits): Promise<EndpointLimits>
  /** The feature services of an endpoint. */
  features(name: string): Promise<EndpointFeatures>
  /** Sets one, or ends it; resolves when the gateways hold it. Throws `not_found` and `unprocessable`. */
  setFeatures(who: Principal, name: string, wanted: WantedFeatures): Promise<EndpointFeatures>
  /**
   * Makes a version the stable one at once; canary and shadows end. Throws `unprocessable` when it cannot be loaded, `conflict` in a
   * freeze that is not overridden, `gate_refused` when the registry does not let it in, `invalid_field` for an override without a reason,
   * `forbidden` for an override by too low a role.
   */
  deploy(who: Principal, name: string, wish: Deploy): Promise<EndpointView>
  /** Returns to the stable version before the present one, which is still loaded. Throws `conflict` when there is none. */
  rollback(who: Principal, name: string, reason: string): Promise<EndpointView>
  /** Makes a version of a model that the caller may see ready to be scored beside the gateways. Throws `not_found`, `unprocessable`. */
  scoring(who: Principal, model: string, version: string): Promise<z.output<typeof Scoring>>
  /** The variants as rows, without live figures: for controllers. */
  variants(name: string): Promise<VariantRow[]>
  /**
   * Sets the variants of an endpoint: prepares and loads them first, then writes and swaps. When it resolves, every gateway that is
   * up answers with them. `also` runs in the transaction that writes. Throws `unprocessable` when a version does not load; nothing
   * is changed then.
   */
  setVariants(
    name: string,
    variants: readonly WantedVariant[],
    how: { readonly cause: Cause; readonly also?: (t: Tx) => Promise<void> },
  ): Promise<void>
  /** Finds the files of versions and loads them on the gateways, so that naming them in `writeVariants` is instant. */
  prepare(name: string, variants: readonly WantedVariant[]): Promise<void>
  /**
   * Writes prepared variants in a caller's transaction. After the commit the gateways are told at once, in the background;
   * `refresh` waits for that.
   */
  writeVariants(t: Tx, name: string, variants: readonly WantedVariant[], cause: Cause): Promise<void>
  /** Brings rows, tokens and profile specs as they are now to every gateway. */
  refresh(): Promise<void>
}

/** The endpoints over their rows, the gateways and the rooms around. */
export function endpoints(deps: EndpointsDeps): Endpoints {
  const { db, changes, publish, log } = deps
  const changed = async (name: string): Promise<void> => {
    await publish()
    changes.changed(name)
  }
  const after = async (name: string, change: Promise<void>): Promise<EndpointView> => {
    await change
    await changed(name)
    return getEndpoint(deps, name)
  }
  return {
    list: (project) => listEndpoints(deps, project),
    endpoint: (name) => getEndpoint(deps, name),
    deployments: (name, query) => listDeployments(db, name, query),
    put: (who, name, settings) => after(name, writeEndpoint(deps, who, name, settings)),
    openedMonitor: (kept) => openedMonitor(deps.seal, kept),
    openAddresses: async () => (await keptMonitors(db)).filter(({ settings }) => holdsOpenAddress(settings)).length,
    async remove(who, name) {
      await removeEndpoint(deps, who, name)
      await changed(name)
    },
    limits: (name) => readLimits(db, name),
    async setLimits(who, name, limits) {
      await writeLimits(deps, who, name, limits)
      await changed(name)
      return limits
    },
    features: (name) => readFeatures(db, name),
    async setFeatures(who, name, wanted) {
      const set = await writeFeatures(deps, who, name, wanted)
      await changed(name)
      return set
    },
    deploy: (who, name, wish) => after(name, deployVersion(deps, who, name, wish)),
    rollback: (who, name, reason) => after(name, rollBack(deps, who, name, reason)),
    scoring: (who, model, version) => scoringOf(deps, who, { model, version }),
    variants: (name) => variantsOf(db, name),
    async setVariants(name, variants, how) {
      await changeVariants(deps, name, variants, how)
      await changed(name)
    },
    prepare: (name, variants) => prepareVariants(deps, name, variants),
    async writeVariants(t, name, variants, cause) {
      await writeVariants(t, name, variants, { now: deps.clock(), cause })
      t.afterCommit(() => void changed(name).catch((error: unknown) => log('routing', error)))
    },
    async refresh() {
      await publish()
    },
  }
}

async function scoringOf(
  deps: EndpointsDeps,
  who: Principal,
  { model, version }: { readonly model: string; readonly version: string },
): Promise<z.output<typeof Scoring>> {
  const owner = await deps.modelProject?.(deps.db, model)
  if (who.project !== null && owner !== who.project) throw problem('not_found', { what: 'model', id: model })
  const { inputs, backend, packages } = await readyVersion(deps, model, version)
  return { model, version, inputs: [...inputs], backend, packages }
}
