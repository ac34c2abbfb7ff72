/** How calls of language models ended, in words and tones; and how many of them count as errors. */
import type { Tone } from '../tones.ts'
import type { LlmCall, LlmFigures, LlmOutcome } from './queries.ts'

/** Each outcome with its word, its tone, and what it means. */
export const OUTCOMES: Readonly<Record<LlmOutcome, readonly [word: string, tone: Tone, means: string]>> = {
  ok: ['answered', 'good', 'The client got a whole answer.'],
  refused: [
    'refused',
    'warn',
    'Slipway refused it before a provider was asked: a limit, a budget, or the request itself.',
  ],
  failed: ['failed', 'bad', 'No provider gave an answer.'],
  aborted: ['client left', 'idle', 'The client closed the connection before the answer was whole.'],
  cut: ['cut off', 'bad', 'The answer broke off: the client was told of an error in the middle of it.'],
  lost: [
    'lost',
    'bad',
    'The gateway ended before it could tell how the call did; the call is charged with its reserve.',
  ],
}

/** What a cost is made of, in words. */
export const COST_WORDS: Readonly<Record<LlmCall['cost_status'], string>> = {
  priced: 'by the usage that the provider told',
  estimated: 'estimated: the provider told no usage',
  unknown_price: 'the price of the model is not known',
  none: 'nothing was sent to a provider',
  reserved: 'the reserve of a lost call',
}

/** Calls that ended otherwise than their caller asked, by our or a provider's doing. */
export function errorsOf({ outcomes }: Pick<LlmFigures, 'outcomes'>): number {
  return outcomes.failed + outcomes.cut + outcomes.lost
}
