/** Reads a delivery of labels: what cannot be a label is refused by its row, so that of such a delivery nothing is taken. */
import { DAY_MS } from '../../contract/ids.ts'
import { problem } from '../../contract/errors.ts'
import type { Problem } from '../../contract/errors.ts'
import { isClass } from './target.ts'
import type { Target } from './target.ts'

/** A label as it was delivered. `at` is when it became known, RFC 3339; now where it is absent. */
export interface GivenLabel {
  readonly prediction_id: string
  readonly label: number | string | boolean
  readonly at?: string | undefined
}

/** A label that can be. `label` is null for the name of a class, which counts for nothing; `at` is ms. */
export interface ReadLabel {
  /** Place in the delivery, from 0. */
  readonly row: number
  readonly id: string
  readonly label: number | null
  readonly text: string
  readonly at: number
  /** Whether it was said as true or false. */
  readonly truth: boolean
}

/** A label that was taken although it looks wrong. */
export interface Flagged {
  readonly row: number
  readonly prediction_id: string
  readonly reason: string
}

/** Longest name of a class. */
const LONGEST = 256
/** Clocks differ: a label that became known later than this from now did not. */
const AHEAD_MS = DAY_MS
/** Rows that a refusal names. */
const NAMED = 20
/** A number as tables write it: what else JavaScript takes for one, such as 0x10, is the name of a class. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
/** Spellings by which tables say that there is no number, or none that is finite. */
const NO_NUMBER = /^[+-]?(nan|inf|infinity|null|none|na|n\/a|<na>|nat)$/i

interface Fault {
  readonly row: number
  readonly prediction_id: string
  readonly field: 'label' | 'at'
  readonly value: unknown
  readonly expected: string
}

/** What a delivery is read by: the clock, ms, and what the labels of the endpoint can be. */
export interface Reading {
  readonly now: number
  readonly target: Target
}

/** The labels of a delivery, and those that look wrong. Throws `invalid_field`, which names the first row at fault and lists twenty. */
export function readLabels(
  given: readonly GivenLabel[],
  reading: Reading,
): { readonly labels: ReadLabel[]; readonly flagged: Flagged[] } {
  const faults: Fault[] = []
  const labels: ReadLabel[] = []
  const flagged: Flagged[] = []
  for (const [row, one] of given.entries()) {
    const read = readLabel(row, one, reading.now)
    const fault = 'field' in read ? read : strangerTo(reading.target, read)
    if (fault !== undefined) faults.push(fault)
    if ('field' in read) continue
    labels.push(read)
    const reason = doubtOf(reading.target, read)
    if (reason !== undefined) flagged.push({ row, prediction_id: read.id, reason })
  }
  if (faults.length > 0) throw refusal(faults)
  return { labels, flagged }
}

function readLabel(row: number, { prediction_id, label, at }: GivenLabel, now: number): ReadLabel | Fault {
  const fault = (field: Fault['field'], value: unknown, expected: string): Fault => ({
    row,
    prediction_id,
    field,
    value,
    expected,
  })
  const known = at === undefined ? now : Date.parse(at)
  if (!(known <= now + AHEAD_MS)) return fault('at', at, `a time that is not in the future (it is ${timeOf(now)})`)
  if (typeof label !== 'string') {
    const number = Number(label)
    if (!Number.isFinite(number)) return fault('label', String(label), 'a finite number')
    return {
      row,
      id: prediction_id,
      label: number,
      text: String(number),
      at: known,
      truth: label === true || label === false,
    }
  }
  const text = label.trim()
  if (text === '') return fault('label', label, 'a number, true or false, or the name of a class')
  if (text.length > LONGEST) return fault('label', label, `a name of at most ${LONGEST} characters, not ${text.length}`)
  if (NO_NUMBER.test(text)) return fault('label', label, 'a finite number; leave a label out until it is known')
  const truth = truthOf(text)
  const of = { row, id: prediction_id, text: label, at: known, truth: truth !== undefined }
  if (truth === undefined && !NUMBER.test(text)) return { ...of, label: null }
  const number = truth ?? Number(text)
  if (!Number.isFinite(number)) return fault('label', label, 'a finite number')
  return { ...of, label: number }
}

/** Tables write truths as texts. */
function truthOf(text: string): number | undefined {
  if (/^true$/i.test(text)) return 1
  return /^false$/i.test(text) ? 0 : undefined
}

/** A label that the model's own hold-out does not have. */
function strangerTo(target: Target, { row, id, label, text, truth }: ReadLabel): Fault | undefined {
  if (target.kind === 'unknown') return undefined
  const value = truth ? (label === 1 ? 'true' : 'false') : text
  const fault = (expected: string): Fault => ({ row, prediction_id: id, field: 'label', value, expected })
  // truths are labels of a model that tells two outcomes apart
  if (truth && !isBinary(target))
    return fault(`${target.kind === 'number' ? 'a number' : classesOf(target)}, as in the hold-out`)
  if (label === null) return fault(`${target.kind === 'number' ? 'a number' : classesOf(target)}, as in the hold-out`)
  if (target.kind === 'classes' && !isClass(target, label)) return fault(`${classesOf(target)}, as in the hold-out`)
  return undefined
}

function isBinary(target: Target): boolean {
  return target.kind === 'classes' && target.values.every((value) => value === 0 || value === 1)
}

function classesOf(target: Extract<Target, { kind: 'classes' }>): string {
  return target.values.length === 1 ? String(target.values[0]) : `one of ${target.values.join(', ')}`
}

/** Why a label that may be looks wrong all the same. */
function doubtOf(target: Target, { label }: ReadLabel): string | undefined {
  if (target.kind !== 'unknown') return undefined
  if (label === null) return 'is no number: it is kept and no figure of quality counts it'
  if (target.decides && label !== 0 && label !== 1)
    return 'is neither 0 nor 1, although the endpoint decides between two: figures of quality need 0 and 1'
  return undefined
}

function refusal(faults: readonly Fault[]): Problem {
  const [first] = faults
  if (first === undefined) throw new Error('there is no fault')
  const { row, field, value, expected } = first
  const others = faults.length === 1 ? '' : `; ${faults.length} rows are at fault`
  return problem('invalid_field', {
    field: `labels.${row}.${field}`,
    value: shown(value),
    expected: `${expected}${others}; nothing of this delivery was taken`,
    taken: 0,
    rows: faults.slice(0, NAMED).map((one) => ({ ...one, value: shown(one.value) })),
  })
}

/** A caller's text is told back short. */
function shown(value: unknown): unknown {
  return typeof value === 'string' && value.length > 80 ? `${value.slice(0, 80)}…` : value
}

function timeOf(now: number): string {
  return new Date(now).toISOString()
}
