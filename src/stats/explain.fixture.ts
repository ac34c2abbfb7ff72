/** A month of hourly traffic of flights, and the same with one feature changed in its newest hours, for tests of explanations. */
import { explain } from './explain.ts'
import type { Explanation, RecentValues } from './explain.ts'
import { historyOfRows } from './history.fixture.ts'
import type { History } from './history.ts'
import { prng } from './prng.ts'
import type { NumericSpec, ProfileSpec } from './profile-spec.ts'

const numeric = (name: string, edges: readonly number[], more: Partial<NumericSpec> = {}): NumericSpec => ({
  kind: 'numeric',
  name,
  edges,
  low: -1e6,
  high: 1e6,
  centre: 0,
  scale: 10,
  ...more,
})

export const spec: ProfileSpec = {
  features: [
    numeric('temp', [20, 40, 50, 60, 70, 80, 100]),
    numeric(
      'hour',
      Array.from({ length: 24 }, (_, i) => i),
      { familiar: Array.from({ length: 24 }, (_, i) => i) },
    ),
    numeric('age', [0, 5, 10, 15, 20, 25], { familiar: [0, 3, 8, 12, 18, 24] }),
    numeric('rain', [0, 1e-6, 1, 2, 5, 200]),
    { kind: 'categorical', name: 'code', values: ['10', '2', '1', '3', '4', '5'] },
    { kind: 'categorical', name: 'carrier', values: ['UA', 'EV', 'DL'] },
    { kind: 'categorical', name: 'airport', values: ['JFK', 'LGA', 'EWR'] },
    numeric('distance', [0, 500, 1000, 1500, 3000]),
  ],
  conditionals: [{ value: 'distance', by: 'carrier' }],
  crosses: [{ a: 'airport', b: 'carrier' }],
}
export const NAMES = spec.features.map((feature) => feature.name)
const HOURS_A_DAY = [9, 10, 11, 12, 13, 14, 15]
const DAYS = 31
export const HOUR = 24 * (DAYS - 1) + 15
const ROWS = 60

/** Values of one row, in the order of the spec. */
export type Row = unknown[]

function usualRow(random: ReturnType<typeof prng>, hour: number): Row {
  const carrier = random.below(3)
  const code = ['1', '1', '1', '1', '1', '1', '2', '2', '3', '4'][random.below(10)]
  return [
    55 + 6 * Math.sin(hour / 17) + 5 * random.normal(),
    [4, 4, 4, 4, 9, 9, 10, 11, 15, 20][random.below(10)],
    random.uniform() < 0.2 ? null : [3, 8, 12, 18, 24][random.below(5)],
    random.uniform() < 0.8 ? 0 : Math.exp(0.5 * random.normal()),
    code,
    ['UA', 'EV', 'DL'][carrier],
    ['JFK', 'LGA', 'EWR'][random.uniform() < 0.9 ? carrier : random.below(3)],
    [1400, 600, 1000][carrier]! + 80 * random.normal(),
  ]
}

function traffic(rowsAt: (hour: number) => number = () => ROWS): Map<number, Row[]> {
  const random = prng(2)
  const byHour = new Map<number, Row[]>()
  for (let day = 0; day < DAYS; day++)
    for (const clock of HOURS_A_DAY) {
      const hour = 24 * day + clock
      byHour.set(
        hour,
        Array.from({ length: rowsAt(hour) }, () => usualRow(random, hour)),
      )
    }
  return byHour
}

export function historyOf(byHour: ReadonlyMap<number, readonly Row[]>): History {
  return historyOfRows(spec, byHour)
}

export const byHour = traffic()

/** Traffic of which one feature is changed in the newest hours, three unless told. */
export function changed(
  name: string,
  change: (x: never, i: number, row: Row) => unknown,
  hours = 3,
): Map<number, Row[]> {
  const at = NAMES.indexOf(name)
  return new Map(
    [...byHour].map(([hour, list]) => [
      hour,
      hour > HOUR - hours ? list.map((row, i) => row.map((x, k) => (k === at ? change(x as never, i, row) : x))) : list,
    ]),
  )
}

/** Everything that is said of one feature. */
export function said(of: ReadonlyMap<number, readonly Row[]>, feature: string, values?: RecentValues): Explanation[] {
  return explain(historyOf(of), HOUR, [feature], values === undefined ? {} : { values })
}

export const kinds = (of: readonly Explanation[]): string[] => of.map((one) => one.kind)
/** Rows of the newest hours, and those of the same hours of past days. */
export const rowsNow = (of: ReadonlyMap<number, readonly Row[]>, length: number): Row[] =>
  Array.from({ length }, (_, i) => of.get(HOUR - i) ?? []).flat()
export const rowsPast = (length: number): Row[][] =>
  Array.from({ length: 28 }, (_, i) =>
    Array.from({ length }, (__, k) => byHour.get(HOUR - 24 * (i + 2) - k) ?? []).flat(),
  ).filter((list) => list.length > 0)
export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
export const column = (list: readonly Row[], name: string): number[] =>
  list.map((row) => row[NAMES.indexOf(name)]).filter((x): x is number => typeof x === 'number')
export const spread = (values: readonly number[]): number => Math.sqrt(mean(values.map((x) => (x - mean(values)) ** 2)))
