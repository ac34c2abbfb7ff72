/** What a report is posted to: a change with its comments, and the commit with its status. */
import type { ChangeReport } from '../../contract/changes/report.ts'
import type { Notes } from './sticky.ts'

export interface Verdict {
  readonly verdict: ChangeReport['verdict']
  readonly project: string
  readonly run: string
  /** Plain text of one line. */
  readonly headline: string
  readonly markdown: string
  /** Page of the run; '' where nobody could open it. */
  readonly page: string
}

export interface Host {
  readonly name: 'github' | 'gitlab'
  /** Comments of the change; undefined where the commit is of no change, a push to main for example. */
  readonly notes: Notes | undefined
  /** Each part that a verdict is told by beside the comment; throws `HostRefusal`. */
  readonly signs: readonly { readonly what: string; readonly post: (verdict: Verdict) => Promise<void> }[]
}

/** How a status and a check are called. */
export function contextOf(project: string): string {
  return `slipway/${project}`
}
