/** The pipelines room: pipelines joined with tracking, the registry and the jobs of this process. */
import { join } from 'node:path'
import { holdsOpenAddress, sealKept } from '../auth/sealed-monitor.ts'
import type { Principal } from '../contract/access.ts'
import type { Tokens } from '../auth/tokens.ts'
import type { Mounted } from '../http/mount.ts'
import type { Plan } from '../isolation/plan.ts'
import type { Leases } from '../jobs/leases.ts'
import type { Worker } from '../jobs/worker.ts'
import type { Registry } from '../registry/context/context.ts'
import type { Reachable } from '../store/blobs/reach.ts'
import type { Reader, Tx } from '../store/db.ts'
import type { Tracking } from '../tracking/context/context.ts'
import type { PipelinesDeps } from './context/deps.ts'
import { localDriver } from './drivers/local/driver.ts'
import { modelRegistry } from './model-registry.ts'
import { openPipelines } from './pipelines.ts'
import type { AttemptUsage, Pipelines } from './pipelines.ts'
import { pipelinesRoutes } from './routes.ts'
import { changesOf } from './changes.ts'
import type { Changes } from './changes.ts'
import { mergeRuns } from './context/merges.ts'
import type { AskedMerges, MergeRun } from './context/merges.ts'
import { machineCapacity } from './run/places.ts'
import { scheduledRun } from './run/scheduled.ts'
import { attemptLog, runsBehind, watchedRuns } from './run/watched.ts'
import { secretOf } from './context/secrets.ts'
import { SCHEDULED_RUN } from './spec/schedule.ts'
import { holdsPipelines, keptFiles } from './spec/versions.ts'
import { stepTokens } from './step-tokens.ts'
import { stepTracking } from './step-tracking.ts'

/** What this room joins by itself. */
type Joined =
  | 'driver'
  | 'tracking'
  | 'stepAccess'
  | 'endAccess'
  | 'secret'
  | 'registerModel'
  | 'askDeployment'
  | 'proved'
  | 'aliasVersion'
  | 'capacity'

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
  /** What all steps that run may take, cores and bytes; absent = of the machine. */
  readonly stepCpusTotal?: number | undefined
  readonly stepMemoryTotal?: number | undefined
  /** Where this server is reached, once it listens. */
  readonly url: () => string
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
  /** Port: the newest runs of merges that registered a version. */
  mergeRuns(asked: AskedMerges, limit: number): Promise<MergeRun[]>
}

export function pipelinesRoom({
  dataDir,
  tokens,
  plan,
  worker,
  leases,
  url,
  stepCpusTotal,
  stepMemoryTotal,
  ...deps
}: PipelinesRoomDeps): PipelinesRoom {
  const { db, blobs, clock, registry, tracking } = deps
  const machine = machineCapacity()
  const tokenOf = stepTokens(tokens, clock)
  const endAccess = async (t: Tx, attempt: string): Promise<() => void> => {
    await tokens.endAttempt(t, attempt)
    return () => tokens.forget()
  }
  const pipelines = openPipelines(
    {
      ...deps,
      ...modelRegistry(registry),
      driver: localDriver({ blobs, folder: join(dataDir, 'attempts'), clock, plan }),
      tracking: stepTracking(tracking),
      stepAccess: async (project, attempt) => ({ uri: url(), token: await tokenOf(project, attempt) }),
      endAccess,
      secret: (project, name) => secretOf(db, project, name),
      capacity: {
        cpus: stepCpusTotal ?? machine.cpus,
        memory_bytes: stepMemoryTotal ?? machine.memory_bytes,
      },
    },
    leases,
  )
  const startRun = (who: Principal, project: string, run?: Parameters<Pipelines['startRun']>[2]): Promise<string> =>
    pipelines.startRun(who, project, run)
  worker.register(SCHEDULED_RUN, scheduledRun({ db, clock, startRun }))
  return {
    routes: pipelinesRoutes(pipelines),
    async start() {
      await sealKept(db, deps.seal, await keptFiles(db, deps.seal))
      pipelines.start()
    },
    openAddresses: async () =>
      (await keptFiles(db, deps.seal)).filter(({ settings }) => holdsOpenAddress(settings)).length,
    stop: () => pipelines.stop(),
    startRun,
    usage: (since, limit) => pipelines.usage(since, limit),
    running: () => pipelines.running(),
    places: () => pipelines.places(),
    needed: () => pipelines.needed(),
    projectPart: { holds: holdsPipelines },
    tracked: {
      watched: () => watchedRuns(db),
      logOf: (run) => attemptLog(db, run),
      runsBehind: (pipelineRuns) => runsBehind(db, pipelineRuns),
    },
    changes: changesOf(pipelines.context),
    mergeRuns: (asked, limit) => mergeRuns(db, asked, limit),
  }
}
