/** Gives an upstream's answer to the client: as it came, or translated; whole, or piece by piece while it comes. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { Problem, problem } from '../../../contract/errors.ts'
import { failureIn, failureOf } from '../dialects/failures.ts'
import { finishOf, usageOf } from '../dialects/usage.ts'
import type { LiveProvider } from '../upstream/live.ts'
import { faultOf, idleMs } from '../upstream/sending.ts'
import { allowSilence, cutShort } from '../../http/cut.ts'
import { breakOff } from './failure.ts'
import type { End, Journey } from './journey.ts'
import type { Way } from './outgoing.ts'
import type { Passage } from './passage.ts'
import { PlainPassage, TranslatedPassage } from './passage.ts'
import { isBlock, screenedAnswer, ScreenedPassage } from './screening.ts'
import { textOf } from './text.ts'

export interface Relay {
  readonly journey: Journey
  readonly provider: LiveProvider
  readonly reply: Dispatcher.ResponseData
  readonly way: Way
  readonly strip: boolean
  readonly response: ServerResponse
  /** Aborted when the client has left, or with a problem where the gateway breaks the call off. */
  readonly left: AbortSignal
  readonly settle: (end: End) => Promise<void>
  /** Told where the provider broke off. */
  readonly broke: () => void
  readonly draining: boolean
}

/** Why the gateway broke a call off; undefined where it did not. */
export function cutBy({ reason }: AbortSignal): Problem | undefined {
  return reason instanceof Problem ? reason : undefined
}

/** Largest whole answer, bytes. */
const LARGEST = 64 * 1024 * 1024

/** Resolves when the answer is given and the call is settled. Throws a `Problem` only while nothing was sent. */
export async function relay(to: Relay): Promise<void> {
  const { reply } = to
  const type = String(reply.headers['content-type'] ?? '')
  const streams = type.startsWith('text/event-stream') || type.startsWith('application/vnd.amazon.eventstream')
  if (streams && reply.statusCode < 300) await relayStream(to)
  else await relayWhole(to)
}

async function relayWhole(to: Relay): Promise<void> {
  const { journey, reply, way, response } = to
  const { statusCode } = reply
  refuseStrange(to)
  const came = await wholeOf(to)
  journey.flight?.heard(journey.us)
  const bytes = statusCode < 400 ? came : masked(came, to.provider)
  const sent = statusCode < 300 ? await screenedAnswer(journey, read(to, bytes)) : bytes
  const body = statusCode < 300 || way.translation === undefined ? sent : failed(to, bytes)
  journey.firstUs = journey.us
  journey.saw(body)
  const headers = headersOf(reply.headers, journey, way)
  if (way.translation !== undefined) headers['content-type'] = 'application/json'
  headers['content-length'] = String(body.length)
  journey.tape?.head(headers)
  const good = statusCode < 400
  const error = good ? undefined : failureOf(way.dialect, statusCode, jsonOf(bytes)).message
  await to.settle({ status: statusCode, outcome: good ? 'ok' : 'failed', error })
  if (response.destroyed) return
  if (to.draining) response.shouldKeepAlive = false
  writeHead(to, headers)
  response.end(body)
}

/** A head that cannot be written ends the upstream's answer: nobody reads it any more. */
function writeHead({ reply, response, provider }: Relay, headers: Record<string, string | string[]>): void {
  try {
    response.writeHead(reply.statusCode, headers)
  } catch (error) {
    reply.body.on('error', () => undefined).destroy()
    const detail = `the head of its answer cannot be given on: ${(error as Error).message}`
    throw problem('upstream_failed', { what: `provider ${provider.route.name}`, detail }, error)
  }
}

/** Answers that lead elsewhere, or that are packed although they were asked for as they are, cannot be given on. */
function refuseStrange({ reply, provider }: Relay): void {
  const coding = String(reply.headers['content-encoding'] ?? 'identity')
  const isElsewhere = reply.statusCode >= 300 && reply.statusCode < 400
  if (!isElsewhere && coding === 'identity') return
  reply.body.on('error', () => undefined).destroy()
  const detail = isElsewhere ? `it leads elsewhere (HTTP ${reply.statusCode})` : `its answer is packed by ${coding}`
  throw problem('upstream_failed', { what: `provider ${provider.route.name}`, detail })
}

