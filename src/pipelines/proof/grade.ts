/** The grade of a proof: what of a re-run is the same, and what that is worth. */
import type { z } from 'zod'
import { ifRefused } from '../../contract/absence/absent.ts'
import type { Reproduction } from '../../contract/runs/reproduction.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { treeFiles, type TreeFile } from '../../store/blobs/trees.ts'
import type { StepRow } from '../context/rows.ts'
import { downstream } from '../spec/graph.ts'
import type { PipelineSpec } from '../spec/spec.ts'
import { compareContents, MODEL_FILE, nearlyEqual, PICTURE, unstamped } from './contents.ts'
import type { Likeness } from './contents.ts'

export type Proof = z.output<typeof Reproduction>
export type StepProof = Proof['steps'][number]
type Graded = Pick<Proof, 'grade' | 'detail' | 'first_divergent_step'>

/**
 * Of the rules below. Proofs of other rules are graded anew: before 2 equal metrics made a B whatever the predictions were, before 3
 * whatever the model was where nothing was predicted.
 */
export const RULES = 3

/** What two executions of a step are compared with. */
export interface Scale {
  readonly blobs: Blobs
  readonly spec: PipelineSpec
  readonly tolerance: number
}

/** An output whose contents differ, and what it is to the run. */
interface Difference {
  readonly name: string
  /** `predictions` is what a step leaves that reads the model, `end` what no later step takes; a model may be a folder of MLflow's. */
  readonly role: 'predictions' | 'model' | 'end' | 'between'
  readonly likeness: Exclude<Likeness, 'equal'>
  readonly where: string
}

/** A step of both runs. */
export interface Compared {
  readonly proof: StepProof
  readonly differences: readonly Difference[]
  /** Outputs that say something, which pictures do not. */
  readonly telling: readonly string[]
}

/** A step once all are compared: `loose` is left to metrics, `untold` says what nobody can compare. */
export interface Settled {
  readonly proof: StepProof
  readonly loose: readonly string[]
  readonly untold: readonly string[]
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
  const differences: Difference[] = []
  for (const name of names.filter((_, i) => kinds[i] === 'different')) {
    const digests = [before.outputs[name]?.digest ?? '', after.outputs[name]?.digest ?? ''] as const
    const { likeness, where } = await compareContents(blobs, digests, tolerance)
    if (likeness === 'equal') continue
    differences.push({
      name,
      role: await roleOf(scale, { step: after.name, name, digest: digests[1] }),
      likeness,
      where,
    })
  }
  const telling = names.filter((_, i) => kinds[i] !== 'missing')
  return {
    proof: { step: after.name, outputs: worst ?? 'identical', metrics },
    differences,
    telling: await mapFilter(telling, (name) => isTelling(blobs, after.outputs[name]?.digest ?? '')),
  }
}

async function mapFilter(names: readonly string[], holds: (name: string) => Promise<boolean>): Promise<string[]> {
  const held = await Promise.all(names.map(holds))
  return names.filter((_, i) => held[i] === true)
}

async function isTelling(blobs: Blobs, digest: string): Promise<boolean> {
  const files = await ifRefused(treeFiles(blobs, digest), 'not_found', 'corrupt_blob', 'unprocessable')
  return files?.some(({ path }) => !PICTURE.test(path)) ?? false
}

/** What an output is to the run. */
async function roleOf(
  { blobs, spec }: Scale,
  { step, name, digest }: { step: string; name: string; digest: string },
): Promise<Difference['role']> {
  const { model } = spec
  if (model?.step === step && model.output === name) return 'model'
  if ((await treeFiles(blobs, digest)).some(({ path }) => MODEL_FILE.test(path))) return 'model'
  if (name === 'predictions' || (model !== null && takes(spec, step, model))) return 'predictions'
  return spec.steps.some((one) => takes(spec, one.name, { step, output: name })) ? 'between' : 'end'
}

