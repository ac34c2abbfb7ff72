/** How a version came to answer, in words, for pages and commands. */
import type { Deployment } from '../serving.ts'

/** One sentence without its end: `returned to from version 2 by a rollback of ada: too many failures`. */
export function deploymentText({ way, previous_version, by, reason }: Deployment): string {
  const from = previous_version === null ? '' : ` from version ${previous_version}`
  const ways: Readonly<Record<Deployment['way'], string>> = {
    deployed: `deployed by ${by} without a rollout`,
    promoted: `promoted by ${by}`,
    rolled_back: `returned to${from} by a rollback of ${by}`,
    demoted: `returned to${from}, which late labels spoke against, by ${by}`,
  }
  return `${ways[way]}${reason === '' ? '' : `: ${reason}`}`
}

/** What the rollout had nothing to judge by, with why; undefined where it judged everything. */
export function notJudgedText({ not_judged }: Pick<Deployment, 'not_judged'>): string | undefined {
  if (not_judged.length === 0) return undefined
  return not_judged.map(({ gate, reason }) => `${gate} (${reason})`).join(', ')
}
