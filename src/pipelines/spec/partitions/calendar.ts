/** Partitions by time: the hours, days, weeks and months of a clock that may be set forward and back. Pure. */
import type { Period } from '../../../contract/pipelines/partitions-section.ts'
import { DAY_MS, HOUR_MS } from '../../../contract/ids.ts'
import { changeBetween, instantOf, type Zone } from '../../../jobs/zone.ts'

/** A stretch of time, from its start up to its end, ms. */
export interface Span {
  readonly key: string
  readonly start: number
  readonly end: number
}

/** The calendar of a period in a zone; `utc` has keys without an offset. */
export interface Calendar {
  readonly by: Period
  readonly zone: Zone
  readonly isUtc: boolean
}

/** Monday, 5 January 1970. */
const A_MONDAY = 4 * DAY_MS

/**
 * The partition with an instant in it. A day has 23 hours where the clock is set forward and 25 where it is set back; of an hour that the
 * clock shows twice each is a partition of its own, told apart by the offset in its key.
 */
export function spanAt(calendar: Calendar, instant: number): Span {
  const { by, zone } = calendar
  if (by === 'hour') return hourAt(calendar, instant)
  const wall = floorWall(by, instant + zone(instant))
  const span = spanOf({ by, zone }, wall)
  // where a clock goes back over midnight the first of two midnights begins the day, though the clock shows the day before once more
  return span.end > instant ? span : spanOf({ by, zone }, nextWall(by, wall))
}

/** One whose partitions are whole days. */
interface DayCalendar extends Pick<Calendar, 'zone'> {
  readonly by: Exclude<Period, 'hour'>
}

/** The partition after one. */
export function spanAfter(calendar: Calendar, span: Span): Span {
  return spanAt(calendar, span.end)
}

function spanOf({ by, zone }: DayCalendar, wall: number): Span {
  const end = instantOf(nextWall(by, wall), zone)
  return { key: keyOf(by, wall), start: instantOf(wall, zone), end }
}

function hourAt({ zone, isUtc }: Calendar, instant: number): Span {
  const offset = zone(instant)
  const wall = instant + offset
  const floor = wall - mod(wall, HOUR_MS)
  const [from, to] = [floor - offset, floor - offset + HOUR_MS]
  // a clock that is changed by half an hour cuts an hour in two
  const start = zone(from) === offset ? from : changeBetween(zone, from, instant)
  const end = zone(to - 1) === offset ? to : changeBetween(zone, instant, to - 1)
  const key = `${dayText(floor)}T${two(new Date(floor).getUTCHours())}${isUtc ? 'Z' : offsetText(offset)}`
  return { key, start, end }
}

/** Wall time is kept as the instant at which UTC's clock shows it. */
function floorWall(by: Exclude<Period, 'hour'>, wall: number): number {
  const day = wall - mod(wall, DAY_MS)
  if (by === 'day') return day
  if (by === 'week') return day - mod(day - A_MONDAY, 7 * DAY_MS)
  const date = new Date(day)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth())
}

function nextWall(by: Exclude<Period, 'hour'>, wall: number): number {
  if (by === 'day') return wall + DAY_MS
  if (by === 'week') return wall + 7 * DAY_MS
  const date = new Date(wall)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)
}

function keyOf(by: Exclude<Period, 'hour'>, wall: number): string {
  if (by === 'day') return dayText(wall)
  if (by === 'month') return dayText(wall).slice(0, 7)
  // the year of an ISO week is that of its Thursday
  const thursday = wall + 3 * DAY_MS
  const year = new Date(thursday).getUTCFullYear()
  const week = Math.floor((thursday - Date.UTC(year, 0)) / (7 * DAY_MS)) + 1
  return `${year}-W${two(week)}`
}

const PLACE = /^(\d{4})-(?:W(\d\d)|(\d\d)(?:-(\d\d)(?:T(\d\d)(Z|[+-]\d{4})?)?)?)$/

/** What a text such as 2026-03, 2026-W10, 2026-03-08 or 2026-03-08T05 spans on the clock of a zone; undefined for any other. */
export function spanOfText({ zone }: Pick<Calendar, 'zone'>, text: string): Omit<Span, 'key'> | undefined {
  const [, year, week, month, day, hour, offset] = PLACE.exec(text) ?? []
  if (year === undefined) return undefined
  const [from, to] = wallsOf({ year, week, month, day, hour })
  if (from === undefined || to === undefined) return undefined
  if (offset !== undefined) return hourShown(zone, offset === 'Z' ? 0 : offsetMs(offset), from)
  return { start: instantOf(from, zone), end: instantOf(to, zone) }
}

/** The part of an hour in which the zone has an offset: less than the hour where a clock is changed by half an hour. */
function hourShown(zone: Zone, offset: number, wall: number): Omit<Span, 'key'> {
  const [from, to] = [wall - offset, wall - offset + HOUR_MS]
  const [isFrom, isTo] = [zone(from) === offset, zone(to - 1) === offset]
  if (isFrom === isTo) return { start: from, end: to }
  const change = changeBetween(zone, from, to - 1)
  return isTo ? { start: change, end: to } : { start: from, end: change }
}

interface Parts {
  readonly year: string
  readonly week: string | undefined
  readonly month: string | undefined
  readonly day: string | undefined
  readonly hour: string | undefined
}

function wallsOf({ year, week, month, day, hour }: Parts): [from?: number, to?: number] {
  if (week !== undefined) {
    // 4 January lies in the first ISO week
    const from = floorWall('week', Date.UTC(Number(year), 0, 4)) + (Number(week) - 1) * 7 * DAY_MS
    return keyOf('week', from) === `${year}-W${week}` ? [from, from + 7 * DAY_MS] : []
  }
  const from = Date.UTC(Number(year), Number(month) - 1, Number(day ?? '1'), Number(hour ?? '0'))
  const shown = new Date(from).toISOString()
  const said = `${year}-${month}-${day ?? '01'}T${hour ?? '00'}`
  if (!shown.startsWith(said)) return []
  if (hour !== undefined) return [from, from + HOUR_MS]
  return [from, nextWall(day === undefined ? 'month' : 'day', from)]
}

/**
 * A zone that is asked twice a day and not for each hour of it: clocks change rarely, and asking costs microseconds. Days on which the offset
 * differs from one end to the other are asked at each instant.
 */
export function steadyZone(zone: Zone): Zone {
  const days = new Map<number, number | null>()
  return (instant) => {
    const day = Math.floor(instant / DAY_MS)
    let known = days.get(day)
    if (known === undefined) {
      const [from, to] = [zone(day * DAY_MS), zone((day + 1) * DAY_MS)]
      known = from === to ? from : null
      days.set(day, known)
    }
    return known ?? zone(instant)
  }
}

function dayText(wall: number): string {
  return new Date(wall).toISOString().slice(0, 10)
}

function offsetText(offset: number): string {
  const minutes = Math.abs(offset) / 60_000
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${two(Math.floor(minutes % 60))}`
}

function offsetMs(text: string): number {
  const ms = Number(text.slice(1, 3)) * HOUR_MS + Number(text.slice(3)) * 60_000
  return text.startsWith('-') ? -ms : ms
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by
}
