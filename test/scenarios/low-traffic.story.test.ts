/** Traffic of six rows an hour, and of forty a day, through the monitor's own rules: quiet while clean, and faults told within the largest window. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FAULTS, learned, replay, START, tableOf, traffic } from '../drift/low-traffic.ts'

const WEEK = 168
const REFERENCE = START + 26 * WEEK
const END = START + 38 * WEEK
/** Seeds of each rate; `SLIPWAY_DRIFT_SEEDS=24` is the study of docs/guides/monitoring.md. */
const SEEDS = Number(process.env['SLIPWAY_DRIFT_SEEDS'] ?? 1)
/** Clean months of one seed, 30.4 days each. */
const MONTHS = (12 * 7) / 30.4375

/** The most pages that a rate of one a month gives with 99 % in so many months, by Poisson's law. */
function mostPages(months: number): number {
  let [sum, term, n] = [Math.exp(-months), Math.exp(-months), 0]
  while (sum < 0.99) {
    n += 1
    term *= months / n
    sum += term
  }
  return n
}

for (const [what, perDay, length, first] of [
  ['six rows an hour', 142, 24, 100],
  ['forty rows a day', 40, 168, 200],
] as const)
  describe(what, () => {
    const seeds = Array.from({ length: SEEDS }, (_, i) => {
      const seed = first + i
      const rows = traffic(seed, 38, perDay)
      return { seed, rows, learned: learned(tableOf(rows, REFERENCE)) }
    })

    it(`are judged by windows of ${length} hours, and page no more often than once a month while clean`, (t) => {
      const found = seeds.map((of) => replay(of, { from: REFERENCE, until: END }))
      for (const { judged } of found) assert.ok(judged[length] > 0.6 * 12 * WEEK, JSON.stringify(judged))
      const pages = found.flatMap((one) => one.pages)
      t.diagnostic(`${pages.length} pages in ${(SEEDS * MONTHS).toFixed(1)} clean months`)
      assert.ok(pages.length <= mostPages(SEEDS * MONTHS), pages.map(({ checks }) => checks.join()).join(' | '))
    })

    for (const [name, change] of Object.entries(FAULTS))
      it(`with ${name} are told within a week`, (t) => {
        const delays = seeds.map(({ seed, ...of }) => {
          const start = REFERENCE + 20 * 24 + ((7 * seed) % WEEK)
          const { pages } = replay(of, { from: start - 72, until: start + WEEK }, { start, change, seed })
          const page = pages.find(({ hour }) => hour >= start)
          return page === undefined ? undefined : page.hour + 1 - start
        })
        t.diagnostic(`hours: ${delays.join(', ')}`)
        assert.ok(
          delays.every((hours) => hours !== undefined && hours <= WEEK),
          delays.join(),
        )
      })
  })
