/** What the cases of the tracking room share: the room under test and the check of a refusal. */
import assert from 'node:assert/strict'
import type { Principal } from '../contract/access.ts'
import { prng } from '../stats/prng.ts'
import type { Tracking } from './context/context.ts'

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

/** Random numbers on [0, 1), the same ones for the same seed. */
export function stream(seed: number): () => number {
  const numbers = prng(seed)
  return () => numbers.uniform()
}
