/** Calls of the API server, and what it refuses in words. */
import { ifJson } from '../../../../contract/absence/absent.ts'
import { problem, type Problem } from '../../../../contract/errors.ts'
import { egress, type EgressReply, type EgressRequest } from '../../../../http/egress.ts'
import { readAccess, type Access } from './access.ts'

/** Bytes of an answer at most: a list holds all of our pods. */
const ANSWER_BYTES = 256 * 1024 * 1024
/** For so long the files of the credentials are not read again, ms. */
const KEPT_MS = 10_000

export interface Answer {
  readonly status: number
  /** What was sent, where it was JSON. */
  readonly body: Readonly<Record<string, unknown>>
  /** What the API server says of a refusal. */
  readonly message: string
}

export interface Api {
  /** The namespace that the credentials name. */
  namespace(): string
  /** Throws `upstream_failed` where nothing answers, or where the credentials do not hold. */
  ask(method: EgressRequest['method'], path: string, body?: unknown): Promise<Answer>
}

export function apiOf(kubeconfig: string, context?: string): Api {
  let kept: { readonly access: Access; readonly at: number } | undefined
  const access = (anew = false): Access => {
    if (anew || kept === undefined || performance.now() - kept.at > KEPT_MS)
      kept = { access: readAccess(kubeconfig, context), at: performance.now() }
    return kept.access
  }
  return {
    namespace: () => access().namespace,
    async ask(method, path, body) {
      let reply = await send(access(), method, path, body)
      // a token runs out in the midst of things: the file has the next one
      if (reply.status === 401) reply = await send(access(true), method, path, body)
      const answer = answerOf(reply)
      if (answer.status === 401) throw failed('does not take the credentials of this server', answer)
      return answer
    },
  }
}

function send(
  { url, headers, tls }: Access,
  ...[method, path, body]: [EgressRequest['method'], string, unknown]
): Promise<EgressReply> {
  const sent = body === undefined ? '' : JSON.stringify(body)
  return egress({ allow: [new URL(url).host], maxBytes: ANSWER_BYTES })({
    method,
    url: `${url}${path}`,
    tls,
    headers: {
      ...headers,
      accept: 'application/json',
      // Node sends the body of a DELETE unframed otherwise
      ...(body !== undefined && {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(sent)),
      }),
    },
    ...(body !== undefined && { body: sent }),
  })
}

/** Characters of what it says that are told. */
const TOLD = 1000

function answerOf({ status, body }: EgressReply): Answer {
  const text = body.toString('utf8')
  const found = ifJson(text)
  const known = typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Answer['body']) : {}
  const { message } = known
  return { status, body: known, message: (typeof message === 'string' ? message : text.trim()).slice(0, TOLD) }
}

/** A refusal that may be another one later. */
export function failed(what: string, { status, message }: Answer): Problem {
  return problem('upstream_failed', { what: 'Kubernetes', detail: `it ${what} (${status}): ${message}` })
}
