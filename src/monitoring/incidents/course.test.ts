/** The course of causes against a plain retelling of whole histories: when each began and ended, how bad the incident is, who is woken. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SEVERITIES } from '../../contract/monitors/severities.ts'
import type { Severity } from '../../contract/monitors/severities.ts'
import { prng } from '../../stats/prng.ts'
import { rankCauses } from './causes.ts'
import type { KeptCause, Suspect } from './causes.ts'
import { endAll, follow, mustPage, openSeverity, pagedFor, wakes } from './course.ts'
import type { Course } from './course.ts'
import { followCauses } from './followed.ts'

const NAMES = ['a', 'b', 'c'] as const
type Name = (typeof NAMES)[number]

/** What an hour shows of one feature: nothing, a first look, or a confirmed finding of a severity. */
type Seen = 'none' | 'perhaps' | Severity
type Hour = Readonly<Record<Name, Seen>>

const suspect = (name: string): Suspect => ({
  kind: 'new_category',
  title: `new values in ${name}`,
  score: 0.6,
  features: [name],
  evidence: {},
})

interface State {
  readonly causes: KeptCause[]
  /** Severities of the incident after each hour; null where no cause is open. */
  readonly worst: (Severity | null)[]
  readonly pages: number[]
}

/** The code under test, hour by hour. */
function played(hours: readonly Hour[]): State {
  let causes: KeptCause[] = []
  const worst: (Severity | null)[] = []
  const pages: number[] = []
  for (const [i, hour] of hours.entries()) {
    const of = (want: (seen: Seen) => boolean): Name[] => NAMES.filter((name) => want(hour[name]))
    const sure = of((seen) => seen !== 'none' && seen !== 'perhaps')
    const found = sure.map(suspect)
    const was = openSeverity(causes)
    const next = followCauses(causes, rankCauses(causes, found, NAMES), {
      end: i,
      found,
      sure: new Set(sure),
      perhaps: new Set(of((seen) => seen !== 'none')),
      held: false,
      severityOf: ({ features: [name] }) => {
        const seen = hour[name as Name]
        return seen === 'none' || seen === 'perhaps' ? 'info' : seen
      },
      beganOf: () => i,
      order: NAMES,
    })
    const paged = mustPage(was, next.causes)
    causes = paged ? pagedFor(next.causes) : next.causes
    worst.push(openSeverity(causes))
    if (paged) pages.push(i)
  }
  return { causes, worst, pages }
}

/** Worst first, as people order them. */
const graver = (a: Severity, b: Severity): Severity => (SEVERITIES.indexOf(a) <= SEVERITIES.indexOf(b) ? a : b)
const isSure = (seen: Seen): seen is Severity => seen !== 'none' && seen !== 'perhaps'

/** Whether a first look of this hour is at a feature of which no cause is open: it then keeps all from ending. */
function hasStray(hours: readonly Hour[], i: number, before: ReadonlyMap<Name, Told>): boolean {
  return NAMES.some((name) => hours[i]![name] === 'perhaps' && !isOn(before.get(name)))
}

interface Told {
  began: number
  last: number
  quiet: number
  over: number | null
  grave: Severity
}
const isOn = (one: Told | undefined): boolean => one !== undefined && one.over === null

interface Retold {
  readonly worst: (Severity | null)[]
  readonly causes: Map<Name, Told>
  readonly pages: number[]
}

/** The same told plainly: six quiet hours in a row end a cause, its worst hour is what it was. */
function told(hours: readonly Hour[]): Retold {
  const causes = new Map<Name, Told>()
  const worst: (Severity | null)[] = []
  const pages: number[] = []
  const wokenFor = new Map<Name, Severity>()
  for (const [i, hour] of hours.entries()) {
    const stray = hasStray(hours, i, causes)
    for (const name of NAMES) retell(causes, name, { i, seen: hour[name], stray })
    const open = [...causes].filter(([, one]) => isOn(one))
    const now = open.length === 0 ? null : open.map(([, one]) => one.grave).reduce(graver)
    const fresh = open.some(([name, one]) => one.grave === now && rises(wokenFor.get(name) ?? null, now))
    if (rises(worst.at(-1) ?? null, now) && fresh && (now === 'high' || now === 'medium')) {
      pages.push(i)
      for (const [name, one] of open) wokenFor.set(name, graver(wokenFor.get(name) ?? 'info', one.grave))
    }
    worst.push(now)
  }
  return { worst, causes, pages }
}

/** Whether one severity is worse than another; anything is worse than none. */
function rises(from: Severity | null, to: Severity | null): boolean {
  return to !== null && (from === null || (to !== from && graver(to, from) === to))
}

