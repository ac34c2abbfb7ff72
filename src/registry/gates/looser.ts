/** Which of two sets of gates lets less in: a pure comparison of what is written, without any version. */
import type { Gate } from '../../contract/registry.ts'
import { direction } from './inputs.ts'

type Kind<K extends string> = Extract<Gate, Record<K, unknown>>
type Limit = Extract<Gate, { at_least?: number | undefined }>
type Compared = Kind<'not_worse_than'>

/** A gate that is held and that nothing asked for is as strict as; `becomes` is what is asked in its place, null when it is gone. */
export interface Weaker {
  readonly gate: Gate
  readonly becomes: Gate | null
}

/** The held gates that the asked ones would loosen; empty when what is asked lets nothing in that was kept out. */
export function weakerGates(held: readonly Gate[], asked: readonly Gate[]): Weaker[] {
  return held
    .filter((gate) => !asked.some((one) => implies(one, gate)))
    .map((gate) => ({ gate, becomes: asked.find((one) => subject(one) === subject(gate)) ?? null }))
}

/** Gates that hold only where both sets hold; of two on the same subject the stricter, where one can be told. */
export function stricterGates(held: readonly Gate[], asked: readonly Gate[]): Gate[] {
  const kept = weakerGates(held, asked).map(({ gate }) => gate)
  return [...kept, ...asked.filter((gate) => !kept.some((one) => implies(one, gate)))]
}

/** The loss in words, with gates as a project file writes them. */
export function weakerText({ gate, becomes }: Weaker): string {
  return becomes === null ? `{${gateText(gate)}} is gone` : `{${gateText(gate)}} becomes {${gateText(becomes)}}`
}

function gateText(gate: Gate): string {
  return Object.entries(gate)
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ')
}

/** What a gate is about, whatever its limits are: by this a weaker one is found in place of a stricter. */
function subject(gate: Gate): string {
  if (!('metric' in gate)) return Object.keys(gate)[0] ?? ''
  const kind = 'jump_at_most' in gate ? 'jump' : 'not_worse_than' in gate ? `beside ${gate.not_worse_than}` : 'limit'
  return JSON.stringify([gate.metric, kind, 'slice' in gate ? gate.slice : undefined])
}

/** True where `a` holds only if `b` holds too. What cannot be compared is not: both are then asked. */
export function implies(a: Gate, b: Gate): boolean {
  if (subject(a) !== subject(b)) return false
  if (!('metric' in a) || !('metric' in b)) return impliesFact(a, b)
  if ('jump_at_most' in a && 'jump_at_most' in b)
    return a.jump_at_most <= b.jump_at_most && (b.against === undefined || a.against === b.against)
  if ('not_worse_than' in a && 'not_worse_than' in b) return impliesCompared(a, b)
  if (isLimit(a) && isLimit(b)) return a.slice === undefined ? impliesLimit(a, b) : impliesSlice(a, b)
  return true
}

/** Facts of the same kind; of those without a limit each is the other. */
function impliesFact(a: Gate, b: Gate): boolean {
  if ('approvals' in a && 'approvals' in b)
    return a.approvals >= b.approvals && (a.role === 'admin' || b.role === 'maintainer')
  return !('reproducibility' in a && 'reproducibility' in b) || a.reproducibility <= b.reproducibility
}

function isLimit(gate: Gate): gate is Limit {
  return 'metric' in gate && !('jump_at_most' in gate) && !('not_worse_than' in gate)
}

function impliesCompared(a: Compared, b: Compared): boolean {
  if (a.margin > b.margin || (a.method ?? 'auto') !== (b.method ?? 'auto')) return false
  // over slices the confidence decides nothing, and the correction does
  return a.slice === undefined ? a.confidence >= b.confidence : isCorrectedAsHard(a, b)
}

function impliesLimit(a: Limit, b: Limit): boolean {
  const bounds = atLeast(a.at_least, b.at_least) && atLeast(negative(a.at_most), negative(b.at_most))
  // the end of an interval is never better than the value in it
  return bounds && (b.confidence === undefined || (a.confidence !== undefined && a.confidence >= b.confidence))
}

/** Slices are judged towards the better side of the metric, whichever limit is written. */
function impliesSlice(a: Limit, b: Limit): boolean {
  const limit = ({ metric, at_least, at_most }: Limit): number => direction(metric) * (at_least ?? at_most ?? 0)
  return limit(a) >= limit(b) && isCorrectedAsHard(a, b)
}

/** Holm's correction calls fewer slices worse than that of Benjamini and Hochberg. */
function isCorrectedAsHard(a: Limit | Compared, b: Limit | Compared): boolean {
  return a.multiplicity !== 'holm' || b.multiplicity === 'holm'
}

function atLeast(a: number | undefined, b: number | undefined): boolean {
  return b === undefined || (a !== undefined && a >= b)
}

function negative(value: number | undefined): number | undefined {
  return value === undefined ? undefined : -value
}
