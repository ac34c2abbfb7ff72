/** What to do next: a pure function of the plan, the step, the counts and the gates. Zero measurements are never success. */
import type { GateState } from '../../contract/rollout.ts'
import { stepsOf } from '../../contract/rollout/steps.ts'
import type { Plan } from '../../contract/rollout/plan.ts'
import type { Counts } from '../evidence/evidence.ts'
import { metricGateName } from '../evidence/metrics.ts'
import type { Outcome } from '../evidence/metrics.ts'
import { RULES } from '../evidence/evidence.ts'
import { SPLIT } from '../evidence/split.ts'
import { notJudged } from './gates.ts'

/**
 * `keep`: a comparison ended and stable stays, without a fault of the candidate. `demote` and `confirm` end the watch over a promoted
 * version.
 */
export type Decision = 'advance' | 'promote' | 'keep' | 'rollback' | 'pause' | 'wait' | 'demote' | 'confirm'

/** What a person agreed to: the share before which a step waited, or the promotion. */
export interface Approval {
  readonly before: number | 'promote'
  readonly by: string
  readonly at: number
  readonly reason: string
}

/** Another challenger of the same endpoint, as it stands. */
export interface Rival {
  readonly version: string
  /** ahead: it has left shadow; ready: it could; comparing: it gathers evidence. */
  readonly stands: 'ahead' | 'ready' | 'comparing'
  /** Mean loss against stable; null without labels. */
  readonly loss: number | null
  /** True when it was there before this one: it wins where nothing tells them apart. */
  readonly earlier: boolean
}

/** All that a decision depends on. */
export interface Situation {
  readonly plan: Plan
  /** 0 = shadow, 1… = the shares of the plan. */
  readonly step: number
  readonly counts: Counts
  /** Counts when the step began. */
  readonly from: Counts
  readonly gates: readonly GateState[]
  /** What the gateway's breaker said, if it took the candidate to weight 0. */
  readonly breaker: string | null
  /** Event hours since the first observation of the step, or hours by the clock since it began, whichever is more. */
  readonly hours: number
  /** What the deciding metric of an A/B says. */
  readonly outcome?: Outcome | undefined
  readonly approvals?: readonly Approval[]
  /** Why nothing may go forward now. */
  readonly frozen?: string | null
  readonly rivals?: readonly Rival[]
  /** Number of the rules to decide by; absent = those of now. */
  readonly rules?: number | undefined
  /** True once the version is promoted and only labels that come late are waited for. */
  readonly watching?: boolean
}

export interface Decided {
  readonly decision: Decision
  readonly reason: string
  /** The approval that is missing and nothing else. */
  readonly awaits?: { readonly before: number | 'promote'; readonly role: 'maintainer' | 'admin' }
}

/** True when a challenger has all that it needs to leave shadow, whatever the others do. */
export function isReady(situation: Situation): boolean {
  return rejection(situation) === undefined && whatIsMissing(situation) === undefined
}

export function decide(situation: Situation): Decided {
  const { plan, hours } = situation
  if (situation.watching === true) return watched(situation)
  const bad = rejection(situation)
  if (bad !== undefined) return { decision: plan.on_failure === 'pause' ? 'pause' : 'rollback', reason: bad }
  const biased = situation.gates.find(({ gate, status }) => gate === SPLIT && status === 'failing')
  if (biased !== undefined)
    return { decision: 'pause', reason: `the split is not the plan's, so the sides are not alike: ${biased.reason}` }
  const missing = whatIsMissing(situation)
  if (missing !== undefined) {
    return hours > plan.max_wait_hours
      ? { decision: 'pause', reason: `no decision within ${plan.max_wait_hours} hours: ${missing}` }
      : { decision: 'wait', reason: missing }
  }
  return outdone(situation) ?? compared(situation) ?? held(situation) ?? forward(situation)
}

