/** The schedule of a project as the recurrence of Azure Data Factory, which is a list of times in a day, a week or a month. */
import { problem } from '../../contract/errors.ts'
import type { PipelineSpec } from '../spec/spec.ts'
import { fiveFields } from './schedule.ts'
import { windowsZone } from './windows-zones.ts'

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const

export interface Recurrence {
  readonly frequency: 'Day' | 'Week' | 'Month'
  readonly interval: 1
  /** Times before it was made are not run. */
  readonly startTime: string
  readonly timeZone: string
  readonly schedule: {
    readonly minutes: number[]
    readonly hours: number[]
    readonly weekDays?: string[]
    readonly monthDays?: number[]
  }
}

/** Undefined without a schedule. Throws `unprocessable` for what Data Factory has no words for: some months, two kinds of days, a zone. */
export function recurrenceOf({ schedule }: Pick<PipelineSpec, 'schedule'>): Recurrence | undefined {
  const cron = fiveFields({ schedule })
  if (cron === undefined || schedule == null) return undefined
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = cron.split(' ')
  if (month !== '*') throw refused(cron, 'it has no months of the year')
  if (day !== '*' && weekday !== '*')
    throw refused(cron, 'it has days of the month or of the week, and not either of them')
  const timeZone = windowsZone(schedule.timezone)
  if (timeZone === undefined) throw refused(cron, `it knows the zones of Windows, and "${schedule.timezone}" is none`)
  return {
    ...daysOf(day, weekday, { minutes: numbers(minute, 0, 59), hours: numbers(hour, 0, 23) }),
    interval: 1,
    startTime: `2026-01-01T00:00:00${timeZone === 'UTC' ? 'Z' : ''}`,
    timeZone,
  }
}

/** Of the two fields at most one is restricted. */
function daysOf(
  day: string,
  weekday: string,
  times: Pick<Recurrence['schedule'], 'minutes' | 'hours'>,
): Pick<Recurrence, 'frequency' | 'schedule'> {
  if (weekday !== '*') return { frequency: 'Week', schedule: { ...times, weekDays: weekDays(weekday) } }
  if (day !== '*') return { frequency: 'Month', schedule: { ...times, monthDays: numbers(day, 1, 31) } }
  return { frequency: 'Day', schedule: times }
}

function refused(cron: string, why: string): Error {
  return problem('unprocessable', {
    detail: `the schedule "${cron}" cannot be written as a trigger of Data Factory: ${why}`,
  })
}

/** 0 and 7 are Sunday. */
function weekDays(field: string): string[] {
  const named = field.replaceAll(/[A-Za-z]{3}/g, (name) =>
    String(DAYS.findIndex((day) => day.slice(0, 3).toLowerCase() === name.toLowerCase())),
  )
  const days = new Set(numbers(named, 0, 7).map((day) => day % 7))
  return DAYS.filter((_, day) => days.has(day))
}

/** The numbers that a field of cron means, in order. */
function numbers(field: string, first: number, last: number): number[] {
  const found = new Set<number>()
  for (const part of field.split(',')) {
    const [range = '', step = '1'] = part.split('/')
    const [from = '', to] = range === '*' ? [String(first), String(last)] : range.split('-')
    for (let at = Number(from); at <= Number(to ?? from); at += Number(step)) found.add(at)
  }
  return [...found].sort((a, b) => a - b)
}
