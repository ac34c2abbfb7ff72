/** What may have caused findings, best first: explanations of features joined into sentences, and events of the house. */
import type { z } from 'zod'
import type { Cause } from '../../contract/monitoring.ts'
import type { Finding } from '../../stats/calibrate.ts'
import { explain } from '../../stats/explain.ts'
import type { Explanation, RecentValues } from '../../stats/explain.ts'
import { windowOf } from '../../stats/history.ts'
import type { History } from '../../stats/history.ts'
import { categorical } from '../../stats/profile-view.ts'
import { UNIT_CHANGES } from '../../stats/units.ts'
import type { HouseEvent } from '../context/context.ts'

export type CauseView = z.output<typeof Cause>
export type Suspect = Omit<CauseView, 'rank'>

const KINDS: Readonly<Record<Explanation['kind'], CauseView['kind']>> = {
  unit: 'unit_change',
  clock: 'unit_change',
  codes: 'swap',
  missing: 'null_flood',
  default: 'null_flood',
  frozen: 'frozen_feature',
  swap: 'swap',
}

export interface Evidence {
  readonly history: History
  readonly hour: number
  /** Findings that are confirmed, worst first. */
  readonly findings: readonly Finding[]
  /** Features to look at: those of the findings and those that one feed delivers together with them. */
  readonly features: readonly string[]
  readonly values: RecentValues
  readonly events: readonly HouseEvent[]
}

/** Suspected causes of what is seen in the hours up to now, without an order. */
export function suspects(evidence: Evidence): Suspect[] {
  const found = explain(evidence.history, evidence.hour, evidence.features, { values: evidence.values })
  const groups = Map.groupBy(found, (one) =>
    one.kind === 'missing' || one.kind === 'unit'
      ? `${one.kind} ${one.name}`
      : `${one.kind} ${one.name} ${one.feature}`,
  )
  const explained = [...groups.values()].map((group) => joined(evidence, group))
  return [...explained, ...newValues(evidence), ...shift(evidence, explained), ...evidence.events.map(ofEvent)]
}

/** Features that changed alike are one cause. */
function joined({ history }: Evidence, group: readonly Explanation[]): Suspect {
  const order = history.spec.features.map((feature) => feature.name)
  const sorted = group.toSorted((a, b) => order.indexOf(a.feature) - order.indexOf(b.feature))
  const features = sorted.map((one) => one.feature)
  const [first] = sorted as [Explanation]
  const score = 1 - sorted.reduce((doubt, one) => doubt * (1 - one.confidence), 1)
  return {
    kind: first.kind === 'missing' && isLost(sorted) ? 'feed_lost' : KINDS[first.kind],
    title: titleOf(first, features, sorted),
    score: Math.min(0.999, score),
    features,
    evidence: {
      explanations: sorted.map(({ text, confidence, rows }) => ({ text, confidence, rows })),
      name: first.name,
      change: first.kind,
    },
  }
}

/** Whole per cent of missing values from which a feature counts as gone. */
const GONE_FROM = 95

/** Nearly all values of several features are gone. */
function isLost(group: readonly Explanation[]): boolean {
  return group.length > 1 && group.every(({ share = 0 }) => Math.round(100 * share) >= GONE_FROM)
}

function titleOf(first: Explanation, features: readonly string[], group: readonly Explanation[]): string {
  if (first.kind === 'unit') return unitTitle(first.name, features)
  if (first.kind !== 'missing') return first.text
  return isLost(group) ? lostTitle(features) : missingTitle(features)
}

const unitTitle = (name: string, features: readonly string[]): string => `unit changed ${name}, ${listed(features)}`

const lostTitle = (features: readonly string[]): string => `feed lost: ${listed(features)} missing (null)`

const missingTitle = (features: readonly string[]): string => `${listed(features)} missing (null) more often than usual`

const shiftTitle = (features: readonly string[]): string =>
  `${listed(features)} moved away from the same hours of the past weeks`

