/** Gates: pure functions of stored inputs, so that a verdict can be replayed to the same result. */
import { PRODUCTION } from '../../contract/registry.ts'
import type { Gate, GateResult } from '../../contract/registry.ts'
import { normalQuantile } from '../../stats/distributions.ts'
import { aucInterval } from '../../stats/metrics.ts'
import { meanError } from '../../stats/resample.ts'
import { pairedDifference, unpairedDifference } from './compare.ts'
import type { Difference } from './compare.ts'
import { approvalsGate, dataGate, reproducibilityGate, scanGate, signatureGate } from './fact-gates.ts'
import { digits, direction, result } from './inputs.ts'
import type { Judged } from './inputs.ts'
import { AUC, influence, termsOf } from './row-metrics.ts'
import { worseSlices } from './slice-gates.ts'

/** Number of the rules below, kept with each verdict. A change by which the same inputs come out otherwise gives them the next one. */
export const RULES = 3

/** Judges every gate, in order. A gate without data does not hold. */
export function judge(gates: readonly Gate[], judged: Judged): GateResult[] {
  return gates.map((gate) => judgeOne(gate, judged))
}

function judgeOne(gate: Gate, judged: Judged): GateResult {
  if ('signature' in gate) return signatureGate(gate, judged)
  if ('data' in gate) return dataGate(gate, judged)
  if ('reproducibility' in gate) return reproducibilityGate(gate, judged)
  if ('scan' in gate) return scanGate(gate, judged)
  if ('approvals' in gate) return approvalsGate(gate, judged)
  if ('jump_at_most' in gate) return jumpGate(gate, judged)
  if ('not_worse_than' in gate) return incumbentGate(gate, judged)
  return limitGate(gate, judged)
}

type LimitGate = Extract<Gate, { at_least?: number | undefined }>

function limitGate(gate: LimitGate, judged: Judged): GateResult {
  const name = `${gate.metric} ${gate.at_least === undefined ? `at most ${gate.at_most}` : `at least ${gate.at_least}`}`
  if (gate.slice !== undefined) return worseSlices(gate, name, judged)
  const value = judged.metrics[gate.metric]
  if (value === undefined) return noMetric(gate, name, gate.metric)
  const found = intervalOf(gate, judged)
  if (gate.confidence !== undefined && found.interval === null) {
    return result(gate, name, {
      outcome: 'no_data',
      reason: `the evaluation left no rows that give an interval of ${gate.metric}`,
      value,
    })
  }
  // with a confidence the end of the interval is judged, else the value
  const [least, most] = gate.confidence === undefined ? [value, value] : (found.interval ?? [value, value])
  const beyond = beyondLimit(gate, least, most)
  const shown = gate.confidence === undefined ? digits(value) : `${digits(value)} [${digits(least)}, ${digits(most)}]`
  return result(gate, name, {
    outcome: beyond === '' ? 'passed' : 'failed',
    reason: `${gate.metric} is ${shown}${beyond}`,
    value,
    threshold: gate.at_least ?? gate.at_most ?? null,
    ...found,
  })
}

/** Which limit is crossed, in words; empty when none is. */
function beyondLimit(gate: LimitGate, least: number, most: number): string {
  if (gate.at_least !== undefined && !(least >= gate.at_least)) return `, below ${gate.at_least}`
  return gate.at_most !== undefined && !(most <= gate.at_most) ? `, above ${gate.at_most}` : ''
}

