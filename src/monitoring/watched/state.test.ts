/** The state that follows from the facts of a monitor: each reason with what it says, and which of two goes first. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HOUR_MS } from '../../contract/ids.ts'
import { UNWATCHED } from '../../contract/endpoint-view.ts'
import type { Unwatched } from '../../contract/endpoint-view.ts'
import { verdictOf } from './state.ts'
import type { WatchFacts } from './state.ts'

const NOW = Date.UTC(2026, 4, 4, 12)
const HOUR = NOW / HOUR_MS
const good: WatchFacts = {
  enabled: true,
  now: NOW,
  looked_at: NOW - 60_000,
  fault: null,
  version: '3',
  table: true,
  unfit: null,
  learned: true,
  limits: [6, 24],
  losing: null,
  rows: 900,
  arrivals: { rows: 900, too_late: 0, ahead: 0 },
  newest_hour: HOUR,
  evaluated_hour: HOUR,
  judged_hour: HOUR,
  lacks: null,
}
const of = (more: Partial<WatchFacts>) => verdictOf({ ...good, ...more })

type Case = readonly [Unwatched, 'waiting' | 'unwatched', Partial<WatchFacts>, RegExp, RegExp | null]

/** In the order in which they go before each other. */
const CASES: readonly Case[] = [
  ['off', 'unwatched', { enabled: false }, /switched off/, /enabled: true/],
  ['no_version', 'waiting', { version: undefined }, /no version answers/, null],
  ['evaluator_silent', 'unwatched', { looked_at: NOW - 11 * 60_000 }, /for 11 minutes/, /start it again/],
  ['evaluator_failing', 'unwatched', { fault: 'no such column' }, /no such column/, /tried again/],
  ['no_reference', 'unwatched', { table: false }, /version 3 has no table/, /reference: STEP\.OUTPUT/],
  [
    'no_event_time',
    'unwatched',
    { unfit: { text: 'the table has no column "event_time"', by: 'times' } },
    /no column "event_time"/,
    /write a column event_time/,
  ],
  [
    'reference_unfit',
    'unwatched',
    { unfit: { text: 'no column "x"', by: 'table' } },
    /no column "x"/,
    /mend the table/,
  ],
  ['learning', 'waiting', { learned: false }, /being learned/, null],
  ['limits_not_learned', 'unwatched', { limits: [] }, /too few days/, /two months/],
  ['records_lost', 'unwatched', { losing: '7 records could not be written' }, /7 records/, /free the disk/],
  ['rows_late', 'unwatched', { arrivals: { rows: 900, too_late: 90, ahead: 900 } }, /of 900 .* 90 came/, /7 days/],
  ['rows_ahead', 'unwatched', { arrivals: { rows: 900, too_late: 89, ahead: 90 } }, /of 900 .* 90 have/, /the clock/],
  ['no_rows', 'waiting', { newest_hour: null, evaluated_hour: null }, /no hour with predictions/, null],
  ['behind', 'waiting', { evaluated_hour: HOUR - 49 }, /49 hours/, null],
  ['few_days', 'unwatched', { judged_hour: null, lacks: 'days' }, /fewer than seven earlier days/, /training rows/],
  [
    'few_rows',
    'unwatched',
    { judged_hour: HOUR - 48, lacks: 'rows', rows: 40 },
    /^40 predictions.*100 are needed/,
    /send more/,
  ],
]

describe('an endpoint', () => {
  it('whose hours are judged is watched, though traffic rested for up to two days', () => {
    for (const judged_hour of [HOUR, HOUR - 47]) assert.deepEqual(of({ judged_hour }).state, 'watched')
    assert.deepEqual(of({}).reason, null)
    assert.equal(of({ looked_at: null }).state, 'watched', 'before the first look nothing is known to be silent')
    assert.equal(of({ looked_at: NOW - 10 * 60_000 }).state, 'watched')
  })

  for (const [reason, state, facts, detail, remedy] of CASES)
    it(`is ${state} for ${reason}, in words and with a remedy`, () => {
      const found = of(facts)
      assert.deepEqual([found.reason, found.state], [reason, state])
      assert.match(found.detail, detail)
      if (remedy === null) assert.equal(found.remedy, null)
      else assert.match(found.remedy ?? '', remedy)
    })

  it('that has several reasons says the most general one', () => {
    for (const [i, [reason, , facts]] of CASES.entries())
      for (const [, , later] of CASES.slice(i + 1)) assert.equal(of({ ...later, ...facts }).reason, reason)
  })

  it('whose training rows cannot be read for a fault of ours has a failing evaluator', () => {
    assert.equal(of({ unfit: { text: 'EIO', by: 'fault' } }).reason, 'evaluator_failing')
  })

  it('can be in each state that the API names', () => {
    assert.deepEqual(CASES.map(([reason]) => reason).toSorted(), [...UNWATCHED].toSorted())
  })

  it('with rows of the future is not behind: their hours have not closed', () => {
    assert.equal(of({ newest_hour: HOUR + 10_000 }).state, 'watched')
  })
})
