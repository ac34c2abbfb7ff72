/** Answers a request: picks the variant, scores the rows, lets stable answer for a failing canary, logs, feeds the shadows. */
import { Problem, problem } from '../../contract/errors.ts'
import type { Clock } from '../../contract/ids.ts'
import { bucket } from '../../stats/hash.ts'
import type { LogRecord } from '../records.ts'
import type { LimitsRoute } from '../table.ts'
import type { Explained, Scored } from './backend.ts'
import { explainAsked, LogSample, requireExplained } from './explanations.ts'
import type { LiveEndpoint, LiveVariant } from './live.ts'
import { takesCanary } from './live.ts'
import type { Rows, Value } from './rows.ts'

/** A request, whatever protocol it came by. */
export interface Ask {
  readonly rows: Rows
  /** Size of the body, bytes. */
  readonly bytes: number
  /** Bounds of what may wait before it; undefined = the defaults. */
  readonly queue: LimitsRoute | undefined
  readonly priority: 'low' | 'normal' | 'high'
  /** One id a row; made by the gateway where the caller gave none. */
  readonly ids: readonly string[]
  /** One time a row, ms since 1970. */
  readonly times: readonly number[]
  /** What the split hashes; null = the first id. */
  readonly key: string | null
  readonly params: Readonly<Record<string, unknown>> | null
  readonly deadline: number
  /** Whether the caller wants to know what each input adds. */
  readonly explain: boolean
  /** A version that the caller insists on; undefined = the split decides. */
  readonly version: string | undefined
}

export interface Answer {
  readonly endpoint: LiveEndpoint
  readonly variant: LiveVariant
  readonly scored: readonly Scored[]
  readonly ids: readonly string[]
  /** One a row, where the caller asked for it. */
  readonly explained: readonly Explained[] | undefined
}

/** Where the engine writes; real ones are the segment log and the shadow queue. */
export interface Sinks {
  log(record: LogRecord): void
  shadow(job: ShadowJob): void
}

export interface ShadowJob {
  readonly endpoint: LiveEndpoint
  readonly ask: Ask
}

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
    const variant = pick(endpoint, ask)
    if (ask.explain) requireExplained(variant, ask)
    if (variant.route.role === 'canary') return canaryFirst(deps, { endpoint, variant, ask, started, fallback: false })
    return answer(deps, { endpoint, variant, ask, started, fallback: false })
  }
}

function pick(endpoint: LiveEndpoint, ask: Ask): LiveVariant {
  const { stable, canary } = endpoint
  if (ask.version !== undefined) return insisted(endpoint, ask.version)
  if (canary !== undefined && canary.route.weight > 0) {
    const key = ask.key ?? ask.ids[0] ?? ''
    if (takesCanary(canary, bucket(endpoint.route.salt, key))) return canary
  }
  if (stable === undefined)
    throw problem('unavailable', { what: `endpoint ${endpoint.route.name}`, detail: 'no stable version is loaded' })
  return stable
}

function insisted(endpoint: LiveEndpoint, version: string): LiveVariant {
  const found = [endpoint.stable, endpoint.canary].find((variant) => variant?.route.version === version)
  if (found === undefined) throw problem('not_found', { what: 'version', id: version })
  return found
}

/** Runs one variant; logs what it answered. */
function answer(deps: EngineDeps, attempt: Attempt): Answer | Promise<Answer> {
  const { variant, ask } = attempt
  const values = read(deps, attempt)
  const from = performance.now()
  let result
  try {
    result = variant.backend.score(values, ask)
  } catch (error) {
    throw failed(deps, attempt, values, error)
  }
  if (!(result instanceof Promise)) return finish(deps, attempt, values, { scored: result, from })
  return result.then(
    (scored) => finish(deps, attempt, values, { scored, from }),
    (error: unknown) => {
      throw failed(deps, attempt, values, error)
    },
  )
}

/** The rows by the variant's own inputs. What a canary cannot read counts against it here, for its model never sees it. */
function read(deps: EngineDeps, attempt: Attempt): Value[][] {
  const { variant, ask } = attempt
  try {
    return ask.rows.values(variant.route.inputs)
  } catch (error) {
    if (variant.route.role === 'canary') variant.stats.add(deps.clock(), ask.rows.count, 0, true)
    throw error
  }
}

function finish(
  deps: EngineDeps,
  attempt: Attempt,
  values: Value[][],
  ran: { scored: Scored[]; from: number },
): Answer {
  const { endpoint, variant, ask } = attempt
  const end = performance.now()
  const now = deps.clock()
  variant.stats.add(now, values.length, (end - ran.from) * 1000, false)
  if (attempt.fallback) variant.stats.fallbacks++
  const us = Math.round((end - attempt.started) * 1000)
  const { scored } = ran
  const explained = explainAsked(variant, ask, values)
  const sample = new LogSample(variant.backend, endpoint.route.salt, endpoint.route.limits?.explain_share)
  for (let i = 0; i < values.length; i++) {
    const x = values[i] as Value[]
    const told = sample.of(ask.ids[i] as string, x, explained?.[i])
    logRow(deps, attempt, { x, scored: scored[i], told, i, at: now, us })
  }
  if (endpoint.shadows.length > 0) deps.sinks.shadow({ endpoint, ask })
  return { endpoint, variant, scored, ids: ask.ids, explained }
}

interface LoggedRow {
  readonly x: readonly Value[]
  readonly scored: Scored | undefined
  readonly told?: Explained | undefined
  readonly i: number
  readonly at: number
  readonly us: number
  readonly error?: Problem
}

function logRow(deps: EngineDeps, attempt: Attempt, row: LoggedRow): void {
  const { endpoint, variant, ask } = attempt
  deps.sinks.log({
    t: 'p',
    id: ask.ids[row.i] as string,
    ep: endpoint.route.name,
    role: variant.route.role,
    ver: variant.route.version,
    ep_epoch: endpoint.epoch,
    et: ask.times[row.i] as number,
    at: row.at,
    us: row.us,
    st: row.error?.status ?? 200,
    key: ask.key,
    x: row.x,
    s: row.scored?.score ?? null,
    p: row.scored?.prediction ?? null,
    ...(row.told !== undefined && { ex: row.told }),
    ...(attempt.fallback && { fb: true }),
    ...(row.error !== undefined && { err: row.error.message }),
  })
}

/** Counts and logs a failed attempt; returns the problem to throw. Refusals under load are counted, not logged row by row. */
function failed(deps: EngineDeps, attempt: Attempt, values: Value[][], error: unknown): Problem {
  const fault = error instanceof Problem ? error : problem('internal', {}, error)
  const now = deps.clock()
  const us = (performance.now() - attempt.started) * 1000
  attempt.variant.stats.add(now, values.length, us, true)
  // A canary's failure is logged by `stepIn`, which knows whether stable could answer.
  if (fault.status >= 500 && attempt.variant.route.role !== 'canary')
    values.forEach((x, i) =>
      logRow(deps, attempt, { x, scored: undefined, i, at: now, us: Math.round(us), error: fault }),
    )
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
  if (variant.breaker.record(false))
    deps.sinks.log({ t: 'b', ...common, since: variant.route.since, reason: `${variant.breaker.reason}: ${message}` })
  return reply
}