/** The interval that the rows of the evaluation give: of 95 %, or with one-sided ends at the gate's confidence. */
function intervalOf(gate: LimitGate, { evaluation }: Judged): Pick<GateResult, 'interval' | 'n'> {
  const n = evaluation?.y.length ?? null
  if (evaluation === null) return { interval: null, n }
  const two = gate.confidence === undefined ? 0.95 : 2 * gate.confidence - 1
  if (gate.metric === AUC) {
    const { low, high } = aucInterval({ scores: evaluation.score, labels: evaluation.y }, two)
    return { interval: Number.isNaN(low) ? null : [low, high], n }
  }
  const terms = gate.confidence === undefined ? undefined : termsOf(gate.metric, evaluation.y, evaluation.score)
  if (terms === undefined) return { interval: null, n }
  const { mean, error } = meanError(influence(gate.metric, terms))
  const reach = normalQuantile(0.5 + two / 2) * error
  return { interval: Number.isNaN(reach) ? null : [mean - reach, mean + reach], n }
}

function noMetric(gate: Gate, name: string, metric: string): GateResult {
  return result(gate, name, { outcome: 'no_data', reason: `no step logged the metric "${metric}"` })
}

/** Gains that nobody can believe mean that the model has seen the answer. */
function jumpGate(gate: Extract<Gate, { jump_at_most: number }>, judged: Judged): GateResult {
  const name = `${gate.metric} gains at most ${gate.jump_at_most}`
  const value = judged.metrics[gate.metric]
  if (value === undefined) return noMetric(gate, name, gate.metric)
  // not on the same rows: rows that leak lift the incumbent too
  const before = judged.incumbents[PRODUCTION]?.metrics[gate.metric] ?? gate.against
  if (before === undefined)
    return result(gate, name, { outcome: 'passed', reason: 'there is nothing to compare with yet', value })
  const gain = direction(gate.metric) * (value - before)
  const failed = gain > gate.jump_at_most
  const reason = failed
    ? `${gate.metric} jumps from ${digits(before)} to ${digits(value)}: has the model seen the answer?`
    : `${gate.metric} changes by ${digits(gain)} from ${digits(before)}`
  return result(gate, name, {
    outcome: failed ? 'failed' : 'passed',
    reason,
    value: gain,
    threshold: gate.jump_at_most,
    n: judged.evaluation?.y.length ?? null,
    evidence: { before, after: value },
  })
}

function incumbentGate(gate: Extract<Gate, { not_worse_than: string }>, judged: Judged): GateResult {
  const name = `${gate.metric} not worse than ${gate.not_worse_than}`
  const incumbent = judged.incumbents[gate.not_worse_than]
  if (incumbent === undefined) {
    return result(gate, name, {
      outcome: 'passed',
      reason: `nothing is ${gate.not_worse_than} yet`,
      threshold: -gate.margin,
    })
  }
  if (gate.slice !== undefined) return worseSlices(gate, name, judged)
  const value = judged.metrics[gate.metric]
  if (value === undefined) return noMetric(gate, name, gate.metric)
  const difference = pairedDifference(gate, judged) ?? unpairedDifference(gate, judged, incumbent)
  if (difference === undefined) {
    return result(gate, name, {
      outcome: 'no_data',
      reason: `version ${incumbent.version} has no "${gate.metric}" to compare with`,
      value,
    })
  }
  const holds = difference.low > -gate.margin
  const known = difference.low < difference.high || difference.sameRows
  return result(gate, name, {
    outcome: holds ? 'passed' : 'failed',
    reason: `${gate.metric} differs from version ${incumbent.version} ${differenceText(difference, known)}, ${holds ? 'above' : 'not above'} ${digits(-gate.margin)}`,
    value: difference.estimate,
    threshold: -gate.margin,
    interval: known ? [difference.low, difference.high] : null,
    n: judged.evaluation?.y.length ?? null,
    evidence: { incumbent: incumbent.version, method: difference.method, candidate: value },
  })
}

/** The difference and what it rests on: a difference without an error says that chance is not ruled out. */
function differenceText({ estimate, low, high, sameRows }: Difference, known: boolean): string {
  if (!known) return `by ${digits(estimate)} on different hold-outs, with an error that is not known`
  return `by ${digits(estimate)} [${digits(low)}, ${digits(high)}]${sameRows ? '' : ' on different hold-outs'}`
}
