/** Recorded traffic of an endpoint, as simulations of a plan read it: stable's answers, what a shadow said, labels, slices. */
import type { z } from 'zod'
import type { RecordedRow } from '../../contract/rollout.ts'
import { problem } from '../../contract/errors.ts'
import { slicesOf } from '../observations/hooks.ts'
import type { RolloutDeps } from '../context/context.ts'

type Recorded = z.output<typeof RecordedRow>

interface Row {
  readonly id: string
  readonly event_time: number
  readonly latency_us: number
  readonly score: number | null
  readonly inputs: string
  readonly candidate: number | null
  readonly error: string | null
  readonly candidate_us: number | null
}

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
  const rows = await deps.db.all<Row>(
    `SELECT p.id, p.event_time, p.latency_us, p.score, p.inputs, s.score AS candidate, s.error, s.latency_us AS candidate_us
       FROM predictions p LEFT JOIN shadow_predictions s ON s.endpoint = p.endpoint AND s.id = p.id AND s.version = ?
      WHERE p.endpoint = ? AND p.version = ? AND p.role = 'stable' AND p.status < 400 AND p.fallback = 0
        ${wish.version === undefined ? '' : 'AND s.id IS NOT NULL'}
      ORDER BY p.event_time DESC, p.id DESC LIMIT ?`,
    [wish.version ?? '', wish.endpoint, stable, wish.limit],
  )
  const names = await deps.inputNames(deps.db, wish.endpoint, stable)
  const labels = await deps.labelsOf(
    deps.db,
    wish.endpoint,
    rows.map((row) => row.id),
  )
  return rows.toReversed().map((row) => ({
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
