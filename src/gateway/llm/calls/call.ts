/** One call of a client from its body to its record: who answers, what it may cost, one upstream after another, the answer. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { Problem, problem } from '../../../contract/errors.ts'
import type { AnswerCache } from '../cache/answers.ts'
import type { Journal } from '../records/journal.ts'
import type { LiveLlm, LiveProvider } from '../upstream/live.ts'
import type { Held, Money } from '../money/money.ts'
import { budgetsOf } from '../money/budgets.ts'
import { boundOf } from '../money/prices.ts'
import type { LlmEndpointRoute, ModelRoute } from '../../table/llm.ts'
import type { Balance } from '../upstream/balance.ts'
import type { Pools } from '../upstream/pools.ts'
import { send } from '../upstream/sending.ts'
import { writeReply } from '../../http/reply.ts'
import { priceWith } from './extras.ts'
import { failureReply } from './failure.ts'
import type { End, LlmCaller } from './journey.ts'
import { Journey } from './journey.ts'
import type { Prepared, Way } from './outgoing.ts'
import { prepared, wayTo } from './outgoing.ts'
import { admittedHit, keepAnswer, lookUp, replay } from './hit.ts'
import { cutBy, relay } from './relay.ts'
import { routed } from './routed.ts'
import type { LlmAsk } from './request.ts'
import { screenAsk } from './screening.ts'

export interface CallDeps {
  readonly clock: () => number
  readonly live: () => LiveLlm
  readonly money: Money
  readonly pools: Pools
  readonly journal: Journal
  readonly cache: AnswerCache
  readonly nextId: () => string
  /** Told about faults that are ours. */
  readonly fault: (error: unknown) => void
  /** True while the gateway is on its way out: connections close after their reply. */
  readonly draining: () => boolean
  /** What breaks off each call under way, told why. */
  readonly cuts: Set<(why: Problem) => void>
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
  const leave = leaving(exchange)
  const left = leave.signal
  const cut = (why: Problem): void => leave.abort(why)
  deps.cuts.add(cut)
  let held: Held | undefined
  let isSettled = false
  let settled: Promise<void> | undefined
  const settle = async (end: End): Promise<void> => {
    if (isSettled) return
    isSettled = true
    try {
      const record = journey.record(end)
      keepAnswer(deps, journey, record)
      await new Promise<void>((written) => deps.journal.append(record, written))
      // the client need not wait for it: what stands in the log is settled by whoever lives
      settled = held?.settle(record.cost ?? 0, (record.usage?.input ?? 0) + (record.usage?.output ?? 0))
    } finally {
      // what could not be recorded holds its place no longer, and is paid for as it was reserved
      settled ??= held?.settle(journey.reserved, 0)
    }
  }
  try {
    const choices = chosen(deps, journey)
    const hit = lookUp(deps, journey, request.headers)
    held = hit === undefined ? await admitted(deps, journey, choices) : await admittedHit(deps.money, journey)
    // for an answer of the cache too: a hook may think otherwise by now, and what is kept of the request is what they left of it
    await screenAsk(journey, deps.live().route.allow)
    if (hit === undefined) await tried(deps, journey, { choices, exchange, left, settle })
    else await replay(hit, { journey, response, left, settle, draining: deps.draining(), now: deps.clock() })
  } catch (error) {
    const { end, told } = endedBy(error, journey, left)
    if (told?.code === 'internal') deps.fault(error)
    await settle(end)
    if (told === undefined) response.destroy()
    else writeReply(response, failureReply(ask.dialect, told), deps.draining())
  } finally {
    deps.cuts.delete(cut)
    journey.flight?.end(journey, journey.us, deps.clock())
  }
  await settled
}

/** How a call ended that threw, and what its client is told; undefined where it has left. */
function endedBy(error: unknown, journey: Journey, left: AbortSignal): { end: End; told: Problem | undefined } {
  const why = cutBy(left)
  if (left.aborted && why === undefined) return { end: { status: GONE, outcome: 'aborted' }, told: undefined }
  const told = why ?? (error instanceof Problem ? error : problem('internal', {}, error))
  const outcome = journey.attempts.length === 0 ? 'refused' : why === undefined ? 'failed' : 'cut'
  return { end: { status: told.status, outcome, error: told.message }, told }
}

