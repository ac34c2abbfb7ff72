/** Answers a request: picks the variant, scores the rows, lets stable answer for a failing canary, logs, feeds the shadows. */
import { Problem, problem } from '../../contract/errors.ts'
import type { Clock } from '../../contract/ids.ts'
import { bucket } from '../../stats/hash.ts'
import { entityColumns, entityOf } from '../records/entity.ts'
import { packColumn, packNumbers } from '../records/packed.ts'
import type { BatchRecord, PackedColumn } from '../records/records.ts'
import type { Explained } from '../../scoring/rows/backend.ts'
import type { Answer, Ask, Sinks } from './ask.ts'
import { explainAsked, LogSample, requireExplained } from './explanations.ts'
import type { LiveEndpoint, LiveVariant } from '../traffic/live.ts'
import { takesCanary } from '../traffic/live.ts'
import type { Numbers, Results } from '../../scoring/rows/results.ts'
import { scoredResults } from '../../scoring/rows/results.ts'
import type { Batch } from '../../scoring/rows/rows.ts'
import { columnsOf, loggedRow, rowOf } from '../../scoring/rows/rows.ts'
import { filledRows, type FilledRows } from './filled.ts'

export interface EngineDeps {
  readonly clock: Clock
  readonly sinks: Sinks
}

export type Engine = (endpoint: LiveEndpoint, ask: Ask) => Answer | Promise<Answer>

interface Attempt {
  readonly endpoint: LiveEndpoint
  readonly variant: LiveVariant
  readonly ask: Ask
  readonly started: number
  /** True when stable answers for a canary that failed. */
  readonly fallback: boolean
}

/** Makes the function that answers. A native answer comes at once, without a promise. */
export function engine(deps: EngineDeps): Engine {
  return (endpoint, ask) => {
    const started = performance.now()
    const variant = pick(deps, endpoint, ask)
    if (ask.explain) requireExplained(variant, ask)
    if (variant.route.role === 'canary') return canaryFirst(deps, { endpoint, variant, ask, started, fallback: false })
    return answer(deps, { endpoint, variant, ask, started, fallback: false })
  }
}

function pick(deps: EngineDeps, endpoint: LiveEndpoint, ask: Ask): LiveVariant {
  const { stable, canary } = endpoint
  if (ask.version !== undefined) return insisted(endpoint, ask.version)
  if (canary !== undefined && canary.route.weight > 0) {
    const key = ask.key ?? ask.ids[0] ?? ''
    if (takesCanary(canary, bucket(endpoint.route.salt, key)) && !isOutgrown(deps, endpoint, canary)) return canary
  }
  if (stable === undefined)
    throw problem('unavailable', { what: `endpoint ${endpoint.route.name}`, detail: 'no stable version is loaded' })
  return stable
}

/** A canary that takes more memory than it may is left before it takes that of the others. */
function isOutgrown(deps: EngineDeps, endpoint: LiveEndpoint, canary: LiveVariant): boolean {
  const outgrown = canary.backend.outgrown?.()
  if (outgrown === undefined || !canary.breaker.outgrew(outgrown)) return false
  logTrip(deps, endpoint, canary, outgrown.reason)
  return true
}

function logTrip(deps: EngineDeps, endpoint: LiveEndpoint, { route }: LiveVariant, reason: string): void {
  deps.sinks.log({ t: 'b', ep: endpoint.route.name, ver: route.version, at: deps.clock(), since: route.since, reason })
}

function insisted(endpoint: LiveEndpoint, version: string): LiveVariant {
  const found = [endpoint.stable, endpoint.canary].find((variant) => variant?.route.version === version)
  if (found === undefined) throw problem('not_found', { what: 'version', id: version })
  return found
}

/** Rows from which a backend that can take columns gets them. */
const COLUMN_ROWS = 16
/** Rows of one record of the log. */
const LOGGED = 256

/** Runs one variant; logs what it answered. */
function answer(deps: EngineDeps, attempt: Attempt): Answer | Promise<Answer> {
  let filled
  try {
    filled = filledRows(attempt.variant, attempt.ask.rows)
  } catch (error) {
    throw unread(deps, attempt, error)
  }
  if (!(filled instanceof Promise)) return answerRows(deps, attempt, filled)
  return filled.then(
    (rows) => answerRows(deps, attempt, rows),
    (error: unknown) => {
      throw unread(deps, attempt, error)
    },
  )
}

