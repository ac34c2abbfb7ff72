/** What a call has to do with the cache of its endpoint: it is looked for there, answered from there, or its answer is kept there. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { KeptAnswer, Place, AnswerCache } from '../cache/answers.ts'
import type { Given } from '../cache/forms.ts'
import { given } from '../cache/forms.ts'
import { keyOf, wishOf } from '../cache/key.ts'
import { eventsOf } from '../cache/stream.ts'
import { Tape } from '../cache/tape.ts'
import type { Taped } from '../cache/tape.ts'
import { parsedObject } from '../dialects/hub.ts'
import type { Held, Money } from '../money/money.ts'
import type { LlmCallRecord } from '../records/record.ts'
import type { LiveLlm } from '../upstream/live.ts'
import { idleMs } from '../upstream/sending.ts'
import { breakOff } from './failure.ts'
import type { End, Journey } from './journey.ts'
import { cutBy } from './relay.ts'
import { EventTap } from './tap.ts'
import { textOf } from './text.ts'

interface CacheDeps {
  readonly clock: () => number
  readonly live: () => LiveLlm
  readonly cache: AnswerCache
}

/** A kept answer, and how it is given to the call. */
interface Hit {
  readonly answer: KeptAnswer
  readonly given: Given
}

/**
 * The kept answer to a call. Without one the journey is told whether its answer is to be kept. Of an endpoint without a cache nothing is looked at.
 * Of equal calls that come at once each one is sent: an answer is given from when it has ended.
 */
export function lookUp(deps: CacheDeps, journey: Journey, headers: IncomingHttpHeaders): Hit | undefined {
  const { ask, caller, endpoint } = journey
  if (endpoint?.cache == null) return undefined
  const wish = wishOf(headers['cache-control'])
  const of = { route: deps.live().route, endpoint, token: caller.token, headers, ask }
  const key = wish === 'none' ? null : keyOf(of)
  if (key === null || wish === 'renew') {
    journey.tape = new Tape('bypass', key)
    return undefined
  }
  const place = { project: endpoint.project, endpoint: endpoint.name, key }
  const [own, other] = ask.stream ? (['stream', 'whole'] as const) : (['whole', 'stream'] as const)
  const now = deps.clock()
  const hit = hitOf(deps.cache.get(place, own, now), journey) ?? hitOf(deps.cache.get(place, other, now), journey)
  if (hit !== undefined) return hit
  journey.cache = 'miss'
  journey.tape = new Tape('miss', key)
  return undefined
}

function hitOf(answer: KeptAnswer | undefined, { ask }: Journey): Hit | undefined {
  const found = answer && given(answer, ask)
  return answer && found && { answer, given: found }
}

/** Admits a call that is answered from the cache: it costs nothing, and counts as a call. Throws `too_many_requests`. */
export async function admittedHit(money: Money, journey: Journey): Promise<Held> {
  return money.admit({
    id: journey.id,
    key: journey.caller.key,
    budgets: [],
    amount: 0,
    tokens: 0,
    now: journey.started,
  })
}

/** Keeps the answer of a call that has ended, where it is one that the same call would get again. */
export function keepAnswer({ cache, clock }: CacheDeps, journey: Journey, record: LlmCallRecord): void {
  const { tape, endpoint, provider, model } = journey
  if (tape?.key == null || endpoint?.cache == null || provider === undefined || model === undefined) return
  if (!isGood(record)) return
  const taped = tape.taken()
  if (taped === undefined || !isWhole(taped, record.stream)) return
  const { ask, usage, finish, lost } = journey
  const place: Place = { project: endpoint.project, endpoint: endpoint.name, key: tape.key }
  const now = clock()
  cache.put(place, {
    form: record.stream ? 'stream' : 'whole',
    ...taped,
    tellsUsage: ask.stream && ask.wantsUsage,
    usage,
    finish,
    lost,
    guards: journey.guards.filter(({ on }) => on === 'answer'),
    provider,
    model,
    cost: record.cost ?? 0,
    at: now,
    until: now + endpoint.cache.ttl_s * 1000,
  })
}

/** Reasons of an end after which the same call is answered as well again; a filter's or a fault's is none. */
const GOOD_ENDS = new Set([
  'stop',
  'eos',
  'length',
  'tool_calls',
  'function_call',
  'end_turn',
  'stop_sequence',
  'max_tokens',
  'tool_use',
  'completed',
  'max_output_tokens',
])
/** Dialects whose answers have no such reason. */
const ENDLESS = new Set(['embeddings', 'count_tokens'])

