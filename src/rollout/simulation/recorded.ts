/** Recorded traffic of an endpoint, as simulations of a plan read it: stable's answers, what a shadow said, labels, slices. */
import type { z } from 'zod'
import type { RecordedRow } from '../../contract/rollout.ts'
import { problem } from '../../contract/errors.ts'
import { mapInTurns } from '../../http/callers/turns.ts'
import { slicesOf } from '../observations/hooks.ts'
import { comparedAnswers } from '../../serving/records/queries.ts'
import type { RolloutDeps } from '../context/context.ts'

type Recorded = z.output<typeof RecordedRow>

/**
 * The newest rows that the endpoint's stable version answered, in order of event time. `version` is a shadow whose answers are the
 * candidate's: then only rows that it scored too. Throws `not_found` for an endpoint that is none.
 */
export async function recordedRows(
  deps: RolloutDeps,
  wish: {
    readonly endpoint: string
    readonly version?: string | undefined
    readonly slices: readonly string[]
    readonly limit: number
  },
): Promise<Recorded[]> {
  const target = await deps.target(deps.db, wish.endpoint)
  if (target === undefined) throw problem('not_found', { what: 'endpoint', id: wish.endpoint })
  const stable = target.stable ?? ''
  const rows = await comparedAnswers(deps.db, { ...wish, stable, shadow: wish.version })
  const names = await deps.inputNames(deps.db, wish.endpoint, stable)
  const labels = await deps.labelsOf(
    deps.db,
    wish.endpoint,
    rows.map((row) => row.id),
  )
  return mapInTurns(rows.toReversed(), (row) => ({
    at: row.event_time,
    stable: row.score,
    candidate: row.candidate,
    failed: row.error !== null,
    stable_us: row.latency_us,
    candidate_us: row.candidate_us ?? row.latency_us,
    label: labels.get(row.id) ?? null,
    slices: slicesOf(wish.slices, names, JSON.parse(row.inputs) as unknown[]),
  }))
}
