/** Proofs of runs whose steps ended as a test says. */
import type { TestContext } from 'node:test'
import { openIdle, type Idle } from '../run/idle.fixture.ts'
import { gradeRun } from '../run/reproduce.ts'
import type { Proof } from './grade.ts'

/** How a step ended: the files of its outputs and its metrics. */
export interface Ended {
  readonly outputs?: Readonly<Record<string, Readonly<Record<string, string | Uint8Array>>>>
  readonly metrics?: Readonly<Record<string, number>>
  readonly state?: string
  readonly failure?: string
}

/** Ends steps of a run so. */
export async function end(idle: Idle, run: string, steps: Readonly<Record<string, Ended>>): Promise<void> {
  for (const [name, { outputs = {}, metrics = {}, state = 'succeeded', failure }] of Object.entries(steps)) {
    const trees: Record<string, object> = {}
    for (const [output, files] of Object.entries(outputs)) {
      trees[output] = { digest: await idle.tree(files), size: 1, files: 1 }
    }
    await idle.setStep(run, name, {
      state,
      outputs: JSON.stringify(trees),
      metrics: JSON.stringify(metrics),
      failure: failure === undefined ? null : JSON.stringify({ class: 'user', message: failure, traceback: null }),
    })
  }
}

export type Steps = Readonly<Record<string, Ended>>

/** Grades a re-run of a project that ended as `after` against a run that ended as `before`. */
export async function graded(
  t: TestContext,
  of: { before: Steps; after: Steps; tolerance: number; files: Record<string, string> },
): Promise<Proof> {
  const idle = await openIdle(t)
  const original = await idle.begin(of.files, { id: 'pr_a' })
  await end(idle, original, of.before)
  const again = await idle.begin(of.files, { id: 'pr_b', options: { reproduces: original, tolerance: of.tolerance } })
  await end(idle, again, of.after)
  return gradeRun(idle.context, await idle.read(again))
}
