/** Proves a run: runs it again from raw data and grades how equal the result is. */
import { stepOf, type Context } from '../context/context.ts'
import { leftOutSteps } from '../decide/needs.ts'
import { changedSources, suspectedSources } from '../keys/reads.ts'
import { isDone, readState, type RunRow, type RunTree } from '../context/rows.ts'
import type { PipelineSpec } from '../spec/spec.ts'
import { compareSteps, gradeSteps, RULES, settleSteps, withSources, type Compared, type Proof } from '../proof/grade.ts'
import { findNeeds } from '../proof/rot.ts'

/** A proof that has not ended. */
export function openProof(of: string, tolerance: number): Proof {
  const detail = `run ${of} is run again from its beginning`
  return {
    of_run: of,
    grade: null,
    detail,
    first_divergent_step: null,
    missing: [],
    tolerance,
    steps: [],
    rules: RULES,
  }
}

/** What a re-run needs and is no longer there, in words. Empty when all is there. */
export async function findMissing(context: Context, run: RunRow): Promise<string[]> {
  return (await findNeeds(context, run)).map(({ what }) => what)
}

/** Compares an ended re-run with the run that it proves, step by step. */
export async function gradeRun(context: Context, tree: RunTree): Promise<Proof> {
  const { reproduces, tolerance } = tree.run.options
  const original = reproduces === null ? undefined : await readState(context.deps.db, reproduces)
  const open = openProof(reproduces ?? '', tolerance)
  if (original === undefined) return { ...open, grade: 'D', detail: 'the run to prove is gone', missing: ['the run'] }
  const spec = await context.spec(tree.run.version_id)
  const scale = { blobs: context.deps.blobs, spec, tolerance }
  const compared: Compared[] = []
  const changed: { step: string; source: string }[] = []
  const suspected: typeof changed = []
  for (const after of tree.steps) {
    const before = original.steps.find((step) => step.name === after.name)
    if (before === undefined) continue
    compared.push(await compareSteps(scale, before, after))
    const found = changedSources(before, after)
    changed.push(...found.map((source) => ({ step: after.name, source })))
    if (found.length > 0 || !isFirstToDiffer(spec, compared)) continue
    suspected.push(...suspectedSources(after).map((source) => ({ step: after.name, source })))
  }
  const sources = [...changed, ...suspected]
  const settled = settleSteps(spec, compared)
  const steps = settled.map(({ proof }) => proof)
  const leftOut = leftOutSteps(spec, tree.steps)
  const failed = tree.steps.find((step) => !isDone(step) && !leftOut.has(step.name))
  const [cause] = tree.steps.filter((step) => step.state === 'failed')
  if (failed !== undefined) {
    const why = `step "${cause?.name ?? failed.name}" did not succeed: ${cause?.failure?.message ?? failed.state}`
    return { ...open, grade: 'D', detail: `it could not be run again: ${why}`, missing: [why], sources, steps }
  }
  return { ...open, ...withSources(gradeSteps(spec, settled), changed), sources, steps }
}

/** True where the last of these steps differs, and none of those whose outputs it takes. */
function isFirstToDiffer(spec: PipelineSpec, compared: readonly Compared[]): boolean {
  const last = compared.at(-1)?.proof
  if (last?.outputs !== 'different') return false
  const makers = Object.values(stepOf(spec, last.step).inputs).map(({ step }) => step)
  return compared.every(({ proof }) => !makers.includes(proof.step) || proof.outputs === 'identical')
}
