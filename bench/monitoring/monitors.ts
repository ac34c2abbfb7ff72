/** What the monitors cost: one hour's window of 23 series against the same clock hours of four weeks. */
import { addHour, makeHistory } from '../../src/stats/history.ts'
import type { History } from '../../src/stats/history.ts'
import { calibrateFor, cleanPast, cleanWindows, judge } from '../../src/stats/calibrate.ts'
import { prng } from '../../src/stats/prng.ts'
import { makeSpec } from '../../src/stats/profile-spec.ts'
import type { Column } from '../../src/stats/profile-spec.ts'
import { profileColumns } from '../../src/stats/profile.ts'
import { measure } from '../../src/stats/window.ts'
import { ms } from '../table.ts'
import type { Row } from '../table.ts'

const NUMERIC = 18
const CATEGORIES = [10, 16, 110, 3, 24] as const
const DAYS = 35
const ROWS_AN_HOUR = 60
const TIMES = 20

/** One row; the figures are of evaluations after the first, which also compiles. */
export function monitors(): Promise<Row[]> {
  const history = hoursOfTraffic()
  const names = history.spec.features.map((feature) => feature.name)
  const past = cleanPast(names, cleanWindows(history, { from: 24 * 31, to: 24 * 32 }))
  const { limits } = calibrateFor(past, { perMonth: 1, counts: () => true })
  const times: number[] = []
  for (let i = 0; i < TIMES; i++) {
    const began = performance.now()
    const window = measure(history, 24 * (DAYS - 1) + i)
    if (window === undefined) throw new Error('the window was not judged: the history is too short')
    judge(window, limits)
    times.push(performance.now() - began)
  }
  const sorted = times.toSorted((a, b) => a - b)
  const [p50, worst] = [sorted[Math.floor(TIMES / 2)] ?? Number.NaN, sorted.at(-1) ?? Number.NaN]
  return Promise.resolve([
    {
      name: `monitors: a window of ${NUMERIC + CATEGORIES.length} series measured and judged`,
      measured: `p50 ${ms(p50)}, worst of ${TIMES} ${ms(worst)}`,
      target: '≤ 50 ms',
      beside: '',
      ok: p50 <= 50,
      figures: { p50_ms: p50, max_ms: worst, series: NUMERIC + CATEGORIES.length, rows_an_hour: ROWS_AN_HOUR },
    },
  ])
}

/** Five weeks of hours of 18 numbers and 5 categories. */
function hoursOfTraffic(): History {
  const stream = prng(7)
  const table = (rows: number): Column[] => columns(rows, () => stream.uniform())
  const history = makeHistory(makeSpec(table(5000)))
  for (let hour = 0; hour < 24 * DAYS; hour++) {
    addHour(history, hour, profileColumns(history.spec, table(ROWS_AN_HOUR)))
  }
  return history
}

function columns(rows: number, random: () => number): Column[] {
  const list = <T>(make: () => T): T[] => Array.from({ length: rows }, make)
  return [
    ...Array.from({ length: NUMERIC }, (_, i) => ({
      name: `n${i}`,
      values: list(() => i + (random() + random()) * (i + 1)),
    })),
    ...CATEGORIES.map((count, i) => ({ name: `c${i}`, values: list(() => `v${Math.floor(random() ** 2 * count)}`) })),
  ]
}
