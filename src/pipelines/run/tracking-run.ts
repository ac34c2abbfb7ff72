/** Names an attempt's run in tracking before it is made, so that a crash between making it and noting its id leaves none behind. */
import { createHash } from 'node:crypto'

/** The id of the tracking run of an attempt: 32 hex digits that follow from the attempt's id alone. */
export function trackingRunOf(attempt: string): string {
  return createHash('sha256').update(attempt).digest('hex').slice(0, 32)
}
