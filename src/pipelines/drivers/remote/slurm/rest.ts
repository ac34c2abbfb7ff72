/** Asks a slurmrestd: with a token that may change, in the version that it offers, and told apart from whatever else answers. */
import { ifJson } from '../../../../contract/absence/absent.ts'
import { problem, Problem } from '../../../../contract/errors.ts'
import type { Egress, EgressReply } from '../../../../http/egress.ts'
import { dialectOf, type Dialect } from './dialect.ts'
import { expiryOf } from './token.ts'

export interface RestOptions {
  /** The address of slurmrestd, as `http://slurm:6820`. */
  readonly url: string
  readonly user: string
  /** Read for each question, for tokens expire. Throws a Problem where there is none. */
  readonly token: () => string
  readonly send: Egress
}

/** An answer in Slurm's words. */
export interface Answer {
  readonly status: number
  readonly body: unknown
  /** What it complains of. */
  readonly faults: readonly Fault[]
}

export interface Fault {
  readonly code: number
  readonly words: string
}

/** After one question that hung or found nobody, the next is not asked for so long, ms. */
const PAUSE_MS = 3000
/** Characters of what is said that are told. */
const TOLD = 500

export class Rest {
  readonly #options: RestOptions
  #dialect: Promise<Dialect> | undefined
  #away: { readonly until: number; readonly error: Problem } | undefined

  constructor(options: RestOptions) {
    this.#options = options
  }

  /** The version in which it is asked; looked up once. Throws `unavailable`, `upstream_failed`. */
  async dialect(): Promise<Dialect> {
    this.#dialect ??= this.#detect()
    try {
      return await this.#dialect
    } catch (error) {
      this.#dialect = undefined
      throw error
    }
  }

  /** Throws `unavailable` where Slurm did not answer, in words that say why. */
  async ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Answer> {
    const reply = await this.#send(method, path, body)
    if (reply.status === 404 && !isJsonReply(reply)) this.#dialect = undefined
    const answer = answerOf(reply)
    if (answer === undefined || isOfControl(answer)) throw this.#unavailable(reply, answer)
    return answer
  }

  async #detect(): Promise<Dialect> {
    const reply = await this.#send('GET', '/openapi/v3')
    const body = ifJson(reply.body.toString('utf8'))
    if (reply.status !== 200 || typeof body !== 'object') throw this.#unavailable(reply, undefined)
    return dialectOf(body)
  }

  async #send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<EgressReply> {
    if (this.#away !== undefined && performance.now() < this.#away.until) throw this.#away.error
    const { url, user, token, send } = this.#options
    const headers = { 'x-slurm-user-name': user, 'x-slurm-user-token': token(), accept: 'application/json' }
    const given = body === undefined ? {} : { body: JSON.stringify(body) }
    try {
      const reply = await send({
        method,
        url: `${url.replace(/\/+$/, '')}${path}`,
        headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...given,
      })
      this.#away = undefined
      return reply
    } catch (error) {
      if (!(error instanceof Problem) || error.code === 'invalid_field') throw error
      const told = unavailable(error.message)
      this.#away = { until: performance.now() + PAUSE_MS, error: told }
      throw told
    }
  }

  /** An expired token is answered as a fault of no name; its own time says more. */
  #unavailable(reply: EgressReply, answer: Answer | undefined): Problem {
    const expired = expiryOf(this.#options.token())
    const said = answer === undefined ? plain(reply) : wordsOf(answer)
    const late = expired !== undefined && expired < Date.now()
    const why = late ? `; its token has expired at ${new Date(expired).toISOString()}` : ''
    const refused = reply.status === 401 || reply.status === 403 ? '; it does not take the token or the user' : ''
    const control = answer === undefined || late ? '' : '; slurmctld may be away'
    return unavailable(`it answers ${reply.status}: ${said}${why}${why === '' ? refused : ''}${control}`)
  }
}

function unavailable(detail: string): Problem {
  return problem('unavailable', { what: 'Slurm', detail })
}

/** What Slurm complains of, in one line. */
export function wordsOf({ faults, status }: Answer): string {
  const words = faults.map(({ code, words: said }) => (code > 0 ? `${said} (${code})` : said))
  return words.length === 0 ? `status ${status}` : words.join('; ').slice(0, TOLD)
}

function plain(reply: EgressReply): string {
  const said = reply.body.toString('utf8', 0, TOLD).replaceAll(/\s+/g, ' ').trim()
  return said === '' ? 'nothing' : said
}

function isJsonReply(reply: EgressReply): boolean {
  return typeof ifJson(reply.body.toString('utf8')) === 'object'
}

/** Undefined for what is none of Slurm's: it always sends a list of errors. */
function answerOf(reply: EgressReply): Answer | undefined {
  const body = ifJson(reply.body.toString('utf8')) as { errors?: unknown } | null | undefined
  if (typeof body !== 'object' || body === null || !Array.isArray(body.errors)) return undefined
  return { status: reply.status, body, faults: body.errors.map(faultOf) }
}

function faultOf(error: unknown): Fault {
  const { error_number, error_code, errno, error: said, description } = (error ?? {}) as Record<string, unknown>
  const code = [error_number, error_code, errno].find((number) => typeof number === 'number') ?? 0
  const words = [said, description].filter((word) => typeof word === 'string' && word !== '')
  return { code, words: words.join(': ') }
}

/** Faults between slurmrestd and slurmctld, or of the token: nothing was said about the job. */
function isOfControl({ status, faults }: Answer): boolean {
  if (status < 400) return false
  const codes = faults.map(({ code }) => code)
  if (codes.some((code) => (code >= 2000 && code < 5000) || code >= 9000)) return false
  return codes.some((code) => code === -1 || (code >= 1000 && code < 2000) || (code >= 5003 && code <= 6011))
}
