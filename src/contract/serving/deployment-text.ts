/** How a version came to answer, in words, for pages and commands. */
import type { Deployment } from '../serving.ts'

/** One sentence without its end: `rolled back from version 2 by ada: too many failures`. */
export function deploymentText({ way, previous_version, by, reason }: Deployment): string {
  const from = previous_version === null ? '' : ` from version ${previous_version}`
  const ways: Readonly<Record<Deployment['way'], string>> = {
    deployed: `deployed by ${by} without a rollout`,
    promoted: `promoted by ${by}`,
    rolled_back: `rolled back${from} by ${by}`,
    // what is demoted was promoted over another version
    demoted: `brought back by ${by}, because late labels spoke against version ${previous_version ?? ''}`,
  }
  return `${ways[way]}${reason === '' ? '' : `: ${reason}`}`
}

/** What the rollout had nothing to judge by, with why; undefined where it judged everything. */
export function notJudgedText({ not_judged }: Pick<Deployment, 'not_judged'>): string | undefined {
  if (not_judged.length === 0) return undefined
  return not_judged.map(({ gate, reason }) => `${gate} (${reason})`).join(', ')
}
