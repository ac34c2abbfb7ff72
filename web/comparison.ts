/** What of compared runs can be drawn on axes. */

export interface ComparedRun {
  readonly metrics: Readonly<Record<string, number | 'NaN'>>
  readonly params: Readonly<Record<string, string>>
}

const MOST = 8

/** Params, then metrics, that differ and are a number in every run; at most eight. */
export function axesOf(
  runs: readonly ComparedRun[],
  differing: { readonly params: readonly string[]; readonly metrics: readonly string[] },
): string[] {
  const all = [...differing.params.map((key) => `params.${key}`), ...differing.metrics.map((key) => `metrics.${key}`)]
  const drawable = all.filter((axis) => runs.every((run) => numberOf(run, axis) !== null))
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
