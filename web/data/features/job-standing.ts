/** How materialisations of a view stand, and how long a job took. */
import type { FeatureJob } from '../../../src/contract/features/jobs.ts'

export interface Standing {
  /** Undefined where there was none. */
  readonly newest: FeatureJob | undefined
  /** The newest that succeeded. */
  readonly done: FeatureJob | undefined
}

/** Of jobs of any view, newest first. */
export function standingOf(view: string, jobs: readonly FeatureJob[]): Standing {
  const own = jobs.filter(({ name }) => name === view)
  return { newest: own[0], done: own.find(({ state }) => state === 'done') }
}

/** ms that a job has run, up to `now` where it has not ended; null where it never began. */
export function tookOf({ started_at, ended_at }: FeatureJob, now: number): number | null {
  if (started_at === null) return null
  return Math.max(0, (ended_at === null ? now : Date.parse(ended_at)) - Date.parse(started_at))
}
