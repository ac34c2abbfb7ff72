/** Pipelines as one thing: their loop, and what routes and other rooms may ask of them. */
import type { Principal } from '../contract/access.ts'
import type { UsedByAttempt } from '../contract/runs/usage.ts'
import type { Leases } from '../jobs/leases.ts'
import type { Reachable } from '../store/blobs/reach.ts'
import { Context } from './context/context.ts'
import type { PipelinesDeps } from './context/deps.ts'
import { Reconciler } from './run/reconciler.ts'
import { readState } from './context/rows.ts'
import { placesNow, type Places } from './line/line.ts'
import { pipelineDigests } from './context/needed.ts'
import { createRun, type NewRun } from './run/runs.ts'
import { newestVersion } from './spec/versions.ts'
import { viewRun, type RunView } from './run/view.ts'

export interface Pipelines {
  readonly context: Context
  /** Begins to move runs on once no other process does, and adopts what an earlier one left running. */
  start(): void
  /** Stops looking; steps go on. */
  stop(): Promise<void>
  /** Looks at a run now. */
  wake(runId: string): void
  /** Starts a run of a project's newest version, for schedules and reactions. `id` makes a repeated call one run. */
  startRun(who: Principal, project: string, run?: Omit<NewRun, 'version'>): Promise<string>
  /** A run as the contract shows it; undefined when there is none. */
  run(runId: string): Promise<RunView | undefined>
  /** What attempts used, for the cost room: rows that ended after `since` (ms), oldest first. */
  usage(since: number, limit: number): Promise<AttemptUsage[]>
  /** What attempts that go on here have used so far, as if they ended now. */
  running(): Promise<AttemptUsage[]>
  /** The places of the whole server: cores and memory that are held, free and asked for. */
  places(): Promise<Places>
  /** What is needed of the blobs. */
  readonly needed: Reachable
}

/** What an attempt used, and whose it was. */
export interface AttemptUsage extends UsedByAttempt {
  readonly step: string
  readonly tracking_run_id: string | null
}

/** Makes them; nothing moves before `start`. */
export function openPipelines(deps: PipelinesDeps, leases: Leases): Pipelines {
  const context = new Context(deps)
  const reconciler = new Reconciler(context, leases)
  return {
    context,
    start: () => reconciler.start(),
    stop: () => reconciler.stop(),
    wake: (runId) => reconciler.wake(runId),
    async startRun(who, project, run) {
      const version = await newestVersion(deps.db, project)
      const id = await createRun(context, who, { params: {}, options: {}, trigger: 'reaction', ...run, version })
      reconciler.wake(id)
      return id
    },
    async run(runId) {
      const tree = await readState(deps.db, runId)
      return tree === undefined ? undefined : viewRun(context, tree)
    },
    usage: (since, limit) =>
      deps.db.all<AttemptUsage>(
        `SELECT a.id, r.project, a.run_id, coalesce(a.item_of, a.step) AS step, a.tracking_run_id, a.state, a.finished_at, a.cpu_seconds,
           a.max_rss_bytes, a.memory_kib_s, a.wall_ms, a.measured
         FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id
         WHERE a.finished_at > ? ORDER BY a.finished_at, a.id LIMIT ?`,
        [since, limit],
      ),
    running: () => usedSoFar(deps),
    places: () => placesNow(context),
    needed: () => pipelineDigests(deps.db),
  }
}

/** Attempts of another machine are told there. */
async function usedSoFar({ db, driver }: PipelinesDeps): Promise<AttemptUsage[]> {
  const active = await db.all<Pick<AttemptUsage, 'id' | 'project' | 'run_id' | 'step' | 'tracking_run_id' | 'state'>>(
    `SELECT a.id, r.project, a.run_id, coalesce(a.item_of, a.step) AS step, a.tracking_run_id, a.state
     FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id WHERE a.state = 'running' ORDER BY a.id`,
  )
  const told = await Promise.all(
    active.map(async (attempt): Promise<AttemptUsage | undefined> => {
      const usage = await driver.usage(attempt.id)
      if (usage === undefined) return undefined
      const { started_at, at, ...used } = usage
      return {
        ...attempt,
        ...used,
        finished_at: Math.round(at),
        wall_ms: Math.round(at - started_at),
        measured: 'whole',
      }
    }),
  )
  return told.filter((one) => one !== undefined)
}
