/** The pipelines room: pipelines joined with tracking, the registry and the jobs of this process. */
import { join } from 'node:path'
import { holdsOpenAddress, sealKept } from '../auth/sealed-monitor.ts'
import type { KubernetesSettings, SlurmSettings } from '../contract/values/drivers.ts'
import type { Tokens } from '../auth/tokens.ts'
import type { Mounted } from '../http/mount.ts'
import type { Plan } from '../isolation/plan.ts'
import type { Leases } from '../jobs/leases.ts'
import type { Worker } from '../jobs/worker.ts'
import type { Registry } from '../registry/context/context.ts'
import type { Reachable } from '../store/blobs/reach.ts'
import type { Db, Reader } from '../store/db.ts'
import type { IfSound } from '../store/if-sound.ts'
import type { Tracking } from '../tracking/context/context.ts'
import type { DataSets, FeatureJoins, PipelinesDeps } from './context/deps.ts'
import { openDrivers } from './places.ts'
import { localDriver } from './drivers/local/driver.ts'
import { nodeRoutes } from './drivers/remote/routes.ts'
import { Backfills } from './backfill/backfills.ts'
import { backfillRoutes } from './backfill/routes.ts'
import { modelRegistry } from './model-registry.ts'
import { openPipelines } from './pipelines.ts'
import type { AttemptUsage, Pipelines } from './pipelines.ts'
import { partitionRoutes } from './partitions/routes.ts'
import { pipelinesRoutes } from './routes.ts'
import { reproductionRoutes } from './reproductions/routes.ts'
import { reproductionRound } from './reproductions/round.ts'
import { REPRODUCTIONS } from './reproductions/schedule.ts'
import { changesOf } from './changes.ts'
import { sourceReads, type SourceReads } from './data/pin.ts'
import type { Changes } from './changes.ts'
import { mergeRuns } from './context/merges.ts'
import type { AskedMerges, MergeRun } from './context/merges.ts'
import { machineCapacity } from './line/places.ts'
import { machineOf } from './machine/identity.ts'
import { scheduledRun } from './run/scheduled.ts'
import { attemptLog, runsBehind, watchedRuns } from './run/watched.ts'
import { packageIndex } from '../envs/uv.ts'
import { secretOf } from './context/secrets.ts'
import { SCHEDULED_RUN } from './spec/schedule.ts'
import { metricHistories } from './search/history.ts'
import { Studies } from './search/reconciler.ts'
import { studyRoutes } from './search/routes.ts'
import { holdsPipelines, keptFiles } from './spec/versions.ts'
import { stepTokens } from './step-tokens.ts'
import { stepTracking } from './step-tracking.ts'
import { taskRoutes } from './tasks/routes.ts'
import { movesSince } from '../registry/aliases/aliases.ts'
import type { FireDeps } from './triggers/fire.ts'
import type { Told } from './triggers/notice.ts'
import { triggerRoutes } from './triggers/routes.ts'
import { Triggers } from './triggers/triggers.ts'

/** What this room joins by itself. */
type Joined =
  | 'driver'
  | 'dataSets'
  | 'features'
  | 'tracking'
  | 'stepAccess'
  | 'endAccess'
  | 'secret'
  | 'registerModel'
  | 'askDeployment'
  | 'proved'
  | 'attest'
  | 'aliasVersion'
  | 'aliasedVersions'
  | 'capacity'
  | 'sources'
  | 'places'
  | 'machine'

