/** Statistics of a view in a table. */
import type { FeatureStatistics, ViewStatistics } from '../../contract/features/statistics.ts'
import { figure, percent } from '../../contract/text/format.ts'
import type { Output } from '../invocation/output.ts'

/** Over how many entities they are, and how fresh; then a row for each feature. */
export function tellStatistics({ live, expired, until, at, features }: ViewStatistics, out: Output): void {
  const old = expired === 0 ? '' : ` (${expired} more have expired)`
  out.line(`statistics over ${live} entities with a live row${old}, as of ${until}, computed ${at}`)
  out.table(
    ['feature', 'nulls', 'distinct', 'min', 'quartiles', 'max', 'mean', 'std', 'values'],
    features.map((one) => [
      one.name,
      String(one.nulls),
      `~${one.distinct}`,
      numberText(one.numbers?.min),
      one.numbers === null ? '' : `~ ${one.numbers.quartiles.map((value) => figure(value)).join(' ')}`,
      numberText(one.numbers?.max),
      numberText(one.numbers?.mean),
      numberText(one.numbers?.std),
      valuesText(one),
    ]),
  )
}

function numberText(value: number | null | undefined): string {
  return value === null || value === undefined ? '' : figure(value)
}

function valuesText({ true_share, frequent, first, last, not_finite }: FeatureStatistics): string {
  if (true_share !== null) return `${percent(true_share)} true`
  if (frequent !== null)
    return frequent.map(({ value, is_cut, rows }) => `${value}${is_cut ? '…' : ''} ${rows}`).join(', ')
  if (first !== null && last !== null) return `${first} to ${last}`
  return not_finite === 0 ? '' : `${not_finite} NaN or infinite`
}
