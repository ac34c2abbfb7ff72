/** Takes a step's result from an earlier run, or says why it must run. */
import { ifFound } from '../../contract/absence/absent.ts'
import type { Lock } from '../../envs/lock.ts'
import type { TreeInfo } from '../../store/blobs/trees.ts'
import type { Read } from '../../contract/pipelines.ts'
import { parseNumerals } from '../../contract/values/numerals.ts'
import { faultPoint } from '../../store/fault.ts'
import { paramsOf, type Context } from '../context/context.ts'
import { doubtful, isStrict } from './reads.ts'
import { compareKeys, comparePackages, sentence } from './explain.ts'
import { downstream } from '../spec/graph.ts'
import { keyOf, keyParts, type KeyParts } from '../spec/key.ts'
import type { KeyChange, RunRow, RunTree, StepRow } from '../context/rows.ts'
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

/** Executions of a step with which its key is compared, the newest. */
const COMPARED = 20

/** An execution of the same step before this one. */
interface Earlier {
  readonly run_id: string
  readonly state: string
  readonly parts: KeyParts
}

/** Decides a step whose inputs are all there: it becomes `cached` or `ready`, with its key and the reason. */
export async function keyStep(context: Context, tree: RunTree, step: StepSpec): Promise<void> {
  const { db, clock, envs } = context.deps
  const { run } = tree
  const spec = await context.spec(run.version_id)
  const environment = await envs.lock(run.environment ?? '')
  const parts = keyParts(step, {
    inputs: inputDigests(step, tree.steps),
    params: paramsOf(run, step),
    environment,
    salt: spec.salt,
  })
  const key = keyOf(parts)
  const forced = whyForced(spec, run, step)
  const entry = forced === undefined ? await lookup(context, run, step, key) : undefined
  const found = entry?.isUsable === true ? entry.entry : undefined
  const earlier = await readEarlier(context, run, step.name, parts)
  const changes = earlier === undefined ? [] : await changesSince(context, earlier.parts, parts, environment)
  const reason =
    found === undefined
      ? (forced ?? (entry?.isWhole === true ? UNREAD : whyRun(earlier, changes)))
      : `nothing changed: the result of run ${found.run_id} was taken`
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
        earlier?.run_id ?? null,
        found?.run_id ?? null,
        found?.outputs ?? '{}',
        found?.metrics ?? '{}',
        found?.reads ?? null,
        found?.tracking_run_id ?? null,
        now,
        found === undefined ? null : now,
        run.id,
        step.name,
      ],
    ),
  )
  faultPoint('pipelines.keyed')
}

/** Argument → digest of the tree that the maker's row names. */
export function inputDigests(step: StepSpec, rows: readonly StepRow[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(step.inputs).map(([input, { step: maker, output }]) => {
      const digest = rows.find((row) => row.name === maker)?.outputs[output]?.digest
      if (digest === undefined) throw new Error(`step "${maker}" left no output "${output}"`)
      return [input, digest]
    }),
  )
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

/**
 * The entry of a key. It is whole while all of its outputs are in the store, and usable where besides, if reads are strict, it is known that
 * the key held all that was read.
 */
export async function lookup(
  context: Context,
  run: RunRow,
  ...[step, key]: [StepSpec, string]
): Promise<{ readonly entry: CacheRow; readonly isWhole: boolean; readonly isUsable: boolean } | undefined> {
  const { db, blobs } = context.deps
  const entry = await db.get<CacheRow>(
    'SELECT run_id, outputs, metrics, reads, tracking_run_id FROM pipeline_cache WHERE project = ? AND cache_key = ?',
    [run.project, key],
  )
  if (entry === undefined) return undefined
  const outputs = JSON.parse(entry.outputs) as Record<string, TreeInfo>
  const kept = await Promise.all(Object.values(outputs).map(({ digest }) => blobs.has(digest)))
  const isWhole = kept.every(Boolean)
  const reads = entry.reads === null ? undefined : (JSON.parse(entry.reads) as Read[] | null)
  const isClean = reads !== undefined && doubtful(step, reads).length === 0
  return { entry, isWhole, isUsable: isWhole && (isClean || !isStrict(await context.spec(run.version_id), run)) }
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
async function changesSince(context: Context, before: KeyParts, after: KeyParts, lock: Lock): Promise<KeyChange[]> {
  const changes = compareKeys(before, after)
  if (before.environment === after.environment) return changes
  const earlier = await ifFound(context.deps.envs.lock(before.environment))
  const packages = earlier === undefined ? [] : comparePackages(earlier.packages, lock.packages)
  return [...changes, ...packages]
}
