/** One prediction made on behalf of who looks at the page of an endpoint: the server asks its own gateway. */
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as secureRequest } from 'node:https'
import { problem } from '../../contract/errors.ts'
import { ownTrust } from '../../gateway/http/tls.ts'
import type { TlsFiles } from '../../gateway/http/tls.ts'

/** Longest wait for the gateway's answer, and the most of it that is read. */
const ANSWER_MS = 30_000
const MOST_BYTES = 1_000_000

export interface TrialDeps {
  /** A token that may ask for predictions in a project, for a call of the server itself to its own gateway. */
  readonly tokenOf: (project: string) => Promise<string>
  /** Certificate and key of the gateways; undefined without TLS. */
  readonly tls: TlsFiles | undefined
  /** Brings the tokens as they are now to every gateway. */
  readonly refresh: () => Promise<void>
}

/** The gateway's answer, whatever it is. Throws `unavailable` when no gateway answers. */
export async function tryEndpoint(
  { tokenOf, tls, refresh }: TrialDeps,
  { project, url }: { readonly project: string; readonly url: string },
  body: object,
): Promise<Answer> {
  const token = await tokenOf(project)
  const first = await ask({ url, tls }, token, body)
  if (first.status !== 401) return first
  // a token that was made just now is not in the gateways' table yet
  await refresh()
  return ask({ url, tls }, token, body)
}

interface Answer {
  readonly status: number
  readonly took_ms: number
  readonly reply: unknown
}

/** Throws `unavailable` when no gateway answers. */
function ask({ url, tls }: { url: string; tls: TlsFiles | undefined }, token: string, body: object): Promise<Answer> {
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void =>
      reject(problem('unavailable', { what: 'the gateway', detail: error.message }, error))
    const options = {
      method: 'POST',
      agent: false,
      timeout: ANSWER_MS,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    }
    const read = (response: IncomingMessage): void => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MOST_BYTES) sent.destroy(new Error(`its answer is longer than ${MOST_BYTES} bytes`))
        else chunks.push(chunk)
      })
      response.on('error', refuse)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          took_ms: performance.now() - began,
          reply: parsed(Buffer.concat(chunks).toString('utf8')),
        }),
      )
    }
    const sent =
      tls === undefined ? request(url, options, read) : secureRequest(url, { ...options, ...ownTrust(tls) }, read)
    sent.on('timeout', () => sent.destroy(new Error(`it did not answer within ${ANSWER_MS / 1000} s`)))
    sent.on('error', refuse)
    sent.end(JSON.stringify(body))
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
