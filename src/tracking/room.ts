/** The tracking room: experiments, runs, metrics, artifacts and logged models, and what keeps the store in order. */
import { DAY_MS, HOUR_MS } from '../contract/ids.ts'
import type { Mounted } from '../http/mount.ts'
import type { Worker } from '../jobs/worker.ts'
import { suitePlace } from './context/suite-place.ts'
import type { AskedPlace } from './context/suite-place.ts'
import type { ProjectPart, Purge, Tracking, VersionRuns } from './context/context.ts'
import type { Reachable } from '../store/blobs/reach.ts'
import type { MovedTable } from '../store/moved/table.ts'
import { artifactTable, trackingTables } from './moved/tables.ts'
import type { MovedPorts } from './moved/tables.ts'
import { resetTracking } from './reset.ts'
import { keepingOf } from './retention/housekeeping.ts'
import type { KeepingDeps } from './retention/housekeeping.ts'
import type { Cited } from './retention/plan.ts'
import { trackingRoutes } from './routes.ts'
import { savedRuns } from './searches/saved-searches.ts'

/** Silence after which a run is lost, and time that a blob must be unreachable before it goes, unless the operator says otherwise, ms. */
const SILENT_MS = HOUR_MS / 2
const GRACE_MS = DAY_MS

export interface TrackingDeps extends Pick<Tracking, 'db' | 'blobs' | 'clock' | 'random' | 'record'> {
  /** Does the jobs that keep the store in order. */
  readonly worker: Worker
  /** Port: looks at what is stored. */
  readonly looks: KeepingDeps['looks']
  readonly ifSound: KeepingDeps['ifSound']
  /** Silence after which a run is lost, ms; default 30 minutes. */
  readonly silentMs?: number | undefined
  /** How long a blob must be unreachable before it goes, ms; default a day. */
  readonly graceMs?: number | undefined
  /** Ports to the rooms below. They are not there yet when this room is made, and are asked for when they are needed. */
  readonly below: () => RoomsBelow
}

/** The rooms below, as far as this room asks them. What none of them needs as a digest is deleted. */
export interface RoomsBelow {
  /** What each keeps of a project, and of an experiment that goes for good. */
  readonly parts: readonly { readonly projectPart: ProjectPart; readonly purge?: Purge }[]
  readonly traces: { readonly projectOf: NonNullable<Tracking['traceProject']>; readonly moved: MovedPorts }
  readonly models: {
    readonly versionRuns: VersionRuns
    cited(): Promise<Cited & { readonly pipelineRuns: readonly string[] }>
    readonly needed: Reachable
  }
  readonly pipelines: {
    readonly tracked: {
      watched(): ReturnType<KeepingDeps['watched']>
      logOf(run: string): ReturnType<KeepingDeps['logOf']>
      runsBehind(pipelineRuns: readonly string[]): Promise<string[]>
    }
    readonly needed: Reachable
  }
  readonly monitoring: { prune(): Promise<unknown> }
  readonly features: { readonly needed: Reachable }
  readonly data: { readonly needed: Reachable }
}

export interface TrackingRoom {
  readonly routes: readonly Mounted[]
  /** Sets the schedules of the jobs, and dates the first experiment. */
  start(): Promise<void>
  /** What rooms below pass to functions of this room's nouns. */
  readonly context: Tracking
  /** Port: the runs that a saved search finds. */
  readonly findRuns: ReturnType<typeof savedRuns>
  /** Ports: the tables that move between servers; that of artifacts comes after those of whoever owns artifacts. */
  readonly movedTables: readonly MovedTable[]
  readonly movedArtifacts: MovedTable
  /** Empties the room for a test suite that wants its artifacts in a place. */
  reset(asked: AskedPlace): Promise<void>
}

export function trackingRoom(deps: TrackingDeps): TrackingRoom {
  const { worker, below, looks, ifSound, silentMs = SILENT_MS, graceMs = GRACE_MS, ...base } = deps
  const context: Tracking = {
    ...base,
    suite: { place: undefined },
    versionRuns: (who, name) => below().models.versionRuns(who, name),
    projectParts: () => below().parts.map((part) => part.projectPart),
    purges: () => below().parts.flatMap((part) => part.purge ?? []),
    traceProject: (reader, trace) => below().traces.projectOf(reader, trace),
  }
  const keeping = keepingOf(context, worker, { ...keptBelow(below), looks, ifSound, silentMs, graceMs })
  return {
    routes: [...trackingRoutes(context), ...keeping.routes],
    start: () => keeping.start(),
    context,
    findRuns: savedRuns(context),
    movedTables: trackingTables(context, { holdsTraces: (t, id) => below().traces.moved.holdsTraces(t, id) }),
    movedArtifacts: artifactTable(context, { traceUris: (scope) => below().traces.moved.traceUris(scope) }),
    reset: (asked) => resetTracking(context, suitePlace(asked)),
  }
}

function keptBelow(below: () => RoomsBelow): Omit<KeepingDeps, 'looks' | 'ifSound' | 'silentMs' | 'graceMs'> {
  return {
    async cited() {
      const { pipelineRuns, ...cited } = await below().models.cited()
      const behind = await below().pipelines.tracked.runsBehind(pipelineRuns)
      return { ...cited, runs: new Set([...cited.runs, ...behind]) }
    },
    sources: [
      () => below().models.needed(),
      () => below().pipelines.needed(),
      () => below().features.needed(),
      () => below().data.needed(),
    ],
    watched: () => below().pipelines.tracked.watched(),
    logOf: (run) => below().pipelines.tracked.logOf(run),
    prune: () => below().monitoring.prune(),
  }
}
