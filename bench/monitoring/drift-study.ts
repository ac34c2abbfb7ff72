/** What the monitor sees: pages on clean months and the share of silent faults that are paged within six hours, on the flights table. */
import { JULY, NEW_YEAR, SEPTEMBER_12 } from '../../test/drift/dates.ts'
import { FAULTS, openStudy, replayClean, replayFault, startTimes, wetStarts } from '../../test/drift/study.ts'
import type { Caught, Page } from '../../test/drift/study.ts'
import { flightsTable } from '../../test/drift/flights-table.ts'
import type { Options, Row } from '../table.ts'

const HORIZON = 6
const HOUR = 3_600_000

/** Sixty start times a fault (`--quick`: twelve); a minute or two of CPU. */
export async function driftStudy(options: Options): Promise<Row[]> {
  const study = openStudy(await flightsTable())
  const clean = replayClean(study, JULY, NEW_YEAR)
  const count = options.seconds < 4 ? 12 : 60
  const rows = [
    cleanRow('July to December', clean.pages, 6),
    cleanRow('July to mid-September', early(clean.pages), 2.4),
  ]
  for (const [name, fault] of Object.entries(FAULTS)) {
    const replay = (starts: readonly number[]): Caught[] =>
      starts.map((start) => replayFault(study, clean, { fault, start, horizon: HORIZON }))
    rows.push(faultRow(name, replay(startTimes(count))))
    // rain in another unit cannot be seen while it is dry
    if (name.startsWith('precip')) rows.push(faultRow(`${name}, begun in rain`, replay(wetStarts(study, count))))
  }
  return rows
}

function early(pages: readonly Page[]): Page[] {
  return pages.filter((page) => page.from < SEPTEMBER_12)
}

function cleanRow(name: string, pages: readonly Page[], months: number): Row {
  const told = pages.map(({ from, checks }) => ({
    at: new Date(from * HOUR).toISOString().slice(0, 13),
    checks: [...checks],
  }))
  return {
    name: `pages, ${name} without a fault`,
    measured: `${pages.length}: ${told.map(({ at, checks }) => `${at} ${checks.slice(0, 3).join(', ')}`).join('; ')}`,
    target: `≤ ${months}`,
    beside: '',
    ok: pages.length <= months,
    figures: { pages: told, months },
  }
}

function faultRow(name: string, caught: readonly Caught[]): Row {
  const hits = caught.filter((one) => one.hours !== null).toSorted((a, b) => (a.hours ?? 0) - (b.hours ?? 0))
  const at = (share: number): Caught | undefined => hits[Math.floor(share * (hits.length - 1))]
  const share = hits.length / caught.length
  const counts = Map.groupBy(
    hits.flatMap((one) => one.checks),
    (check) => check,
  )
  const checks = [...counts].toSorted((a, b) => b[1].length - a[1].length).map(([check]) => check)
  return {
    name: `fault: ${name}`,
    measured: `${share.toFixed(2)} of ${caught.length} within ${HORIZON} h, p50 ${at(0.5)?.hours ?? '–'} h ${at(0.5)?.rows ?? '–'} rows, p90 ${at(0.9)?.hours ?? '–'} h: ${checks.slice(0, 3).join(', ')}`,
    target: '',
    beside: '',
    ok: null,
    figures: {
      share,
      starts: caught.length,
      p50_h: at(0.5)?.hours,
      p90_h: at(0.9)?.hours,
      p50_rows: at(0.5)?.rows,
      checks,
    },
  }
}
