/** Calls of a running MLflow server: JSON, pages and bytes, with retries, and errors that say what is wrong with the address. */
import { setTimeout as sleep } from 'node:timers/promises'
import { clockWords } from '../../client/clock.ts'
import { problem } from '../../contract/errors.ts'

export type Json = Readonly<Record<string, unknown>>

/** Sent as Bearer where there is a token, else as Basic. */
export interface Credentials {
  readonly token?: string | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
}

export interface Asked {
  readonly query?: Readonly<Record<string, string>>
  /** Makes it a POST. */
  readonly body?: object
}

export interface MlflowServer {
  /** Without a slash at the end. */
  readonly url: string
  /** The text of a JSON reply. Undefined for 404. */
  text(path: string, asked?: Asked): Promise<string | undefined>
  /** Throws `upstream_failed` with the server's own words. */
  json(path: string, asked?: Asked): Promise<Json>
  /** The bytes of a file; `size` is compared where it is known. */
  bytes(path: string, query: Readonly<Record<string, string>>, size?: number): AsyncIterable<Uint8Array>
}

/** Tries of one call, and the first wait between two, ms; each next one is twice as long. */
const TRIES = 6
const FIRST_WAIT = 250
const LONGEST_WAIT = 30_000
/** Longest wait for one reply of JSON, ms. */
const PATIENCE = 120_000
const PASSING = [429, 500, 502, 503, 504]

/** Opens `http://host:port[/prefix]` and makes sure that MLflow answers there. Throws `unprocessable` or `upstream_failed`, in words. */
export async function openServer(address: string, credentials: Credentials): Promise<MlflowServer> {
  const url = plainUrl(address)
  const headers = headersOf(credentials)
  const reply = async (path: string, asked: Asked, signal?: AbortSignal): Promise<Response> =>
    checked(
      url,
      path,
      await patient(url, path, () => request(url + path, asked, { headers, ...(signal && { signal }) })),
    )
  const text: MlflowServer['text'] = async (path, asked = {}) => {
    const got = await reply(path, asked, AbortSignal.timeout(PATIENCE))
    if (got.status !== 404) return got.text()
    await got.body?.cancel()
    return undefined
  }
  const server: MlflowServer = {
    url,
    text,
    json: async (path, asked) => parsed(url, path, await text(path, asked)),
    bytes: (path, query, size) =>
      streamed(url, () => reply(path, { query }), { path, ...(size !== undefined && { size }) }),
  }
  await server.json('/api/2.0/mlflow/experiments/search', { body: { max_results: 1, view_type: 'ALL' } })
  return server
}

/** All items of a paged reply, page by page. */
export async function* pagesOf(
  server: MlflowServer,
  path: string,
  list: string,
  asked: Asked,
): AsyncGenerator<readonly Json[]> {
  let token = ''
  do {
    const next = token === '' ? {} : { page_token: token }
    const wanted =
      asked.body === undefined ? { query: { ...asked.query, ...next } } : { body: { ...asked.body, ...next } }
    const page = await server.json(path, wanted)
    yield listOf(page[list])
    token = textOf(page['next_page_token']) ?? ''
  } while (token !== '')
}

/** A list of objects; what is none is left out. */
export function listOf(given: unknown): Json[] {
  return Array.isArray(given) ? given.filter((one): one is Json => typeof one === 'object' && one !== null) : []
}

/** An object, empty where there is none. */
export function objectOf(given: unknown): Json {
  return typeof given === 'object' && given !== null && !Array.isArray(given) ? (given as Json) : {}
}

/** Text or a number as text; undefined for all else. */
export function textOf(given: unknown): string | undefined {
  return typeof given === 'string' ? given : typeof given === 'number' ? String(given) : undefined
}

/** A whole number, which protobuf's JSON may say as text; the default where there is none. */
export function wholeOf<T>(given: unknown, absent: T): number | T {
  return typeof given === 'number' || (typeof given === 'string' && given !== '') ? Number(given) : absent
}

function plainUrl(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw problem('invalid_field', { field: 'url', value: address, expected: 'http://host:port or https://host' })
  }
  if (url.username !== '' || url.password !== '') {
    const expected = 'an address without a password; put it into SLIPWAY_IMPORT_USER and SLIPWAY_IMPORT_PASSWORD'
    throw problem('invalid_field', { field: 'url', value: `${url.protocol}//…@${url.host}`, expected })
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}

