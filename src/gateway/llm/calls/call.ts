/** One call of a client from its body to its record: who answers, what it may cost, one upstream after another, the answer. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { Problem, problem } from '../../../contract/errors.ts'
import type { Journal } from '../records/journal.ts'
import type { LiveLlm, LiveProvider } from '../upstream/live.ts'
import type { Held, Money } from '../money/money.ts'
import { budgetsOf } from '../money/budgets.ts'
import { boundOf } from '../money/prices.ts'
import type { LlmEndpointRoute, ModelRoute } from '../../table/llm.ts'
import type { Pools } from '../upstream/pools.ts'
import { send } from '../upstream/sending.ts'
import { writeReply } from '../../http/reply.ts'
import { failureReply } from './failure.ts'
import type { End, LlmCaller } from './journey.ts'
import { Journey } from './journey.ts'
import type { Prepared, Way } from './outgoing.ts'
import { prepared, wayTo } from './outgoing.ts'
import { relay } from './relay.ts'
import type { LlmAsk } from './request.ts'

export interface CallDeps {
  readonly clock: () => number
  readonly live: () => LiveLlm
  readonly money: Money
  readonly pools: Pools
  readonly journal: Journal
  readonly nextId: () => string
  /** Told about faults that are ours. */
  readonly fault: (error: unknown) => void
  /** True while the gateway is on its way out: connections close after their reply. */
  readonly draining: () => boolean
}

export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** Status of a call whose client had left, as web servers log it. */
const GONE = 499

/** Answers a call, and resolves when its record is written. Never rejects. */
export async function answerCall(deps: CallDeps, caller: LlmCaller, ask: LlmAsk, exchange: Exchange): Promise<void> {
  const { request, response } = exchange
  const traceparent = request.headers['traceparent']
  const journey = new Journey({
    id: deps.nextId(),
    started: deps.clock(),
    ask,
    caller,
    traceparent: typeof traceparent === 'string' ? traceparent : null,
  })
  const left = leaving(exchange)
  let held: Held | undefined
  let isSettled = false
  let settled: Promise<void> | undefined
  const settle = async (end: End): Promise<void> => {
    if (isSettled) return
    isSettled = true
    const record = journey.record(end)
    await new Promise<void>((written) => deps.journal.append(record, written))
    // the client need not wait for it: what stands in the log is settled by whoever lives
    settled = held?.settle(record.cost ?? 0, (record.usage?.input ?? 0) + (record.usage?.output ?? 0))
  }
  try {
    const choices = chosen(deps, journey)
    held = await admitted(deps, journey, choices)
    await tried(deps, journey, { choices, exchange, left: left, settle })
  } catch (error) {
    const known = error instanceof Problem ? error : problem('internal', {}, error)
    const gone = left.aborted
    if (known.code === 'internal' && !gone) deps.fault(error)
    const outcome = gone ? 'aborted' : journey.attempts.length > 0 ? 'failed' : 'refused'
    await settle({ status: gone ? GONE : known.status, outcome, error: gone ? undefined : known.message })
    if (gone) response.destroy()
    else writeReply(response, failureReply(ask.dialect, known), deps.draining())
  }
  await settled
}

/**
 * Aborted when the client leaves before its answer is whole. The server goes on for callers that have closed their side alone, but who calls a
 * language model closes it to stop paying.
 */
function leaving({ request, response }: Exchange): AbortSignal {
  const left = new AbortController()
  const { socket } = request
  const leave = (): void => left.abort()
  if (request.httpVersionMajor === 1) socket.once('end', leave)
  response.on('close', () => {
    socket.off('end', leave)
    // it comes behind a whole answer too
    if (!response.writableFinished) leave()
  })
  return left.signal
}

/** A model that can be tried, and how it is reached. */
interface Choice {
  readonly model: ModelRoute
  readonly provider: LiveProvider
  readonly way: Way
}

/** The models to try, in order. Throws `not_found` for a name that the caller may not call, and `invalid_field` where no model can answer. */
function chosen(deps: CallDeps, journey: Journey): readonly Choice[] {
  const { ask, caller } = journey
  const live = deps.live()
  const endpoint = live.endpoint(caller.project, ask.model)
  const allowed = caller.key?.models ?? null
  if (endpoint === undefined || (allowed !== null && !allowed.includes(endpoint.name)))
    throw problem('not_found', { what: 'model', id: ask.model.slice(0, 200) })
  journey.endpoint = endpoint
  const reached = reachable(live, endpoint, ask)
  if (reached.size === 0) {
    const expected = `an endpoint whose providers take calls of this form (${ask.dialect})`
    throw problem('invalid_field', { field: 'model', value: endpoint.name, expected })
  }
  const models = endpoint.models.filter((model) => reached.has(model))
  const order = live.balanceOf(endpoint)?.order(models, endpoint.attempts, deps.clock()) ?? models
  return order.flatMap((model) => reached.get(model) ?? [])
}

function reachable(live: LiveLlm, endpoint: LlmEndpointRoute, ask: LlmAsk): Map<ModelRoute, Choice> {
  const reached = new Map<ModelRoute, Choice>()
  for (const model of endpoint.models) {
    const provider = live.provider(model.provider)
    const way = provider === undefined ? undefined : wayTo(provider.route, ask.dialect)
    if (provider !== undefined && way !== undefined) reached.set(model, { model, provider, way })
  }
  return reached
}