/** The answer for the client; what it tells of usage and end is noted. */
function read(to: Relay, bytes: Buffer): Buffer {
  const { journey, provider, way } = to
  const json = jsonOf(bytes)
  journey.guessed = Math.ceil(bytes.length / 4)
  if (json === undefined) {
    if (way.translation === undefined) return bytes
    throw problem('upstream_failed', { what: `provider ${provider.route.name}`, detail: 'its answer is no JSON' })
  }
  const told = usageOf(way.dialect, json)
  if (told !== undefined) {
    journey.usage = told.usage
    journey.raw = told.raw
  }
  journey.finish = finishOf(way.dialect, json)
  if (journey.keeps && journey.guardrails === null) journey.said(textOf(way.dialect, json))
  if (way.translation === undefined) return bytes
  const { body, lost } = way.translation.reply(json, askedOf(journey))
  journey.lost = [...journey.lost, ...lost]
  return Buffer.from(JSON.stringify(body))
}

/** A provider that says what it did not like of a request may repeat what the gateway authenticated with. */
function masked(bytes: Buffer, provider: LiveProvider): Buffer {
  const { credentials } = provider
  const told = Object.values(credentials).some((secret) => secret.length >= SHORTEST_SECRET && bytes.includes(secret))
  return told ? Buffer.from(maskedText(bytes.toString('utf8'), provider)) : bytes
}

function maskedText(text: string, { credentials }: LiveProvider): string {
  const secrets = Object.values(credentials).filter((secret) => secret.length >= SHORTEST_SECRET)
  return secrets.reduce((left, secret) => left.replaceAll(secret, '***'), text)
}

/** A shorter one is no secret. */
const SHORTEST_SECRET = 8

function failed({ journey, way, reply }: Relay, bytes: Buffer): Buffer {
  const failure = failureOf(way.dialect, reply.statusCode, jsonOf(bytes))
  return Buffer.from(JSON.stringify(failureIn(journey.ask.dialect, failure)))
}

function askedOf({ ask, id, started }: Journey): {
  model: string
  body: Readonly<Record<string, unknown>>
  id: string
  created: number
} {
  return { model: ask.model, body: ask.body, id, created: Math.floor(started / 1000) }
}

