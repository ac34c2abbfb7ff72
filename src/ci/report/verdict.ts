/** The verdict of a change from how its run ended and what the gates said; nothing is judged again here. */
import type { ChangeReport } from '../../contract/changes/report.ts'
import type { Failure } from '../../contract/pipelines.ts'
import type { GateResult } from '../../contract/registry.ts'

type Verdict = Pick<ChangeReport, 'verdict' | 'reason'>

/** A run as far as it decides. */
export interface EndedRun {
  readonly outcome: 'succeeded' | 'failed' | 'refused' | 'cancelled' | null
  readonly message: string
  readonly registered: { readonly version: string } | null
  readonly steps: readonly { readonly name: string; readonly failure: { readonly class: Failure } | null }[]
}

/** Failures that say nothing of the change: the machine, the network or the environment was at fault. */
const FAULTS: ReadonlySet<Failure> = new Set<Failure>(['environment', 'infrastructure', 'preempted'])

/** `gone`: no version was registered, or it is no longer there. */
export function decide(run: EndedRun, gates: readonly GateResult[], gone: boolean): Verdict {
  if (run.outcome === 'cancelled' || run.outcome === null) return { verdict: 'error', reason: `the run ${run.message}` }
  if (run.outcome === 'failed') return failed(run)
  if (gone) {
    // what was refused stays refused, though its version was deleted since
    if (run.outcome === 'refused') return { verdict: 'failed', reason: run.message }
    const of = run.registered === null ? 'it registered no version' : `its version ${run.registered.version} is gone`
    return { verdict: 'passed', reason: `the run succeeded; ${of}` }
  }
  return judged(gates)
}

function failed({ message, steps }: EndedRun): Verdict {
  const classes = steps.flatMap(({ failure }) => (failure === null ? [] : [failure.class]))
  // without a failure of a step it was the server that could not go on
  const fault = classes.every((one) => FAULTS.has(one))
  return { verdict: fault ? 'error' : 'failed', reason: message }
}

function judged(gates: readonly GateResult[]): Verdict {
  const open = gates.filter(({ outcome }) => outcome !== 'passed')
  const bad = open.filter(({ outcome }) => outcome !== 'waiting')
  if (bad.length > 0) return { verdict: 'failed', reason: reasons(bad) }
  if (open.length > 0) return { verdict: 'waiting', reason: reasons(open) }
  if (gates.length === 0) return { verdict: 'passed', reason: 'the model has no gates' }
  return {
    verdict: 'passed',
    reason: gates.length === 1 ? 'its gate is passed' : `all ${gates.length} gates are passed`,
  }
}

function reasons(of: readonly GateResult[]): string {
  return of.map(({ name, reason }) => `${name}: ${reason}`).join('; ')
}
