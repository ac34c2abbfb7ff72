/** Verdicts: decisions kept with their inputs, and judged again from the observations themselves. */
import { HOUR_MS } from '../../contract/ids.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import { compareReplay } from '../../contract/replay.ts'
import type { Replay } from '../../contract/replay.ts'
import type { GateState, RolloutVerdict } from '../../contract/rollout.ts'
import type { Plan } from '../../contract/rollout/plan.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { decide, isReady, stepName } from '../gates/decide.ts'
import type { Approval, Decided, Decision, Rival, Situation } from '../gates/decide.ts'
import { freshEvidence, observe, rulesFor } from '../evidence/evidence.ts'
import type { Counts, Evidence, Observation } from '../evidence/evidence.ts'
import { gateStates } from '../gates/gates.ts'
import { outcomeOf, tellMetrics } from '../evidence/metrics.ts'
import { evidenceOf, planOf, stepFrom } from '../context/context.ts'
import type { RolloutDeps, RolloutRow } from '../context/context.ts'

interface VerdictRow {
  readonly id: string
  readonly rollout_id: string
  readonly at: number
  readonly event_time: number | null
  readonly step: number
  readonly decision: Decision
  readonly reason: string
  readonly gates: string
  /** The newest row of observations that it rests on. */
  readonly seq: number
  readonly inputs: string
}

/** What a decision rests on besides the observations. */
interface StoredInputs {
  readonly plan: Plan
  readonly from: Counts
  readonly breaker: string | null
  readonly hours: number
  readonly approvals?: readonly Approval[]
  readonly frozen?: string | null
  readonly rivals?: readonly Rival[]
  readonly watching?: boolean
  /** What was decided by others than the gates: a person, the registry, or the want of anything to compare with. */
  readonly ruled?: Decided
  /** The rules by which its evidence was counted, from the first observation on; absent before rules were numbered. */
  readonly rules?: number
}

/** A rollout judged as it stands. */
export interface Judged extends Decided {
  readonly gates: readonly GateState[]
  readonly inputs: StoredInputs
}

/** What a decision depends on besides the rollout itself. */
export interface Circumstances {
  /** Given where a want of traffic counts as waiting too: event time stands still without it. */
  readonly now?: number
  readonly frozen?: string | null
  readonly rivals?: readonly Rival[]
}

export function judge(row: RolloutRow, { now, frozen = null, rivals = [] }: Circumstances = {}): Judged {
  const plan = planOf(row)
  const seen = row.first_event === null || row.last_event === null ? 0 : (row.last_event - row.first_event) / HOUR_MS
  const hours = Math.max(seen, now === undefined || row.step_at === null ? 0 : (now - row.step_at) / HOUR_MS)
  const approvals = JSON.parse(row.approvals) as Approval[]
  const evidence = evidenceOf(row)
  const inputs = {
    plan,
    from: stepFrom(row),
    breaker: row.breaker,
    hours,
    approvals,
    frozen,
    rivals,
    watching: row.state === 'watching',
    rules: evidence.rules,
  }
  const gates = gateStates(evidence, plan)
  return { ...decide(situation(inputs, row.step, { evidence, gates })), gates, inputs }
}

/** A rollout as it stands, with a decision that is not the gates'. */
export function ruled(row: RolloutRow, decided: Decided): Judged {
  const judged = judge(row)
  return { ...judged, ...decided, inputs: { ...judged.inputs, ruled: decided } }
}

function situation(
  inputs: StoredInputs,
  step: number,
  seen: { evidence: Evidence; gates: readonly GateState[] },
): Situation {
  const { evidence, gates } = seen
  return { ...inputs, step, counts: evidence.counts, gates, outcome: outcomeOf(evidence.metrics, inputs.plan) }
}

/** True when a challenger could leave shadow, whatever the others do; and its mean loss against stable, null without labels. */
export function standing(row: RolloutRow): { readonly ready: boolean; readonly loss: number | null } {
  const { inputs, gates } = judge(row)
  const quality = gates.find((gate) => gate.gate === 'quality' && gate.slice === null)
  return {
    ready: isReady(situation(inputs, row.step, { evidence: evidenceOf(row), gates })),
    loss: quality?.candidate ?? null,
  }
}

/** Keeps a decision with its inputs, in the transaction that carries it out. */
export async function storeVerdict(t: Tx, deps: RolloutDeps, row: RolloutRow, judged: Judged): Promise<string> {
  const id = deps.ids('vdt')
  await t.run(
    'INSERT INTO rollout_verdicts (id, rollout_id, at, event_time, step, decision, reason, gates, seq, inputs) VALUES (?,?,?,?,?,?,?,?,?,?)',
    [
      id,
      row.id,
      deps.clock(),
      row.last_event,
      row.step,
      judged.decision,
      judged.reason,
      JSON.stringify(judged.gates),
      row.seq,
      JSON.stringify(judged.inputs),
    ],
  )
  return id
}

function shown(row: VerdictRow): RolloutVerdict {
  const { plan, rules = 1 } = JSON.parse(row.inputs) as StoredInputs
  return {
    id: row.id,
    rollout_id: row.rollout_id,
    at: toTime(row.at),
    event_time: row.event_time === null ? null : toTime(row.event_time),
    step: stepName(plan, row.step),
    decision: row.decision,
    reason: row.reason,
    gates: tellMetrics(JSON.parse(row.gates) as GateState[], plan),
    rules,
  }
}

/** The verdicts of a rollout in the order of the evidence that they rest on: clocks of two replicas may differ. */
export async function verdictsOf(reader: Reader, rollout: string): Promise<RolloutVerdict[]> {
  return (
    await reader.all<VerdictRow>('SELECT * FROM rollout_verdicts WHERE rollout_id = ? ORDER BY seq, step, at, id', [
      rollout,
    ])
  ).map(shown)
}

/** Counts the observations of a verdict again from the first, judges by the rules that it was made by, or those of now where they are too old, and compares to the last bit. Throws `not_found`. */
export async function replayVerdict(reader: Reader, rollout: string, id: string): Promise<Replay<RolloutVerdict>> {
  const row = await reader.get<VerdictRow>('SELECT * FROM rollout_verdicts WHERE rollout_id = ? AND id = ?', [
    rollout,
    id,
  ])
  if (row === undefined) throw problem('not_found', { what: 'verdict', id })
  const inputs = JSON.parse(row.inputs) as StoredInputs
  const rules = rulesFor(inputs.rules)
  const evidence = await recount(reader, row, inputs.plan)
  const gates = gateStates(evidence, inputs.plan, rules)
  const decided = inputs.ruled ?? decide({ ...situation(inputs, row.step, { evidence, gates }), rules })
  const stored = shown(row)
  const { decision, reason } = decided
  const replayed = {
    ...stored,
    decision,
    reason,
    gates: tellMetrics(JSON.parse(JSON.stringify(gates)) as GateState[], inputs.plan),
    rules,
  }
  return compareReplay(stored, replayed)
}

async function recount(reader: Reader, row: VerdictRow, plan: Plan) {
  const rows = await reader.all<{ observations: string }>(
    'SELECT observations FROM rollout_observations WHERE rollout_id = ? AND seq <= ? ORDER BY seq',
    [row.rollout_id, row.seq],
  )
  let evidence = freshEvidence()
  for (const { observations } of rows) {
    observe(evidence, plan, JSON.parse(observations) as Observation[])
    // through JSON after each row, as it was counted
    evidence = JSON.parse(JSON.stringify(evidence)) as typeof evidence
  }
  return evidence
}
