/** The room of features: what they are, what they were at any moment, and what they are now. */
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import type { Mounted } from '../http/mount.ts'
import type { Reachable } from '../store/blobs/reach.ts'
import type { ProjectPart } from '../tracking/context/context.ts'
import { tablesPart } from '../tracking/workspaces/tables.ts'
import type { FeaturesContext } from './context/context.ts'
import { feastRoutes } from './feast/routes.ts'
import type { FeatureJoins } from '../pipelines/context/deps.ts'
import { runJoin } from './jobs/join.ts'
import { MOST_AT_ONCE, scratchOf } from './jobs/limits.ts'
import { joinsOf } from './jobs/now.ts'
import { runMaterialise } from './jobs/materialise.ts'
import { Rounds } from './jobs/round.ts'
import { featureJobRoutes } from './jobs/routes.ts'
import { jobDigests } from './jobs/rows.ts'
import { RunningJobs } from './jobs/running.ts'
import { FEATURE_JOB } from './jobs/start.ts'
import { LookUps } from './look-up/look-up.ts'
import { lookUpRoutes } from './look-up/routes.ts'
import { openOnline } from './online/open.ts'
import { featuresRoutes } from './routes.ts'
import { serveRoutes } from './serve/routes.ts'
import { onlineService } from './serve/service.ts'

export interface FeaturesRoom {
  readonly routes: readonly Mounted[]
  /** Gives up what a server before was making, and begins its rounds. It comes before the jobs. */
  start(): void
  /** Ends the rounds and closes the online store. It comes after the jobs. */
  stop(): Promise<void>
  /** Port: tables with features, for pipelines. */
  readonly joins: FeatureJoins
  /** Port: what is needed of the blobs. */
  readonly needed: Reachable
  /** Port: what is kept of a project. */
  readonly projectPart: ProjectPart
}

export function featuresRoom(deps: Omit<FeaturesContext, 'online'>): FeaturesRoom {
  const online = openOnline(deps.dataDir)
  const rounds: Rounds = new Rounds({ ...deps, online })
  const context: FeaturesContext = { ...deps, online }
  const running = new RunningJobs(context, {
    join: runJoin,
    async materialise(job) {
      try {
        await runMaterialise(job)
      } finally {
        // what answered before, or was given up, is removed
        rounds.wake()
      }
    },
  })
  const service = onlineService(context)
  deps.worker.register(FEATURE_JOB, running.handle, MOST_AT_ONCE)
  return {
    routes: [
      ...featuresRoutes(context),
      ...featureJobRoutes(context, running),
      ...serveRoutes(service),
      ...lookUpRoutes(new LookUps(context)),
      ...feastRoutes(context, service),
    ],
    start() {
      rmSync(scratchOf(deps), { recursive: true, force: true })
      mkdirSync(scratchOf(deps), { recursive: true })
      // no job of this machine goes on yet
      if (existsSync(online.path)) online.store().giveUp()
      rounds.start()
    },
    async stop() {
      await rounds.stop()
      online.close()
    },
    joins: joinsOf(context),
    needed: () => jobDigests(deps.db, ({ project, digest }) => deps.below().data.tables.holds(project, digest)),
    projectPart: partOf(context, rounds),
  }
}

/** What goes and moves with a project: its rows, and what the online store has of it. */
function partOf({ db, online }: FeaturesContext, rounds: Rounds): ProjectPart {
  const part = tablesPart({
    db,
    tables: ['feature_names', 'feature_versions', 'feature_jobs'],
    inside: { of: 'feature_names', id: 'name', tables: [] },
  })
  return {
    ...part,
    async remove(who, project) {
      await part.remove?.(who, project)
      // sets of versions that are gone are removed there
      rounds.wake()
    },
    async give(t, project, to) {
      await part.give?.(t, project, to)
      t.afterCommit(() => {
        if (existsSync(online.path)) online.store().give(project, to)
      })
    },
  }
}
