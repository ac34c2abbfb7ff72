/** The rows of a request as a version reads them: with what its feature service gives. */
import { problem } from '../../contract/errors.ts'
import type { Rows } from '../../scoring/rows/rows.ts'
import { broughtBy } from '../features/brought.ts'
import type { LiveVariant } from '../traffic/live.ts'
import type { Answer } from './ask.ts'

export interface FilledRows {
  readonly rows: Rows
  readonly reasons: Answer['reasons']
}

/**
 * Where the service of the version is not read here, a request may bring all inputs that it would give; else this throws `unavailable`, for
 * a model that is asked without its features answers all the same, and wrongly. Many rows are a promise.
 */
export function filledRows({ route, features }: LiveVariant, given: Rows): FilledRows | Promise<FilledRows> {
  if (features !== undefined) return features.fill(given)
  if (route.features !== undefined) requireAll(route, given)
  return { rows: given, reasons: undefined }
}

function requireAll({ inputs, features }: LiveVariant['route'], given: Rows): void {
  const columns = features?.definition.columns.map(({ name }) => name) ?? []
  const filled = inputs.map(({ name }) => name).filter((name) => columns.includes(name))
  const brought = broughtBy(given, filled)
  const lacking = filled.find((name) => !brought.includes(name))
  if (lacking === undefined) return
  throw problem('unavailable', {
    what: `feature service ${features?.service}@${features?.version}`,
    detail: `this gateway does not read it, and the request does not bring "${lacking}"`,
  })
}
