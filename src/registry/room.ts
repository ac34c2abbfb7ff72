/** The registry room: models, versions, their gates and aliases; MLflow's wire and webhooks beside its own API. */
import { join } from 'node:path'
import type { Audit } from '../auth/audit.ts'
import type { Seal } from '../auth/sealing.ts'
import type { Clock, Ids } from '../contract/ids.ts'
import type { Envs } from '../envs/environments.ts'
import type { Lock } from '../envs/lock.ts'
import type { Mounted } from '../http/mount.ts'
import type { Plan } from '../isolation/plan.ts'
import type { Worker } from '../jobs/worker.ts'
import type { Blobs } from '../store/blobs/blobs.ts'
import type { Reachable } from '../store/blobs/reach.ts'
import type { Db, Tx } from '../store/db.ts'
import type { IfSound } from '../store/if-sound.ts'
import type { Cited } from '../tracking/retention/plan.ts'
import type { ProjectPart, Tracking, VersionRuns } from '../tracking/context/context.ts'
import { openSigner } from './attestation/signer.ts'
import { requireVersion } from './context/context.ts'
import type { Registry, RegistryDeps } from './context/context.ts'
import type { MovedTable } from '../store/moved/table.ts'
import { madeFrom, registryTables } from './moved/tables.ts'
import { endpointPorts } from './endpoint-ports.ts'
import type { EndpointPorts } from './endpoint-ports.ts'
import { handleLowering, isSettled, versionFiles } from './lowering/lowering.ts'
import type { LoweringDeps, VersionFiles } from './lowering/lowering.ts'
import { replaying } from './lowering/replay.ts'
import { registryPart } from './project-part.ts'
import { resetRegistry } from './reset.ts'
import { registryRoutes } from './routes.ts'
import { lockOf, versionPython } from './versions/environment.ts'
import { citedByVersions, pipelineRunsOfVersions } from './versions/kept-runs.ts'
import type { LineageSource } from './versions/lineage.ts'
import { registryDigests, storedVersions } from './versions/read.ts'
import type { StoredVersion } from './versions/read.ts'
import { versionRuns } from './versions/version-runs.ts'
import { announceBudget } from './webhooks/announce.ts'
import { webhookRoutes } from './webhooks/routes.ts'
import { holdsOpenAddress, sealKept } from '../auth/sealed-monitor.ts'
import { keptWishes } from './versions/deployments.ts'
import { sealAddresses } from './webhooks/address.ts'
import { openWebhooks } from './webhooks/webhooks.ts'
import { registryWireRoutes } from './wire/wire-routes.ts'

export interface RegistryRoomDeps extends Pick<RegistryDeps, 'usedBy' | 'overridesOf'> {
  readonly db: Db
  readonly blobs: Blobs
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: Audit
  readonly seal: Seal
  readonly envs: Envs
  /** How what reads models is confined; absent or null = not at all. */
  readonly plan?: Plan | null
  readonly worker: Worker
  readonly ifSound: IfSound
  readonly tracking: Tracking
  /** Versions are laid out below it. */
  readonly dataDir: string
  /** Hosts that webhooks may reach although they are private, and the private key, as PEM, by which reproductions are attested; absent = none. */
  readonly started: { readonly egressAllow?: readonly string[]; readonly signingKey?: string }
  /** Ports of what scores models: replays of native models, proofs and exports of ONNX graphs. */
  readonly scoring: Required<Pick<RegistryDeps, 'scoreNative' | 'scorer'>> &
    Pick<LoweringDeps, 'exporting'> & {
      readonly prove: LoweringDeps['proveOnnx']
      readonly verifyNative: Parameters<typeof replaying>[0]
    }
  /** Ports of the rooms below that know of a version's lineage. */
  readonly lineage: readonly LineageSource[]
}

