/** Follows every cause of an incident by what one hour says of its features. */
import type { Severity } from '../../contract/monitors/severities.ts'
import { coveredBy, explains, isEvent, isMissing, keyOf, rankCauses } from './causes.ts'
import type { KeptCause, Suspect } from './causes.ts'
import { follow, isOpen } from './course.ts'
import type { Course, Sign, Turn } from './course.ts'

/** What an hour says. */
export interface Signs {
  /** End of the window, event time, ms. */
  readonly end: number
  /** What explains features in this hour. */
  readonly found: readonly Suspect[]
  /** Features with a finding: in two looks in a row, and in this look at least. */
  readonly sure: ReadonlySet<string>
  readonly perhaps: ReadonlySet<string>
  /** Whether the check of attributions alerts. */
  readonly held: boolean
  readonly severityOf: (cause: KeptCause, causes: readonly KeptCause[]) => Severity
  /** Event time, ms, at which the data of a cause began to differ. */
  readonly beganOf: (cause: KeptCause) => number
  /** Names of features in the order of the profile. */
  readonly order: readonly string[]
}

/** Something that became of a cause. `severity` is what it was before, where that changed. */
export interface Told {
  readonly turn: NonNullable<Turn>
  readonly cause: KeptCause
  readonly severity: Severity | null
}

/**
 * The causes with their courses after an hour, ranked anew, and what there is to tell of them. `known` are the causes of before; `ranked` are those
 * with what was found: one that is new and of no feature that differs for sure is dropped.
 */
export function followCauses(
  known: readonly KeptCause[],
  ranked: readonly KeptCause[],
  signs: Signs,
): { causes: KeptCause[]; told: Told[] } {
  const found = new Set(signs.found.map(keyOf))
  const sign = signOf(ranked, found, signs)
  const told: Told[] = []
  const followed = ranked.filter(isOpen)
  const causes = ranked.flatMap((cause): KeptCause[] => {
    if (isEvent(cause)) return [cause]
    if (cause.course === undefined && isRival(cause, followed)) return []
    const sees: Sign = {
      end: signs.end,
      sign: sign(cause),
      severity: signs.severityOf(cause, ranked),
      began: cause.course === undefined ? signs.beganOf(cause) : cause.course.began,
    }
    const { course, turn } = follow(cause.course, sees)
    if (course === undefined) return []
    const next = { ...cause, course: cause.course === undefined ? heir(course, cause, { known, ranked }) : course }
    if (cause.course === undefined) followed.push(next)
    if (turn !== undefined) told.push({ turn, cause: next, severity: before(cause, course) })
    return [next]
  })
  return { causes: rankCauses(causes, [], signs.order), told }
}

/** Whether other causes say as well or better why each feature of a new one differs: it is then no fault of its own. That values are missing is one. */
function isRival(cause: KeptCause, others: readonly KeptCause[]): boolean {
  if (!explains(cause) || isMissing(cause)) return false
  const better = coveredBy(others.filter((one) => one.score >= cause.score))
  return cause.features.length > 0 && cause.features.every((feature) => better.has(feature))
}

function before({ course }: KeptCause, now: Course): Severity | null {
  return course === undefined || course.severity === now.severity ? null : course.severity
}

/** A cause that takes the place of shifts begins with them, and wakes nobody again for what they were. */
function heir(
  course: Course,
  cause: KeptCause,
  { known, ranked }: { readonly known: readonly KeptCause[]; readonly ranked: readonly KeptCause[] },
): Course {
  const left = new Set(ranked.map(keyOf))
  const gone = known.flatMap((one) =>
    one.kind === 'shift' && isOpen(one) && !left.has(keyOf(one)) && one.features.some((f) => cause.features.includes(f))
      ? [one.course as Course]
      : [],
  )
  return gone.reduce(
    (heired, shift) => ({ ...heired, began: Math.min(heired.began, shift.began), paged: heired.paged ?? shift.paged }),
    course,
  )
}

/**
 * What the hour shows of a cause. A finding speaks for what explains its feature in this hour; where nothing does, for the open causes that have
 * the feature; where none has, it only keeps the open ones from ending.
 */
function signOf(
  causes: readonly KeptCause[],
  found: ReadonlySet<string>,
  { sure, perhaps, held, found: explained }: Signs,
): (cause: KeptCause) => Sign['sign'] {
  const owned = new Set(explained.filter((one) => one.kind !== 'shift').flatMap((one) => one.features))
  const covered = coveredBy(causes.filter(isOpen))
  const speaksFor = (cause: KeptCause, feature: string): boolean => {
    if (!cause.features.includes(feature) || (cause.kind === 'shift' && covered.has(feature))) return false
    return found.has(keyOf(cause)) || (isOpen(cause) && !owned.has(feature))
  }
  const claimed = (feature: string): boolean => causes.some((one) => isOpen(one) && one.features.includes(feature))
  const attributed = causes.some((one) => isOpen(one) && one.kind === 'attribution_shift')
  const stray = [...perhaps].some((feature) => !claimed(feature) && !owned.has(feature)) || (held && !attributed)
  return (cause) => {
    if (cause.kind === 'attribution_shift') return held ? 'sure' : 'none'
    const speaks = (of: ReadonlySet<string>): boolean => [...of].some((feature) => speaksFor(cause, feature))
    if (speaks(sure)) return 'sure'
    return speaks(perhaps) || stray ? 'perhaps' : 'none'
  }
}
