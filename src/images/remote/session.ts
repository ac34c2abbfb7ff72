/** Calls to one registry: its address, credentials and tokens, again where it asks for them midway, and redirects of downloads. */
import { setTimeout as rest } from 'node:timers/promises'
import { z } from 'zod'
import { ifJson } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { wholeBody } from '../../http/egress-stream.ts'
import type { EgressStream, StreamReply, StreamRequest } from '../../http/egress-stream.ts'
import { readChallenge } from './challenge.ts'
import type { Challenge } from './challenge.ts'
import type { Credentials, FindCredentials } from './credentials.ts'

export interface SessionOptions {
  readonly fetch: EgressStream
  readonly credentials: FindCredentials
  /** Waits before a call is made again, ms; tests give shorter ones. */
  readonly pauses?: readonly number[]
}

export interface RegistryCall {
  readonly method: StreamRequest['method']
  /** Below `/v2/`, or a whole URL that the registry gave. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Makes the body, anew for each try. */
  readonly body?: () => NonNullable<StreamRequest['body']>
  /** True = not made again: what was sent may have arrived. */
  readonly once?: boolean
  /** What the call is allowed by, as `repository:NAME:pull,push`. */
  readonly scope: string
}

/** Largest answer of a token server. */
const MOST_TOKEN = 256 * 1024
const MOST_REDIRECTS = 5
const PAUSES = [200, 1000, 3000]
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504])

/** An answer that is no decision: the same call may go well the next time. */
export function isPassing(status: number): boolean {
  return PASSING.has(status)
}

const Token = z.object({ token: z.string().optional(), access_token: z.string().optional() })

export class RegistrySession {
  readonly host: string
  readonly #options: SessionOptions
  /** The header of each scope, once it is known. */
  readonly #authorization = new Map<string, string>()
  /** What the last header was made of. */
  #used: Credentials | undefined

  constructor(host: string, options: SessionOptions) {
    this.host = host
    this.#options = options
  }

  /** The address of a path below `/v2/`; plain HTTP on this machine alone, as docker has it. */
  url(path: string): string {
    if (/^https?:/.test(path)) return path
    const local = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/.test(this.host)
    // Docker Hub's registry is not at the name that everybody writes
    const host = this.host === 'docker.io' ? 'registry-1.docker.io' : this.host
    return new URL(path.startsWith('/') ? path : `/v2/${path}`, `${local ? 'http' : 'https'}://${host}`).href
  }

  /**
   * Makes a call and answers its reply, whatever its status but 401. It is made again where the connection breaks or the registry is busy,
   * unless that is not wanted. Throws `upstream_failed` where it stays so, and where credentials are refused.
   */
  async call(call: RegistryCall): Promise<StreamReply> {
    const pauses = call.once === true ? [] : this.#pauses
    for (let tries = 0; ; tries++) {
      const pause = pauses[tries]
      try {
        const reply = await this.#authorized(call)
        if (!isPassing(reply.status) || pause === undefined) return reply
        reply.body.destroy()
      } catch (error) {
        if (pause === undefined || (error as { code?: unknown }).code !== 'upstream_failed' || error instanceof Refused)
          throw error
      }
      await rest(pause)
    }
  }

  /** Waits before what was broken off is begun again, for the given time. */
  async pause(tries: number): Promise<void> {
    await rest(this.#pauses[tries - 1] ?? 0)
  }

  get #pauses(): readonly number[] {
    return this.#options.pauses ?? PAUSES
  }

