/** The tracking room: experiments, runs, metrics, artifacts and logged models, and what keeps the store in order. */
import type { Mounted } from '../http/mount.ts'
import type { Worker } from '../jobs/worker.ts'
import { suitePlace } from './context/suite-place.ts'
import type { AskedPlace } from './context/suite-place.ts'
import type { Tracking } from './context/context.ts'
import { resetTracking } from './reset.ts'
import { keepingOf } from './retention/housekeeping.ts'
import type { KeepingDeps } from './retention/housekeeping.ts'
import { trackingRoutes } from './routes.ts'
import { savedRuns } from './searches/saved-searches.ts'

export interface TrackingDeps extends Omit<Tracking, 'suite'>, KeepingDeps {
  /** Port: does the jobs that keep the store in order. */
  readonly worker: Worker
}

export interface TrackingRoom {
  readonly routes: readonly Mounted[]
  /** Sets the schedules of the jobs, and dates the first experiment. */
  start(): Promise<void>
  /** What rooms below pass to functions of this room's nouns. */
  readonly context: Tracking
  /** Port: the runs that a saved search finds. */
  readonly findRuns: ReturnType<typeof savedRuns>
  /** Empties the room for a test suite that wants its artifacts in a place. */
  reset(asked: AskedPlace): Promise<void>
}

export function trackingRoom({ worker, ...deps }: TrackingDeps): TrackingRoom {
  const context: Tracking = { ...deps, suite: { place: undefined } }
  const keeping = keepingOf(context, worker, deps)
  return {
    routes: [...trackingRoutes(context), ...keeping.routes],
    start: () => keeping.start(),
    context,
    findRuns: savedRuns(context),
    reset: (asked) => resetTracking(context, suitePlace(asked)),
  }
}
