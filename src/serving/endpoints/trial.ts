/** One prediction made on behalf of who looks at the page of an endpoint: the server asks its own gateway. */
import type { IncomingMessage } from 'node:http'
import { problem } from '../../contract/errors.ts'
import { callOwnGateway } from '../fleet/own-call.ts'
import type { OwnCallDeps } from '../fleet/own-call.ts'

/** Longest wait for the gateway's answer, and the most of it that is read. */
const ANSWER_MS = 30_000
const MOST_BYTES = 1_000_000

export interface TrialDeps extends OwnCallDeps {
  /** A token that may ask for predictions in a project, for a call of the server itself to its own gateway. */
  readonly tokenOf: (project: string) => Promise<string>
}

/** The gateway's answer, whatever it is. Throws `unavailable` when no gateway answers. */
export async function tryEndpoint(
  deps: TrialDeps,
  { project, url }: { readonly project: string; readonly url: string },
  body: object,
): Promise<Answer> {
  const token = await deps.tokenOf(project)
  const began = performance.now()
  const response = await callOwnGateway(deps, { url, token, body, silentMs: ANSWER_MS })
  const text = await textOf(response)
  return { status: response.statusCode ?? 0, took_ms: performance.now() - began, reply: parsed(text) }
}

interface Answer {
  readonly status: number
  readonly took_ms: number
  readonly reply: unknown
}

/** Throws `unavailable` for an answer that breaks off, or is too long. */
function textOf(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > MOST_BYTES) response.destroy(new Error(`its answer is longer than ${MOST_BYTES} bytes`))
      else chunks.push(chunk)
    })
    response.on('error', (error) =>
      reject(problem('unavailable', { what: 'the gateway', detail: error.message }, error)),
    )
    response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
