/** What is written at the marks of a chart's axes, and which points stand alone. */
import { figure } from '../../../src/contract/text/format.ts'
import type { Value } from '../curves/values.ts'

const DAY = 86_400
const LEAST_PLAIN = 1e-6
const MOST_PLAIN = 1e7

/** Numbers at marks that are equally far apart, all with the digits that tell them apart; a mark that is left out is null. */
export function markTexts(marks: readonly (number | null)[], unit = ''): string[] {
  const step = stepOf(marks)
  const greatest = marks.reduce<number>((most, mark) => Math.max(most, Math.abs(mark ?? 0)), 0)
  const plain = step >= LEAST_PLAIN && greatest < MOST_PLAIN
  const places = placesOf(step)
  return marks.map((mark) => (mark === null ? '' : (plain ? grouped(mark, places) : figure(mark)) + unit))
}

/** How far the marks are apart at least; 0 for one alone. */
function stepOf(marks: readonly (number | null)[]): number {
  const shown = marks.filter((mark) => mark !== null)
  const steps = shown.slice(1).map((mark, i) => mark - (shown[i] ?? 0))
  return steps.length === 0 ? 0 : Math.min(...steps)
}

const MOST_PLACES = 9

/** Decimal places that a step needs: 2 for 0.25. */
function placesOf(step: number): number {
  let places = 0
  while (places < MOST_PLACES && Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) > 1e-6) places += 1
  return places
}

function grouped(value: number, places: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: places, maximumFractionDigits: places })
}

/** Seconds since 1970 at marks, in the reader's zone; the day is told where it changes. */
export function clockTexts(marks: readonly number[]): string[] {
  const step = stepOf(marks)
  let told = ''
  return marks.map((mark) => {
    const text = localTime(mark)
    const day = text.slice(5, 10)
    if (step >= DAY) return day
    const clock = text.slice(11, step > 0 && step < 60 ? 19 : 16)
    const first = day !== told
    told = day
    return first ? `${clock}\n${day}` : clock
  })
}

/** Seconds since 1970 as `2026-05-03 12:00:00` in the reader's zone. */
export function localTime(seconds: number): string {
  const at = new Date(seconds * 1000)
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace('T', ' ')
}

/** Of the marks of a logarithmic axis those that deserve a line: powers of ten, where there are enough of them. */
export function strongMarks(marks: readonly number[]): (number | null)[] {
  const enough = marks.filter(isPower).length >= 3
  return marks.map((mark) => (!enough || isPower(mark) ? mark : null))
}

function isPower(mark: number): boolean {
  return Math.abs(Math.log10(mark) - Math.round(Math.log10(mark))) < 1e-9
}

/** Places of points that no line reaches: nothing or a break on both sides. */
export function isolatedPoints(values: readonly Value[]): number[] {
  const places = [...values.keys()].filter((i) => values[i] !== undefined)
  return places.filter(
    (place, i) =>
      values[place] !== null &&
      (values[places[i - 1] ?? -1] ?? null) === null &&
      (values[places[i + 1] ?? -1] ?? null) === null,
  )
}
