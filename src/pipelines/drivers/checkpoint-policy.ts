/** How a step may keep checkpoints, as python/slipway/checkpoints reads it on this machine and on others. */
import type { AttemptSpec } from './driver.ts'

type Kept = NonNullable<AttemptSpec['checkpoints']>['resume'][number]

/** Times in seconds; `every_s` null = by what one costs. `resume`: those that it may go on from, the newest first. */
export interface CheckpointPolicy<Place> {
  readonly keep: number
  readonly largest_bytes: number
  readonly every_s: number | null
  readonly between_s: number
  readonly resume: readonly ({ readonly number: number } & Place)[]
}

/** Null for an attempt that keeps none; `placeOf` says where a kept one lies, by what it is and its rank. */
export function checkpointPolicy<Place>(
  { checkpoints }: AttemptSpec,
  placeOf: (kept: Kept, rank: number) => Place,
): CheckpointPolicy<Place> | null {
  if (checkpoints === undefined) return null
  const { keep, largest_bytes, every_ms, between_ms, resume } = checkpoints
  return {
    keep,
    largest_bytes,
    every_s: every_ms === null ? null : every_ms / 1000,
    between_s: between_ms / 1000,
    resume: resume.map((kept, rank) => ({ number: kept.number, ...placeOf(kept, rank) })),
  }
}
