/** The schedule of a project as other schedulers read it: five fields of numbers, names, lists, ranges and steps. */
import { problem } from '../../contract/errors.ts'
import type { PipelineSpec } from '../spec/spec.ts'

const NICKNAMES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}
const ONE = '(?:\\*|(?:\\d+|[A-Za-z]{3})(?:-(?:\\d+|[A-Za-z]{3}))?)(?:/\\d+)?'
const FIELD = new RegExp(`^${ONE}(?:,${ONE})*$`)

/**
 * The five fields; undefined without a schedule. Throws `unprocessable` for what only Slipway reads so: others take a sixth field for
 * something else, and do not know the last day of a month.
 */
export function fiveFields({ schedule }: Pick<PipelineSpec, 'schedule'>): string | undefined {
  if (schedule == null) return undefined
  const text = schedule.cron.trim()
  const fields = (NICKNAMES[text.toLowerCase()] ?? text).split(/\s+/)
  // seconds stand first here
  const five = fields.length === 6 && fields[0] === '0' ? fields.slice(1) : fields
  if (five.length === 5 && five.every((field) => FIELD.test(field))) return five.join(' ')
  throw problem('unprocessable', {
    detail: `the schedule "${schedule.cron}" cannot be written for another scheduler: five fields of numbers, names, "*", ",", "-" and "/" are read alike everywhere`,
  })
}
