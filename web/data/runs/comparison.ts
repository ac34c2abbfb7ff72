/** What of compared runs can be drawn on axes. */

export interface ComparedRun {
  readonly metrics: Readonly<Record<string, number | 'NaN'>>
  readonly params: Readonly<Record<string, string>>
}

const MOST = 8

export interface NamedRun extends ComparedRun {
  readonly tags: Readonly<Record<string, string>>
}

/** The keys that not all runs have with one value, sorted; tags that MLflow's clients set by themselves are left out. */
export function differing(runs: readonly NamedRun[]): { params: string[]; metrics: string[]; tags: string[] } {
  return {
    params: unequal(runs.map((run) => run.params)),
    metrics: unequal(runs.map((run) => run.metrics)),
    tags: unequal(runs.map((run) => run.tags)).filter((key) => !key.startsWith('mlflow.')),
  }
}

function unequal(records: readonly Readonly<Record<string, unknown>>[]): string[] {
  const keys = new Set(records.flatMap((record) => Object.keys(record)))
  return [...keys].filter((key) => new Set(records.map((record) => record[key])).size > 1).sort()
}

/** Keys that differ between runs. */
export interface Differing {
  readonly params: readonly string[]
  readonly metrics: readonly string[]
}

/** All keys of one kind, those that differ first. */
export function keysOf(
  runs: readonly ComparedRun[],
  kind: 'params' | 'metrics',
  differing: readonly string[],
): string[] {
  return [...new Set([...differing, ...runs.flatMap((run) => Object.keys(run[kind]))])]
}

/** Params, then metrics, that differ and are a number in every run. */
export function drawableAxes(runs: readonly ComparedRun[], differing: Differing): string[] {
  const all = [...differing.params.map((key) => `params.${key}`), ...differing.metrics.map((key) => `metrics.${key}`)]
  return all.filter((axis) => runs.every((run) => numberOf(run, axis) !== null))
}

/** At most eight of the drawable axes, both kinds where there are both. */
export function axesOf(runs: readonly ComparedRun[], differing: Differing): string[] {
  const drawable = drawableAxes(runs, differing)
  if (drawable.length <= MOST) return drawable
  const half = drawable.filter((axis) => axis.startsWith('params.')).slice(0, MOST / 2)
  return [...half, ...drawable.filter((axis) => axis.startsWith('metrics.')).slice(0, MOST - half.length)]
}

/** The number of an axis (`params.KEY` or `metrics.KEY`) in a run; null when it is none. */
export function numberOf(run: ComparedRun, axis: string): number | null {
  const key = axis.slice(axis.indexOf('.') + 1)
  const value = axis.startsWith('params.') ? run.params[key] : run.metrics[key]
  if (value === undefined || value === '' || value === 'NaN') return null
  const number = Number(value)
  return Number.isFinite(number) ? number : null
}
