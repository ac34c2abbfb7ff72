/** The grade of a proof: what of a re-run is the same, and what that is worth. */
import type { z } from 'zod'
import { ifRefused } from '../../contract/absence/absent.ts'
import type { Reproduction } from '../../contract/pipelines.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { treeFiles, type TreeFile } from '../../store/blobs/trees.ts'
import type { StepRow } from '../context/rows.ts'
import { downstream } from '../spec/graph.ts'
import type { PipelineSpec } from '../spec/spec.ts'
import { compareContents, nearlyEqual } from './contents.ts'

export type Proof = z.output<typeof Reproduction>
export type StepProof = Proof['steps'][number]
type Graded = Pick<Proof, 'grade' | 'detail' | 'first_divergent_step'>

/** Of the rules below. Proofs of other rules are graded anew: before 2 equal metrics made a B whatever the predictions were. */
export const RULES = 2

/** Lines of an MLmodel file that tell when and under which id it was written, and nothing about the model. */
const STAMPS = /^\s*(utc_time_created|model_uuid|model_id|run_id|prompts|artifact_path|model_size_bytes):.*$/gm
const MODEL_FILE = /(^|\/)MLmodel$/

/** What two executions of a step are compared with. */
export interface Scale {
  readonly blobs: Blobs
  readonly spec: PipelineSpec
  readonly tolerance: number
}

/** A step of both runs. `loose` are outputs that differ in a way that only a metric can judge. */
export interface Compared {
  readonly proof: StepProof
  readonly loose: readonly string[]
}

/** Compares a step of a re-run with the step of the run that it proves. */
export async function compareSteps(scale: Scale, before: StepRow, after: StepRow): Promise<Compared> {
  const { blobs, tolerance } = scale
  const names = [...new Set([...Object.keys(before.outputs), ...Object.keys(after.outputs)])]
  const kinds = await Promise.all(
    names.map(async (name) => compareTrees(blobs, before.outputs[name]?.digest, after.outputs[name]?.digest)),
  )
  const worst = (['missing', 'different', 'identical_apart_from_stamps'] as const).find((kind) => kinds.includes(kind))
  const metrics = [...new Set([...Object.keys(before.metrics), ...Object.keys(after.metrics)])].sort().map((metric) => {
    const [a, b] = [before.metrics[metric], after.metrics[metric]]
    return { metric, before: a ?? null, after: b ?? null, equal: nearlyEqual(a, b, tolerance) }
  })
  const differing: string[] = []
  const loose: string[] = []
  for (const name of names.filter((_, i) => kinds[i] === 'different')) {
    const digests = [before.outputs[name]?.digest ?? '', after.outputs[name]?.digest ?? ''] as const
    const { likeness, where } = await compareContents(blobs, digests, tolerance)
    if (likeness === 'equal') continue
    const decides = await isResult(scale, { step: after.name, name, digest: digests[1] })
    const differs = likeness === 'different' || (likeness === 'opaque' && decides === 'predictions')
    if (decides !== undefined && differs) differing.push(`output "${name}" differs in ${where}`)
    else loose.push(name)
  }
  return { proof: { step: after.name, outputs: worst ?? 'identical', metrics, differing }, loose }
}

/**
 * Whether an output says what a run came to, so that it must be the same whatever the metrics are: `predictions` is what a step leaves
 * that reads the model, `end` what no later step takes in a project that names no model. A folder of an MLflow model is neither.
 */
async function isResult(
  { blobs, spec }: Scale,
  { step, name, digest }: { step: string; name: string; digest: string },
): Promise<'predictions' | 'end' | undefined> {
  const { model } = spec
  if (model?.step === step && model.output === name) return undefined
  if ((await treeFiles(blobs, digest)).some(({ path }) => MODEL_FILE.test(path))) return undefined
  const inputs = Object.values(spec.steps.find((one) => one.name === step)?.inputs ?? {})
  if (name === 'predictions' || inputs.some((from) => from.step === model?.step && from.output === model.output)) {
    return 'predictions'
  }
  const taken = spec.steps.some((one) =>
    Object.values(one.inputs).some((from) => from.step === step && from.output === name),
  )
  return model === null && !taken ? 'end' : undefined
}

