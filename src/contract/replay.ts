/** How a verdict comes out that is judged again from what it kept. */
import { z } from 'zod'

/** Number of the rules of judging that a verdict was made by; 1 stands for all rules of before they were numbered. */
export const rules = z.number().int().describe('number of the rules of judging; 1: made before rules were numbered')

/** The reply of a replay. */
export function replayOf<Verdict extends z.ZodType>(verdict: Verdict) {
  return z.object({
    same: z.boolean(),
    comparable: z.boolean().describe('false: it comes out otherwise, and was made by other rules than those of now'),
    says: z.string().describe('what came of it, in words'),
    stored: verdict,
    replayed: verdict.describe('by the rules of now, or those that it was made by where they are still known'),
  })
}

export interface Replay<Verdict> {
  readonly same: boolean
  readonly comparable: boolean
  readonly says: string
  readonly stored: Verdict
  readonly replayed: Verdict
}

/** Compares a verdict with what the rules of now make of its inputs, to the last digit. Another result by other rules says nothing of the evidence. */
export function compareReplay<Verdict extends { readonly rules: number }>(
  stored: Verdict,
  replayed: Verdict,
): Replay<Verdict> {
  const [then, now] = [stored.rules, replayed.rules]
  const same = JSON.stringify({ ...replayed, rules: then }) === JSON.stringify(stored)
  return { same, comparable: same || then === now, says: sayReplay(same, then, now), stored, replayed }
}

function sayReplay(same: boolean, then: number, now: number): string {
  if (same) return then === now ? 'the same result' : `the same result by rules ${then} and by rules ${now}`
  return then === now
    ? `another result by the same rules (${now}): what it rests on has changed since`
    : `rules ${then}, now ${now}: not comparable`
}
