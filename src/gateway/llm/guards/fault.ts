/** Whether a guardrail can do what it says, before it is taken. */
import type { LlmGuardrail } from '../../../contract/llm/options.ts'
import { patternFault } from './patterns.ts'
import { schemaFault } from './schema.ts'

/** Why a gateway could not hold calls to a guardrail: an expression that RE2 does not read, a schema with a keyword that is not supported; null = it can. */
export function guardFault(guardrail: LlmGuardrail): string | null {
  if (guardrail.kind === 'schema') return schemaFault(guardrail.schema)
  if (guardrail.kind !== 'regex') return null
  for (const [i, pattern] of guardrail.patterns.entries()) {
    const fault = patternFault(pattern)
    if (fault !== null) return `patterns[${i}]: ${fault}`
  }
  return null
}