function jsonOf(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const json = JSON.parse(bytes.toString('utf8')) as unknown
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** The whole answer. One that breaks off is paid for as far as it came. */
async function wholeOf(to: Relay): Promise<Buffer> {
  const { provider, reply, left, journey } = to
  const parts: Buffer[] = []
  let size = 0
  const what = `provider ${provider.route.name}`
  try {
    for await (const part of reply.body as AsyncIterable<Buffer>) {
      size += part.length
      if (size > LARGEST)
        throw problem('upstream_failed', { what, detail: `its answer has more than ${LARGEST} bytes` })
      parts.push(part)
    }
  } catch (error) {
    journey.guessed = Math.ceil(size / 4)
    if (left.aborted) throw error
    const fault = problemOf(error, provider)
    to.broke()
    if (reply.statusCode < 300)
      await to.settle({ status: fault.status, outcome: 'cut', error: maskedText(fault.message, provider) })
    throw fault
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
}

function problemOf(error: unknown, { route }: LiveProvider): Problem {
  const fault = faultOf(error, route)
  if (fault instanceof Problem) return fault
  return problem('upstream_failed', { what: `provider ${route.name}`, detail: fault.message }, error)
}

async function relayStream(to: Relay): Promise<void> {
  const { journey, reply, way, response, left } = to
  const passage = passageOf(to)
  if (to.draining) response.shouldKeepAlive = false
  const headers = headersOf(reply.headers, journey, way)
  if (way.translation !== undefined) headers['content-type'] = 'text/event-stream; charset=utf-8'
  journey.tape?.head(headers)
  writeHead(to, headers)
  allowSilence(response)
  // with the first piece where that is there already
  setImmediate(() => response.flushHeaders())
  const alive = passage.holds === true ? keptAlive(response) : undefined
  const fault = (await pass(to, passage)) ?? (await passRest(to, passage))
  clearInterval(alive)
  passage.note()
  if (left.aborted && cutBy(left) === undefined) {
    await to.settle({ status: 499, outcome: 'aborted' })
    response.destroy()
    return
  }
  if (fault !== undefined) {
    const isOurs = isBlock(fault)
    if (!isOurs && !left.aborted) to.broke()
    const outcome = isOurs ? 'failed' : 'cut'
    await to.settle({ status: reply.statusCode, outcome, error: maskedText(fault.message, to.provider) })
    breakOff(response, journey.ask.dialect, fault)
    return
  }
  const error = passage.error === null ? undefined : maskedText(passage.error, to.provider)
  await to.settle({ status: reply.statusCode, outcome: 'ok', error })
  response.end()
}

function passageOf({ journey, strip, way }: Relay): Passage {
  const passage =
    way.translation === undefined
      ? new PlainPassage(way.dialect, strip, journey)
      : new TranslatedPassage(way, askedOf(journey), journey)
  const watch = journey.guardrails?.stream(journey.ask.dialect, journey.guards)
  return watch === undefined ? passage : new ScreenedPassage(passage, journey, watch)
}

/** Between two signs of life to a client whose answer is held back, ms. */
const ALIVE_MS = 15_000

function keptAlive(response: ServerResponse): NodeJS.Timeout {
  return setInterval(() => {
    if (!response.destroyed) response.write(': keep-alive\n\n')
  }, ALIVE_MS).unref()
}

/** Nothing, once the client has left: a hook may think for long, and nobody waits for it any more. */
function noMore(left: AbortSignal): Promise<Buffer> {
  return new Promise((resolve) => left.addEventListener('abort', () => resolve(Buffer.alloc(0)), { once: true }))
}

/** Passes on what guardrails held until the end; what they have against it, or undefined. */
async function passRest({ journey, provider, response, left }: Relay, passage: Passage): Promise<Problem | undefined> {
  if (passage.rest === undefined || left.aborted) return undefined
  try {
    const rest = await Promise.race([passage.rest(left), noMore(left)])
    if (rest.length === 0 || response.destroyed) return undefined
    const bytes = masked(rest, provider)
    journey.firstUs ??= journey.us
    journey.saw(bytes)
    response.write(bytes)
    return undefined
  } catch (error) {
    return error instanceof Problem ? error : problem('internal', {}, error)
  }
}

/** Passes on what comes, as fast as the client takes it; what went wrong, or undefined where the stream is whole. */
function pass({ journey, provider, reply, response, left }: Relay, passage: Passage): Promise<Problem | undefined> {
  const { body } = reply
  const what = `provider ${provider.route.name}`
  return new Promise((resolve) => {
    const broken = (error: unknown): void => {
      body.destroy()
      clearTimeout(stalled)
      // it had said that it is whole
      if (passage.isOver) {
        resolve(undefined)
        return
      }
      resolve(cutBy(left) ?? problemOf(error, provider))
    }
    let stalled: NodeJS.Timeout | undefined
    const write = (given: Buffer): void => {
      if (given.length === 0 || response.destroyed) return
      const bytes = given.includes('"error"') ? masked(given, provider) : given
      journey.firstUs ??= journey.us
      journey.saw(bytes)
      if (response.write(bytes)) return
      body.pause()
      // a client that takes nothing holds a connection, a reserve and a place among its calls
      stalled = setTimeout(() => cutShort(response), idleMs(provider.route)).unref()
      response.once('drain', () => {
        clearTimeout(stalled)
        body.resume()
      })
    }
    body.once('data', () => journey.flight?.heard(journey.us))
    body.on('data', (chunk: Buffer) => {
      try {
        write(passage.push(chunk))
      } catch (error) {
        broken(error)
      }
    })
    body.on('end', () => {
      try {
        write(passage.end())
        resolve(
          passage.ended ? undefined : problem('upstream_failed', { what, detail: 'its stream ended before its end' }),
        )
      } catch (error) {
        broken(error)
      }
    })
    body.on('error', broken)
    body.on('close', () => broken(new Error('it broke off')))
  })
}

/** Headers of the upstream's connection, and what is the gateway's own business. */
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'trailer',
  'content-length',
  'content-encoding',
  'set-cookie',
  'server',
  'date',
  'alt-svc',
  'strict-transport-security',
  'openai-organization',
  'openai-project',
  'anthropic-organization-id',
])

function headersOf(headers: IncomingHttpHeaders, journey: Journey, way: Way): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !DROPPED.has(name)) out[name] = value
  }
  out['x-slipway-call'] = journey.id
  out['x-slipway-model'] = headerText(`${journey.provider?.name}/${journey.model?.model}`)
  if (way.translation !== undefined) out['x-slipway-translated'] = `${journey.ask.dialect} to ${way.dialect}`
  if (journey.lost.length > 0) out['x-slipway-lost'] = headerText(journey.lost.join(', ')).slice(0, 2000)
  return out
}

/** Text that a header may hold. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?')
}