  /** One that asks for a token gets one, once: a second 401 is its last word. */
  async #authorized(call: RegistryCall): Promise<StreamReply> {
    const first = await this.#send(call)
    if (first.status !== 401) return first
    const challenge = readChallenge(first.headers['www-authenticate'])
    first.body.destroy()
    if (challenge === undefined) throw this.#refused('it does not say how')
    // one that was taken before has ended: credentials that end are asked for anew
    const refused = this.#authorization.has(call.scope) ? this.#used : undefined
    this.#authorization.set(call.scope, await this.#authorizationFor(challenge, call.scope, refused))
    const second = await this.#send(call)
    if (second.status !== 401) return second
    second.body.destroy()
    this.#authorization.delete(call.scope)
    throw this.#refused('it refuses the credentials that there are')
  }

  /** Follows redirects of reads; credentials go to the registry's own host alone. */
  async #send({ method, path, headers = {}, body, scope }: RegistryCall): Promise<StreamReply> {
    let url = this.url(path)
    for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
      const own = new URL(url).host === new URL(this.url('')).host
      const authorization = own ? this.#authorization.get(scope) : undefined
      const all = { ...headers, ...(authorization !== undefined && { authorization }) }
      const reply = await this.#options.fetch({
        method,
        url,
        headers: all,
        ...(body !== undefined && { body: body() }),
      })
      const { location } = reply.headers
      const moved = [301, 302, 303, 307, 308].includes(reply.status) && location !== undefined
      if (!moved || (method !== 'GET' && method !== 'HEAD')) return reply
      reply.body.destroy()
      url = new URL(location, url).href
    }
    throw problem('upstream_failed', { what: `the registry ${this.host}`, detail: 'it redirects without end' })
  }

  async #authorizationFor(challenge: Challenge, scope: string, refused: Credentials | undefined): Promise<string> {
    const known = await this.#options.credentials(this.host, refused)
    this.#used = known
    if (challenge.scheme === 'basic') {
      if (known === undefined) throw this.#refused('it asks for a password, and there is none')
      return basic(known)
    }
    return `Bearer ${await this.#token(challenge, scope, known)}`
  }

  async #token(challenge: Challenge, scope: string, known: Credentials | undefined): Promise<string> {
    const { realm, service } = challenge
    // sent in the clear it would be anybody's
    if (!realm.startsWith('https://') && !this.url('').startsWith('http://'))
      throw this.#refused('its token server is not on https')
    const asked = { ...(service !== undefined && { service }), scope: challenge.scope ?? scope }
    const reply = await this.#options.fetch(
      known?.refresh === true ? exchange(realm, asked, known.password) : ask(realm, asked, known),
    )
    const what = `the token server ${hostOf(realm)}`
    const text = (await wholeBody(reply, MOST_TOKEN, what)).toString('utf8')
    if (reply.status === 401 || reply.status === 403) throw this.#refused(`${what} answers ${reply.status}`)
    const found = Token.safeParse(ifJson(text))
    const token = found.success ? (found.data.token ?? found.data.access_token) : undefined
    if (reply.status !== 200 || token === undefined || !/^[\x21-\x7e]+$/.test(token))
      throw problem('upstream_failed', { what, detail: `it answers ${reply.status} and gives no token` })
    return token
  }

  #refused(why: string): Error {
    return new Refused(
      `the registry ${this.host} wants credentials, and ${why}; log in first: docker login ${this.host}`,
    )
  }
}

/** Credentials are missing or refused, which the next try does not mend. */
class Refused extends Error {}

/** The flow of docker: a GET with a password, or without one for what everybody may read. */
function ask(realm: string, asked: Readonly<Record<string, string>>, known: Credentials | undefined): StreamRequest {
  const url = new URL(realm)
  for (const [key, value] of Object.entries(asked)) url.searchParams.set(key, value)
  return { method: 'GET', url: url.href, ...(known !== undefined && { headers: { authorization: basic(known) } }) }
}

/** The flow of OAuth 2, by which Azure's registry takes refresh tokens. */
function exchange(realm: string, asked: Readonly<Record<string, string>>, refresh_token: string): StreamRequest {
  const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'slipway', ...asked, refresh_token })
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return { method: 'POST', url: realm, headers, body: Buffer.from(form.toString()) }
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'without an address'
}
