/** Takes a step's result from an earlier run, or says why it must run. */
import { ifFound } from '../../contract/absence/absent.ts'
import { faultyBlobs } from '../../store/blobs/blobs.ts'
import { isWhole, mapSome, type TreeInfo } from '../../store/blobs/trees.ts'
import type { Read } from '../../contract/runs/reads.ts'
import { parseNumerals } from '../../contract/values/numerals.ts'
import { faultPoint } from '../../store/fault.ts'
import { paramsOf, type Context } from '../context/context.ts'
import { doubtful, isStrict } from './reads.ts'
import { compareKeys, comparePackages, sentence } from './compare.ts'
import { downstream } from '../spec/graph.ts'
import { keyOf, keyParts, type KeyParts } from '../spec/key.ts'
import type { KeyChange, RunRow, RunTree } from '../context/rows.ts'
import { isOutdated, type PipelineSpec, type StepSpec } from '../spec/spec.ts'

/** A result that is kept under a key. */
export interface CacheRow {
  readonly run_id: string
  readonly outputs: string
  readonly metrics: string
  /** NULL for results of before reads were watched. */
  readonly reads: string | null
  readonly tracking_run_id: string | null
}

/** What a row takes of a result: its run, outputs, metrics, reads and tracking run, in that order; those of nothing where it runs. */
export function takenOf(found: CacheRow | undefined): readonly (string | null)[] {
  const { run_id = null, outputs = '{}', metrics = '{}', reads = null, tracking_run_id = null } = found ?? {}
  return [run_id, outputs, metrics, reads, tracking_run_id]
}

/** Executions of a step with which its key is compared, the newest. */
const COMPARED = 20

/** An execution of the same step before this one. */
interface Earlier {
  readonly run_id: string
  readonly state: string
  readonly parts: KeyParts
}

/** What a step whose inputs are all there comes to. */
export interface Judged {
  readonly parts: KeyParts
  readonly key: string
  /** The result that it takes; undefined where it runs. */
  readonly found: CacheRow | undefined
  readonly reason: string
  readonly changes: readonly KeyChange[]
  /** The run with whose execution it was compared. */
  readonly compared_with: string | null
}

/** Judges a step whose inputs are all there, and changes nothing. */
export async function judgeStep(
  context: Context,
  { run, steps, spec }: Pick<RunTree, 'run' | 'steps'> & { readonly spec: PipelineSpec },
  step: StepSpec,
): Promise<Judged> {
  const parts = await partsOf(context, { run, steps, spec }, step)
  const key = keyOf(parts)
  const forced = whyForced(spec, run, step)
  const entry = forced === undefined ? await lookup(context, { run, spec }, step, key) : undefined
  const found = entry?.isUsable === true ? entry.entry : undefined
  const { why, changes, compared_with } = await compareStep(context, run, step, parts)
  const unfit = entry === undefined ? why : entry.isWhole ? UNREAD : DAMAGED
  const reason =
    found === undefined ? (forced ?? unfit) : `nothing changed: the result of run ${found.run_id} was taken`
  return { parts, key, found, reason, changes, compared_with }
}

/** The components of the key of a step whose inputs are all there. */
export async function partsOf(
  { deps }: Context,
  { run, steps, spec }: Pick<RunTree, 'run' | 'steps'> & { readonly spec: PipelineSpec },
  step: StepSpec,
): Promise<KeyParts> {
  const environment = await deps.envs.lock(run.environment ?? '')
  const inputs = inputDigests(step, { run, steps })
  return keyParts(step, { inputs, params: paramsOf(run, step), environment, salt: spec.salt })
}

/** What differs from the nearest execution of the step before, and in a sentence why it would run. */
export async function compareStep(
  context: Context,
  run: RunRow,
  step: StepSpec,
  parts: KeyParts,
): Promise<{ readonly why: string } & Pick<Judged, 'changes' | 'compared_with'>> {
  const earlier = await readEarlier(context, run, step.name, parts)
  const changes = earlier === undefined ? [] : await changesSince(context, run, [earlier.parts, parts])
  return { why: whyRun(earlier, changes), changes, compared_with: earlier?.run_id ?? null }
}

/** Decides a step whose inputs are all there: it becomes `cached` or `ready`, with its key and the reason. */
export async function keyStep(context: Context, tree: RunTree, step: StepSpec): Promise<void> {
  const { db, clock } = context.deps
  const spec = await context.spec(tree.run.version_id)
  const { parts, key, found, reason, changes, compared_with } = await judgeStep(context, { ...tree, spec }, step)
  const now = clock()
  await db.tx((t) =>
    t.run(
      `UPDATE pipeline_steps SET state = ?, cache_key = ?, key_parts = ?, keyed_at = ?, reason = ?, changes = ?,
         compared_with = ?, from_run = ?, outputs = ?, metrics = ?, reads = ?, tracking_run_id = ?, ready_at = ?, finished_at = ?
       WHERE run_id = ? AND name = ? AND state = 'waiting'`,
      [
        found === undefined ? 'ready' : 'cached',
        key,
        JSON.stringify(parts),
        now,
        reason,
        JSON.stringify(changes),
        compared_with,
        ...takenOf(found),
        now,
        found === undefined ? null : now,
        tree.run.id,
        step.name,
      ],
    ),
  )
  faultPoint('pipelines.keyed')
}

