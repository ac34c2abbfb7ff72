/** How the verdicts of a change are called and coloured, and how its figures are written. */
import type { ChangeReport, MetricDelta } from '../../../src/contract/changes/report.ts'
import { figure, interval } from '../../../src/contract/text/format.ts'
import type { Tone } from '../tones.ts'

/** The word of each verdict, with its tone. */
export const VERDICTS: Readonly<Record<ChangeReport['verdict'], readonly [word: string, tone: Tone]>> = {
  passed: ['passed', 'good'],
  failed: ['failed', 'bad'],
  waiting: ['waits for somebody', 'warn'],
  error: ['no verdict', 'warn'],
}

/** With its sign, and a dash for what is not known. */
export function signed(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined) return figure(value)
  return `${value > 0 ? '+' : ''}${figure(value, digits)}`
}

/** A difference with its interval; null where there is nothing to compare with. */
export function deltaText(found: MetricDelta | null): string {
  if (found === null) return figure(null)
  return found.interval === null ? signed(found.delta) : `${signed(found.delta)} ${interval(found.interval)}`
}

/** A difference that is no chance is good or bad. */
export function deltaTone(found: MetricDelta | null): Tone | undefined {
  if (found === null || found.better === null) return undefined
  return found.better ? 'good' : 'bad'
}