function headersOf({ token, user, password }: Credentials): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` }
  if (user === undefined) return {}
  return { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` }
}

function request(address: string, { query, body }: Asked, init: RequestInit): Promise<Response> {
  const search = query === undefined ? '' : `?${new URLSearchParams(query).toString()}`
  const json = { 'content-type': 'application/json' }
  return fetch(address + search, {
    ...init,
    redirect: 'manual',
    ...(body !== undefined && {
      method: 'POST',
      headers: { ...(init.headers as Record<string, string>), ...json },
      body: JSON.stringify(body),
    }),
  })
}

/** Tries again while nobody answers or the server says that it is busy. */
async function patient(url: string, path: string, send: () => Promise<Response>): Promise<Response> {
  for (let tried = 1; ; tried++) {
    const wait = Math.min(FIRST_WAIT * 2 ** (tried - 1), LONGEST_WAIT)
    try {
      const reply = await send()
      if (!PASSING.includes(reply.status) || tried === TRIES) return reply
      await reply.body?.cancel()
      const asked = Number(reply.headers.get('retry-after') ?? 0) * 1000
      await sleep(Math.min(Math.max(wait, asked), LONGEST_WAIT))
    } catch (error) {
      if (tried === TRIES) throw unreachable(url, path, error)
      await sleep(wait)
    }
  }
}

function unreachable(url: string, path: string, error: unknown): Error {
  const cause =
    error instanceof Error && error.cause instanceof Error ? clockWords(error.cause, Date.now()) : String(error)
  return problem('upstream_failed', { what: `${url}${path}`, detail: cause || 'no answer' }, error)
}

/** A reply that is good, or 404. */
async function checked(url: string, path: string, reply: Response): Promise<Response> {
  const { status } = reply
  if (status < 300 || status === 404) return reply
  const said = (await reply.text().catch(() => '')).slice(0, 2000)
  if (status === 401) {
    const detail = `${url} wants credentials: set SLIPWAY_IMPORT_TOKEN, or SLIPWAY_IMPORT_USER and SLIPWAY_IMPORT_PASSWORD`
    throw problem('unprocessable', { detail })
  }
  if (status === 403) throw problem('unprocessable', { detail: `${url} does not let these credentials read ${path}` })
  if (status < 400) {
    const to = reply.headers.get('location') ?? 'nowhere'
    throw problem('unprocessable', { detail: `${url} does not answer as an MLflow server: it sends ${path} to ${to}` })
  }
  throw problem('upstream_failed', { what: `${url}${path}`, detail: `${status} ${wordsOf(said)}` })
}

/** The message of an error of MLflow, else the text itself. */
function wordsOf(said: string): string {
  try {
    return textOf(objectOf(JSON.parse(said))['message']) ?? said
  } catch {
    return said
  }
}

function parsed(url: string, path: string, text: string | undefined): Json {
  let value: unknown
  try {
    value = text === undefined ? undefined : JSON.parse(text)
  } catch {
    value = undefined
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  const what = text === undefined ? 'is not there (404)' : 'is no JSON'
  throw problem('unprocessable', { detail: `${url} does not answer as an MLflow server: ${path} ${what}` })
}

async function* streamed(
  url: string,
  open: () => Promise<Response>,
  { path, size }: { readonly path: string; readonly size?: number },
): AsyncGenerator<Uint8Array> {
  const reply = await open()
  const failed = (detail: string): Error => problem('upstream_failed', { what: `${url}${path}`, detail })
  if (reply.status === 404 || reply.body === null) throw failed('the file is listed and is not there')
  const said = reply.headers.get('content-length')
  // a body that came compressed has another length than its header says
  const isPlain = reply.headers.get('content-encoding') === null
  const wanted = size ?? (said === null || !isPlain ? undefined : Number(said))
  let got = 0
  for await (const chunk of reply.body as AsyncIterable<Uint8Array>) {
    got += chunk.length
    yield chunk
  }
  if (wanted !== undefined && got !== wanted) throw failed(`the file has ${wanted} bytes, and ${got} came`)
}
