/** What stands in the place of language models in a gateway that calls none: that of an image, which has no database for budgets. */
import { problem } from '../../contract/errors.ts'
import type { LlmTarget } from '../http/llm.ts'
import { nativeFailure } from '../protocols/native.ts'
import { llmPath } from './paths.ts'
import type { LlmTraffic } from './traffic.ts'

export const NO_LLM: LlmTraffic = {
  target: (path) => refused(path, 'this gateway calls none; ask one that a server started'),
  prepare: () => Promise.resolve(),
  load: () => undefined,
  names: () => [],
  stats: () => null,
  families: () => [],
  cut: () => undefined,
  close: () => Promise.resolve(),
}

/** A path of language models at which each call is refused, in so many words. */
export function refused(path: string, detail: string): LlmTarget | undefined {
  if (llmPath(path) === undefined) return undefined
  return {
    answer() {
      throw problem('unavailable', { what: 'a gateway for language models', detail })
    },
    fail: nativeFailure,
  }
}