/** Argument → digest of the tree that the maker's row or the run's source names; without optional inputs whose maker was skipped. */
export function inputDigests(
  step: StepSpec,
  { run, steps: rows }: Pick<RunTree, 'run' | 'steps'>,
): Record<string, string> {
  const given = Object.entries(step.sources ?? {}).map(([input, source]) => {
    const digest = run.sources?.[source]?.digest
    if (digest === undefined) throw new Error(`source "${source}" was not read`)
    return [input, digest] as const
  })
  const made = Object.fromEntries(
    Object.entries(step.inputs).flatMap(([input, { step: maker, output }]) => {
      const row = rows.find(({ name }) => name === maker)
      const digest = row?.outputs[output]?.digest
      if (row?.state === 'skipped' && step.optional?.includes(maker) === true) return []
      if (digest === undefined) throw new Error(`step "${maker}" left no output "${output}"`)
      return [[input, digest] as const]
    }),
  )
  return { ...made, ...Object.fromEntries(given) }
}

/** Said of a version whose code cannot be read again. */
const OUTDATED = 'its code was read by older rules and cannot be read anew'

/** Why a step runs whatever results there are; undefined where it takes one. */
export function whyForced(spec: PipelineSpec, run: RunRow, step: StepSpec): string | undefined {
  const { force, from, reproduces } = run.options
  if (reproduces !== null) return `it is run again to prove run ${reproduces}`
  if (force) return 'the run was asked to take no cached result'
  if (from !== null && downstream(spec.steps, from).has(step.name))
    return `the run was asked to start anew from "${from}"`
  if (isOutdated(spec)) return `${OUTDATED}, so no cached result is taken`
  return step.cache === 'never' ? 'its cache policy is "never"' : undefined
}

function whyRun(earlier: Earlier | undefined, changes: readonly KeyChange[]): string {
  if (earlier === undefined) return 'the step has not run before'
  if (changes.length > 0) return sentence(changes)
  if (earlier.state === 'failed') return `nothing changed, and the step failed in run ${earlier.run_id}`
  return 'nothing changed, and no result is kept'
}

/** Said where reads are strict and the only result there is may depend on what its key does not hold. */
const UNREAD =
  'nothing changed, but the result that is kept may come from what its key does not hold, and reads are strict'

/** Said where the only result there is cannot be laid out any more. */
const DAMAGED = 'nothing changed, but files of the result that is kept are damaged or gone'

/**
 * The entry of a key. It is whole while all of its outputs are in the store, as far as is known, and usable where besides, if reads are strict, it is known that
 * the key held all that was read.
 */
export async function lookup(
  context: Context,
  { run, spec }: { readonly run: RunRow; readonly spec: PipelineSpec },
  ...[step, key]: [StepSpec, string]
): Promise<Entry | undefined> {
  const entry = await context.deps.db.get<CacheRow>(
    'SELECT run_id, outputs, metrics, reads, tracking_run_id FROM pipeline_cache WHERE project = ? AND cache_key = ?',
    [run.project, key],
  )
  if (entry === undefined) return undefined
  const [judged] = await judgeEntries(context, { run, spec }, step, [entry])
  return judged
}

/** An entry of the cache, and what it is good for. */
interface Entry<E extends CacheRow = CacheRow> {
  readonly entry: E
  readonly isWhole: boolean
  readonly isUsable: boolean
}

/** Whether what each entry names is there and may be taken, in their order. */
export async function judgeEntries<E extends CacheRow>(
  { deps: { blobs } }: Context,
  { run, spec }: { readonly run: RunRow; readonly spec: PipelineSpec },
  ...[step, entries]: [StepSpec, readonly E[]]
): Promise<Entry<E>[]> {
  const faulty = await faultyBlobs(blobs)
  return mapSome(entries, async (entry) => {
    const outputs = JSON.parse(entry.outputs) as Record<string, TreeInfo>
    const whole = await Promise.all(Object.values(outputs).map(({ digest }) => isWhole(blobs, digest, faulty)))
    const isThere = whole.every(Boolean)
    const reads = entry.reads === null ? undefined : (JSON.parse(entry.reads) as Read[] | null)
    const isClean = reads !== undefined && doubtful(step, reads).length === 0
    return { entry, isWhole: isThere, isUsable: isThere && (isClean || !isStrict(spec, run)) }
  })
}

/** The earlier execution of the step whose key is nearest: it differs in the fewest components, and is the newest of those. */
async function readEarlier(context: Context, run: RunRow, step: string, parts: KeyParts): Promise<Earlier | undefined> {
  const rows = await context.deps.db.all<{ run_id: string; state: string; key_parts: string }>(
    `SELECT run_id, state, key_parts FROM pipeline_steps
     WHERE project = ? AND name = ? AND keyed_at IS NOT NULL AND run_id <> ? ORDER BY keyed_at DESC LIMIT ?`,
    [run.project, step, run.id, COMPARED],
  )
  const ranked = rows.map((row): readonly [Earlier, number] => {
    const earlier = { ...row, parts: parseNumerals(row.key_parts) as KeyParts }
    return [earlier, compareKeys(earlier.parts, parts).length]
  })
  const [first] = ranked.toSorted(([, a], [, b]) => a - b)
  return first?.[0]
}

/** The changes; a changed environment is told by its packages where both locks are known. */
async function changesSince(
  context: Context,
  run: RunRow,
  [before, after]: [KeyParts, KeyParts],
): Promise<KeyChange[]> {
  const changes = compareKeys(before, after)
  if (before.environment === after.environment) return changes
  const lock = await context.deps.envs.lock(run.environment ?? '')
  const earlier = await ifFound(context.deps.envs.lock(before.environment))
  const packages = earlier === undefined ? [] : comparePackages(earlier.packages, lock.packages)
  return [...changes, ...packages]
}