/** "a", "a and b", "a, b and c". */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** Values that the training rows do not have, by name. */
function newValues({ history, hour, findings }: Evidence): Suspect[] {
  const window = windowOf(history, hour, 6)
  return findings.flatMap(({ feature, measure, value }): Suspect[] => {
    const i = history.spec.features.findIndex((one) => one.name === feature)
    if (measure !== 'unknown' || history.spec.features[i]?.kind !== 'categorical') return []
    const unseen = categorical(window, i).unseen.slice(0, 5)
    const title = `new values in ${feature}: ${unseen.map(([name, count]) => `${name} (${count})`).join(', ')}`
    return [
      { kind: 'new_category', title, score: Math.min(0.9, 0.5 + value), features: [feature], evidence: { unseen } },
    ]
  })
}

/** What no explanation covers is told as a shift. */
function shift({ findings }: Evidence, explained: readonly Suspect[]): Suspect[] {
  const covered = new Set(explained.flatMap((one) => one.features))
  const rest = [...new Set(findings.map((one) => one.feature))].filter((feature) => !covered.has(feature))
  if (rest.length === 0) return []
  const checks = findings.filter((one) => rest.includes(one.feature))
  return [{ kind: 'shift', title: shiftTitle(rest), score: 0.3, features: rest, evidence: { checks } }]
}

function ofEvent({ at, kind, text, href }: HouseEvent): Suspect {
  return {
    kind: kind === 'pipeline_run' ? 'pipeline_run' : 'deploy',
    title: text,
    score: 0.25,
    features: [],
    evidence: { at: new Date(at).toISOString(), href },
  }
}

/** Adds new suspects to those known: the same cause keeps its best score and gains features. Ranked, best first, ten at most. */
export function rankCauses(
  known: readonly CauseView[],
  found: readonly Suspect[],
  order: readonly string[],
): CauseView[] {
  const all = new Map<string, Suspect>()
  for (const one of [...known, ...found]) {
    const key = keyOf(one)
    const before = all.get(key)
    const features = [...new Set([...(before?.features ?? []), ...one.features])].sort(
      (a, b) => order.indexOf(a) - order.indexOf(b),
    )
    const best = before === undefined || one.score >= before.score ? one : before
    all.set(key, { ...best, features, title: retitled(best, features) })
  }
  const shifted = [...all.values()]
  const covered = new Set(shifted.filter((one) => explains(one)).flatMap((one) => one.features))
  return shifted
    .filter((one) => one.kind !== 'shift' || one.features.some((feature) => !covered.has(feature)))
    .sort((a, b) => b.score - a.score)
    .slice(0, 10)
    .map((one, i) => ({
      rank: i + 1,
      kind: one.kind,
      title: one.title,
      score: one.score,
      features: one.features,
      evidence: one.evidence,
    }))
}

/** A shift, of values or of attributions, says that something moved and not why. */
const explains = ({ kind }: Suspect): boolean => kind !== 'shift' && kind !== 'attribution_shift'

/**
 * What an explanation says of a cause's features: its `change`. A cause that was kept before `change` was has only the name of what
 * changed: one of the units that are known, or `missing`.
 */
function changeOf({ kind, evidence }: Suspect): Explanation['kind'] | undefined {
  const { change, name } = evidence as { readonly change?: Explanation['kind']; readonly name?: string }
  if (change !== undefined) return change
  if (kind === 'unit_change') return UNIT_CHANGES.some((one) => one.name === name) ? 'unit' : 'clock'
  return kind === 'null_flood' && name === 'missing' ? 'missing' : undefined
}

function keyOf(one: Suspect): string {
  if (changeOf(one) === 'unit') return `unit ${String(one.evidence['name'])}`
  return !explains(one) || one.kind === 'null_flood' || one.kind === 'feed_lost' ? one.kind : `${one.kind} ${one.title}`
}

function retitled(one: Suspect, features: readonly string[]): string {
  if (one.kind === 'shift') return shiftTitle(features)
  if (one.kind === 'feed_lost') return lostTitle(features)
  const change = changeOf(one)
  if (change === 'unit') return unitTitle(String(one.evidence['name']), features)
  return change === 'missing' ? missingTitle(features) : one.title
}