export interface RegistryRoom {
  readonly routes: readonly Mounted[]
  /** For the rooms below, whose functions of this room take it first. */
  readonly registry: Registry
  /** Seals what a server before has kept as it is. */
  start(): Promise<void>
  /** Port: of how many versions the wish for an endpoint holds an address of a webhook that is not sealed. */
  openAddresses(): Promise<number>
  /** Port: what is kept of a project. */
  readonly projectPart: ProjectPart
  /** Port: tells webhooks that a budget of language models has reached a part of its limit. */
  tellBudget(t: Tx, alert: Parameters<typeof announceBudget>[2]): Promise<void>
  /** Ports for the rooms that answer with models. */
  readonly endpoints: EndpointPorts & {
    versionFiles(model: string, version: string, waitMs?: number): Promise<VersionFiles>
    isSettled(model: string, version: string): Promise<boolean>
    versionPackages(model: string, version: string, dir: string): Promise<Lock>
  }
  /** Port: from which runs versions were made. */
  readonly versionRuns: VersionRuns
  /** Port: what versions hold on to, and the pipeline runs that made them; retention never removes these. */
  cited(): Promise<Cited & { readonly pipelineRuns: readonly string[] }>
  /** Port: what is needed of the blobs. */
  readonly needed: Reachable
  /** Port: the files of versions, for the cost room. */
  readonly stored: () => Promise<StoredVersion[]>
  /** Ports: the tables that move between servers, and from what the versions of a model were made. */
  readonly movedTables: readonly MovedTable[]
  readonly madeFrom: (model: string) => Promise<{ runs: string[]; models: string[] }>
  /** Empties the room for a test suite and takes the settings that it asks for. */
  reset(asked: { readonly env: Readonly<Record<string, string>> }): Promise<void>
}

/** Makes the room; the worker scans, lowers and delivers from now on. */
export function registryRoom({
  scoring,
  envs,
  worker,
  dataDir,
  tracking,
  plan = null,
  ifSound,
  started: { egressAllow: allow = [], signingKey },
  ...deps
}: RegistryRoomDeps): RegistryRoom {
  const { db } = deps
  const { scoreNative, scorer, prove: proveOnnx, exporting, verifyNative } = scoring
  const registry: Registry = {
    ...deps,
    scoreNative,
    scorer,
    modelsDir: join(dataDir, 'models'),
    ...(signingKey !== undefined && { signer: openSigner(signingKey) }),
  }
  const testEnv: Record<string, string> = {}
  const webhooks = openWebhooks({ ...deps, allow, testEnv }, worker)
  const python = versionPython(envs)
  handleLowering(registry, worker, {
    python,
    plan,
    proveOnnx,
    verify: replaying(verifyNative),
    ...(exporting !== undefined && { exporting }),
  })
  const cited = citedByVersions(db)
  return {
    routes: [
      ...registryRoutes(registry, deps.lineage),
      ...registryWireRoutes(registry, tracking),
      ...webhookRoutes(webhooks),
    ],
    registry,
    async start() {
      await ifSound('to seal addresses of webhooks', () => sealAddresses(db, deps.seal))
      await ifSound('to seal addresses that versions ask for', async () =>
        sealKept(db, deps.seal, await keptWishes(db)),
      )
    },
    openAddresses: async () => (await keptWishes(db)).filter(({ settings }) => holdsOpenAddress(settings)).length,
    projectPart: registryPart(registry, webhooks),
    tellBudget: (t, alert) => announceBudget(t, webhooks, alert),
    endpoints: {
      ...endpointPorts(registry),
      versionFiles: (model, version, waitMs) => versionFiles(registry, { python, waitMs }, model, version),
      isSettled: (model, version) => isSettled(registry, model, version),
      versionPackages: async (model, version, dir) => lockOf(envs, await requireVersion(db, model, version), dir),
    },
    versionRuns: versionRuns(db),
    cited: async () => ({ ...(await cited()), pipelineRuns: await pipelineRunsOfVersions(db) }),
    needed: () => registryDigests(db),
    stored: () => storedVersions(registry),
    movedTables: registryTables(registry),
    madeFrom: (model) => madeFrom(registry, model),
    async reset({ env }) {
      for (const key in testEnv) delete testEnv[key]
      Object.assign(testEnv, env)
      await resetRegistry(registry)
    },
  }
}
