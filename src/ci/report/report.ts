/** The report of a change: what a run made, held against production and the merge base, as one document. */
import { ifFound } from '../../contract/absence/absent.ts'
import type { Principal } from '../../contract/access.ts'
import { BASELINES } from '../../contract/changes/report.ts'
import type {
  Baseline,
  BaselineName,
  Beside,
  Calibration,
  ChangeReport,
  ChangedMetric,
} from '../../contract/changes/report.ts'
import { problem } from '../../contract/errors.ts'
import { PRODUCTION } from '../../contract/registry.ts'
import type { GateResult } from '../../contract/registry.ts'
import { costOfRun } from '../../cost/report.ts'
import type { Envs } from '../../envs/environments.ts'
import type { Changes, SeenRun as Seen } from '../../pipelines/changes.ts'
import { IS_CLEAN } from '../../pipelines/standing.ts'
import { isClean } from '../../pipelines/spec/sources.ts'
import { aliasVersion } from '../../registry/aliases/aliases.ts'
import { findVersion, metricsOf, requireVersion } from '../../registry/context/context.ts'
import type { Registry, VersionRow } from '../../registry/context/context.ts'
import type { Comparisons } from '../../registry/gates/change.ts'
import type { Comparison } from '../../registry/gates/comparison.ts'
import { getVersion } from '../../registry/versions/read.ts'
import { compareData, type TreeDiffs } from './data.ts'
import { diffPackages } from './packages.ts'
import { decide } from './verdict.ts'

export interface ReportDeps {
  readonly registry: Registry
  readonly envs: Pick<Envs, 'lock'>
  readonly changes: Changes
  readonly comparisons: Pick<Comparisons, 'of'>
  /** Port: what differs between two tables by their content; undefined where they cannot be compared. */
  readonly treeDiffs: TreeDiffs
  /** 95th percentile of a version in the gateways now, ms; null where it answers nothing. */
  readonly latencyOf: (project: string, model: string, version: string) => Promise<number | null>
}

/** A version that the candidate is held against, with the run that made it. */
interface Against {
  readonly shown: Baseline
  readonly row: VersionRow | null
  readonly run: Seen | undefined
}

/**
 * Reads the report of an ended run. Throws `not_found` for what the caller may not see, `conflict` while the run goes on. `base` is
 * the merge base.
 */
export async function changeReport(
  deps: ReportDeps,
  who: Principal,
  asked: { readonly run: string; readonly base?: string | undefined },
): Promise<ChangeReport> {
  const seen = await deps.changes.run(who, asked.run)
  const { run } = seen
  if (run.outcome === null) throw problem('conflict', { detail: `run ${run.id} has not ended: ${run.message}` })
  const { registered } = run
  const candidate = registered === null ? null : await candidateOf(deps, who, { ...registered, run })
  const against = {
    production: await productionOf(deps, who, candidate?.row ?? null),
    merge_base: await mergeBaseOf(deps, who, seen, asked.base),
  }
  const gates = candidate?.gates ?? []
  const gated = [...new Set(gates.flatMap(({ gate }) => (typeof gate['metric'] === 'string' ? [gate['metric']] : [])))]
  return {
    ...decide(run, gates, candidate === null),
    ...headOf(seen),
    model: registered === null ? null : { name: registered.model, version: registered.version },
    baselines: { production: against.production.shown, merge_base: against.merge_base.shown },
    gates: [...gates],
    ...(await comparedFigures(deps, candidate?.row ?? null, against, gated)),
    data: await dataOf(deps, candidate?.row ?? null, against),
    ...(await packagesOf(deps, seen, against)),
    steps: run.steps.map(({ name, state, cache, failure, duration_ms }) => ({
      name,
      state,
      why: failure === null ? (cache?.reason ?? '') : `${failure.class}: ${failure.message}`,
      duration_ms,
    })),
    ...(await costsOf(deps, seen, against)),
    ...(await figuresOf(deps, run.project, candidate?.row ?? null, against)),
    reproduce: registered === null ? null : `slipway reproduce ${registered.model}@${registered.version}`,
  }
}

function headOf({ run, source }: Seen): Pick<ChangeReport, 'project' | 'run'> {
  return {
    project: run.project,
    run: {
      id: run.id,
      commit: source?.commit ?? null,
      clean: source !== undefined && isClean(source),
      created_at: run.created_at,
      state: run.outcome ?? run.state,
    },
  }
}

async function candidateOf(
  { registry }: ReportDeps,
  who: Principal,
  { model, version, run }: { readonly model: string; readonly version: string; readonly run: Seen['run'] },
): Promise<{ row: VersionRow; gates: readonly GateResult[] } | null> {
  const known = await ifFound(getVersion(registry, who, model, version))
  if (known === undefined) return null
  const row = await requireVersion(registry.db, model, version)
  return isMadeBy(run, row) ? { row, gates: known.verdict?.gates ?? [] } : null
}

