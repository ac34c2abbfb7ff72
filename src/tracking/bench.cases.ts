/** What the cases of the tracking room share: the room under test and the check of a refusal. */
import assert from 'node:assert/strict'
import type { Principal } from '../contract/access.ts'
import { prng } from '../stats/prng.ts'
import type { Tracking } from './context/context.ts'
import type { WireMetric } from './context/points.ts'
import { bulkHistory, metricHistory } from './metrics/history.ts'
import type { RunMetric } from './metrics/history.ts'

/** A room on a real database, its clock in the test's hand. */
export interface Bench {
  readonly room: Tracking
  /** Sees all projects. */
  readonly root: Principal
  /** Sees one project, called red or blue. */
  member(project: 'red' | 'blue'): Principal
  /** Moves the clock on, ms. */
  wait(ms: number): void
}

/** Asserts that a promise is refused with MLflow's code and a text. */
export async function refused(work: Promise<unknown>, code: string, text: RegExp): Promise<void> {
  await assert.rejects(work, (error: { data?: Record<string, unknown> }) => {
    assert.equal(error.data?.['mlflow_code'], code)
    assert.match(String(error.data?.['detail']), text)
    return true
  })
}

/** A page of history with its points as a list. */
export async function historyPage(
  ...asked: Parameters<typeof metricHistory>
): Promise<{ metrics: WireMetric[]; next_page_token?: string }> {
  const page = await metricHistory(...asked)
  return { ...page, metrics: page.metrics.toJSON() }
}

/** The history of several runs as a list. */
export async function historyOf(...asked: Parameters<typeof bulkHistory>): Promise<RunMetric[]> {
  return (await bulkHistory(...asked)).toJSON()
}

/** Random numbers on [0, 1), the same ones for the same seed. */
export function stream(seed: number): () => number {
  const numbers = prng(seed)
  return () => numbers.uniform()
}
