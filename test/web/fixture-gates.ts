/** Gates as a verdict has them. */
import type { GateResult } from '../../src/contract/registry.ts'

/** One that passed and of which nothing more is known than is given. */
export function gate(given: Partial<GateResult> & { name: string }): GateResult {
  return {
    gate: {},
    outcome: 'passed',
    reason: '',
    value: null,
    threshold: null,
    interval: null,
    n: null,
    slice: null,
    evidence: {},
    ...given,
  }
}
