/** What speaks against a version before it is deployed: harm in its files, gates of its last verdict, its newest rollout. */
import type { Rollout, Version } from '../queries.ts'

type Judged = Pick<Version, 'version' | 'scan' | 'verdict'>

/** In words why a version should not answer; null where nothing is known against it. Rollouts are newest first. */
export function againstVersion(
  { version, scan, verdict }: Judged,
  rollouts: readonly Pick<Rollout, 'version' | 'state' | 'reason'>[],
): string | null {
  if (scan?.verdict === 'malicious') return 'malicious files'
  const open = (verdict?.gates ?? []).filter((gate) => gate.outcome !== 'passed')
  if (open.length > 0) {
    const waits = open.every((gate) => gate.outcome === 'waiting')
    return `${waits ? 'waits' : 'refused'}: ${open.map((gate) => gate.name).join(', ')}`
  }
  const last = rollouts.find((one) => one.version === version)
  return last?.state === 'rolled_back' ? `rolled back: ${last.reason}` : null
}
