/** The course of each cause of an incident: when it began, was seen last and ended, how bad it is, and who was woken for it. */
import type { Severity } from '../../contract/monitors/severities.ts'
import { rankOf, severer, worse } from '../checks/severity.ts'

/** Windows without a sign of a cause after which it is over. */
export const CLEAR = 6

/** What happened to a cause so far. Times are event time, ms. */
export interface Course {
  /** The worst that it was. */
  readonly severity: Severity
  /** When the data began to differ, and the look that found it. */
  readonly began: number
  readonly opened: number
  /** End of the last window in which it was seen for sure. */
  readonly seen: number
  /** End of the window that was the last of its clear ones; null while it is open. */
  readonly ended: number | null
  /** Windows without a sign of it since the last one with. */
  readonly clear: number
  /** The worst severity for which somebody was woken; null = nobody was. */
  readonly paged: Severity | null
}

interface Cause {
  readonly course?: Course
}

/** Whether a cause has begun and not ended. */
export function isOpen({ course }: Cause): boolean {
  return course !== undefined && course.ended === null
}

/** More than any severity's rank. */
const OPEN = 10

/** Orders causes: what is open above what ended, then by severity; what has no course weighs nothing. */
export function weightOf(cause: Cause): number {
  const { course } = cause
  if (course === undefined) return -1
  return rankOf(course.severity) + (isOpen(cause) ? OPEN : 0)
}

/** A look at one cause. */
export interface Sign {
  /** End of the window, event time, ms. */
  readonly end: number
  /** `sure`: seen in two looks in a row; `perhaps`: in this one; `none`: not. */
  readonly sign: 'sure' | 'perhaps' | 'none'
  /** How bad it is by this look. */
  readonly severity: Severity
  /** When its data began to differ, should it be new. */
  readonly began: number
}

/** What a look made of a cause: `began`, came `again`, got `worse`, `ended`; undefined = nothing that is told. */
export type Turn = 'began' | 'again' | 'worse' | 'ended' | undefined

/** The course of a cause after a look; undefined while it never was seen for sure. */
export function follow(course: Course | undefined, look: Sign): { course: Course | undefined; turn: Turn } {
  const { end, sign, severity, began } = look
  if (course === undefined) {
    if (sign !== 'sure') return { course, turn: undefined }
    return { course: { severity, began, opened: end, seen: end, ended: null, clear: 0, paged: null }, turn: 'began' }
  }
  if (sign === 'sure') {
    const turn = course.ended !== null ? 'again' : severer(severity, course.severity) ? 'worse' : undefined
    return { course: { ...course, severity: worse(course.severity, severity), seen: end, ended: null, clear: 0 }, turn }
  }
  if (course.ended !== null) return { course, turn: undefined }
  if (sign === 'perhaps') return { course: { ...course, clear: 0 }, turn: undefined }
  const clear = course.clear + 1
  return clear >= CLEAR
    ? { course: { ...course, clear, ended: end }, turn: 'ended' }
    : { course: { ...course, clear }, turn: undefined }
}

/** Severity from which somebody is woken. */
const WAKES: Severity = 'medium'

/** Whether a severity wakes somebody. */
export function wakes(severity: Severity): boolean {
  return !severer(WAKES, severity)
}

/** The worst severity of the causes that are open; null when none is. */
export function openSeverity(causes: readonly Cause[]): Severity | null {
  const open = causes.flatMap(({ course }) => (course !== undefined && course.ended === null ? [course.severity] : []))
  return open.length === 0 ? null : open.reduce(worse)
}

/**
 * Whether the causes as they are now wake somebody: the worst that is open is worse than the incident was before, bad enough, and nobody
 * was woken for it yet. `before` is null where no cause was open.
 */
export function mustPage(before: Severity | null, causes: readonly Cause[]): boolean {
  const now = openSeverity(causes)
  if (now === null || !wakes(now) || (before !== null && !severer(now, before))) return false
  return causes.some(
    ({ course }) =>
      course !== undefined &&
      course.ended === null &&
      course.severity === now &&
      (course.paged === null || severer(now, course.paged)),
  )
}

/** The causes once somebody was woken for all that are open. */
export function pagedFor<T extends Cause>(causes: readonly T[]): T[] {
  return causes.map((one) =>
    one.course === undefined || one.course.ended !== null
      ? one
      : { ...one, course: { ...one.course, paged: worse(one.course.paged ?? 'info', one.course.severity) } },
  )
}

/** The causes once all of them are over at an event time, ms, as when a person closes the incident. */
export function endAll<T extends Cause>(causes: readonly T[], end: number): T[] {
  return causes.map((one) =>
    one.course === undefined || one.course.ended !== null ? one : { ...one, course: { ...one.course, ended: end } },
  )
}