function takes(spec: PipelineSpec, step: string, from: { readonly step: string; readonly output: string }): boolean {
  const inputs = Object.values(spec.steps.find((one) => one.name === step)?.inputs ?? {})
  return inputs.some((one) => one.step === from.step && one.output === from.output)
}

/**
 * Says of each difference what it is worth. What a run came to, that is predictions, or the model and what no step takes where nothing
 * was predicted, must be the same whatever the metrics are; the rest and pictures are left to metrics.
 */
export function settleSteps(spec: PipelineSpec, compared: readonly Compared[]): Settled[] {
  const isPredicted = (step: string, output: string): boolean =>
    compared.some(({ proof, telling }) =>
      proof.step === step
        ? telling.includes('predictions')
        : telling.length > 0 && takes(spec, proof.step, { step, output }),
    )
  const { model } = spec
  const predicted = model !== null && isPredicted(model.step, model.output)
  return compared.map(({ proof, differences }) => {
    const counts = ({ name, role, likeness }: Difference): boolean => {
      if (likeness === 'picture' || role === 'between') return false
      return role === 'predictions' || !(role === 'model' ? isPredicted(proof.step, name) : predicted)
    }
    const decisive = differences.filter(counts)
    const unread = decisive.filter(({ role, likeness }) => likeness === 'opaque' && role !== 'predictions')
    return {
      proof: {
        ...proof,
        differing: decisive
          .filter((one) => !unread.includes(one))
          .map(({ name, where }) => `output "${name}" differs in ${where}`),
      },
      loose: differences.filter((one) => !decisive.includes(one)).map(({ name }) => name),
      untold: unread.map(
        ({ name, role, where }) =>
          `the bytes of output "${name}" differ in ${where}, which nothing here can read${role === 'model' ? ', and no step leaves predictions of it' : ''}`,
      ),
    }
  })
}

/** The grade of steps in the order of the project file. */
export function gradeSteps(spec: PipelineSpec, settled: readonly Settled[]): Graded {
  const steps = settled.map(({ proof }) => proof)
  const apart = steps.find(({ outputs }) => outputs === 'different' || outputs === 'missing')
  const diverged = reasons(spec, settled)
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
  const detail =
    reason.rank === UNTOLD
      ? `it cannot be told whether the result is the same: in step "${reason.step}" ${reason.why}`
      : `it diverged first in step "${first?.step}"; step "${reason.step}": ${reason.why}`
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

/** Rank of what nobody can compare: whatever is known to differ is told first. */
const UNTOLD = 4

/** Why steps are not equal within the tolerance. */
function reasons(spec: PipelineSpec, settled: readonly Settled[]): Reason[] {
  return settled.flatMap(({ proof: { step, metrics, outputs, differing = [] }, loose, untold }): Reason[] => {
    const changed = metrics.filter((metric) => !metric.equal).slice(0, 3)
    if (changed.length > 0) {
      const why = changed.map(({ metric, before, after }) => `${metric} ${before} → ${after}`).join(', ')
      return [{ step, why, rank: 0 }]
    }
    if (differing.length > 0) return [{ step, why: differing.slice(0, 3).join(', '), rank: 1 }]
    if (outputs === 'missing') return [{ step, why: 'an output is not there', rank: 2 }]
    const [first] = untold
    if (first !== undefined) return [{ step, why: first, rank: UNTOLD }]
    if (loose.length === 0 || isJudged(spec, settled, step)) return []
    return [{ step, why: `its outputs differ (${loose.join(', ')}), and no metric judges them`, rank: 3 }]
  })
}

/** True where a metric, of the step or of one after it, says how much a difference matters. */
function isJudged(spec: PipelineSpec, settled: readonly Settled[], step: string): boolean {
  const after = downstream(spec.steps, step)
  return settled.some(({ proof }) => after.has(proof.step) && proof.metrics.length > 0)
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
  const [first, second] = texts.map((bytes) => unstamped(bytes.toString('utf8')))
  return first === second
}
