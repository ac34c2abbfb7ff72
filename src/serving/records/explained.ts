/** Contributions in the prediction log: kept in the column of what was answered, since few rows have them. */
import type { PredictionRecord } from '../../gateway/records/records.ts'

type Explanation = NonNullable<PredictionRecord['ex']>

/** How the text of an answer with contributions begins. A prediction of a model that can be explained is a number, a text or a list. */
export const EXPLAINED_PREFIX = '{"format":"slipway.explained/1",'

/** What was answered with what each input added, as one JSON text. */
export function packExplained(prediction: unknown, explanation: Explanation): string {
  return JSON.stringify({ format: 'slipway.explained/1', prediction, explanation })
}

/** Takes a text of that column apart. */
export function unpackExplained(text: string): { prediction: unknown; explanation?: Explanation } {
  const value: unknown = JSON.parse(text)
  return text.startsWith(EXPLAINED_PREFIX)
    ? (value as { prediction: unknown; explanation: Explanation })
    : { prediction: value }
}

type Numbers = number | number[]

function plain(value: number | readonly number[]): Numbers {
  return typeof value === 'number' ? value : [...value]
}

/** Contributions by input name. */
export function nameExplanation(
  names: readonly string[],
  { base, contributions }: Explanation,
): { base: Numbers; contributions: Record<string, Numbers> } {
  const named = names.map((name, i): [string, Numbers] => [name, plain(contributions[i] ?? 0)])
  return { base: plain(base), contributions: Object.fromEntries(named) }
}
