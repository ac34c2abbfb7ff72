/** Time zones: the offset of a clock at an instant, and the instant at which a clock shows a time. */
import { problem } from '../contract/errors.ts'
import { DAY_MS } from '../contract/ids.ts'

/** Tells the offset of a zone from UTC at an instant, ms. */
export type Zone = (instant: number) => number

/** Clocks change by at most this much, and changes lie further apart, ms. */
const CHANGE_MS = DAY_MS

const zones = new Map<string, Zone>()

/** The instant at which the zone's clock shows `wall`: the first of two, or the change that skips it. */
export function instantOf(wall: number, zone: Zone): number {
  const before = zone(wall - CHANGE_MS)
  const after = zone(wall + CHANGE_MS)
  const shown = [wall - before, wall - after].filter((instant) => instant + zone(instant) === wall)
  return shown.length > 0 ? Math.min(...shown) : changeBetween(zone, wall - CHANGE_MS, wall + CHANGE_MS)
}

/** The first instant, to the second, at which the offset is no longer that of `from`; it differs at `to`. */
export function changeBetween(zone: Zone, from: number, to: number): number {
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

/** Throws `invalid_field` for what is no zone. */
export function zoneOf(timezone: string): Zone {
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
