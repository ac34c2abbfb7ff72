/** Arguments and replies that many calls of MLflow's protocol share: tags, page sizes, the empty reply. */
import { invalidValue, need, object, text } from './input.ts'
import { invalid } from './wire.ts'

/** A tag whose value may be absent, which is ''. */
export const tagFields = object({ key: need(text()), value: text() })

/** Tags with '' for an absent value. */
export function tagsOf(
  given: readonly ({ key: string; value: string | undefined } | undefined)[],
): { key: string; value: string }[] {
  return given.filter((tag) => tag !== undefined).map((tag) => ({ key: tag.key, value: tag.value ?? '' }))
}

const MOST_RESULTS = 50_000

/** Checks a page size of 1 to 50000. */
export function pageSize(value: number | undefined, standard: number, most = MOST_RESULTS): number {
  const size = value ?? standard
  if (size < 1) throw invalid(`${invalidValue('max_results', value)} It must be a positive integer`)
  if (size > most) {
    throw invalid(invalidValue('max_results', value, ` It must be at most ${most}.`))
  }
  return size
}

/** The empty reply, once the work is durable. */
export async function done(work: Promise<unknown>): Promise<object> {
  await work
  return {}
}