function isGood({ outcome, status, error, finish, dialect, guards }: LlmCallRecord): boolean {
  if (outcome !== 'ok' || status !== 200 || error !== undefined) return false
  if (guards.some(({ action }) => action === 'block' || action === 'failed')) return false
  return ENDLESS.has(dialect) || GOOD_ENDS.has(finish?.toLowerCase() ?? '')
}

/** An answer of the form that was asked for, which is a JSON object without an error where it is no stream. */
function isWhole({ body, headers }: Taped, stream: boolean): boolean {
  const type = headers['content-type'] ?? ''
  if (stream) return type.startsWith('text/event-stream')
  if (!type.startsWith('application/json')) return false
  const json = parsedObject(body.toString('utf8'))
  return json !== undefined && (json['error'] ?? null) === null
}

/** Where a kept answer goes. */
interface Replay {
  readonly journey: Journey
  readonly response: ServerResponse
  /** Aborted when the client has left. */
  readonly left: AbortSignal
  readonly settle: (end: End) => Promise<void>
  readonly draining: boolean
  /** ms. */
  readonly now: number
}

/** Gives a kept answer. Resolves when it is given and the call is settled. */
export async function replay(hit: Hit, to: Replay): Promise<void> {
  const { journey, response, left, settle } = to
  if (left.aborted) throw left.reason
  note(hit, journey)
  if (to.draining) response.shouldKeepAlive = false
  if (journey.ask.stream) {
    await replayStream(hit, to)
    return
  }
  const body = Buffer.concat(hit.given.pieces)
  journey.firstUs = journey.us
  journey.saw(body)
  await settle({ status: 200, outcome: 'ok' })
  if (response.destroyed) return
  response.writeHead(200, { ...headersOf(hit, to), 'content-length': String(body.length) })
  response.end(body)
}

function note({ answer, given: { pieces } }: Hit, journey: Journey): void {
  journey.cache = 'hit'
  journey.saved = answer.cost
  journey.provider = answer.provider
  journey.model = answer.model
  journey.finish = answer.finish
  journey.lost = answer.lost
  journey.guards.push(...answer.guards)
  // all of its time is the gateway's own
  journey.ownUs = journey.us
  if (!journey.keeps) return
  const { dialect, stream, choices } = journey.ask
  const said = (text: string): void => journey.said(text)
  if (!stream) {
    const json = parsedObject(Buffer.concat(pieces).toString('utf8'))
    if (json !== undefined) said(textOf(dialect, json))
    return
  }
  const tap = new EventTap(dialect, choices, said)
  for (const event of eventsOf(Buffer.concat(pieces))) tap.see(event)
}

function headersOf({ answer, given: { type } }: Hit, { journey, now }: Replay): Record<string, string> {
  return {
    ...answer.headers,
    'content-type': type,
    'x-slipway-call': journey.id,
    'x-slipway-cache': 'hit',
    age: String(Math.floor((now - answer.at) / 1000)),
  }
}

async function replayStream(hit: Hit, to: Replay): Promise<void> {
  const { journey, response, left, settle } = to
  response.writeHead(200, headersOf(hit, to))
  for (const piece of hit.given.pieces) {
    if (left.aborted) break
    journey.firstUs ??= journey.us
    journey.saw(piece)
    if (!response.write(piece)) await taken(response, { left, limit: idleMs(hit.answer.provider) })
  }
  const why = cutBy(left)
  if (why !== undefined) {
    await settle({ status: 200, outcome: 'cut', error: why.message })
    breakOff(response, journey.ask.dialect, why)
    return
  }
  if (left.aborted) {
    await settle({ status: 499, outcome: 'aborted' })
    response.destroy()
    return
  }
  await settle({ status: 200, outcome: 'ok' })
  response.end()
}

/** Resolves when the client has taken what was written, or has left; one that takes nothing for so long, ms, is left. */
function taken(response: ServerResponse, { left, limit }: { left: AbortSignal; limit: number }): Promise<void> {
  return new Promise((resolve) => {
    const stalled = setTimeout(() => response.destroy(), limit).unref()
    const done = (): void => {
      clearTimeout(stalled)
      response.off('drain', done)
      response.off('close', done)
      left.removeEventListener('abort', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
    left.addEventListener('abort', done)
    if (left.aborted || response.destroyed) done()
  })
}
