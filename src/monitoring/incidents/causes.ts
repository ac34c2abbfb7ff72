/** What may have caused findings, best first: explanations of features joined into sentences, and events of the house. */
import type { z } from 'zod'
import { HOUR_MS } from '../../contract/ids.ts'
import type { Cause } from '../../contract/monitoring.ts'
import type { Finding } from '../../stats/calibrate.ts'
import { explain } from '../../stats/explain.ts'
import type { Explanation, RecentValues } from '../../stats/explain.ts'
import { windowOf } from '../../stats/history.ts'
import type { History } from '../../stats/history.ts'
import { categorical } from '../../stats/profile-view.ts'
import { UNIT_CHANGES, unitWords } from '../../stats/units.ts'
import type { HouseEvent } from '../context/context.ts'
import { isOpen, weightOf } from './course.ts'
import type { Course } from './course.ts'

export type CauseView = z.output<typeof Cause>
/** What is said of a cause, without what the incident knows of its course. */
export type Suspect = Pick<CauseView, 'kind' | 'title' | 'score' | 'features' | 'evidence'>
/** A cause as an incident keeps it. One without a course of its own has that of its incident; an event of the house has none. */
export type KeptCause = Suspect & { readonly rank: number; readonly course?: Course }

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
  /** Hours of the window that has the findings; 6 if absent. */
  readonly length?: number | undefined
  readonly events: readonly HouseEvent[]
  /** Features that only follow from a fault of another one: no shift of their own. */
  readonly besides?: ReadonlySet<string>
}

