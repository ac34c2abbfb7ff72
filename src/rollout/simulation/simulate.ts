/** Plays a plan through on rows before it is used: the same evidence, gates, breaker and decisions as a rollout that is under way. */
import { HOUR_MS } from '../../contract/ids.ts'
import { stepsOf } from '../../contract/rollout/steps.ts'
import type { Plan } from '../../contract/rollout/plan.ts'
import { Breaker } from '../../gateway/traffic/breaker.ts'
import type { Prng } from '../../stats/prng.ts'
import { decide } from '../gates/decide.ts'
import { freshEvidence, lossOf, observe } from '../evidence/evidence.ts'
import type { Counts, Evidence, Observation } from '../evidence/evidence.ts'
import { gateStates } from '../gates/gates.ts'
import { breakerOf } from '../evidence/spending.ts'

/** One request as both versions would answer it. */
export interface SimRow {
  /** When it came, ms; only differences count. */
  readonly at: number
  /** Scores; null where there is none. */
  readonly stable: number | null
  readonly candidate: number | null
  /** True when the candidate fails on it. */
  readonly failed: boolean
  /** True when stable fails on it. */
  readonly stable_failed?: boolean
  /** Latencies, µs. */
  readonly stable_us: number
  readonly candidate_us: number
  /** null where no label ever comes. */
  readonly label: number | null
  /** `column=value`. */
  readonly slices: readonly string[]
}

export interface SimOptions {
  /** Decides which rows the canary gets. */
  readonly random: Prng
  /** Rows between two looks at the evidence. */
  readonly every: number
  /** Rows after which the label of a row is known. */
  readonly labelDelay: number
}

export interface SimResult {
  /** `undecided` when the rows end before the plan does. */
  readonly outcome: 'promoted' | 'rolled_back' | 'paused' | 'undecided'
  readonly reason: string
  /** Rows until then, and those of them that the candidate was to answer for a caller. */
  readonly rows: number
  readonly canary: number
  /** Gates that failed, `gate` or `gate column=value`; `breaker`. */
  readonly failed: readonly string[]
}

interface Run {
  readonly plan: Plan
  readonly options: SimOptions
  readonly evidence: Evidence
  readonly breaker: Breaker
  /** Labels to come: the row from which each is known. */
  readonly later: { readonly due: number; readonly one: Observation }[]
  /** Callers' requests since the last look: of the candidate, failed among them, of stable, failed among them. */
  both: [number, number, number, number]
  step: number
  from: Counts
  rows: number
  first: number | undefined
}

/** Plays one rollout. Where a plan pauses on failure, the result is `paused`. */
export function simulate(plan: Plan, rows: Iterable<SimRow>, options: SimOptions): SimResult {
  const evidence = freshEvidence()
  const step = plan.shadow.requests === 0 ? 1 : 0
  const breaker = new Breaker(breakerOf(plan))
  const run: Run = {
    plan,
    options,
    evidence,
    breaker,
    later: [],
    both: [0, 0, 0, 0],
    step,
    from: evidence.counts,
    rows: 0,
    first: undefined,
  }
  run.from = { ...evidence.counts }
  let [batch, last]: [Observation[], number] = [[], 0]
  for (const row of rows) {
    run.rows += 1
    run.first ??= row.at
    last = row.at
    batch.push(...observed(run, row))
    if (run.rows % options.every !== 0 && breaker.reason === null) continue
    const done = look(run, batch, last)
    if (done !== undefined) return done
    batch = []
  }
  return look(run, batch, last) ?? result(run, 'undecided', 'the rows ended before the plan did')
}

/** What a row shows at the present step. */
function observed(run: Run, row: SimRow): Observation[] {
  const { plan, options, later, rows } = run
  const weight = stepsOf(plan)[run.step - 1] ?? 0
  const answers = run.step > 0 && options.random.below(10_000) < weight
  if (run.step > 0) countBoth(run, row, answers)
  const seen = answers ? answered(run, row) : shadowed(run, row)
  while ((later[0]?.due ?? Infinity) <= rows) seen.push(later.shift()!.one)
  return seen
}

/** A row of the candidate. As in the gateway, what stable cannot answer either is not held against it. */
function answered({ breaker }: Run, row: SimRow): Observation[] {
  if (row.failed && row.stable_failed === true) return []
  breaker.record(!row.failed)
  return tried(row, 0)
}

/** A row of stable, and what the shadow says to it; what stable fails is not shadowed. */
function shadowed(run: Run, row: SimRow): Observation[] {
  if (row.stable_failed === true) return []
  const seen: Observation[] = [['s', row.stable_us]]
  if (run.plan.shadow.requests === 0) return seen
  seen.push(...tried(row, 1))
  if (!row.failed) seen.push(...compared(run, row))
  return seen
}

function tried({ failed, candidate_us, slices }: SimRow, shadow: 0 | 1): Observation[] {
  const fails = failed ? 1 : 0
  const one = ['c', fails, candidate_us, shadow] as const
  return slices.length === 0 ? [one] : [one, ['e', fails, slices]]
}

function countBoth({ both }: Run, row: SimRow, answers: boolean): void {
  const failed = answers ? row.failed : row.stable_failed === true
  both[answers ? 0 : 2] += 1
  if (failed) both[answers ? 1 : 3] += 1
}

/** A row that both scored; its label is kept for later. */
function compared(run: Run, { stable, candidate, label, slices }: SimRow): Observation[] {
  if (stable === null || candidate === null) return []
  const { plan, options, later, rows } = run
  if (label !== null) {
    const one = ['l', lossOf(plan, stable, label), lossOf(plan, candidate, label), slices] as const
    later.push({ due: rows + options.labelDelay, one })
  }
  return [['p', stable, candidate]]
}

/** Judges as the controller does; the end, or undefined while it goes on. */
function look(run: Run, batch: readonly Observation[], now: number): SimResult | undefined {
  const { plan, evidence, breaker } = run
  observe(evidence, plan, [...batch, ['x', ...run.both]])
  run.both = [0, 0, 0, 0]
  const gates = gateStates(evidence, plan)
  const hours = (now - (run.first ?? now)) / HOUR_MS
  const { counts } = evidence
  // persons agree at once, and nothing is frozen
  const approvals = (plan.approvals ?? []).map(({ before }) => ({ before, by: 'simulation', at: 0, reason: '' }))
  const [step, from] = [run.step, run.from]
  const decided = decide({ plan, step, counts, from, gates, breaker: breaker.reason, hours, approvals })
  switch (decided.decision) {
    case 'wait':
      return undefined
    case 'advance':
      run.step += 1
      run.from = { ...counts }
      run.first = undefined
      return undefined
    case 'promote':
    case 'confirm':
      return result(run, 'promoted', decided.reason)
    case 'rollback':
    case 'demote':
    case 'keep':
      return result(run, 'rolled_back', decided.reason)
    case 'pause':
      return result(run, 'paused', decided.reason)
  }
}

function result(run: Run, outcome: SimResult['outcome'], reason: string): SimResult {
  const { plan, evidence, breaker, rows } = run
  const failing = gateStates(evidence, plan).filter((gate) => gate.status === 'failing')
  const failed = failing.map((gate) => (gate.slice === null ? gate.gate : `${gate.gate} ${gate.slice}`))
  return {
    outcome,
    reason,
    rows,
    canary: evidence.counts.canary,
    failed: breaker.reason === null ? failed : ['breaker', ...failed],
  }
}
