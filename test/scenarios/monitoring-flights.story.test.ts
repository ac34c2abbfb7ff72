/** The monitor's rules on a year of real flights: few pages on clean months, and the silent faults of feeds caught within six hours. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { calibrationOf } from '../../src/monitoring/checks/limits.ts'
import { JULY, SEPTEMBER_12 } from '../drift/dates.ts'
import { FAULTS, openStudy, replayClean, replayFault, startTimes, wetStarts } from '../drift/study.ts'
import type { CleanReplay, Study } from '../drift/study.ts'
import { flightsTable } from '../drift/flights-table.ts'
import { findPython } from '../tools.ts'

const skip = findPython() === undefined ? 'no Python of the supported versions' : false

/** Start times of a fault, all before mid-September: the clean replay goes no further. The full study is `npm run bench -- --only drift-study`. */
const STARTS = 5

/** Least number of the five starts that must be paged within six hours. */
const WANTED: Readonly<Record<string, number>> = {
  'temp + dewp °F→°C': 4,
  'sched_hour local→UTC': 5,
  'distance mi→km': 5,
  'plane_age null→43': 5,
  'temp all null': 4,
  'temp frozen': 5,
  'carrier EV↔UA': 5,
  'origin EWR↔JFK': 4,
  'precip in→mm': 4,
}

describe('the monitor on real flights', { skip }, () => {
  let study: Study
  let clean: CleanReplay

  before(async () => {
    study = openStudy(await flightsTable())
    clean = replayClean(study, JULY, SEPTEMBER_12)
  })

  it('pages at most once a month while nothing is wrong, and tells 22 August, when weather is truly missing', () => {
    const told = clean.pages.map(
      ({ from, checks }) => `${new Date(from * 3_600_000).toISOString()} ${[...checks].join()}`,
    )
    assert.ok(clean.pages.length <= 2, told.join('\n'))
    const nulls = clean.pages.find(({ checks }) => checks.has('temp nulls'))
    assert.ok(nulls !== undefined, told.join('\n'))
    assert.equal(new Date(nulls.from * 3_600_000).toISOString().slice(0, 10), '2013-08-22')
  })

  for (const [name, least] of Object.entries(WANTED)) {
    it(`catches ${name} within six hours`, () => {
      const fault = FAULTS[name]
      assert.ok(fault !== undefined)
      const early = (starts: number[]): number[] => starts.filter((start) => start < SEPTEMBER_12 - 6)
      const starts = early(name.startsWith('precip') ? wetStarts(study, 60) : startTimes(13)).slice(0, STARTS)
      assert.equal(starts.length, STARTS)
      const caught = starts.map((start) => replayFault(study, clean, { fault, start, horizon: 6 }))
      const hits = caught.filter((one) => one.hours !== null).length
      assert.ok(hits >= least, `${hits} of ${starts.length}: ${JSON.stringify(caught)}`)
    })
  }

  it('has limits that follow false_alerts: the fewer are allowed, the higher', () => {
    const at = (false_alerts: string) => calibrationOf(study.learned, { ...study.settings, false_alerts })
    const [daily, weekly, monthly] = [at('1 per day'), at('1 per week'), at('1 per month')]
    const step = (one: typeof daily): number => one.limits['temp']?.step ?? Number.NaN
    assert.ok(
      step(daily) <= step(weekly) && step(weekly) < step(monthly),
      `${step(daily)} ${step(weekly)} ${step(monthly)}`,
    )
    assert.ok((monthly.expectedPerMonth ?? Infinity) <= 1)
    assert.ok((weekly.expectedPerMonth ?? 0) > (monthly.expectedPerMonth ?? 0))
  })
})
