/** Results that items take: of the run that is retried, or of the cache, by few statements for many items; and why the others run. */
import type { TreeInfo } from '../../store/blobs/trees.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'
import type { Context } from '../context/context.ts'
import { readState, type RunRow, type RunTree } from '../context/rows.ts'
import { inputDigests, judgeEntries, whyForced, type CacheRow } from '../keys/judge.ts'
import { canonical } from '../spec/canonical.ts'
import type { PipelineSpec, StepSpec } from '../spec/spec.ts'
import type { Planned } from './planned.ts'

/** What an item takes, or why it runs. */
export interface Result {
  readonly found?: CacheRow
  readonly reason: string
}

/** For each item what it takes, in their order; what the retried run has comes first. */
export async function findResults(
  context: Context,
  tree: RunTree,
  step: StepSpec,
  items: readonly Planned[],
): Promise<Result[]> {
  const retried = await retriedResults(context, tree, step, items)
  const spec = await context.spec(tree.run.version_id)
  const forced = whyForced(spec, tree.run, step)
  const rest = items.filter((item) => !retried.has(item.digest))
  const kept =
    forced === undefined
      ? await cachedResults(context, { run: tree.run, spec }, step, rest)
      : new Map<string, CacheRow>()
  const missed = rest.filter((item) => !kept.has(item.key))
  const earlier = forced === undefined ? await ranBefore(context, tree, step, missed) : new Map<string, string>()
  return items.map((item): Result => {
    const own = retried.get(item.digest)
    if (own !== undefined)
      return { found: own, reason: `it succeeded in run ${tree.run.options.retries}, which this run retries` }
    const found = kept.get(item.key)
    if (found !== undefined) return { found, reason: `nothing changed: the result of run ${found.run_id} was taken` }
    const run = earlier.get(item.digest)
    const why = run === undefined ? 'this item has not run before' : `it ran in run ${run}: the step tells what changed`
    return { reason: forced ?? why }
  })
}

/** Of the run that is retried, by digest: items that succeeded there from the same inputs, and whose outputs are still there. */
async function retriedResults(
  context: Context,
  { run, steps }: RunTree,
  step: StepSpec,
  items: readonly Planned[],
): Promise<Map<string, CacheRow>> {
  const { db } = context.deps
  const { retries = null } = run.options
  const retried = retries === null ? undefined : await readState(db, retries)
  if (retried?.run.version_id !== run.version_id) return new Map()
  // where the step did not begin there, its inputs need not be there either
  if (retried.steps.find((row) => row.name === step.name)?.fan == null) return new Map()
  if (canonical(inputDigests(step, { run, steps })) !== canonical(inputDigests(step, retried))) return new Map()
  const rows = await fetchAll<CacheRow & { item_digest: string }>(
    db,
    sql`SELECT item_digest, coalesce(from_run, run_id) AS run_id, outputs, metrics, reads, tracking_run_id FROM pipeline_steps
      WHERE run_id = ${retries} AND item_of = ${step.name} AND state IN ('succeeded', 'cached')
        AND position BETWEEN ${items[0]?.number ?? 0} AND ${items.at(-1)?.number ?? 0}`,
  )
  const spec = await context.spec(run.version_id)
  const judged = await judgeEntries(context, { run, spec }, step, rows)
  return new Map(judged.flatMap(({ entry, isWhole }) => (isWhole ? [[entry.item_digest, entry] as const] : [])))
}

interface Judging {
  readonly run: RunRow
  readonly spec: PipelineSpec
}

/** Of the cache, by key: entries that are usable. */
export async function cachedResults(
  context: Context,
  { run, spec }: Judging,
  step: StepSpec,
  items: readonly Pick<Planned, 'key'>[],
): Promise<Map<string, CacheRow>> {
  if (items.length === 0) return new Map()
  const rows = await fetchAll<CacheRow & { cache_key: string }>(
    context.deps.db,
    sql`SELECT cache_key, run_id, outputs, metrics, reads, tracking_run_id FROM pipeline_cache
      WHERE project = ${run.project} AND cache_key IN ${inList(items.map(({ key }) => key))}`,
  )
  const judged = await judgeEntries(context, { run, spec }, step, rows)
  return new Map(judged.flatMap(({ entry, isUsable }) => (isUsable ? [[entry.cache_key, entry] as const] : [])))
}

/** The last run in which items ran, by their digest. */
async function ranBefore(
  { deps }: Context,
  { run }: RunTree,
  step: StepSpec,
  items: readonly Planned[],
): Promise<Map<string, string>> {
  if (items.length === 0) return new Map()
  const rows = await fetchAll<{ item_digest: string; run_id: string }>(
    deps.db,
    sql`SELECT item_digest, max(run_id) AS run_id FROM pipeline_steps
      WHERE project = ${run.project} AND item_of = ${step.name} AND run_id <> ${run.id}
        AND item_digest IN ${inList(items.map(({ digest }) => digest))} GROUP BY item_digest`,
  )
  return new Map(rows.map((row) => [row.item_digest, row.run_id]))
}

/** How many of these items would take a result of the cache now. */
export async function countCached(
  context: Context,
  judging: Judging,
  step: StepSpec,
  items: readonly Planned[],
): Promise<number> {
  const kept = await cachedResults(context, judging, step, items)
  return items.filter((item) => kept.has(item.key)).length
}

/** Outputs of a row, by name. */
export function outputsOf({ outputs }: { readonly outputs: string }): Record<string, TreeInfo> {
  return JSON.parse(outputs) as Record<string, TreeInfo>
}