function answerRows(deps: EngineDeps, attempt: Attempt, filled: FilledRows): Answer | Promise<Answer> {
  const { variant, ask } = attempt
  const { reasons } = filled
  const batch = read(deps, attempt, filled)
  const from = performance.now()
  let result
  try {
    if ('columns' in batch) {
      const results = variant.backend.scoreColumns?.(batch.columns, ask.rows.count) as Results
      return finish(deps, attempt, batch, { results, from, reasons })
    }
    result = variant.backend.score(batch.rows, ask)
  } catch (error) {
    throw failed(deps, attempt, batch, error)
  }
  if (!(result instanceof Promise))
    return finish(deps, attempt, batch, { results: scoredResults(result), from, reasons })
  return result.then(
    (scored) => finish(deps, attempt, batch, { results: scoredResults(scored), from, reasons }),
    (error: unknown) => {
      throw failed(deps, attempt, batch, error)
    },
  )
}

/** The rows by the variant's own inputs. */
function read(deps: EngineDeps, attempt: Attempt, { rows }: FilledRows): Batch {
  const { route, backend } = attempt.variant
  try {
    const isByColumns = rows.count >= COLUMN_ROWS && backend.scoreColumns !== undefined
    return isByColumns ? { columns: rows.columns(route.inputs) } : { rows: rows.values(route.inputs) }
  } catch (error) {
    throw unread(deps, attempt, error)
  }
}

/** Counts rows that could not be read, and returns why. What a canary cannot read counts against it here, for its model never sees it. */
function unread(deps: EngineDeps, { variant, ask }: Attempt, error: unknown): unknown {
  const isOurs = !(error instanceof Problem) || error.status !== 400
  if (isOurs || variant.route.role === 'canary') variant.stats.add(deps.clock(), ask.rows.count, 0, true)
  return error
}

interface Ran {
  readonly results: Results
  readonly from: number
  readonly reasons: Answer['reasons']
}

function finish(deps: EngineDeps, attempt: Attempt, batch: Batch, ran: Ran): Answer {
  const { endpoint, variant, ask } = attempt
  const end = performance.now()
  const now = deps.clock()
  variant.stats.add(now, ask.rows.count, (end - ran.from) * 1000, false)
  if (attempt.fallback) variant.stats.fallbacks++
  const us = Math.round((end - attempt.started) * 1000)
  const { results } = ran
  const explained = explainAsked(variant, ask, batch)
  log(deps, attempt, batch, { results, explained, at: now, us })
  if (endpoint.shadows.length > 0) deps.sinks.shadow({ endpoint, ask })
  return { endpoint, variant, results, ids: ask.ids, explained, ...(ran.reasons && { reasons: ran.reasons }) }
}

/** What came of the rows of a request. */
interface Outcome {
  readonly results?: Results
  readonly explained?: readonly Explained[] | undefined
  readonly at: number
  readonly us: number
  readonly error?: Problem
}

/** Logs the rows: a single one by itself, several by columns. */
function log(deps: EngineDeps, attempt: Attempt, batch: Batch, outcome: Outcome): void {
  const { endpoint, variant, ask } = attempt
  const { results, error, at, us } = outcome
  const sample = results === undefined ? NONE : sampleOf(attempt, batch, outcome.explained)
  const ep = endpoint.route.name
  const { role, version: ver } = variant.route
  const more = {
    ...(attempt.fallback && { fb: true }),
    ...(ask.version !== undefined && { pin: true }),
    ...(error !== undefined && { err: error.message }),
  }
  const st = error?.status ?? 200
  if (ask.rows.count > 1) {
    const common = { ep, role, ver, ep_epoch: endpoint.epoch, at, us, st, key: ask.key, ...more }
    logBatch(deps, { ask, batch, results, sample, common, entities: entityColumns(variant.route.features, ask.rows) })
    return
  }
  deps.sinks.log({
    t: 'p',
    id: ask.ids[0] as string,
    ep,
    role,
    ver,
    ep_epoch: endpoint.epoch,
    et: ask.times[0] as number,
    at,
    us,
    st,
    key: ask.key,
    x: loggedRow(batch, 0),
    s: results?.scores()[0] ?? null,
    p: results?.predictions()[0] ?? null,
    ...entityOf(variant.route.features, ask.rows),
    ...(sample[0] !== undefined && { ex: sample[0][1] }),
    ...more,
  })
}

const NONE: Sampled = []

type Sampled = readonly (readonly [row: number, explained: Explained])[]

/** The explanations of the rows that fall into the endpoint's sample. */
function sampleOf({ endpoint, variant, ask }: Attempt, batch: Batch, asked: Outcome['explained']): Sampled {
  const share = new LogSample(variant.backend, endpoint.route.salt, endpoint.route.limits?.explain_share)
  if (!share.open) return NONE
  return ask.ids.flatMap((id, i) => {
    const one = share.of(id, () => rowOf(batch, i), asked?.[i])
    return one === undefined ? [] : [[i, one] as const]
  })
}