/**
 * Aborted when the client leaves before its answer is whole. The server goes on for callers that have closed their side alone, but who calls a
 * language model closes it to stop paying.
 */
function leaving({ request, response }: Exchange): AbortController {
  const left = new AbortController()
  const { socket } = request
  const leave = (): void => left.abort()
  if (request.httpVersionMajor === 1) socket.once('end', leave)
  // it may have gone while its body was read
  if (response.destroyed || (request.httpVersionMajor === 1 && socket.readableEnded)) leave()
  response.on('close', () => {
    socket.off('end', leave)
    // it comes behind a whole answer too
    if (!response.writableFinished) leave()
  })
  return left
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
  const ordered = live.balanceOf(endpoint)?.route(models, endpoint.attempts, deps.clock(), routed(endpoint, ask))
  journey.flight = ordered?.flight
  return (ordered?.models ?? models).flatMap((model) => reached.get(model) ?? [])
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
  const outputs = choices.map(({ model }) => ask.maxOutput ?? model.max_output ?? UNBOUNDED)
  const bounds = choices.map(({ model }, i) => {
    if (isFree) return 0
    const maxOutput = outputs[i] ?? UNBOUNDED
    const of = { inputBytes: ask.bytes.length, extraInput: ask.extraInput, maxOutput, choices: ask.choices }
    const price = priceWith(model.price, journey.extras)
    return price === null ? null : boundOf(of, price)
  })
  const amount = bounds.includes(null) ? null : Math.max(...bounds.map((one) => one ?? 0))
  const tokens = Math.ceil(ask.bytes.length / 4) + (isFree ? 0 : Math.max(...outputs)) * ask.choices
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
    journey.flight?.sent(choice.model, journey.us, deps.clock())
    const reply = await attempted(deps, journey, { choice, out, trial })
    const more = i + 1 < choices.length && !left.aborted
    if (reply instanceof Error) {
      if (more && spare(deps, journey)) continue
      throw reply
    }
    if (RETRIED.has(reply.statusCode) && more && spare(deps, journey)) {
      thrownAway(reply)
      continue
    }
    if (OURS.has(reply.statusCode)) {
      thrownAway(reply)
      if (more && spare(deps, journey)) continue
      const detail = `it refused what the gateway authenticates with (HTTP ${reply.statusCode}); set its key anew`
      throw problem('upstream_failed', { what: `provider ${choice.provider.route.name}`, detail })
    }
    const { way, provider } = choice
    const to = { journey, provider, reply, way, strip: out.strip, response: exchange.response }
    const broke = (): void => failed(deps, journey, choice.model, null)
    await relay({ ...to, left, settle, broke, draining: deps.draining() })
    return
  }
}

function balanceOf(deps: CallDeps, { endpoint }: Journey): Balance | undefined {
  return endpoint && deps.live().balanceOf(endpoint)
}

/** `restMs`: what the model asked to wait. */
function failed(deps: CallDeps, journey: Journey, model: ModelRoute, restMs: number | null): void {
  balanceOf(deps, journey)?.failed(model, deps.clock(), restMs)
  journey.flight?.failed(deps.clock())
}

function spare(deps: CallDeps, journey: Journey): boolean {
  return balanceOf(deps, journey)?.spare() ?? false
}

/** Its end is not waited for: it may never come. */
function thrownAway({ body }: Dispatcher.ResponseData): void {
  body.on('error', () => undefined).destroy()
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
      failed(deps, journey, model, restOf(reply.headers['retry-after']))
    else {
      balanceOf(deps, journey)?.answered(model)
      // a count of tokens comes at once, and says nothing of how fast the model is
      const isGood = reply.statusCode < 300 && journey.ask.dialect !== 'count_tokens'
      journey.flight?.answered(isGood, deps.clock())
    }
    return reply
  } catch (error) {
    const gone = trial.left.aborted && cutBy(trial.left) === undefined
    const message = gone ? 'the client left' : (error as Error).message
    journey.attempts.push({ model: model.id, status: null, us: journey.us - began, error: message.slice(0, 300) })
    if (trial.left.aborted) throw error
    failed(deps, journey, model, null)
    return error as Error
  }
}

/** What a header Retry-After in seconds asks for, ms. */
function restOf(header: string | string[] | undefined): number | null {
  const seconds = Number(header)
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null
}
