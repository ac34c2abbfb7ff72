/** When a cron expression fires next in a time zone, with a defined answer on the days when clocks change. */
import { Cron } from 'croner'
import { DAY_MS } from '../contract/ids.ts'
import { problem } from '../contract/errors.ts'

/**
 * The first instant after `after` (ms) at which `cron` fires in the IANA zone `timezone`; undefined when it never does.
 * Times that the clock skips in spring fire once, at the moment of the change. Times that it shows twice in autumn fire once, the
 * first time. An expression whose hour is `*` counts elapsed time instead and fires in both. Throws `invalid_field`.
 */
export function nextFire(cron: string, timezone: string, after: number): number | undefined {
  const pattern = parse(cron)
  const zone = zoneOf(timezone)
  return everyHour(cron) ? nextElapsed(pattern, zone, after) : nextOnTheClock(pattern, zone, after)
}

/** Throws `invalid_field` for an expression or a zone that is not one. */
export function assertCron(cron: string, timezone: string): void {
  parse(cron)
  zoneOf(timezone)
}

/** Tells the offset of a zone from UTC at an instant, ms. */
type Zone = (instant: number) => number

/** Clocks change by at most this much, and changes lie further apart, ms. */
const CHANGE_MS = DAY_MS

const zones = new Map<string, Zone>()

/** Wall time is kept as the instant at which UTC's clock shows it. */
function nextOnTheClock(pattern: Cron, zone: Zone, after: number): number | undefined {
  let wall = after + zone(after)
  for (;;) {
    const next = pattern.nextRun(new Date(wall))?.getTime()
    if (next === undefined) return undefined
    const instant = instantOf(next, zone)
    if (instant > after) return instant
    wall = next
  }
}

function nextElapsed(pattern: Cron, zone: Zone, after: number): number | undefined {
  let from = after
  for (;;) {
    const offset = zone(from)
    const wall = pattern.nextRun(new Date(from + offset))?.getTime()
    if (wall === undefined) return undefined
    const instant = wall - offset
    if (zone(instant) === offset) return instant
    // The clock changes first: go on from just before the first instant of the new offset, which may itself be a match.
    const changed = changeBetween(zone, from, instant)
    const atChange = pattern.nextRun(new Date(changed + zone(changed) - 1000))?.getTime()
    if (atChange === changed + zone(changed)) return changed
    from = changed
  }
}

/** The instant at which the zone's clock shows `wall`: the first of two, or the change that skips it. */
function instantOf(wall: number, zone: Zone): number {
  const before = zone(wall - CHANGE_MS)
  const after = zone(wall + CHANGE_MS)
  const shown = [wall - before, wall - after].filter((instant) => instant + zone(instant) === wall)
  return shown.length > 0 ? Math.min(...shown) : changeBetween(zone, wall - CHANGE_MS, wall + CHANGE_MS)
}

/** The first instant, to the second, at which the offset is no longer that of `from`; it differs at `to`. */
function changeBetween(zone: Zone, from: number, to: number): number {
  const old = zone(from)
  let low = Math.floor(from / 1000)
  let high = Math.ceil(to / 1000)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (zone(middle * 1000) === old) low = middle
    else high = middle
  }
  return high * 1000
}

function parse(cron: string): Cron {
  try {
    return new Cron(cron, { timezone: 'UTC' })
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error)
    throw problem('invalid_field', { field: 'cron', value: cron, expected: `a cron expression (${why})` }, error)
  }
}

function everyHour(cron: string): boolean {
  const fields = cron.trim().split(/\s+/)
  if (fields[0]?.startsWith('@') === true) return fields[0] === '@hourly'
  return (fields.length === 5 ? fields[1] : fields[2])?.startsWith('*') ?? false
}

function zoneOf(timezone: string): Zone {
  const known = zones.get(timezone)
  if (known !== undefined) return known
  const made = makeZone(timezone)
  zones.set(timezone, made)
  return made
}

function makeZone(timezone: string): Zone {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch (error) {
    const expected = 'an IANA time zone such as Europe/Berlin'
    throw problem('invalid_field', { field: 'timezone', value: timezone, expected }, error)
  }
  return (instant) => {
    const parts = new Map(format.formatToParts(instant).map((part) => [part.type, Number(part.value)]))
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0
    const wall = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'))
    return wall - Math.floor(instant / 1000) * 1000
  }
}