/** The grade of steps in the order of the project file. */
export function gradeSteps(spec: PipelineSpec, compared: readonly Compared[]): Graded {
  const steps = compared.map(({ proof }) => proof)
  const apart = steps.find(({ outputs }) => outputs === 'different' || outputs === 'missing')
  const diverged = reasons(spec, compared)
  if (apart === undefined && diverged.length === 0) {
    const stamped = steps.some((step) => step.outputs === 'identical_apart_from_stamps')
    const rest = stamped ? ', apart from the time and id that a model file carries' : ''
    return { grade: 'A', detail: `every output has the same bytes${rest}`, first_divergent_step: null }
  }
  const [reason] = diverged.toSorted((a, b) => a.rank - b.rank)
  if (reason === undefined) {
    const what = steps.some((step) => step.metrics.length > 0) ? 'metric' : 'number in the outputs'
    const detail = `every ${what} is equal within the tolerance; the bytes differ first in step "${apart?.step}"`
    return { grade: 'B', detail, first_divergent_step: apart?.step ?? null }
  }
  const first = steps.find(({ step }) => step === apart?.step || diverged.some((one) => one.step === step))
  const detail = `it diverged first in step "${first?.step}"; step "${reason.step}": ${reason.why}`
  return { grade: 'C', detail, first_divergent_step: first?.step ?? null }
}

/** The grade with the first sources that are not as they were, where the result is not either. */
export function withSources(graded: Graded, sources: readonly { step: string; source: string }[]): Graded {
  if (graded.grade === 'A' || sources.length === 0) return graded
  const named = sources
    .slice(0, 3)
    .map(({ step, source }) => `step "${step}" read what its key does not hold: ${source}`)
  return { ...graded, detail: `${graded.detail}; ${named.join('; ')}` }
}

interface Reason {
  readonly step: string
  readonly why: string
  /** The lowest is told. */
  readonly rank: number
}

/** Why steps are not equal within the tolerance. */
function reasons(spec: PipelineSpec, compared: readonly Compared[]): Reason[] {
  return compared.flatMap(({ proof: { step, metrics, outputs, differing = [] }, loose }): Reason[] => {
    const changed = metrics.filter((metric) => !metric.equal).slice(0, 3)
    if (changed.length > 0) {
      const why = changed.map(({ metric, before, after }) => `${metric} ${before} → ${after}`).join(', ')
      return [{ step, why, rank: 0 }]
    }
    if (differing.length > 0) return [{ step, why: differing.slice(0, 3).join(', '), rank: 1 }]
    if (outputs === 'missing') return [{ step, why: 'an output is not there', rank: 2 }]
    if (loose.length === 0 || isJudged(spec, compared, step)) return []
    return [{ step, why: `its outputs differ (${loose.join(', ')}), and no metric judges them`, rank: 3 }]
  })
}

/** True where a metric, of the step or of one after it, says how much a difference matters. */
function isJudged(spec: PipelineSpec, compared: readonly Compared[], step: string): boolean {
  const after = downstream(spec.steps, step)
  return compared.some(({ proof }) => after.has(proof.step) && proof.metrics.length > 0)
}

async function compareTrees(blobs: Blobs, before?: string, after?: string): Promise<StepProof['outputs']> {
  if (before === undefined || after === undefined) return 'missing'
  if (before === after) return 'identical'
  const [a, b] = await Promise.all(
    [before, after].map((digest) => ifRefused(treeFiles(blobs, digest), 'not_found', 'corrupt_blob', 'unprocessable')),
  )
  if (a === undefined || b === undefined) return 'missing'
  if (a.length !== b.length) return 'different'
  for (const [i, file] of a.entries()) {
    if (!(await sameFile(blobs, file, b[i]))) return 'different'
  }
  return 'identical_apart_from_stamps'
}

async function sameFile(blobs: Blobs, a: TreeFile, b: TreeFile | undefined): Promise<boolean> {
  if (a.path !== b?.path || a.executable !== b.executable) return false
  if (a.digest === b.digest) return true
  if (!MODEL_FILE.test(a.path)) return false
  const texts = await Promise.all([a, b].map(({ digest }) => blobs.bytes(digest)))
  const [first, second] = texts.map((bytes) => bytes.toString('utf8').replace(STAMPS, ''))
  return first === second
}