/**
 * Whether the version of that number is the one that a run registered, be it that an earlier run had made it: of a model that was deleted
 * and made anew another version has its number, which came after the run had ended.
 */
function isMadeBy({ id, finished_at }: Seen['run'], { pipeline_run_id, created_at }: VersionRow): boolean {
  return pipeline_run_id === id || (finished_at !== null && created_at <= Date.parse(finished_at))
}

function none(note: string, run?: Seen, commit: string | null = null): Against {
  return { shown: { version: null, run: run?.run.id ?? null, commit, note }, row: null, run }
}

async function productionOf(deps: ReportDeps, who: Principal, candidate: VersionRow | null): Promise<Against> {
  if (candidate === null) return none('no version was made that could be compared')
  const { db } = deps.registry
  const version = await aliasVersion(db, candidate.model, PRODUCTION)
  if (version === undefined) return none('nothing is in production yet')
  if (version === String(candidate.version)) return none('the version is in production itself')
  const row = (await findVersion(db, candidate.model, version)) ?? null
  if (row === null) return none(`version ${version} is gone`)
  const run = row.pipeline_run_id === null ? undefined : await ifFound(deps.changes.run(who, row.pipeline_run_id))
  return { shown: shownOf(row, run), row, run }
}

async function mergeBaseOf(
  deps: ReportDeps,
  who: Principal,
  { run, source }: Seen,
  base: string | undefined,
): Promise<Against> {
  if (base === undefined) return none('no merge base was named')
  if (base === source?.commit) return none('the change is the merge base itself', undefined, base)
  const made = await deps.changes.ofCommit(run.project, base)
  let note = made.length === 0 ? 'no run was made of the merge base' : 'no run of the merge base registered a version'
  for (const { id, standing } of made) {
    const before = await ifFound(deps.changes.run(who, id))
    if (before === undefined || before.run.registered === null) continue
    const row = await madeOf(deps, before, run.registered?.model)
    if (typeof row !== 'string')
      return { shown: { ...shownOf(row, before), run: id, commit: base, note: apart(standing) }, row, run: before }
    note = row
  }
  return none(note, undefined, base)
}

/** The version that a run registered, or why it cannot be compared with one of the model `wanted`. */
async function madeOf(
  { registry }: ReportDeps,
  { run }: Seen,
  wanted: string | undefined,
): Promise<VersionRow | string> {
  const { model = '', version = '' } = run.registered ?? {}
  if (wanted !== undefined && wanted !== model) return `the merge base made a version of another model, ${model}`
  const row = await findVersion(registry.db, model, version)
  return row !== undefined && isMadeBy(run, row) ? row : `its version ${version} is gone`
}

/** What sets a run apart from what its commit makes by itself; '' where nothing does. */
function apart(standing: number): string {
  if ((standing & IS_CLEAN) === 0) return 'its folder differed from the commit'
  return standing === IS_CLEAN ? 'its run had params of its own, or was started by a schedule' : ''
}

function shownOf(row: VersionRow, run: Seen | undefined): Baseline {
  return { version: String(row.version), run: row.pipeline_run_id, commit: run?.source?.commit ?? null, note: '' }
}

type Pair = Readonly<Record<BaselineName, Against>>

/** What is computed of both baselines; of one version that is both, once. */
async function bothOf<T>(
  against: Pair,
  read: (row: VersionRow) => Promise<T>,
): Promise<Record<BaselineName, T | null>> {
  const { production, merge_base } = against
  const first = production.row === null ? null : await read(production.row)
  const same = production.row !== null && merge_base.row?.version === production.row.version
  return {
    production: first,
    merge_base: same ? first : merge_base.row === null ? null : await read(merge_base.row),
  }
}

async function comparedFigures(
  { comparisons }: ReportDeps,
  candidate: VersionRow | null,
  against: Pair,
  gated: readonly string[],
): Promise<Pick<ChangeReport, 'metrics' | 'metrics_gone' | 'slices' | 'slices_note' | 'calibration'>> {
  if (candidate === null) {
    return {
      metrics: [],
      metrics_gone: [],
      slices: [],
      slices_note: 'there is no version whose slices could be looked at',
      calibration: { candidate: null, production: null, merge_base: null },
    }
  }
  const { calibration, found } = await comparedWith(comparisons, { candidate, gated }, against)
  const looked = [...new Set([found.production, found.merge_base].flatMap((one) => one?.looked ?? []))]
  return {
    metrics: metricRows(metricsOf(candidate), found, gated),
    metrics_gone: goneMetrics(metricsOf(candidate), against),
    slices: (['production', 'merge_base'] as const)
      .flatMap((baseline) => (found[baseline]?.slices ?? []).map((one) => ({ baseline, ...one })))
      .toSorted((a, b) => b.harm - a.harm),
    slices_note:
      looked.length === 0
        ? 'no baseline could be scored on the rows of the candidate'
        : `looked at ${looked.join(', ')}`,
    calibration: {
      candidate: calibration,
      production: found.production?.calibration ?? null,
      merge_base: found.merge_base?.calibration ?? null,
    },
  }
}