export interface PipelinesRoomDeps extends Omit<PipelinesDeps, Joined> {
  /** Attempts leave their files below it. */
  readonly dataDir: string
  readonly tracking: Tracking
  readonly registry: Registry
  readonly tokens: Tokens
  /** How steps are confined; null = not at all. */
  readonly plan: Plan | null
  readonly worker: Worker
  readonly leases: Leases
  readonly ifSound: IfSound
  /** Ports of rooms below, asked when they are needed: data sets, and incidents of an endpoint since a time. */
  readonly below: () => {
    readonly dataSets: DataSets
    readonly features: FeatureJoins
    readonly incidents: Told['incidents']
  }
  /** What all steps that run may take, cores and bytes; absent = of the machine. */
  readonly stepCpusTotal?: number | undefined
  readonly stepMemoryTotal?: number | undefined
  /** How long the steps of a machine are waited for after it was last heard of, ms. */
  readonly awayMs?: number | undefined
  /** Folders and private hosts from which declared sources are read; default none. */
  readonly sourceFolders?: readonly string[] | undefined
  readonly egressAllow?: readonly string[] | undefined
  /** Where this server is reached, once it listens. */
  readonly url: () => string
  /** Where machines of a cluster reach it; absent = the same. */
  readonly nodeUrl?: string | undefined
  readonly ray?: { readonly url: string; readonly token?: string | undefined } | undefined
  readonly kubernetes?: KubernetesSettings | undefined
  readonly slurm?: SlurmSettings | undefined
}

export interface PipelinesRoom {
  readonly routes: readonly Mounted[]
  /** Seals what a server before has kept as it is, begins to move runs on once no other process does, and adopts what an earlier one left running. */
  start(): Promise<void>
  /** Port: how many project files hold an address of a webhook that is not sealed. */
  openAddresses(): Promise<number>
  /** Stops looking; steps go on. */
  stop(): Promise<void>
  /** Port: starts a run of a project's newest version; an `id` makes a repeated call one run. */
  readonly startRun: Pipelines['startRun']
  /** Port: what attempts used, rows that ended after `since` (ms), oldest first. */
  readonly usage: (since: number, limit: number) => Promise<AttemptUsage[]>
  /** Port: what attempts that go on here have used so far. */
  readonly running: () => Promise<AttemptUsage[]>
  /** Port: cores and memory that steps hold, that are free, and that steps in line ask for. */
  readonly places: Pipelines['places']
  /** Port: what is needed of the blobs. */
  readonly needed: Reachable
  /** Port: what is kept of a project. */
  readonly projectPart: { holds(reader: Reader, project: string): Promise<string | undefined> }
  /** Ports about tracked runs: those of attempts under way, the log of one, and the runs of all steps of pipeline runs. */
  readonly tracked: {
    watched(): Promise<ReadonlySet<string>>
    logOf(run: string): Promise<string | undefined>
    runsBehind(pipelineRuns: readonly string[]): Promise<string[]>
  }
  /** Port: runs and their commits, for reports of a change. */
  readonly changes: Changes
  /** Port: declared sources, read for others than runs. */
  readonly sources: SourceReads
  /** Port: the newest runs of merges that registered a version. */
  mergeRuns(asked: AskedMerges, limit: number): Promise<MergeRun[]>
}

