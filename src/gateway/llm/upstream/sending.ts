/** One call of an upstream: what goes out, and what a failure of it means. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { Problem, problem } from '../../../contract/errors.ts'
import type { Dialect, ProviderRoute } from '../../table/llm.ts'
import type { LiveProvider } from './live.ts'
import type { Pools } from './pools.ts'
import { awsHeaders, isSigned } from './aws.ts'
import type { Destination } from './providers.ts'
import { authHeaders, destinationOf } from './providers.ts'

export interface Outgoing {
  readonly provider: LiveProvider
  readonly model: string
  readonly dialect: Dialect
  readonly stream: boolean
  readonly body: Buffer
  /** Headers of the client. */
  readonly headers: IncomingHttpHeaders
  readonly signal: AbortSignal
  /** ms. */
  readonly now: number
}

/** Headers of a client that go on to the provider; no other does, least of all what it authenticates with. */
const PASSED = [
  'accept',
  'user-agent',
  'openai-beta',
  'anthropic-version',
  'anthropic-beta',
  'traceparent',
  'tracestate',
  'x-client-request-id',
] as const

/** Longest wait for the head of an answer, and for its next bytes, ms, where the provider's settings (`first_byte_ms`, `idle_ms`) say nothing. */
const FIRST_BYTE_MS = 600_000
const IDLE_MS = 120_000

/** Sends a call. Rejects with a `Problem`: `upstream_failed`, `deadline_exceeded`, or what aborted it. */
export async function send(pools: Pools, out: Outgoing): Promise<Dispatcher.ResponseData> {
  const { provider, signal } = out
  const { route, fault } = provider
  const what = `provider ${route.name}`
  if (fault !== null) throw problem('upstream_failed', { what, detail: `its credentials cannot be opened: ${fault}` })
  const { origin, path } = destinationOf(route, out)
  const { first: headersTimeout, idle: bodyTimeout } = limitsOf(route)
  try {
    return await pools.of(origin).request({
      method: 'POST',
      path,
      headers: headersOf(out, { origin, path }),
      body: out.body,
      signal,
      headersTimeout,
      bodyTimeout,
    })
  } catch (error) {
    throw faultOf(error, route)
  }
}

function headersOf(out: Outgoing, to: Destination): Record<string, string> {
  const { provider, headers, stream } = out
  const sent: Record<string, string> = {
    'content-type': 'application/json',
    accept: stream ? 'text/event-stream' : 'application/json',
    // a packed answer could not be looked at while it passes
    'accept-encoding': 'identity',
    ...authHeaders(provider.route, provider.credentials),
  }
  for (const name of PASSED) {
    const value = headers[name]
    if (value !== undefined) sent[name] = String(value)
  }
  return isSigned(provider.route, provider.credentials) ? awsHeaders({ ...out, ...to, headers: sent }) : sent
}

/** Waits for a provider, ms. */
interface Limits {
  readonly first: number
  readonly idle: number
}

/** Longest silence between two parts of an answer, ms. */
export function idleMs(provider: ProviderRoute): number {
  return limitsOf(provider).idle
}

function limitsOf({ settings }: ProviderRoute): Limits {
  return { first: limitOf(settings['first_byte_ms'], FIRST_BYTE_MS), idle: limitOf(settings['idle_ms'], IDLE_MS) }
}

function limitOf(setting: string | undefined, otherwise: number): number {
  const ms = Number(setting)
  return Number.isSafeInteger(ms) && ms > 0 ? ms : otherwise
}

/** A fault of a connection to a provider in our words. An abort stays what it is. */
export function faultOf(error: unknown, provider: ProviderRoute): Error {
  if (error instanceof Problem) return error
  const what = `provider ${provider.name}`
  const limits = limitsOf(provider)
  const { code, message, cause } = error as Error & { code?: string }
  if (cause instanceof Problem) return cause
  if (code === 'UND_ERR_ABORTED' || (error as Error).name === 'AbortError') return error as Error
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return problem('deadline_exceeded', { what, limit: limits.first }, error)
  if (code === 'UND_ERR_BODY_TIMEOUT')
    return problem('deadline_exceeded', { what: `the next part of the answer of ${what}`, limit: limits.idle }, error)
  return problem('upstream_failed', { what, detail: code ?? message }, error)
}
