/** Proves a run: runs it again from raw data and grades how equal the result is. */
import type { z } from 'zod'
import { ifFound, ifRefused } from '../../contract/absence/absent.ts'
import type { Reproduction } from '../../contract/pipelines.ts'
import { treeDigests, treeFiles, type TreeFile } from '../../store/blobs/trees.ts'
import type { Context } from '../context/context.ts'
import { isDone, readState, type RunRow, type RunTree, type StepRow } from '../context/rows.ts'

export type Proof = z.output<typeof Reproduction>
type StepProof = Proof['steps'][number]

/** Lines of an MLmodel file that tell when and under which id it was written, and nothing about the model. */
const STAMPS = /^\s*(utc_time_created|model_uuid|model_id|run_id|prompts|artifact_path|model_size_bytes):.*$/gm

/** A proof that has not ended. */
export function openProof(of: string, tolerance: number): Proof {
  const detail = `run ${of} is run again from its beginning`
  return { of_run: of, grade: null, detail, first_divergent_step: null, missing: [], tolerance, steps: [] }
}

/** What a re-run needs and is no longer there, in words. Empty when all is there. */
export async function findMissing(context: Context, run: RunRow): Promise<string[]> {
  const { blobs, envs } = context.deps
  const missing: string[] = []
  const spec = await context.spec(run.version_id)
  try {
    for await (const digest of treeDigests(blobs, spec.tree)) {
      if (!(await blobs.has(digest))) missing.push(`a file of the code (${digest})`)
    }
  } catch (error) {
    missing.push(`the tree of the code (${(error as Error).message})`)
  }
  if (run.environment === null) missing.push('the lock of the environment: the run ended before it was made')
  else if ((await ifFound(envs.lock(run.environment))) === undefined)
    missing.push(`the lock of the environment ${run.environment}`)
  for (const step of spec.steps) {
    for (const name of step.secrets) {
      const value = await context.deps.secret(run.project, name)
      if (value === undefined) missing.push(`the secret ${name} of step "${step.name}"`)
    }
  }
  return missing
}

/** Compares an ended re-run with the run that it proves, step by step. */
export async function gradeRun(context: Context, tree: RunTree): Promise<Proof> {
  const { reproduces, tolerance } = tree.run.options
  const original = reproduces === null ? undefined : await readState(context.deps.db, reproduces)
  const open = openProof(reproduces ?? '', tolerance)
  if (original === undefined) return { ...open, grade: 'D', detail: 'the run to prove is gone', missing: ['the run'] }
  const steps: StepProof[] = []
  for (const after of tree.steps) {
    const before = original.steps.find((step) => step.name === after.name)
    if (before !== undefined) steps.push(await compareSteps(context, before, after, tolerance))
  }
  const failed = tree.steps.find((step) => !isDone(step))
  const [cause] = tree.steps.filter((step) => step.state === 'failed')
  if (failed !== undefined) {
    const why = `step "${cause?.name ?? failed.name}" did not succeed: ${cause?.failure?.message ?? failed.state}`
    return { ...open, grade: 'D', detail: `it could not be run again: ${why}`, missing: [why], steps }
  }
  return { ...open, ...grade(steps), steps }
}

function grade(steps: readonly StepProof[]): Pick<Proof, 'grade' | 'detail' | 'first_divergent_step'> {
  const apart = steps.find((step) => step.outputs !== 'identical' && step.outputs !== 'identical_apart_from_stamps')
  const worse = steps.find((step) => step.metrics.some((metric) => !metric.equal))
  if (apart === undefined && worse === undefined) {
    const stamped = steps.some((step) => step.outputs === 'identical_apart_from_stamps')
    const rest = stamped ? ', apart from the time and id that a model file carries' : ''
    return { grade: 'A', detail: `every output has the same bytes${rest}`, first_divergent_step: null }
  }
  if (worse === undefined) {
    const detail = `every metric is equal within the tolerance; the bytes differ first in step "${apart?.step}"`
    return { grade: 'B', detail, first_divergent_step: apart?.step ?? null }
  }
  const first = steps.find((step) => step === apart || step === worse)
  const differing = worse.metrics
    .filter((metric) => !metric.equal)
    .map(({ metric, before, after }) => `${metric} ${before} → ${after}`)
  const detail = `it diverged first in step "${first?.step}"; step "${worse.step}": ${differing.slice(0, 3).join(', ')}`
  return { grade: 'C', detail, first_divergent_step: first?.step ?? null }
}

async function compareSteps(context: Context, before: StepRow, after: StepRow, tolerance: number): Promise<StepProof> {
  const names = Object.keys(before.outputs)
  const kinds = await Promise.all(
    names.map((name) => compareTrees(context, before.outputs[name]?.digest, after.outputs[name]?.digest)),
  )
  const worst = (['missing', 'different', 'identical_apart_from_stamps'] as const).find((kind) => kinds.includes(kind))
  const metrics = [...new Set([...Object.keys(before.metrics), ...Object.keys(after.metrics)])].sort().map((metric) => {
    const [a, b] = [before.metrics[metric], after.metrics[metric]]
    return { metric, before: a ?? null, after: b ?? null, equal: nearlyEqual(a, b, tolerance) }
  })
  return { step: after.name, outputs: worst ?? 'identical', metrics }
}

/** Equal within a relative tolerance; both absent counts as equal. */
export function nearlyEqual(a: number | undefined, b: number | undefined, tolerance: number): boolean {
  if (a === undefined || b === undefined) return a === b
  return a === b || Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b))
}

async function compareTrees(context: Context, before?: string, after?: string): Promise<StepProof['outputs']> {
  if (before === undefined || after === undefined) return 'missing'
  if (before === after) return 'identical'
  const { blobs } = context.deps
  const [a, b] = await Promise.all(
    [before, after].map((digest) => ifRefused(treeFiles(blobs, digest), 'not_found', 'corrupt_blob', 'unprocessable')),
  )
  if (a === undefined || b === undefined) return 'missing'
  if (a.length !== b.length) return 'different'
  for (const [i, file] of a.entries()) {
    if (!(await sameFile(context, file, b[i]))) return 'different'
  }
  return 'identical_apart_from_stamps'
}

async function sameFile(context: Context, a: TreeFile, b: TreeFile | undefined): Promise<boolean> {
  if (a.path !== b?.path || a.executable !== b.executable) return false
  if (a.digest === b.digest) return true
  if (!/(^|\/)MLmodel$/.test(a.path)) return false
  const texts = await Promise.all([a, b].map(({ digest }) => context.deps.blobs.bytes(digest)))
  const [first, second] = texts.map((bytes) => bytes.toString('utf8').replace(STAMPS, ''))
  return first === second
}