export function pipelinesRoom({
  dataDir,
  tokens,
  plan,
  worker,
  leases,
  ifSound,
  url,
  nodeUrl,
  ray,
  kubernetes,
  slurm,
  stepCpusTotal,
  stepMemoryTotal,
  awayMs,
  sourceFolders = [],
  egressAllow = [],
  below,
  ...deps
}: PipelinesRoomDeps): PipelinesRoom {
  const { db, blobs, clock, registry, tracking } = deps
  const machine = machineOf(dataDir, awayMs)
  const tokenOf = stepTokens(tokens, clock)
  const note = (text: string): void => deps.onError(new Error(text))
  const reached = (): string => nodeUrl ?? url()
  const { leaseFile } = machine
  const local = localDriver({ blobs, folder: join(dataDir, 'attempts'), clock, plan, leaseFile, note })
  const nodes = { db, blobs, clock, seal: deps.seal, tokens }
  const { desk, ...drivers } = openDrivers(nodes, local, { ray, kubernetes, slurm, url: reached, note })
  const pipelines = openPipelines(
    {
      ...deps,
      dataSets: () => below().dataSets,
      features: () => below().features,
      ...modelRegistry(registry),
      sources: { folders: sourceFolders, hidden: [dataDir], allow: egressAllow, index: packageIndex() },
      ...drivers,
      tracking: stepTracking(tracking),
      stepAccess: async (project, attempt, on) => ({
        uri: on === 'local' ? url() : reached(),
        token: await tokenOf(project, attempt),
      }),
      endAccess: endingAccess(tokens),
      secret: (project, name) => secretOf(db, project, name),
      machine,
      capacity: machineCapacity(stepCpusTotal, stepMemoryTotal),
    },
    leases,
  )
  const tasks = taskRoutes(pipelines.context, { tokens, url: reached, wake: (run) => pipelines.wake(run) })
  const startRun: Pipelines['startRun'] = (...given) => pipelines.startRun(...given)
  const moved = movedOn(pipelines, { tracking, tokens, leases, below, startRun })
  worker.register(SCHEDULED_RUN, scheduledRun({ db, clock, startRun }))
  worker.register(REPRODUCTIONS, reproductionRound({ context: pipelines.context, wake: (run) => pipelines.wake(run) }))
  const own = [...pipelinesRoutes(pipelines), ...reproductionRoutes(pipelines.context)]
  return {
    routes: [...own, ...nodeRoutes(desk), ...tasks, ...moved.routes],
    async start() {
      await ifSound('to seal addresses of project files', () => sealFiles(deps))
      for (const loop of [pipelines, ...moved.loops]) loop.start()
    },
    openAddresses: async () =>
      (await keptFiles(db, deps.seal)).filter(({ settings }) => holdsOpenAddress(settings)).length,
    async stop() {
      for (const loop of [...moved.loops, pipelines]) await loop.stop()
    },
    startRun,
    usage: (since, limit) => pipelines.usage(since, limit),
    running: () => pipelines.running(),
    places: () => pipelines.places(),
    needed: () => pipelines.needed(),
    projectPart: { holds: holdsPipelines },
    tracked: trackedBy(db),
    sources: sourceReads(pipelines.context),
    changes: changesOf(pipelines.context),
    mergeRuns: (asked, limit) => mergeRuns(db, asked, limit),
  }
}

function trackedBy(db: Db): PipelinesRoom['tracked'] {
  return {
    watched: () => watchedRuns(db),
    logOf: (run) => attemptLog(db, run),
    runsBehind: (pipelineRuns) => runsBehind(db, pipelineRuns),
  }
}

async function sealFiles({ db, seal }: Pick<PipelinesRoomDeps, 'db' | 'seal'>): Promise<void> {
  await sealKept(db, seal, await keptFiles(db, seal))
}

/** Takes the tokens of an attempt away in the transaction that ends it. */
function endingAccess(tokens: Tokens): PipelinesDeps['endAccess'] {
  return async (t, attempt) => {
    await tokens.endAttempt(t, attempt)
    return () => tokens.forget()
  }
}

/** What starts runs of these pipelines by itself: searches, backfills and triggers. */
function movedOn(
  pipelines: Pipelines,
  {
    tracking,
    tokens,
    leases,
    below,
    startRun,
  }: Pick<PipelinesRoomDeps, 'tracking' | 'tokens' | 'leases' | 'below'> & Pick<FireDeps, 'startRun'>,
): { readonly routes: readonly Mounted[]; readonly loops: readonly (Studies | Backfills | Triggers)[] } {
  const { context } = pipelines
  const wakeRun = (run: string): void => pipelines.wake(run)
  const { changed } = context.deps
  const deps = { context, wakeRun, isRevoked: (id: string) => tokens.isRevoked(id), changed }
  const studies = new Studies({ ...deps, history: metricHistories(tracking) }, leases)
  const backfills = new Backfills(deps, leases)
  const { db } = context.deps
  const told: Told = {
    incidents: (of) => below().incidents(of),
    aliasMoves: (of) => movesSince(db, of),
    dataVersions: (of) => below().dataSets.since(of),
  }
  const triggers = new Triggers({ context, startRun, told }, leases)
  return {
    routes: [
      ...studyRoutes(studies),
      ...partitionRoutes(context),
      ...backfillRoutes(backfills),
      ...triggerRoutes(triggers),
    ],
    loops: [studies, backfills, triggers],
  }
}
