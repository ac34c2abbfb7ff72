/** Spans of a request in protobuf, read at once. */
import type { Batch } from '../spans/span.ts'
import { readingOf } from './export-request.ts'

/** As `readExportInTurns`, in one turn. */
export function readExport(message: Uint8Array): Batch {
  const reading = readingOf(message)
  for (;;) {
    const step = reading.next()
    if (step.done === true) return step.value
  }
}
