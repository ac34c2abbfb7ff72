/** Features that a join reads, and the columns in which they stand meanwhile. */
import type { Service } from '../definitions/definitions.ts'

/** Every feature that is read: for a column, or for an on-demand feature, each under the name that it has in `joined`. */
export function readColumns({
  columns,
  on_demand,
}: Service): { readonly of: { view: string; feature: string }; readonly as: string }[] {
  const own = columns.flatMap(({ of }) => ('view' in of ? [of] : []))
  const inputs = on_demand.flatMap((one) =>
    one.inputs.flatMap(({ of }) => (of.kind === 'feature' ? [{ view: of.view, feature: of.feature }] : [])),
  )
  const all = new Map([...own, ...inputs].map((of) => [readColumn(of), of]))
  return [...all].map(([as, of]) => ({ of, as }))
}

/** The column of `joined` that holds a feature. */
export function readColumn({ view, feature }: { readonly view: string; readonly feature: string }): string {
  return `${view}:${feature}`
}
