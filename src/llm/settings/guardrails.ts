/** What is wrong with guardrails before gateways get them: patterns and schemas that cannot be used, hooks that may not be called. */
import { Problem, problem } from '../../contract/errors.ts'
import type { LlmGuardrail } from '../../contract/llm/options.ts'
import { maskedUrl } from '../../contract/secrets/addresses.ts'
import { guardFault } from '../../gateway/llm/guards/fault.ts'
import { destination } from '../../http/egress.ts'

/** What a field of a guardrail is instead of what was expected. */
interface Fault {
  readonly field: string
  readonly value: unknown
  readonly expected: string
}

/**
 * Checks guardrails; `allow` are private hosts that may be called. Throws `invalid_field`, which names the guardrail and its field, for two
 * of one name, a pattern that RE2 does not compile, a schema that cannot be judged, and a hook at a private host that is not allowed. A host
 * whose name does not resolve is taken: gateways look it up at each call, and hold it to the same rule.
 */
export async function checkGuardrails(guardrails: readonly LlmGuardrail[], allow: readonly string[]): Promise<void> {
  const names = new Set<string>()
  for (const [at, one] of guardrails.entries()) {
    const fault = names.has(one.name)
      ? { field: 'name', value: one.name, expected: 'a name that no other guardrail of the endpoint has' }
      : await faultOf(one, allow)
    if (fault !== undefined) throw problem('invalid_field', { ...fault, field: `guardrails[${at}].${fault.field}` })
    names.add(one.name)
  }
}

function faultOf(one: LlmGuardrail, allow: readonly string[]): Fault | Promise<Fault | undefined> | undefined {
  const fault = guardFault(one)
  if (fault === null) return one.kind === 'hook' ? hookFault(one.url, allow) : undefined
  const [, at, words = fault] = /^patterns\[(\d+)\]: (.*)$/s.exec(fault) ?? []
  if (one.kind === 'regex' && at !== undefined)
    return { field: `patterns[${at}]`, value: one.patterns[Number(at)], expected: `an expression of RE2: ${words}` }
  return { field: one.kind, value: `a ${one.kind}`, expected: `one that gateways can judge: ${fault}` }
}

/** Asks for the host's addresses. The path of a hook may be a secret: it is not repeated. */
async function hookFault(url: string, allow: readonly string[]): Promise<Fault | undefined> {
  try {
    await destination(url, allow)
    return undefined
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.code === 'upstream_failed') return undefined
    return { field: 'url', value: maskedUrl(url), expected: String(error.data['expected']) }
  }
}