/** Output tokens of a call that bounds them nowhere, where the model's own bound is not known. */
const UNBOUNDED = 16_384

/** Reserves what the call may cost at the dearest model that may answer. Throws `budget_exceeded` and `too_many_requests`. */
async function admitted(deps: CallDeps, journey: Journey, choices: readonly Choice[]): Promise<Held> {
  const { ask, caller, endpoint } = journey
  const budgets = budgetsOf(deps.live().route, { project: endpoint?.project ?? 'default', key: caller.key })
  // to count tokens costs nothing
  const isFree = ask.dialect === 'count_tokens'
  const bounds = choices.map(({ model }) => {
    if (isFree) return 0
    const maxOutput = ask.maxOutput ?? model.max_output ?? UNBOUNDED
    const of = { inputBytes: ask.bytes.length, extraInput: ask.extraInput, maxOutput, choices: ask.choices }
    return model.price === null ? null : boundOf(of, model.price)
  })
  const amount = bounds.includes(null) ? null : Math.max(...bounds.map((one) => one ?? 0))
  const tokens = Math.ceil(ask.bytes.length / 4) + (ask.maxOutput ?? 0) * ask.choices
  const held = await deps.money.admit({
    id: journey.id,
    key: caller.key,
    budgets,
    amount,
    tokens,
    now: journey.started,
  })
  journey.reserved = held.reserved
  journey.budgets = budgets.map(({ id }) => id)
  return held
}

interface Trial {
  readonly choices: readonly Choice[]
  readonly exchange: Exchange
  readonly left: AbortSignal
  readonly settle: (end: End) => Promise<void>
}

/** Statuses after which another model is tried. */
const RETRIED = new Set([408, 429, 500, 502, 503, 504, 529])
/** Statuses by which a provider refuses what the gateway authenticates with: nothing that a client could do about. */
const OURS = new Set([401, 403])

/** Tries one model after another until one answers; the last answer, whatever it is, goes to the client. */
async function tried(deps: CallDeps, journey: Journey, trial: Trial): Promise<void> {
  const { choices, exchange, left, settle } = trial
  for (const [i, choice] of choices.entries()) {
    if (left.aborted) throw left.reason
    const out = prepared(journey.ask, choice.model, choice.way)
    journey.provider = choice.provider.route
    journey.model = choice.model
    journey.lost = out.lost
    const reply = await attempted(deps, journey, { choice, out, trial })
    const more = i + 1 < choices.length && !left.aborted
    if (reply instanceof Error) {
      if (more && spare(deps, journey)) continue
      throw reply
    }
    if (RETRIED.has(reply.statusCode) && more && spare(deps, journey)) {
      await reply.body.dump()
      continue
    }
    if (OURS.has(reply.statusCode)) {
      await reply.body.dump()
      if (more && spare(deps, journey)) continue
      const detail = `it refused what the gateway authenticates with (HTTP ${reply.statusCode}); set its key anew`
      throw problem('upstream_failed', { what: `provider ${choice.provider.route.name}`, detail })
    }
    const { way, provider } = choice
    const to = { journey, provider, reply, way, strip: out.strip, response: exchange.response }
    await relay({ ...to, left, settle, draining: deps.draining() })
    return
  }
}

function spare(deps: CallDeps, { endpoint }: Journey): boolean {
  return endpoint !== undefined && (deps.live().balanceOf(endpoint)?.spare() ?? false)
}

interface Attempt {
  readonly choice: Choice
  readonly out: Prepared
  readonly trial: Trial
}

/** One upstream call, noted; an error where there was no answer. Throws what aborted it. */
async function attempted(
  deps: CallDeps,
  journey: Journey,
  { choice, out, trial }: Attempt,
): Promise<Dispatcher.ResponseData | Error> {
  const { model, provider, way } = choice
  const balance = journey.endpoint === undefined ? undefined : deps.live().balanceOf(journey.endpoint)
  journey.ownUs ??= journey.us
  const began = journey.us
  try {
    const reply = await send(deps.pools, {
      provider,
      model: model.model,
      dialect: way.dialect,
      stream: journey.ask.stream,
      body: out.body,
      headers: trial.exchange.request.headers,
      signal: trial.left,
      now: deps.clock(),
    })
    journey.attempts.push({ model: model.id, status: reply.statusCode, us: journey.us - began })
    if (RETRIED.has(reply.statusCode) || OURS.has(reply.statusCode))
      balance?.failed(model, deps.clock(), restOf(reply.headers['retry-after']))
    else balance?.answered(model)
    return reply
  } catch (error) {
    const message = trial.left.aborted ? 'the client left' : (error as Error).message
    journey.attempts.push({ model: model.id, status: null, us: journey.us - began, error: message.slice(0, 300) })
    if (trial.left.aborted) throw error
    balance?.failed(model, deps.clock(), null)
    return error as Error
  }
}

/** What a header Retry-After in seconds asks for, ms. */
function restOf(header: string | string[] | undefined): number | null {
  const seconds = Number(header)
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null
}
