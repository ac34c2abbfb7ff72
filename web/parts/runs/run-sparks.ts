/** Curves of the runs in sight, read in batches that stay the same while the table scrolls. */
import { useQueries } from '@tanstack/react-query'
import { useMemo } from 'react'
import { runCurves } from '../../data/runs/queries.ts'
import type { RunCurve } from '../../data/runs/queries.ts'

const BATCH = 25
const POINTS = 40

/** Curves by run id of the rows from `first` to `last`; empty without a metric. */
export function useSparks(
  ids: readonly string[],
  metric: string | undefined,
  seen: { readonly first: number; readonly last: number },
): ReadonlyMap<string, RunCurve> {
  const from = Math.floor(seen.first / BATCH)
  const to = Math.floor(seen.last / BATCH)
  const batches =
    metric === undefined
      ? []
      : Array.from({ length: to - from + 1 }, (_, i) => ids.slice((from + i) * BATCH, (from + i + 1) * BATCH)).filter(
          (batch) => batch.length > 0,
        )
  const read = useQueries({
    queries: batches.map((batch) => ({ ...runCurves(batch, metric ?? '', POINTS), staleTime: 30_000 })),
    combine: (all) => all.map((one) => one.data),
  })
  return useMemo(() => {
    const curves = read.flatMap((one) => one?.items ?? [])
    return new Map(curves.map((curve) => [curve.id, curve]))
  }, [read])
}