/** The candidate's own calibration, and it against each baseline; a version that is both is compared once. */
async function comparedWith(
  comparisons: ReportDeps['comparisons'],
  asked: { readonly candidate: VersionRow; readonly gated: readonly string[] },
  against: Pair,
): Promise<{ calibration: Calibration | null; found: Record<BaselineName, Comparison | null> }> {
  const others: VersionRow[] = []
  const places = await bothOf(against, (row) => Promise.resolve(others.push(row) - 1))
  const { calibration, others: compared } = await comparisons.of({ ...asked, others })
  const at = (place: number | null): Comparison | null => (place === null ? null : (compared[place] ?? null))
  return { calibration, found: { production: at(places.production), merge_base: at(places.merge_base) } }
}

/** What a baseline has and the candidate has not: it may have got another name, and nothing else tells that it is no longer measured. */
function goneMetrics(metrics: Readonly<Record<string, number>>, against: Pair): ChangeReport['metrics_gone'] {
  return BASELINES.flatMap((baseline) => {
    const { row } = against[baseline]
    const before = row === null ? [] : Object.entries(metricsOf(row))
    return before
      .filter(([metric]) => !Object.hasOwn(metrics, metric))
      .map(([metric, value]) => ({ metric, baseline, value }))
  })
}

/** Gated metrics first, then by name. */
function metricRows(
  metrics: Readonly<Record<string, number>>,
  found: Record<BaselineName, Comparison | null>,
  gated: readonly string[],
): ChangedMetric[] {
  const rows = Object.entries(metrics).map(([metric, value]) => ({
    metric,
    value,
    gated: gated.includes(metric),
    production: found.production?.metrics[metric] ?? null,
    merge_base: found.merge_base?.metrics[metric] ?? null,
  }))
  return rows.toSorted((a, b) => Number(b.gated) - Number(a.gated) || (a.metric < b.metric ? -1 : 1))
}

/** Against the merge base, which holds the change alone; against production where there is no merge base. */
function nearest(against: Pair): readonly [BaselineName, Against] {
  return against.merge_base.run === undefined ? ['production', against.production] : ['merge_base', against.merge_base]
}

async function dataOf(
  { treeDiffs }: ReportDeps,
  candidate: VersionRow | null,
  against: Pair,
): Promise<ChangeReport['data']> {
  const [name, { row }] = nearest(against)
  if (candidate === null || row === null) return []
  const kinds = [
    ['training', row.reference, candidate.reference],
    ['hold-out', row.holdout, candidate.holdout],
  ] as const
  const found: ChangeReport['data'] = []
  for (const [kind, before, after] of kinds) {
    if (before === null || after === null) continue
    found.push({ name: kind, against: name, ...(await compareData(treeDiffs, before, after)) })
  }
  return found
}

async function packagesOf(
  { envs }: ReportDeps,
  { run }: Seen,
  against: Pair,
): Promise<Pick<ChangeReport, 'packages' | 'packages_note'>> {
  const [name, { run: before }] = nearest(against)
  const words = name === 'production' ? 'production' : 'the merge base'
  const [old, now] = [before?.run.environment ?? null, run.environment]
  if (old === null || now === null) return { packages: [], packages_note: 'there is no environment to compare with' }
  const [a, b] = await Promise.all([envs.lock(old), envs.lock(now)])
  return { packages: diffPackages(a, b), packages_note: `against ${words}` }
}

async function costsOf(
  { registry }: ReportDeps,
  { run }: Seen,
  { production, merge_base }: Pair,
): Promise<Pick<ChangeReport, 'cost_micro_dollars' | 'duration_ms' | 'cpu_seconds'>> {
  const base = merge_base.run?.run
  return {
    cost_micro_dollars: {
      candidate: await costOfRun(registry, run.id),
      merge_base: base === undefined ? null : await costOfRun(registry, base.id),
    },
    duration_ms: {
      candidate: run.duration_ms,
      production: production.run?.run.duration_ms ?? null,
      merge_base: base?.duration_ms ?? null,
    },
    cpu_seconds: {
      candidate: run.cpu_seconds,
      production: production.run?.run.cpu_seconds ?? null,
      merge_base: base?.cpu_seconds ?? null,
    },
  }
}

async function figuresOf(
  deps: ReportDeps,
  project: string,
  candidate: VersionRow | null,
  against: Pair,
): Promise<{ size_bytes: Beside; latency_p95_ms: Beside }> {
  const latency = (row: VersionRow): Promise<number | null> => deps.latencyOf(project, row.model, String(row.version))
  return {
    size_bytes: {
      candidate: candidate?.size ?? null,
      production: against.production.row?.size ?? null,
      merge_base: against.merge_base.row?.size ?? null,
    },
    latency_p95_ms: {
      candidate: candidate === null ? null : await latency(candidate),
      ...(await bothOf(against, latency)),
    },
  }
}
