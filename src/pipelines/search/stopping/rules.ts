/** When a trial is stopped before its end, by what its metric has shown at the same step beside other trials. */
import type { StopRule } from '../../../contract/pipelines/studies.ts'
import { hash32 } from '../../../stats/hash.ts'

/** What a trial has shown, steps rising; NaN counts as the worst there is. */
export interface Curve {
  /** The number of the trial. */
  readonly number: number
  readonly points: readonly { readonly step: number; readonly loss: number }[]
}

/** What was found of a trial: up to which step it is judged, and why it is stopped, in words, where it is. */
export interface Judgement {
  readonly judged: number
  readonly stop?: { readonly step: number; readonly reason: string }
}

interface Around {
  /** Of all trials, its own left out. */
  readonly others: readonly Curve[]
  /** Up to which step it was judged before; -1 at first. A step is judged once. */
  readonly judged: number
  readonly seed: number
}

/** Judges what a trial has shown since it was judged last. */
export function judge(rule: StopRule, own: Curve, around: Around): Judgement {
  if (rule.rule === 'median') return byMedian(rule, own, around)
  const brackets = rule.rule === 'hyperband' ? bracketsOf(rule) : [{ first: rule.first, share: 1 }]
  const bracket = bracketOf(brackets, own.number, around.seed)
  const others = around.others.filter((one) => bracketOf(brackets, one.number, around.seed) === bracket)
  return byRungs({ first: brackets[bracket]?.first ?? rule.first, factor: rule.factor }, own, { ...around, others })
}

/**
 * The median rule (Golovin and others 2017, "Google Vizier", section 3.2.2): stopped where the best so far is worse than the median of the bests
 * that the others had at that step, once there are enough of them.
 */
function byMedian(rule: Extract<StopRule, { rule: 'median' }>, own: Curve, { others, judged }: Around): Judgement {
  const step = lastStep(own)
  if (step === undefined || step < rule.first || step <= judged) return { judged }
  const bests = others.filter((one) => reached(one, step)).map((one) => bestUntil(one, step))
  if (bests.length < rule.others) return { judged: step }
  const middle = medianOf(bests)
  const best = bestUntil(own, step)
  // NaN is not at most anything, so a trial that has shown no number is stopped
  if (best <= middle) return { judged: step }
  const reason = `at step ${step} its best was behind the median of ${bests.length} others`
  return { judged: step, stop: { step, reason } }
}

/**
 * Asynchronous successive halving (Li and others 2018, "A System for Massively Parallel Hyperparameter Tuning"), as it stops rather than pauses:
 * at each rung a trial goes on where it is among the best of `factor` of those that came there before it.
 */
function byRungs(rule: { readonly first: number; readonly factor: number }, own: Curve, around: Around): Judgement {
  const { others, judged } = around
  const last = lastStep(own) ?? -1
  let seen = judged
  for (let rung = rule.first; rung <= last; rung = Math.ceil(rung * rule.factor)) {
    if (rung <= judged) continue
    seen = rung
    const bests = others.filter((one) => reached(one, rung)).map((one) => bestUntil(one, rung))
    const best = bestUntil(own, rung)
    const kept = Math.max(1, Math.floor((bests.length + 1) / rule.factor))
    const rank = 1 + bests.filter((one) => one < best || (Number.isNaN(best) && !Number.isNaN(one))).length
    if (rank <= kept) continue
    const reason = `at step ${rung} it was ${rank}. of ${bests.length + 1}, and ${kept === 1 ? 'the best goes' : `the best ${kept} go`} on`
    return { judged: rung, stop: { step: rung, reason } }
  }
  return { judged: seen }
}

interface Bracket {
  /** Its first rung. */
  readonly first: number
  /** Of all trials, in parts. */
  readonly share: number
}

/** The brackets of Hyperband (Li and others 2017, JMLR 18): from many trials that are judged early to few that are judged late. */
export function bracketsOf({ first, factor, most }: Extract<StopRule, { rule: 'hyperband' }>): Bracket[] {
  // a hair more, for 3 ** 2 may lie a hair above 9 as a logarithm
  const count = Math.floor(Math.log(Math.max(most / first, 1)) / Math.log(factor) + 1e-9)
  return Array.from({ length: count + 1 }, (_, late) => {
    const early = count - late
    return { first: Math.ceil(first * factor ** late), share: Math.ceil(((count + 1) * factor ** early) / (early + 1)) }
  })
}

function bracketOf(brackets: readonly Bracket[], number: number, seed: number): number {
  let left = hash32(String(number), seed) % brackets.reduce((sum, { share }) => sum + share, 0)
  return brackets.findIndex(({ share }) => (left -= share) < 0)
}

function lastStep({ points }: Curve): number | undefined {
  return points.at(-1)?.step
}

function reached({ points }: Curve, step: number): boolean {
  return (points.at(-1)?.step ?? -1) >= step
}

/** The least loss up to a step; NaN where it has shown none that is a number. */
function bestUntil({ points }: Curve, step: number): number {
  const losses = points.filter((point) => point.step <= step && !Number.isNaN(point.loss)).map(({ loss }) => loss)
  return losses.length === 0 ? Number.NaN : Math.min(...losses)
}

/** Those that are no numbers are the largest. */
function medianOf(losses: readonly number[]): number {
  const sorted = losses.map((one) => (Number.isNaN(one) ? Infinity : one)).toSorted((a, b) => a - b)
  const [low = 0, high = 0] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]]
  return low === high ? low : (low + high) / 2
}