/** Over a promoted version only what labels say can still be a reason. */
function watched(situation: Situation): Decided {
  const { plan, counts, from, hours } = situation
  const bad = rejection({
    ...situation,
    breaker: null,
    gates: situation.gates.filter(({ gate }) => gate === 'quality'),
  })
  if (bad !== undefined) return { decision: 'demote', reason: `after its promotion: ${bad}` }
  const seen = counts.labelled - from.labelled
  const { labels, hours: longest } = plan.watch ?? { labels: 0, hours: 0 }
  const unjudged = seen === 0 && (situation.rules ?? RULES) >= 4 ? ': its quality was not judged' : ''
  if (seen >= labels)
    return { decision: 'confirm', reason: `not worse on ${seen} labels that came after its promotion` }
  if (hours >= longest)
    return { decision: 'confirm', reason: `the watch of ${longest} hours ended with ${seen} labels${unjudged}` }
  return { decision: 'wait', reason: `promoted; watched for ${labels} labels, ${seen} came` }
}

function forward({ plan, step, gates, rules = RULES }: Situation): Decided {
  return {
    decision: isLast(plan, step) ? 'promote' : 'advance',
    reason: `${stepName(plan, step)} passed: ${rules < 4 ? listed(gates) : passed(gates)}`,
  }
}

function isLast(plan: Plan, step: number): boolean {
  return step >= stepsOf(plan).length
}

/** Reasons that are named in words; the others are counted. */
const NAMED = 8

/** Everything for which a version is turned away: the breaker, each gate that failed, and a split that failed beside them. */
function rejection({ gates, breaker, rules = RULES }: Situation): string | undefined {
  const stopped = breaker === null ? [] : [`the gateway's breaker stopped it: ${breaker}`]
  // a slice says more than the whole, and the strongest evidence comes first
  const failing = gates
    .filter(({ status, gate }) => status === 'failing' && gate !== SPLIT)
    .toSorted((a, b) => strength(b) - strength(a))
  if (stopped.length + failing.length === 0) return undefined
  if (rules < 3) return stopped[0] ?? failing.slice(0, 3).map(failedGate).join('; ')
  const split = gates.find(({ gate, status }) => gate === SPLIT && status === 'failing')
  const reasons = [
    ...stopped,
    ...[...Map.groupBy(failing, ({ gate }) => gate).values()].map(failedIn),
    ...(split === undefined ? [] : [`the split is not the plan's: ${split.reason}`]),
  ]
  const more = reasons.length > NAMED ? [`and ${reasons.length - NAMED} more`] : []
  return [...reasons.slice(0, NAMED), ...more].join('; ')
}

function failedGate({ gate, reason }: GateState): string {
  return `gate ${gate} failed: ${reason}`
}

/** A gate by its strongest evidence; what else of it failed is counted, so that many slices of one hide no other. */
function failedIn([strongest, ...rest]: readonly GateState[]): string {
  if (strongest === undefined) throw new Error('a group has one at least')
  return `${failedGate(strongest)}${rest.length === 0 ? '' : ` (and on ${rest.length} more)`}`
}

function strength(gate: GateState): number {
  return (gate.slice === null ? 0 : 1e9) + Math.log(Math.max(1, gate.evidence))
}

/** What the step still needs, or undefined when it has everything. */
function whatIsMissing(situation: Situation): string | undefined {
  return tooFew(situation) ?? lateLabels(situation) ?? waitingGate(situation)
}

function tooFew({ plan, step, counts, from }: Situation): string | undefined {
  if (step > 0) {
    const requests = counts.canary - from.canary
    return requests < plan.each.min_requests ? `${requests} of ${plan.each.min_requests} canary requests` : undefined
  }
  const { requests, labels } = plan.shadow
  if (counts.pairs < requests) return `${counts.pairs} of ${requests} shadow rows`
  return counts.labelled < labels ? `${counts.labelled} of ${labels} labelled shadow rows` : undefined
}

/** The last step holds for labels that come late, but not for ever. */
function lateLabels({ plan, step, counts, hours }: Situation): string | undefined {
  const { hold } = plan
  if (hold === undefined || !isLast(plan, step) || hours >= hold.hours || counts.labelled >= hold.labels)
    return undefined
  return `holds for ${counts.labelled} of ${hold.labels} labels, at most ${hold.hours} hours`
}

/**
 * A gate that waits holds the step up; one that is not judged does not, and is told of. In shadow nobody can post a value, and no caller can
 * be answered by both.
 */
