/** How steps stand in line, for the pages and the command line. */
import { DAY_MS } from '../../contract/ids.ts'
import type { StepQueue } from '../../contract/runs/places.ts'
import type { z } from 'zod'
import type { PipelinesDeps } from '../context/deps.ts'
import { takenPlaces } from '../line/places.ts'
import { failedAttempts, stepQueues } from './watched.ts'

/** The line of one project's steps, or with null of all, beside the places of the whole server. */
export async function viewQueue(
  { db, clock, capacity, driver, machine }: PipelinesDeps,
  project: string | null,
): Promise<z.output<typeof StepQueue>> {
  const now = clock()
  const [taken, queues, failed] = await Promise.all([
    takenPlaces(db, machine),
    stepQueues(db, project, now),
    failedAttempts(db, project, now - DAY_MS),
  ])
  const since = queues.flatMap((queue) => queue.since ?? [])
  const sum = (of: 'running' | 'waiting'): number => queues.reduce((total, queue) => total + queue[of], 0)
  return {
    cpus: { taken: taken.cpus, total: capacity.cpus },
    memory_bytes: { taken: taken.memory_bytes, total: capacity.memory_bytes },
    running: sum('running'),
    waiting: sum('waiting'),
    oldest_wait_ms: since.length === 0 ? null : Math.max(0, now - Math.min(...since)),
    failed_last_day: failed.reduce((total, { n }) => total + n, 0),
    slow_starts: driver.slowStarts(),
    clusters: ((await driver.clusters?.()) ?? []).map(({ name, ok, detail }) => ({ name, ok, detail })),
  }
}
