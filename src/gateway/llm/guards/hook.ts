/** Guardrails that ask a server of the operator's own. */
import type { Problem } from '../../../contract/errors.ts'
import { problem } from '../../../contract/errors.ts'
import type { LlmGuardrail } from '../../../contract/llm/options.ts'
import { egress } from '../../../http/egress.ts'
import type { Side } from './sight.ts'

export interface Question {
  /** Name of the endpoint. */
  readonly endpoint: string
  readonly on: Side
  readonly texts: readonly string[]
}

/** What a hook said: nothing against it, why not, or that it could not be asked. */
export type Verdict =
  | { readonly kind: 'allow' }
  | { readonly kind: 'refuse'; readonly reason: string }
  | { readonly kind: 'fault'; readonly detail: string }

/** Asks; never rejects. */
export type Ask = (question: Question) => Promise<Verdict>

/** Largest answer of a hook, bytes. */
const LARGEST = 64 * 1024
/** Longest reason that is told, characters. */
const LONGEST_REASON = 200

/** How a hook is asked. `allow`: private hosts that may be asked. */
export function askerOf(hook: Extract<LlmGuardrail, { kind: 'hook' }>, allow: readonly string[]): Ask {
  const { url, timeout_ms: timeoutMs } = hook
  const call = egress({ allow, timeoutMs, maxBytes: LARGEST })
  return async (question) => {
    let late: NodeJS.Timeout | undefined
    const tooLate = new Promise<never>((_, reject) => {
      const what = 'the hook'
      late = setTimeout(() => reject(problem('deadline_exceeded', { what, limit: timeoutMs })), timeoutMs)
    })
    try {
      const headers = { 'content-type': 'application/json', accept: 'application/json' }
      const asked = call({ method: 'POST', url, headers, body: JSON.stringify(question) })
      // names are looked up without a limit of their own
      const { status, body } = await Promise.race([asked, tooLate])
      return status === 200 ? verdictOf(body) : { kind: 'fault', detail: `it answered ${status}` }
    } catch (error) {
      return { kind: 'fault', detail: faultWord(error as Problem) }
    } finally {
      clearTimeout(late)
    }
  }
}

function faultWord({ code }: Problem): string {
  if (code === 'invalid_field') return 'its address is private and not allowed'
  return code === 'deadline_exceeded' ? 'it took too long' : 'it could not be reached'
}

function verdictOf(body: Buffer): Verdict {
  const told = jsonOf(body)
  if (told['allow'] === true) return { kind: 'allow' }
  if (told['allow'] !== false) return { kind: 'fault', detail: 'its answer has no "allow" that is true or false' }
  const { reason } = told
  // oxlint-disable-next-line no-control-regex
  const said = typeof reason === 'string' ? reason.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, LONGEST_REASON) : ''
  return { kind: 'refuse', reason: said || 'it was refused' }
}

function jsonOf(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const json = JSON.parse(body.toString('utf8')) as unknown
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
