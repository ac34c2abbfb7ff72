/** Calls of the server to its own gateway, on behalf of who looks at a page. */
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as secureRequest } from 'node:https'
import { problem } from '../../contract/errors.ts'
import { ownTrust } from '../../gateway/http/tls.ts'
import type { TlsFiles } from '../../gateway/http/tls.ts'

export interface OwnCallDeps {
  /** Certificate and key of the gateways; undefined without TLS. */
  readonly tls: TlsFiles | undefined
  /** Brings the tokens as they are now to every gateway. */
  readonly refresh: () => Promise<void>
}

export interface OwnCall {
  readonly url: string
  readonly token: string
  readonly body: object
  /** A gateway that says nothing for longer is given up, ms. */
  readonly silentMs: number
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal
}

/**
 * Posts JSON to the gateway; its answer, whatever it is, once its head is there. What breaks it off later is an error of its stream. Throws
 * `unavailable` when no gateway answers, and what aborted the signal.
 */
export async function callOwnGateway({ tls, refresh }: OwnCallDeps, call: OwnCall): Promise<IncomingMessage> {
  const first = await send(tls, call)
  if (first.statusCode !== 401) return first
  first.resume()
  // a token that was made just now is not in the gateways' table yet
  await refresh()
  return send(tls, call)
}

function send(tls: TlsFiles | undefined, { url, token, body, silentMs, signal }: OwnCall): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = {
      method: 'POST',
      agent: false,
      timeout: silentMs,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(signal && { signal }),
    }
    let answer: IncomingMessage | undefined
    const read = (response: IncomingMessage): void => {
      answer = response
      resolve(response)
    }
    const sent =
      tls === undefined ? request(url, options, read) : secureRequest(url, { ...options, ...ownTrust(tls) }, read)
    sent.on('timeout', () => (answer ?? sent).destroy(new Error(`it said nothing for ${silentMs / 1000} s`)))
    sent.on('error', (error) =>
      reject(signal?.aborted ? error : problem('unavailable', { what: 'the gateway', detail: error.message }, error)),
    )
    sent.end(JSON.stringify(body))
  })
}

/** Port: calls a path of the gateways of this server; see `callOwnGateway`. Throws `unavailable` too where there are none. */
export type AskGateway = (path: string, call: Omit<OwnCall, 'url'>) => Promise<IncomingMessage>
