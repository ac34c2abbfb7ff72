/** How long merges take until their version is promoted: runs of merges joined with promotions, from rows alone. */
import { MERGE_PARTS } from '../contract/changes/merges.ts'
import type { mergesApi, MergePart, MergeTime } from '../contract/changes/merges.ts'
import { toTime } from '../contract/fields.ts'
import type { Reply } from '../contract/route.ts'
import type { AskedMerges, MergeRun } from '../pipelines/context/merges.ts'
import type { Promoted } from '../rollout/promotions.ts'

export interface MergesDeps {
  /** Ports: the newest runs of merges; promotions of models by rollouts since a time, ms. */
  readonly mergeRuns: (asked: AskedMerges, limit: number) => Promise<MergeRun[]>
  readonly promotionsOf: (models: readonly string[], since: number) => Promise<Promoted[]>
}

/** Merges that are told, and runs that are looked through for them: not every merge comes to a promotion. */
const TOLD = 20
const LOOKED_AT = 200

export async function mergeTimes(deps: MergesDeps, asked: AskedMerges): Promise<Reply<typeof mergesApi.times>> {
  const runs = await deps.mergeRuns(asked, LOOKED_AT)
  const since = Math.min(...runs.map((run) => run.created_at))
  const models = [...new Set(runs.map((run) => run.model))]
  const promoted = runs.length === 0 ? [] : await deps.promotionsOf(models, since)
  const items = promoted
    .flatMap((one) => {
      const run = mergeOf(one, runs)
      return run === undefined ? [] : [timeOf(run, one)]
    })
    .toSorted((a, b) => Date.parse(b.promoted_at) - Date.parse(a.promoted_at))
    .slice(0, TOLD)
  return { items, median_ms: median(items.map((one) => one.ms)), slowest: slowestOf(items) }
}

/**
 * The first merge that asked for a promotion: made before its rollout, and not before an earlier rollout of the same version, which is
 * what that merge came to.
 */
function mergeOf(promoted: Promoted, runs: readonly MergeRun[]): MergeRun | undefined {
  const { model, version, began_at, before_at } = promoted
  return runs
    .filter((run) => run.model === model && run.version === version)
    .filter((run) => run.created_at <= began_at && (before_at === null || run.created_at > before_at))
    .toSorted((a, b) => a.merged_at - b.merged_at || a.created_at - b.created_at)[0]
}

function timeOf(run: MergeRun, { rollout, endpoint, promoted_at }: Promoted): MergeTime {
  const { merged_at, created_at, finished_at } = run
  const asked = run.shipped_at ?? finished_at
  const ends = [run.started_at ?? created_at, run.prepared_at, run.trained_at, finished_at, asked, promoted_at]
  let at = merged_at
  const parts = MERGE_PARTS.map((part, index): [MergePart, number] => {
    const from = at
    // the controller may take a version up a moment before its run is closed, and processes have clocks of their own
    at = Math.max(from, Math.min(ends[index] ?? from, promoted_at))
    return [part, at - from]
  })
  return {
    commit: run.commit,
    merged_at: toTime(merged_at),
    run: run.id,
    project: run.project,
    model: run.model,
    version: run.version,
    rollout,
    endpoint,
    promoted_at: toTime(promoted_at),
    ms: at - merged_at,
    parts: Object.fromEntries(parts) as MergeTime['parts'],
  }
}

function slowestOf(items: readonly MergeTime[]): Reply<typeof mergesApi.times>['slowest'] {
  const parts = MERGE_PARTS.flatMap((part) => {
    const middle = median(items.map((one) => one.parts[part]))
    return middle === null ? [] : [{ part, median_ms: middle }]
  })
  return parts.toSorted((a, b) => b.median_ms - a.median_ms)[0] ?? null
}

/** To a whole ms; null of nothing. */
function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return low === undefined || high === undefined ? null : Math.round((low + high) / 2)
}
