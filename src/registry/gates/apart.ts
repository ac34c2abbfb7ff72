/** Comparisons, judgements and scores on a thread of their own. */
import { problem } from '../../contract/errors.ts'
import { onThread } from '../../jobs/thread.ts'
import type { ApartTask, FoundApart } from './gates-thread.ts'

/** What the thread finds. Rejects with what it refuses. */
export async function apart<T>(task: ApartTask, what: string): Promise<T> {
  const file = new URL('./gates-thread.ts', import.meta.url)
  const { found, refused } = await onThread<FoundApart>({ file, task, what })
  if (refused !== undefined) throw problem(refused.code, refused.data)
  return found as T
}