/** Suspected causes of what is seen in the hours up to now, without an order. */
export function suspects(evidence: Evidence): Suspect[] {
  const { values, length = 6 } = evidence
  const parts = [1, 2, 3].map((part) => Math.floor((part * length) / 6))
  const found = explain(evidence.history, evidence.hour, evidence.features, { values, parts })
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

const unitTitle = (name: string, features: readonly string[]): string => `${unitWords(name)}, ${listed(features)}`

const lostTitle = (features: readonly string[]): string => `feed lost: ${listed(features)} missing (null)`

const missingTitle = (features: readonly string[]): string => `${listed(features)} missing (null) more often than usual`

const shiftTitle = (features: readonly string[]): string =>
  `${listed(features)} moved away from the same hours of the past weeks`

/** "a", "a and b", "a, b and c". */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** Values that the training rows do not have, by name. */
function newValues({ history, hour, findings, length = 6 }: Evidence): Suspect[] {
  const window = windowOf(history, hour, length)
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
function shift({ findings, besides = new Set() }: Evidence, explained: readonly Suspect[]): Suspect[] {
  const covered = new Set([...besides, ...explained.flatMap((one) => one.features)])
  const rest = [...new Set(findings.map((one) => one.feature))].filter((feature) => !covered.has(feature))
  if (rest.length === 0) return []
  const checks = findings.filter((one) => rest.includes(one.feature))
  return [{ kind: 'shift', title: shiftTitle(rest), score: 0.3, features: rest, evidence: { checks } }]
}

/** Something that happened in the house: it may be why, and has no course of its own. */
export function isEvent({ kind }: Pick<Suspect, 'kind'>): boolean {
  return kind === 'deploy' || kind === 'pipeline_run'
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

/** Causes that are kept beside those that are open. */
const MOST = 10

/**
 * Adds new suspects to those known: the same cause keeps its best score and gains features. Ranked: what is open before what ended,
 * then by severity, then by score. All that are open are kept, and others up to ten in all. A shift goes once causes that are open,
 * or `besides`, say why each of its features moved.
 */
export function rankCauses(
  known: readonly KeptCause[],
  found: readonly Suspect[],
  order: readonly string[],
  besides: ReadonlySet<string> = new Set(),
): KeptCause[] {
  const all = new Map<string, Omit<KeptCause, 'rank'>>()
  const each: readonly (Suspect & Pick<KeptCause, 'course'>)[] = [...known, ...found]
  for (const one of each) {
    const key = keyOf(one)
    const before = all.get(key)
    const features = [...new Set([...(before?.features ?? []), ...one.features])].sort(
      (a, b) => order.indexOf(a) - order.indexOf(b),
    )
    const best = before === undefined || one.score >= before.score ? one : before
    const course = before?.course ?? one.course
    all.set(key, { ...best, features, title: retitled(best, features), ...(course !== undefined && { course }) })
  }
  const covered = new Set([...besides, ...coveredBy([...all.values()])])
  const kept = [...all.values()]
    .filter((one) => one.kind !== 'shift' || one.features.some((feature) => !covered.has(feature)))
    .sort((a, b) => weightOf(b) - weightOf(a) || b.score - a.score)
  const open = kept.filter(isOpen).length
  return kept.slice(0, Math.max(open, MOST)).map(ranked)
}

function ranked({ kind, title, score, features, evidence, course }: Omit<KeptCause, 'rank'>, i: number): KeptCause {
  return { rank: i + 1, kind, title, score, features, evidence, ...(course !== undefined && { course }) }
}

/** Features of which a cause that has not ended says why they differ. */
export function coveredBy(causes: readonly Omit<KeptCause, 'rank'>[]): Set<string> {
  return new Set(causes.filter((one) => explains(one) && one.course?.ended == null).flatMap((one) => one.features))
}

/** What begins within so many hours of a cause of the same words is a part of it, ms; later it is another. */
const TOGETHER_MS = 6 * HOUR_MS

/**
 * Shares what is found out among causes of the same words that are known: a feature stays with the cause that has it; one that is new joins
 * a cause that began not long ago, or is another cause. `end` is the event time of the look, ms.
 */
export function placed(known: readonly KeptCause[], found: readonly Suspect[], end: number): Suspect[] {
  return found.flatMap((one) => {
    const kin = known.filter((each) => isJoined(one) && wordsOf(each) === wordsOf(one))
    if (kin.length === 0) return [one]
    const homes = Map.groupBy(one.features, (feature) => homeOf(kin, feature, end))
    return [...homes].map(([home, features]): Suspect => {
      const since = home === undefined ? end : home.evidence['since']
      const { since: _old, ...evidence } = one.evidence
      const own = { ...one, features, evidence: since === undefined ? evidence : { ...evidence, since } }
      return { ...own, title: retitled(own, features) }
    })
  })
}

function homeOf(kin: readonly KeptCause[], feature: string, end: number): KeptCause | undefined {
  const own = kin.filter((one) => one.features.includes(feature))
  const young = ({ course }: KeptCause): boolean => course === undefined || end - course.opened <= TOGETHER_MS
  return own.find(isOpen) ?? own[0] ?? kin.find((one) => isOpen(one) && young(one))
}

/** A shift, of values or of attributions, says that something moved and not why. */
export const explains = ({ kind }: Suspect): boolean => kind !== 'shift' && kind !== 'attribution_shift'

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

/** Names a cause: what is found again under the same name is the same cause. */
export function keyOf(one: Suspect): string {
  const { since } = one.evidence
  return isJoined(one) && typeof since === 'number' ? `${wordsOf(one)} since ${since}` : wordsOf(one)
}

/** Whether a cause says that values are missing. */
export function isMissing(one: Suspect): boolean {
  return one.kind === 'feed_lost' || changeOf(one) === 'missing'
}

/** Whether features that changed alike are one cause. */
function isJoined(one: Suspect): boolean {
  return one.kind === 'shift' || isMissing(one) || changeOf(one) === 'unit'
}

/** What a cause is called without its numbers, which change from hour to hour. */
function wordsOf(one: Suspect): string {
  const { kind, features, evidence, title } = one
  const change = changeOf(one)
  if (change === 'unit') return `unit ${String(evidence['name'])}`
  if (isMissing(one)) return 'missing'
  if (!explains(one)) return kind
  if (kind === 'new_category' || kind === 'frozen_feature' || kind === 'null_flood') return `${kind} ${features.join()}`
  return `${kind} ${title}`
}

function retitled(one: Suspect, features: readonly string[]): string {
  if (one.kind === 'shift') return shiftTitle(features)
  if (one.kind === 'feed_lost') return lostTitle(features)
  const change = changeOf(one)
  if (change === 'unit') return unitTitle(String(one.evidence['name']), features)
  return change === 'missing' ? missingTitle(features) : one.title
}
