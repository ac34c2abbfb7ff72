/** Gates over what is known of a version besides its metrics: signature, data, reproduction, scan, approvals. */
import { PRODUCTION } from '../../contract/registry.ts'
import type { Gate, GateResult } from '../../contract/registry.ts'
import { result } from './inputs.ts'
import type { Judged } from './inputs.ts'
import { compareSignatures } from '../context/signature.ts'

/** Holds when whoever calls production can call this version unchanged; every column that differs is named. */
export function signatureGate(gate: Extract<Gate, { signature: string }>, judged: Judged): GateResult {
  const name = 'signature compatible'
  if (judged.signature === null)
    return result(gate, name, { outcome: 'no_data', reason: 'the model was saved without a signature' })
  const before = judged.incumbents[PRODUCTION]?.signature ?? null
  const { faults, ...columns } =
    before === null ? { faults: [], added: [], removed: [], changed: [] } : compareSignatures(before, judged.signature)
  const told = Object.entries(columns).flatMap(([what, names]) =>
    names.length > 0 ? [`${what}: ${names.join(', ')}`] : [],
  )
  const fine = ['callers of production can call it unchanged', ...told].join('; ')
  return result(gate, name, {
    outcome: faults.length === 0 ? 'passed' : 'failed',
    reason: faults.length === 0 ? fine : faults.join('; '),
    evidence: { faults, ...columns },
  })
}

/** Holds when it is known from which data the version was made. */
export function dataGate(gate: Extract<Gate, { data: string }>, judged: Judged): GateResult {
  const known = judged.data.length > 0
  return result(gate, 'data digest known', {
    outcome: known ? 'passed' : 'failed',
    reason: known ? `made from ${judged.data.length} data digests` : 'nothing tells which data it was made from',
    evidence: { digests: judged.data },
  })
}

/** Holds when the run that made it was run again and came to the same: bytes for A, metrics for B. */
export function reproducibilityGate(gate: Extract<Gate, { reproducibility: string }>, judged: Judged): GateResult {
  const name = `reproducible, grade ${gate.reproducibility} or better`
  const grade = judged.reproducibility ?? null
  if (grade === null)
    return result(gate, name, {
      outcome: 'waiting',
      reason: 'it was not reproduced yet: slipway reproduce MODEL@VERSION',
    })
  const letter = grade.charAt(0)
  const holds = letter === 'A' || (letter === 'B' && gate.reproducibility === 'B')
  return result(gate, name, {
    outcome: holds ? 'passed' : 'failed',
    reason: `its reproduction was graded ${grade}`,
    evidence: { grade },
  })
}

/** Holds when all that the files hold is known to be safe to load. */
export function scanGate(gate: Extract<Gate, { scan: string }>, judged: Judged): GateResult {
  const name = 'scan clean'
  const scan = judged.scan ?? null
  if (scan === null)
    return result(gate, name, { outcome: 'no_data', reason: 'the server does not have its files to scan' })
  return result(gate, name, {
    outcome: scan.verdict === 'clean' ? 'passed' : 'failed',
    reason: scan.verdict === 'clean' ? 'all that its files hold is known to be safe to load' : scan.reason,
    evidence: { verdict: scan.verdict },
  })
}

/** Holds when enough people with the role approve; the author's own approval was never taken. */
export function approvalsGate(gate: Extract<Gate, { approvals: number }>, judged: Judged): GateResult {
  const role = gate.role
  const counted = (judged.approvals ?? []).filter((one) => one.role === role || one.role === 'admin')
  const holds = counted.length >= gate.approvals
  return result(gate, `${gate.approvals} approved as ${role}`, {
    outcome: holds ? 'passed' : 'waiting',
    reason: `${counted.length} of ${gate.approvals} approvals by a ${role}${counted.length === 0 ? '' : `: ${counted.map((one) => one.by).join(', ')}`}`,
    value: counted.length,
    threshold: gate.approvals,
    evidence: { approvals: counted },
  })
}