function waitingGate({ plan, step, gates }: Situation): string | undefined {
  if (step === 0 && plan.shadow.requests === 0) return undefined
  const posted = new Set(
    step === 0 ? ['error_rate_vs_stable', ...(plan.metrics ?? []).map(({ name }) => metricGateName(name))] : [],
  )
  const waiting = gates.find(
    (gate) =>
      gate.status === 'waiting' && (gate.n < gate.n_min || gate.gate === 'score_shift') && !posted.has(gate.gate),
  )
  return waiting && `gate ${waiting.gate} has ${waiting.n} of ${waiting.n_min}: ${waiting.reason}`
}

/** Of challengers that were compared at once, the one with the least loss leaves shadow; the others end. */
function outdone({ step, gates, rivals = [] }: Situation): Decided | undefined {
  if (step > 0 || rivals.length === 0) return undefined
  const ahead = rivals.find((rival) => rival.stands === 'ahead')
  if (ahead !== undefined) return { decision: 'keep', reason: `version ${ahead.version} went on in its place` }
  const comparing = rivals.find((rival) => rival.stands === 'comparing')
  if (comparing !== undefined)
    return { decision: 'wait', reason: `version ${comparing.version} is still compared beside it` }
  const own = gates.find((gate) => gate.gate === 'quality' && gate.slice === null)?.candidate ?? null
  const better = rivals.find((rival) => beats(rival, own))
  return better && { decision: 'keep', reason: `version ${better.version} was better: ${lossText(better.loss, own)}` }
}

function beats({ loss, earlier }: Rival, own: number | null): boolean {
  if (loss === own) return earlier
  return loss !== null && (own === null || loss < own)
}

function lossText(loss: number | null, own: number | null): string {
  if (loss === null || own === null) return 'without labels the earlier one goes on'
  return `mean loss against stable ${loss.toFixed(4)}, here ${own.toFixed(4)}`
}

/** An A/B ends by what its metric says. */
function compared({ step, outcome }: Situation): Decided | undefined {
  if (step === 0 || outcome === undefined || outcome.says === 'better') return undefined
  if (outcome.says === 'undecided') return { decision: 'wait', reason: `not decided yet: ${outcome.reason}` }
  const said = outcome.says === 'worse' ? 'stable is better' : 'no difference was shown'
  return { decision: 'keep', reason: `${said}: ${outcome.reason}` }
}

/** Everything is there, but a person has not agreed, or nothing may go forward now. */
function held({ plan, step, approvals = [], frozen = null }: Situation): Decided | undefined {
  if (frozen !== null) return { decision: 'wait', reason: frozen }
  const before = isLast(plan, step) ? 'promote' : stepsOf(plan)[step]
  const wanted = plan.approvals?.find((one) => one.before === before)
  if (wanted === undefined || approvals.some((one) => one.before === before)) return undefined
  const what = wanted.before === 'promote' ? 'promotion' : `${wanted.before / 100} %`
  return {
    decision: 'wait',
    reason: `waits for the approval of ${article(wanted.role)} before ${what}`,
    awaits: wanted,
  }
}

function article(role: string): string {
  return role === 'admin' ? 'an admin' : `a ${role}`
}

/** What passed, on how much, and apart from it what had nothing to judge, with why. */
function passed(gates: readonly GateState[]): string {
  const judged = listed(gates.filter(({ status }) => status === 'passing'))
  const why = notJudged(gates)
    .map(({ gate, reason }) => `${gate} (${reason})`)
    .join(', ')
  return [judged || 'no gate was judged', ...(why === '' ? [] : [`not judged: ${why}`])].join('; ')
}

function listed(gates: readonly GateState[]): string {
  return gates
    .filter((gate) => gate.slice === null)
    .map((gate) => `${gate.gate} on ${gate.n}`)
    .join(', ')
}

/** The name of a step: shadow, or the kind of split with its share. */
export function stepName(plan: Plan, step: number): string {
  const weight = stepsOf(plan)[step - 1]
  if (step === 0 || weight === undefined) return 'shadow'
  if (plan.mode === 'blue_green') return 'green'
  return `${plan.mode === 'ab' ? 'A/B' : 'canary'} ${weight / 100} %`
}
