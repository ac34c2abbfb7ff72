/** When a cron expression fires next in a time zone, with a defined answer on the days when clocks change. */
import { Cron } from 'croner'
import { problem } from '../contract/errors.ts'
import { changeBetween, instantOf, zoneOf, type Zone } from './zone.ts'

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
