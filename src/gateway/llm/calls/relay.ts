/** Gives an upstream's answer to the client: as it came, or translated; whole, or piece by piece while it comes. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { Problem, problem } from '../../../contract/errors.ts'
import { failureIn, failureOf } from '../dialects/failures.ts'
import { finishOf, usageOf } from '../dialects/usage.ts'
import type { LiveProvider } from '../upstream/live.ts'
import { faultOf } from '../upstream/sending.ts'
import { breakOff } from './failure.ts'
import type { End, Journey } from './journey.ts'
import type { Way } from './outgoing.ts'
import type { Passage } from './passage.ts'
import { PlainPassage, TranslatedPassage } from './passage.ts'
import { textOf } from './text.ts'

export interface Relay {
  readonly journey: Journey
  readonly provider: LiveProvider
  readonly reply: Dispatcher.ResponseData
  readonly way: Way
  readonly strip: boolean
  readonly response: ServerResponse
  /** Aborted when the client has left. */
  readonly left: AbortSignal
  readonly settle: (end: End) => Promise<void>
  readonly draining: boolean
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
  const came = await wholeOf(to)
  const bytes = statusCode < 400 ? came : masked(came, to.provider)
  const sent = statusCode < 300 ? read(to, bytes) : bytes
  const body = statusCode < 300 || way.translation === undefined ? sent : failed(to, bytes)
  journey.firstUs = journey.us
  journey.saw(body)
  const good = statusCode < 400
  const error = good ? undefined : failureOf(way.dialect, statusCode, jsonOf(bytes)).message
  await to.settle({ status: statusCode, outcome: good ? 'ok' : 'failed', error })
  if (response.destroyed) return
  if (to.draining) response.shouldKeepAlive = false
  const headers = headersOf(reply.headers, journey, way)
  if (way.translation !== undefined) headers['content-type'] = 'application/json'
  headers['content-length'] = String(body.length)
  response.writeHead(statusCode, headers)
  response.end(body)
}

/** The answer for the client; what it tells of usage and end is noted. */
function read(to: Relay, bytes: Buffer): Buffer {
  const { journey, provider, way } = to
  const json = jsonOf(bytes)
  if (json === undefined) {
    if (way.translation === undefined) return bytes
    throw problem('upstream_failed', { what: `provider ${provider.route.name}`, detail: 'its answer is no JSON' })
  }
  const told = usageOf(way.dialect, json)
  if (told !== undefined) {
    journey.usage = told.usage
    journey.raw = told.raw
  }
  journey.guessed = Math.ceil(bytes.length / 4)
  journey.finish = finishOf(way.dialect, json)
  if (journey.keeps) journey.said(textOf(way.dialect, json))
  if (way.translation === undefined) return bytes
  const { body, lost } = way.translation.reply(json, askedOf(journey))
  journey.lost = [...journey.lost, ...lost]
  return Buffer.from(JSON.stringify(body))
}

/** A provider that says what it did not like of a request may repeat what the gateway authenticated with. */
function masked(bytes: Buffer, { credentials }: LiveProvider): Buffer {
  const secrets = Object.values(credentials).filter(
    (secret) => secret.length >= SHORTEST_SECRET && bytes.includes(secret),
  )
  if (secrets.length === 0) return bytes
  return Buffer.from(secrets.reduce((text, secret) => text.replaceAll(secret, '***'), bytes.toString('utf8')))
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

async function wholeOf({ provider, reply, left }: Relay): Promise<Buffer> {
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
    if (left.aborted) throw error
    throw faultOf(error, provider.route)
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
}

async function relayStream(to: Relay): Promise<void> {
  const { journey, reply, way, response, left } = to
  const passage: Passage =
    way.translation === undefined
      ? new PlainPassage(way.dialect, to.strip, journey)
      : new TranslatedPassage(way, askedOf(journey), journey)
  if (to.draining) response.shouldKeepAlive = false
  response.writeHead(reply.statusCode, {
    ...headersOf(reply.headers, journey, way),
    ...(way.translation !== undefined && { 'content-type': 'text/event-stream; charset=utf-8' }),
  })
  // with the first piece where that is there already
  setImmediate(() => response.flushHeaders())
  const fault = await pass(to, passage)
  passage.note()
  if (left.aborted) {
    await to.settle({ status: 499, outcome: 'aborted' })
    response.destroy()
    return
  }
  if (fault !== undefined) {
    await to.settle({ status: reply.statusCode, outcome: 'cut', error: fault.message })
    breakOff(response, journey.ask.dialect, fault)
    return
  }
  await to.settle({ status: reply.statusCode, outcome: 'ok', error: passage.error ?? undefined })
  response.end()
}

/** Passes on what comes, as fast as the client takes it; what went wrong, or undefined where the stream is whole. */
function pass({ journey, provider, reply, response }: Relay, passage: Passage): Promise<Problem | undefined> {
  const { body } = reply
  const what = `provider ${provider.route.name}`
  return new Promise((resolve) => {
    const broken = (error: unknown): void => {
      const fault = faultOf(error, provider.route)
      resolve(fault instanceof Problem ? fault : problem('upstream_failed', { what, detail: fault.message }, error))
      body.destroy()
    }
    const write = (bytes: Buffer): void => {
      if (bytes.length === 0 || response.destroyed) return
      journey.firstUs ??= journey.us
      journey.saw(bytes)
      if (response.write(bytes)) return
      body.pause()
      response.once('drain', () => body.resume())
    }
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
