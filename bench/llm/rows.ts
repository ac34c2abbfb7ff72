/** The rows of what gateways did under the same loads. */
import { times } from '../features/figures.ts'
import { ms, thousands } from '../table.ts'
import type { Row } from '../table.ts'
import { DIRECT, OURS } from './load.ts'
import type { Measured } from './load.ts'
import type { Rival } from './peers.ts'
import { addedOf, medianOf } from './rounds.ts'
import type { Results, Series } from './rounds.ts'

/** What is to be reached: added ms, requests a second, ms of CPU, and times the requests of each peer. */
const ADDED = { p50: 0.5, p99: 4, first: 1 }
const LEAST_PER_SECOND = 5000
const CPU = { call: 0.2, stream: 2 }
const LEAST_TIMES = [5, 80] as const

const p50 = (one: Measured): number => one.p50
const p99 = (one: Measured): number => one.p99
const first50 = (one: Measured): number => one.first50
const first99 = (one: Measured): number => one.first99
const perSecond = (one: Measured): number => one.perSecond
const cpu = (one: Measured): number => one.cpu

/** Of each peer in words, or why it has none. */
function besides(results: Results, rivals: readonly Rival[], words: (series: Series) => string): string {
  return rivals
    .map(({ name, fault }) => {
      const series = results.get(name)
      return `${name}: ${series === undefined ? fault : series.fault === '' ? words(series) : series.fault}`
    })
    .join('; ')
}

/** Medians of everything, for --json. */
function figuresOf(results: Results): Record<string, unknown> {
  return Object.fromEntries(
    Array.from(results, ([name, series]) => {
      const of = { p50, p99, first50, first99, perSecond, cpu }
      const medians = Object.entries(of).map(([figure, read]) => [figure, medianOf(series, read)])
      return [name, { ...Object.fromEntries(medians), fault: series.fault, rounds: series.rounds }]
    }),
  )
}

/** Throws why ours, or the floor, could not be measured. */
function ownOf(results: Results): { own: Series; direct: Series } {
  const [own, direct] = [results.get(OURS), results.get(DIRECT)]
  if (own === undefined || direct === undefined) throw new Error('nothing was measured')
  const fault = own.fault === '' ? direct.fault : own.fault
  if (fault !== '') throw new Error(`the gateway under load: ${fault}`)
  return { own, direct }
}

/** What one client waits longer than for the upstream itself. */
export function latencyRow(results: Results, rivals: readonly Rival[]): Row {
  const { own, direct } = ownOf(results)
  const [at50, at99] = [addedOf(own, direct, p50), addedOf(own, direct, p99)]
  const words = (series: Series): string =>
    `p50 + ${ms(addedOf(series, direct, p50))}, p99 + ${ms(addedOf(series, direct, p99))}`
  const floor = `direct: p50 ${ms(medianOf(direct, p50))}, p99 ${ms(medianOf(direct, p99))}`
  return {
    name: 'language model, 1 client: added',
    measured: `${words(own)}; ${(medianOf(own, cpu) * 1000).toFixed(0)} µs CPU`,
    target: `p50 ≤ ${ADDED.p50} ms, p99 ≤ ${ADDED.p99} ms`,
    beside: `${floor}; ${besides(results, rivals, words)}`,
    ok: at50 <= ADDED.p50 && at99 <= ADDED.p99,
    figures: { added50: at50, added99: at99, ...figuresOf(results) },
  }
}

function loadWords(series: Series): string {
  const wait = `p50 ${ms(medianOf(series, p50))}, p99 ${ms(medianOf(series, p99))}`
  return `${thousands(medianOf(series, perSecond))} req/s, ${medianOf(series, cpu).toFixed(3)} ms CPU, ${wait}`
}

/** Requests a second of 64 clients, and what each costs. */
export function manyRow(results: Results, rivals: readonly Rival[]): Row {
  const { own, direct } = ownOf(results)
  return {
    name: 'language model, 64 clients, bodies of 1 KB',
    measured: loadWords(own),
    target: `≥ ${thousands(LEAST_PER_SECOND)} req/s, ≤ ${CPU.call} ms CPU`,
    beside: `direct: ${loadWords(direct)}; ${besides(results, rivals, loadWords)}`,
    ok: medianOf(own, perSecond) >= LEAST_PER_SECOND && medianOf(own, cpu) <= CPU.call,
    figures: figuresOf(results),
  }
}

/** How many times the requests of each peer; a peer without any is a row that says why. */
export function timesRows(results: Results, rivals: readonly Rival[]): Row[] {
  const { own } = ownOf(results)
  return rivals.map(({ name, fault }, i): Row => {
    const least = LEAST_TIMES[i] ?? 1
    const series = results.get(name)
    const why = series === undefined ? fault : series.fault
    const ratio = medianOf(own, perSecond) / medianOf(series, perSecond)
    const known = why === '' && series !== undefined
    return {
      name: `the same beside ${name}`,
      measured: known ? `${Number(ratio.toPrecision(3))} × its requests a second` : 'not measured',
      target: `≥ ${least} ×`,
      beside: known ? `its CPU: ${times(medianOf(series, cpu), medianOf(own, cpu))}` : why,
      ok: known ? ratio >= least : null,
      figures: known ? { ratio } : { fault: why },
    }
  })
}

/** First byte, and CPU, of streams of 50 chunks; the CPU of one client's is too little to be judged by clocks of 10 ms. */
export function streamRow(results: Results, rivals: readonly Rival[], clients: number): Row {
  const { own, direct } = ownOf(results)
  const added = addedOf(own, direct, first50)
  const words = (series: Series): string => {
    const more = `first byte + ${ms(addedOf(series, direct, first50))} (p99 + ${ms(addedOf(series, direct, first99))})`
    const costs = clients > 1 ? `, ${medianOf(series, cpu).toFixed(2)} ms CPU a stream` : ''
    return `${more}${costs}, ${thousands(medianOf(series, perSecond))}/s`
  }
  return {
    name: `streams of 50 chunks, ${clients} client${clients === 1 ? '' : 's'}`,
    measured: words(own),
    target: `first byte + ≤ ${ADDED.first} ms${clients > 1 ? `, ≤ ${CPU.stream} ms CPU a stream` : ''}`,
    beside: `direct: first byte ${ms(medianOf(direct, first50))}; ${besides(results, rivals, words)}`,
    ok: added <= ADDED.first && (clients === 1 || medianOf(own, cpu) <= CPU.stream),
    figures: { added, ...figuresOf(results) },
  }
}