function retell(causes: Map<Name, Told>, name: Name, hour: { i: number; seen: Seen; stray: boolean }): void {
  const { i, seen, stray } = hour
  const one = causes.get(name)
  if (isSure(seen)) {
    if (one === undefined) causes.set(name, { began: i, last: i, quiet: 0, over: null, grave: seen })
    else Object.assign(one, { last: i, quiet: 0, over: null, grave: graver(one.grave, seen) })
  } else if (one !== undefined && isOn(one)) {
    one.quiet = seen === 'perhaps' || stray ? 0 : one.quiet + 1
    if (one.quiet === 6) one.over = i
  }
}

/** A history in stretches of like hours, so that six quiet ones in a row are not rare. */
function history(seed: number): Hour[] {
  const random = prng(seed)
  const seen = (): Seen => {
    const k = random.below(9)
    return k < 6 ? 'none' : k === 6 ? 'perhaps' : (SEVERITIES[random.below(SEVERITIES.length)] ?? 'info')
  }
  return Array.from({ length: 1 + random.below(14) }, () => {
    const hour: Hour = { a: seen(), b: seen(), c: seen() }
    return Array.from({ length: 1 + random.below(8) }, () => hour)
  }).flat()
}

const HISTORIES = Array.from({ length: 3000 }, (_, seed) => history(seed))

describe('causes that come, overlap and go', () => {
  test('are what a plain retelling of the whole history says, in every order', () => {
    let paged = 0
    for (const [seed, hours] of HISTORIES.entries()) {
      const [is, want] = [played(hours), told(hours)]
      assert.deepEqual([seed, is.worst, is.pages], [seed, want.worst, want.pages])
      const courses = is.causes.map(({ features: [name], course }) => [
        name,
        { began: course?.began, last: course?.seen, over: course?.ended, grave: course?.severity },
      ])
      const wanted = [...want.causes].map(([name, { began, last, over, grave }]) => [
        name,
        { began, last, over, grave },
      ])
      assert.deepEqual(Object.fromEntries(courses), Object.fromEntries(wanted), `seed ${seed}`)
      if (want.pages.length > 1) paged += 1
    }
    assert.ok(paged > 100, `${paged} histories page more than once`)
  })

  test('are listed open ones first, the worst of them at the top', () => {
    const place = ({ course }: KeptCause): number =>
      (course?.ended === null ? 0 : 10) + SEVERITIES.indexOf(course?.severity ?? 'info')
    for (const hours of HISTORIES.slice(0, 500)) {
      const { causes } = played(hours)
      const places = causes.map(place)
      assert.deepEqual(
        places,
        places.toSorted((a, b) => a - b),
      )
      assert.deepEqual(
        causes.map(({ rank }) => rank),
        causes.map((_, i) => i + 1),
      )
    }
  })
})

describe('one cause', () => {
  const course: Course = { severity: 'low', began: 1, opened: 2, seen: 2, ended: null, clear: 0, paged: null }
  const look = (sign: 'sure' | 'perhaps' | 'none', severity: Severity = 'low', end = 3) => ({
    end,
    sign,
    severity,
    began: 0,
  })

  test('does not begin with a first look, and says each turn once', () => {
    assert.deepEqual(follow(undefined, look('perhaps')), { course: undefined, turn: undefined })
    assert.equal(follow(undefined, look('sure')).turn, 'began')
    assert.equal(follow(course, look('sure')).turn, undefined)
    assert.equal(follow(course, look('sure', 'high')).turn, 'worse')
    assert.equal(follow({ ...course, ended: 2 }, look('sure')).turn, 'again')
    assert.equal(follow({ ...course, clear: 5 }, look('none')).turn, 'ended')
    assert.equal(follow({ ...course, clear: 4 }, look('none')).turn, undefined)
    assert.deepEqual(follow({ ...course, ended: 2 }, look('none')).course, { ...course, ended: 2 })
  })

  test('of low severity wakes nobody', () => {
    assert.deepEqual(
      SEVERITIES.map((one) => [one, wakes(one)]),
      [
        ['high', true],
        ['medium', true],
        ['low', false],
        ['info', false],
      ],
    )
    assert.equal(mustPage(null, [{ course }]), false)
    assert.equal(mustPage(null, [{ course: { ...course, severity: 'medium' } }]), true)
    assert.equal(mustPage('medium', [{ course: { ...course, severity: 'medium' } }]), false, 'it did not rise')
    assert.equal(mustPage(null, [{ course: { ...course, severity: 'medium', paged: 'medium' } }]), false, 'it was told')
  })

  test('ends with its incident, once', () => {
    const [open, over] = endAll([{ course }, { course: { ...course, ended: 7 } }], 9)
    assert.deepEqual([open?.course?.ended, over?.course?.ended], [9, 7])
  })
})
