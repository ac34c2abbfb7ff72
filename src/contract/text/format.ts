/** How numbers, sizes, money and times are written for people, on pages and by commands; a missing one is an en dash. */
import { DAY_MS, HOUR_MS } from '../ids.ts'

/** Stands where there is no value. */
export const NONE = '–'

const GROUPED = new Intl.NumberFormat('en-US')

/** A whole number with thousands separated. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : GROUPED.format(value)
}

/** MLflow keeps an infinite metric as the greatest double, as some databases have no other. */
const INFINITE = Number.MAX_VALUE
const PLAIN_DIGITS = 4

/** A number with so many significant digits; `'NaN'` (JSON's way to say it) stays NaN. */
export function figure(value: number | 'NaN' | null | undefined, digits = 4): string {
  if (value === null || value === undefined) return NONE
  if (value === 'NaN' || Number.isNaN(value)) return 'NaN'
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= INFINITE) return value > 0 ? '∞' : '-∞'
  if (size >= 1e6 || size < 1e-4) return value.toExponential(digits > PLAIN_DIGITS ? digits - 1 : 2)
  return Number.isInteger(value) ? GROUPED.format(value) : String(Number(value.toPrecision(digits)))
}

/** A share (0..1) in per cent. */
export function percent(share: number | null | undefined, digits = 1): string {
  return share === null || share === undefined ? NONE : `${Number((share * 100).toFixed(digits))} %`
}

/** A weight in ten-thousandths, in per cent. */
export function weight(tenThousandths: number): string {
  return percent(tenThousandths / 10_000, 2)
}

/** The step of a rollout that an approval is for: a share, or the promotion. */
export function stepWord(before: number | 'promote'): string {
  return before === 'promote' ? 'promotion' : weight(before)
}

/** Milliseconds as the two largest units that matter: `4.2 s`, `3 min 5 s`, `2 d 4 h`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return NONE
  // each unit is left for the next one by its rounded value, so that 59.96 s are a minute and not 60 s
  const short = Number(ms.toFixed(ms < 10 ? 2 : 0))
  if (short < 1000) return `${short} ms`
  const seconds = Number((ms / 1000).toFixed(1))
  if (seconds < 60) return `${seconds} s`
  const whole = Math.round(ms / 1000)
  if (whole < 3600) return pair(whole, 60, 'min', 's')
  const minutes = Math.round(ms / 60_000)
  if (minutes < 1440) return pair(minutes, 60, 'h', 'min')
  return pair(Math.round(ms / HOUR_MS), 24, 'd', 'h')
}

function pair(amount: number, base: number, large: string, small: string): string {
  const rest = amount % base
  return rest === 0 ? `${Math.floor(amount / base)} ${large}` : `${Math.floor(amount / base)} ${large} ${rest} ${small}`
}

/** Bytes in binary units. */
export function bytes(size: number | null | undefined): string {
  if (size === null || size === undefined) return NONE
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = size
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  // from 1000 on three digits would not tell 1,020 from 1,023
  return `${unit === 0 || value >= 1000 ? Math.round(value) : Number(value.toPrecision(3))} ${units[unit]}`
}

/** Micro-dollars as dollars; sums below ten cents keep two significant digits. */
export function money(micro: number | null | undefined): string {
  if (micro === null || micro === undefined) return NONE
  const dollars = micro / 1e6
  const short = Number(dollars.toPrecision(2))
  // judged as it is written, so that 9.9999 cents are $0.10 and not $0.1
  return dollars === 0 || Math.abs(short) >= 0.1 ? `$${dollars.toFixed(2)}` : `$${short}`
}

/** `[0.71, 0.79]` with the same digits on both sides. */
export function interval(bounds: readonly [number, number] | null | undefined, digits = 3): string {
  return bounds === null || bounds === undefined ? NONE : `[${figure(bounds[0], digits)}, ${figure(bounds[1], digits)}]`
}

/** How long ago a time is, or how far ahead: `just now`, `5 min ago`, `in 3 h`. */
export function ago(at: string, now: number): string {
  const ms = now - Date.parse(at)
  if (Number.isNaN(ms)) return NONE
  if (Math.abs(ms) < 10_000) return 'just now'
  const text = roughly(Math.abs(ms))
  return ms > 0 ? `${text} ago` : `in ${text}`
}

const YEAR_MS = 365 * DAY_MS

function roughly(ms: number): string {
  const steps: readonly (readonly [number, string])[] = [
    [60_000, 's'],
    [HOUR_MS, 'min'],
    [DAY_MS, 'h'],
    [2 * YEAR_MS, 'd'],
    [Infinity, 'y'],
  ]
  const sizes: Record<string, number> = { s: 1000, min: 60_000, h: HOUR_MS, d: DAY_MS, y: YEAR_MS }
  const unit = steps.find(([limit]) => ms < limit)?.[1] ?? 'y'
  return `${Math.max(1, Math.floor(ms / (sizes[unit] ?? 1)))} ${unit}`
}

/** A time to the second in the reader's zone, for example `2026-05-03 12:00:00 GMT+2`. */
export function exact(at: string): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return at
  const zone = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' })
    .formatToParts(date)
    .find((part) => part.type === 'timeZoneName')?.value
  return `${local(date, 19)} ${zone ?? ''}`.trim()
}

/** A data's own time (event time), always in UTC: `2013-09-03 06:00 UTC`. */
export function eventTime(at: string | null | undefined): string {
  if (at === null || at === undefined) return NONE
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? at : `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function local(date: Date, length: number): string {
  const shifted = new Date(date.getTime() - date.getTimezoneOffset() * 60_000)
  return shifted.toISOString().slice(0, length).replace('T', ' ')
}

/** A word the API writes with underscores, as a person reads it. */
export function words(term: string): string {
  return term.replaceAll('_', ' ')
}

/** A text that begins a sentence. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** A text as a whole sentence: it begins with a capital letter and ends with a full stop, if with nothing else. Empty stays empty. */
export function fullSentence(text: string): string {
  const trimmed = text.trim()
  return trimmed === '' || /[.!?…]$/.test(trimmed) ? sentence(trimmed) : `${sentence(trimmed)}.`
}

/** A count and its noun: `1 row`, `3 rows`. */
export function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`
}