interface LoggedBatch {
  readonly ask: Ask
  readonly batch: Batch
  readonly results: Results | undefined
  readonly sample: Sampled
  readonly common: Omit<BatchRecord, 't' | 'ids' | 'et' | 'x' | 's' | 'p' | 'es' | 'ex'>
  readonly entities: ReturnType<typeof entityColumns>
}

function logBatch(deps: EngineDeps, { ask, batch, results, sample, common, entities }: LoggedBatch): void {
  const { ids, times } = ask
  const columns = 'columns' in batch ? batch.columns : columnsOf(batch.rows, batch.rows[0]?.length ?? 0)
  const numbers = results?.numbers
  const [predictions, scores] = numbers === undefined ? [results?.predictions(), results?.scores()] : []
  const sameTime = times.every((time) => time === times[0])
  for (let from = 0; from < ids.length; from += LOGGED) {
    const to = Math.min(ids.length, from + LOGGED)
    const ex = sample.flatMap(([i, one]) => (i >= from && i < to ? [[i - from, one] as const] : []))
    deps.sinks.log({
      t: 'm',
      ...common,
      ...(from > 0 && { nth: true }),
      ids: ids.slice(from, to),
      et: sameTime ? (times[0] as number) : times.slice(from, to),
      x: columns.map((column) => packColumn(column.slice(from, to))),
      p: numbers === undefined ? packPart(predictions, from, to) : packNumbers(part(numbers, from, to)),
      ...(scores !== undefined && { s: packColumn(scores.slice(from, to)) }),
      ...entities(from, to),
      ...(ex.length > 0 && { ex }),
    })
  }
}

function packPart(predictions: readonly unknown[] | undefined, from: number, to: number): PackedColumn | null {
  return predictions === undefined ? null : packColumn(predictions.slice(from, to))
}

function part({ data, width }: Numbers, from: number, to: number): Numbers {
  return { data: data.subarray(from * (width ?? 1), to * (width ?? 1)), width }
}

/**
 * Counts and logs a failed attempt; returns the problem to throw. Refusals under load are counted, not logged row by row. A caller's mistake
 * that only the model's side finds is no error of stable; whether it is one of the canary, `stepIn` finds out.
 */
function failed(deps: EngineDeps, attempt: Attempt, batch: Batch, error: unknown): Problem {
  const fault = error instanceof Problem ? error : problem('internal', {}, error)
  const now = deps.clock()
  const us = (performance.now() - attempt.started) * 1000
  const { role } = attempt.variant.route
  if (fault.status !== 400 || role === 'canary') attempt.variant.stats.add(now, attempt.ask.rows.count, us, true)
  // A canary's failure is logged by `stepIn`, which knows whether stable could answer.
  if (fault.status >= 500 && role !== 'canary') log(deps, attempt, batch, { at: now, us: Math.round(us), error: fault })
  return fault
}

/** Runs the canary; if it fails in any way, stable answers the same rows and the caller sees no error. */
function canaryFirst(deps: EngineDeps, attempt: Attempt): Answer | Promise<Answer> {
  let first
  try {
    first = answer(deps, attempt)
  } catch (error) {
    return stepIn(deps, attempt, error)
  }
  if (!(first instanceof Promise)) return passed(attempt, first)
  return first.then(
    (result) => passed(attempt, result),
    (error: unknown) => stepIn(deps, attempt, error),
  )
}

function passed(attempt: Attempt, result: Answer): Answer {
  attempt.variant.breaker.record(true)
  return result
}

/**
 * Stable answers. The failure counts against the canary only if stable could take the very same rows:
 * what neither can answer is the caller's mistake or a poisoned row.
 */
function stepIn(deps: EngineDeps, attempt: Attempt, error: unknown): Answer | Promise<Answer> {
  const { stable } = attempt.endpoint
  if (stable === undefined) throw error
  const result = answer(deps, { ...attempt, variant: stable, fallback: true })
  if (!(result instanceof Promise)) return blame(deps, attempt, error, result)
  return result.then((reply) => blame(deps, attempt, error, reply))
}

function blame(deps: EngineDeps, attempt: Attempt, error: unknown, reply: Answer): Answer {
  const { endpoint, variant, ask, started } = attempt
  const message = error instanceof Error ? error.message : String(error)
  const at = deps.clock()
  const common = { ep: endpoint.route.name, ver: variant.route.version, at }
  const us = Math.round((performance.now() - started) * 1000)
  for (let i = 0; i < ask.ids.length; i++)
    deps.sinks.log({ t: 'c', ...common, id: ask.ids[i] as string, et: ask.times[i] as number, us, err: message })
  if (variant.breaker.record(false)) logTrip(deps, endpoint, variant, `${variant.breaker.reason}: ${message}`)
  return reply
}
