/** Several aims under the same loads, in short turns, so that what else the machine does falls on all of them. */
import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { faultOf, median } from '../features/figures.ts'
import { load } from './load.ts'
import type { Aim, LoadOptions, Measured } from './load.ts'

export interface Mode {
  readonly name: string
  readonly clients: number
  readonly stream: boolean
}

/** What one aim did in one mode, round by round; `fault`: why it was given up. */
export interface Series {
  readonly rounds: readonly (Measured | undefined)[]
  readonly fault: string
}

/** By aim. */
export type Results = ReadonlyMap<string, Series>

/** Slow ones answer too few calls of a shorter load. */
const LONGER = 2

export interface Turns {
  readonly rounds: number
  readonly seconds: number
  /** Aims that are to be loaded for longer. */
  readonly slow: readonly string[]
}

/** Loads each aim once a round. One that fails is left out of the rounds that follow. */
export async function rounds(aims: readonly Aim[], mode: Mode, turns: Turns): Promise<Results> {
  process.stderr.write(`  ${mode.name} … (load over the minute ${(loadavg()[0] ?? 0).toFixed(1)})\n`)
  const all = aims.map((aim) => ({ aim, rounds: [] as (Measured | undefined)[], fault: '' }))
  for (let round = 0; round < turns.rounds; round++) {
    for (let i = 0; i < all.length; i++) {
      // who comes after an idle one has more of the machine
      const one = all[(i + round) % all.length] as (typeof all)[number]
      if (one.fault !== '') continue
      const longer = turns.slow.includes(one.aim.name) ? LONGER : 1
      const options: LoadOptions = { clients: mode.clients, stream: mode.stream, seconds: turns.seconds * longer }
      try {
        one.rounds[round] = await load(one.aim, options)
      } catch (error) {
        one.fault = faultOf(error)
      }
      await sleep(50)
    }
  }
  return new Map(all.map(({ aim, rounds: done, fault }) => [aim.name, { rounds: done, fault }]))
}

/** The median over rounds of one figure; NaN where there is none. */
export function medianOf(series: Series | undefined, of: (one: Measured) => number): number {
  return median((series?.rounds ?? []).flatMap((one) => (one === undefined ? [] : [of(one)])))
}

/** The median over rounds of what a figure is more than that of another aim in the same round. */
export function addedOf(series: Series | undefined, floor: Series | undefined, of: (one: Measured) => number): number {
  const added = (series?.rounds ?? []).flatMap((one, round) => {
    const below = floor?.rounds[round]
    return one === undefined || below === undefined ? [] : [of(one) - of(below)]
  })
  return median(added)
}
