/** Features, sources and versions in words. */
import type { FeatureService, FeatureView, ViewFeature } from '../../../src/contract/features/catalogue.ts'
import type { OnExpired } from '../../../src/contract/features/section.ts'
import { duration, words } from '../../../src/contract/text/format.ts'

/** Where the values of a feature come from: `column fare`, `sum of amount over 7 d, step 1 h`. */
export function originOf({ column, window }: Pick<ViewFeature, 'column' | 'window'>): string {
  if (window === null) return `column ${column ?? ''}`
  return `${takenOf(window, column)} over ${duration(window.over_ms)}, step ${duration(window.step_ms)}`
}

function takenOf({ take, q }: NonNullable<ViewFeature['window']>, column: string | null): string {
  if (take === 'count') return column === null ? 'count of rows' : `count of ${column}`
  if (take === 'quantile') return `quantile ${q ?? 0.5} of ${column ?? 'rows'}`
  if (take === 'distinct') return `distinct values of ${column ?? 'rows'}`
  if (take === 'std') return `standard deviation of ${column ?? 'rows'}`
  return take === 'last' ? `last ${column ?? 'row'}` : `${take} of ${column ?? 'rows'}`
}

/** Where the rows of a view come from: kind and place of each source, and that they are pushed. */
export function sourcesOf({
  sources,
  push,
}: Pick<FeatureView, 'sources' | 'push'>): readonly { readonly kind: string; readonly place: string }[] {
  return [
    ...sources.map(({ kind, place }) => ({ kind: words(kind), place })),
    ...(push ? [{ kind: 'pushed', place: '' }] : []),
  ]
}

/** How long a row counts. */
export function lifeOf(ttl: number | null): string {
  return ttl === null ? 'for ever' : duration(ttl)
}

/** What comes of a value that is older than its time to live. */
export const EXPIRED_WORDS: Readonly<Record<OnExpired, string>> = {
  null: 'null: an expired value is left out',
  value: 'value: an expired value is served all the same',
  refuse: 'refuse: the read is refused where a value has expired',
}

/** Services that read a view, with the version that each reads. */
export function readersOf(
  services: readonly FeatureService[],
  view: string,
): readonly { readonly name: string; readonly version: number }[] {
  return services.flatMap(({ name, views }) =>
    [...new Set(views.filter((one) => one.view === view).map(({ version }) => version))].map((version) => ({
      name,
      version,
    })),
  )
}
