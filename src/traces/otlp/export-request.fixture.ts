/** Spans of a request, read at once. */
import type { Batch } from '../spans/span.ts'
import { readValue } from '../spans/values.ts'
import { readingOf } from './export-request.ts'
import { readExportJson } from './json.ts'

/** As `readExportInTurns`, in one turn. */
export function readExport(message: Uint8Array): Batch {
  const reading = readingOf(message)
  for (;;) {
    const step = reading.next()
    if (step.done === true) return step.value
  }
}

/** The spans of a request in JSON. */
export function readExportText(text: string): Batch {
  return readExportJson(readValue(text))
}
