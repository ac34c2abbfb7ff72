/** The checks of one window: limits that only rise, seasons that are no faults, what is stored and shown, how far features moved. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MonitorSettings } from '../../contract/monitoring.ts'
import { FLOORS, MEASURES } from '../../stats/calibrate.ts'
import type { Finding } from '../../stats/calibrate.ts'
import { addHour, makeHistory } from '../../stats/history.ts'
import type { History } from '../../stats/history.ts'
import type { ProfileSpec } from '../../stats/profile-spec.ts'
import { add, emptyProfile } from '../../stats/profile.ts'
import type { FeatureStatistics, Measure, WindowStatistics } from '../../stats/window.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { SCORE } from '../profiles/hours.ts'
import {
  ATTRIBUTION,
  checkName,
  findingsOf,
  mayPage,
  movesOf,
  raisedLimits,
  raisedName,
  storedChecks,
  viewCheck,
} from './checks.ts'
import type { StoredCheck } from './checks.ts'

const spec: ProfileSpec = {
  features: [
    { kind: 'numeric', name: 'temp', edges: [20, 50, 100], low: -1e6, high: 1e6, centre: 0, scale: 10 },
    { kind: 'categorical', name: 'carrier', values: ['UA', 'AA'] },
  ],
  conditionals: [],
}
const statistics = (feature: string, more: Partial<FeatureStatistics> = {}): FeatureStatistics => ({
  feature,
  n: 200,
  measures: {},
  ...more,
})
const windowOf = (...features: FeatureStatistics[]): WindowStatistics => ({ hour: 100, rows: 200, days: 28, features })
const settings = MonitorSettings.parse({ derived: ['late_before'] })

test('an input called like something that every object has is judged like any other', () => {
  const window = windowOf(statistics('constructor', { measures: { z: FLOORS.z + 1 } }))
  const findings = findingsOf(window, {}, spec)
  assert.deepEqual(
    findings.map(({ feature, limit }) => [feature, limit]),
    [['constructor', FLOORS.z]],
  )
  assert.deepEqual(storedChecks(window, {}, { findings, settings }), [
    ['constructor', 'z', FLOORS.z + 1, FLOORS.z, 200, 1, 1],
  ])
})

test('limits that a person raised only rise, of one endpoint, whatever the learned ones are by now', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const { db } = store
  const raises = [
    ['e', 'temp', 'z', 9],
    ['e', 'temp', 'psi', 0.3],
    ['e', 'new', 'step', 12],
    ['e', 'new', 'z', 1],
    ['e', 'all inputs', ATTRIBUTION, 0.9],
    ['e', 'constructor', 'z', 11],
    ['other', 'temp', 'nulls', 99],
  ] as const
  await db.tx(async (tx) => {
    for (const [endpoint, feature, measure, threshold] of raises)
      await tx.run(
        "INSERT INTO monitor_raises (endpoint, feature, measure, threshold, incident_id, at) VALUES (?,?,?,?,'inc',0)",
        [endpoint, feature, measure, threshold],
      )
  })
  const learned = { temp: { ...FLOORS, z: 6, psi: 0.7 }, carrier: { ...FLOORS } }
  const before = structuredClone(learned)
  assert.deepEqual(await raisedLimits(db, 'e', learned), {
    temp: { ...FLOORS, z: 9, psi: 0.7 },
    carrier: FLOORS,
    new: { ...FLOORS, step: 12 },
    constructor: { ...FLOORS, z: 11 },
  })
  assert.deepEqual(learned, before, 'what was learned stays')
  assert.deepEqual(await raisedLimits(db, 'none', learned), learned)
})

test('each length of windows has raised limits of its own, which are told apart by the name of the measure', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const { db } = store
  assert.deepEqual(
    [raisedName('z'), raisedName('z', 6), raisedName('null_fall', 24), raisedName('z', 168)],
    ['z', 'z', 'null_fall 24h', 'z 168h'],
  )
  await db.tx(async (tx) => {
    for (const [measure, threshold] of [
      ['z', 9],
      ['z 24h', 10],
      ['step 24h', 20],
      ['z 168h', 11],
      ['z 12h', 99],
    ] as const)
      await tx.run(
        "INSERT INTO monitor_raises (endpoint, feature, measure, threshold, incident_id, at) VALUES ('e','temp',?,?,'inc',0)",
        [measure, threshold],
      )
  })
  const learned = { temp: { ...FLOORS, z: 6 } }
  const raised = async (length?: 6 | 24 | 168) => {
    const { temp } = await raisedLimits(db, 'e', learned, length)
    return [temp?.z, temp?.step]
  }
  assert.deepEqual(await raised(), [9, FLOORS.step])
  assert.deepEqual(await raised(6), [9, FLOORS.step])
  assert.deepEqual(await raised(24), [10, 20])
  assert.deepEqual(await raised(168), [11, FLOORS.step])
  assert.deepEqual(await raisedLimits(db, 'e', learned, 24), { temp: { ...FLOORS, z: 10, step: 20 } }, 'and no others')
})

describe('findings', () => {
  const outside = (feature: string, mean?: number): Finding[] =>
    findingsOf(
      windowOf(statistics(feature, { measures: { outside: 0.9 }, ...(mean !== undefined && { mean }) })),
      {},
      spec,
    )

  test('a mean a little beyond the range of the reference is a season; more than a deviation beyond it is none', () => {
    for (const mean of [10, 60, 110]) assert.equal(outside('temp', mean).length, 0, String(mean))
    for (const mean of [9.99, 110.01, Number.NaN]) assert.equal(outside('temp', mean).length, 1, String(mean))
  })

  test('of a number that the reference has no value of, the range is zero', () => {
    const [temp, ...others] = spec.features
    const bare: ProfileSpec = {
      ...spec,
      features: [{ ...temp!, edges: [] } as (typeof spec.features)[number], ...others],
    }
    const found = [-10.01, -10, 10, 10.01].map(
      (mean) => findingsOf(windowOf(statistics('temp', { measures: { outside: 0.9 }, mean })), {}, bare).length,
    )
    assert.deepEqual(found, [1, 0, 0, 1])
  })

  test('without a mean, or without a range, what is outside is a finding', () => {
    assert.deepEqual([outside('temp').length, outside('carrier', 60).length, outside('unknown', 60).length], [1, 1, 1])
  })

  test('other checks of a number that lies within its range are findings', () => {
    const [only, ...others] = findingsOf(
      windowOf(statistics('temp', { measures: { z: 5, psi: 0.2 }, mean: 60 })),
      {},
      spec,
    )
    assert.deepEqual([only?.measure, only?.value, only?.limit, others.length], ['z', 5, FLOORS.z, 0])
  })
})

test('the score and what is made from labels never page', () => {
  assert.deepEqual(
    ['temp', SCORE, 'late_before'].map((feature) => mayPage(feature, settings)),
    [true, false, false],
  )
})

describe('what is stored of a window', () => {
  test('each measure that was taken, to six digits, against its limit or the floor', () => {
    const window = windowOf(
      statistics('temp', { measures: { z: 5.123456789, psi: Number.NaN, step: Infinity }, n: 60 }),
      statistics('late_before', { measures: { nulls: 2 } }),
    )
    const findings: Finding[] = [{ feature: 'temp', measure: 'z', value: 5.1, limit: 4, ratio: 1.3 }]
    const limits = { temp: { ...FLOORS, z: 4.5 } }
    assert.deepEqual(storedChecks(window, limits, { findings, settings }), [
      ['temp', 'z', 5.12346, 4.5, 60, 1, 1],
      ['late_before', 'nulls', 2, FLOORS.nulls, 200, 0, 0],
    ])
  })

  test('the hours of the window where they are not six', () => {
    const stored = (length?: number) =>
      storedChecks(
        { ...windowOf(statistics('temp', { measures: { z: 5 } })), ...(length !== undefined && { length }) },
        {},
        { findings: [], settings },
      )[0]
    const six = ['temp', 'z', 5, FLOORS.z, 200, 0, 1]
    assert.deepEqual([stored(), stored(6), stored(24), stored(168)], [six, six, [...six, 24], [...six, 168]])
  })

  test('an alert is of a feature and its measure, not of the feature alone', () => {
    const window = windowOf(
      statistics('temp', { measures: { z: 5, nulls: 9 } }),
      statistics('carrier', { measures: { nulls: 9 } }),
    )
    const findings: Finding[] = [{ feature: 'temp', measure: 'nulls', value: 9, limit: 5, ratio: 1.8 }]
    assert.deepEqual(
      storedChecks(window, {}, { findings, settings }).map(([feature, measure, , , , alert]) => [
        feature,
        measure,
        alert,
      ]),
      [
        ['temp', 'z', 0],
        ['temp', 'nulls', 1],
        ['carrier', 'nulls', 0],
      ],
    )
  })
})

describe('what is shown of a check', () => {
  const shown = (check: Partial<{ n: number; alert: 0 | 1; limit: number; pages: 0 | 1; measure: Measure }> = {}) => {
    const { n = 100, alert = 0, limit = 4, pages = 1, measure = 'z' } = check
    const stored: StoredCheck = ['temp', measure, 2.5, limit, n, alert, pages]
    return viewCheck(24, stored)
  }

  test('its figures, and the end of its window', () => {
    assert.deepEqual(shown(), {
      feature: 'temp',
      check: 'mean',
      window_end: '1970-01-02T01:00:00.000Z',
      window_hours: 6,
      value: 2.5,
      limit: 4,
      n: 100,
      n_min: 50,
      state: 'ok',
      pages: true,
      baseline: 'the same clock hours of up to 28 earlier days',
    })
    assert.equal(shown({ pages: 0 }).pages, false)
    const longer = ([24, 168] as const).map((length) => viewCheck(24, ['temp', 'z', 2.5, 4, 100, 0, 1, length]))
    assert.deepEqual(
      longer.map(({ window_hours, baseline }) => [window_hours, baseline]),
      [
        [24, 'the same clock hours of up to 28 earlier days'],
        [168, 'weeks that ended up to 30 days earlier'],
      ],
    )
  })

  test('fewer than fifty values are not enough, but an alert is an alert', () => {
    assert.deepEqual(
      [shown({ n: 50 }), shown({ n: 49 }), shown({ n: 49, alert: 1 }), shown({ alert: 1 })].map((one) => one.state),
      ['ok', 'not_enough_data', 'alert', 'alert'],
    )
  })

  test('a limit that nothing can pass is none', () => {
    assert.deepEqual([shown({ limit: Number.MAX_VALUE }).limit, shown({ limit: 1e300 }).limit], [null, 1e300])
  })

  test('every measure has a name that the API knows', () => {
    const names = MEASURES.map((measure) => checkName(measure))
    assert.deepEqual(names, [
      'mean',
      'step',
      'psi',
      'nulls',
      'nulls_fell',
      'unknown_category',
      'range',
      'frozen',
      'range',
      'non_zero_scale',
      'swap',
      'swap',
    ])
    assert.deepEqual(
      MEASURES.map((measure) => shown({ measure }).check),
      names,
    )
  })
})

describe('how far a feature moved', () => {
  /** Two newest hours whose temperature has this mean, in an older window that has not. */
  function history(temp: number): History {
    const made = makeHistory(spec)
    for (let hour = 95; hour <= 100; hour++) {
      const profile = emptyProfile(spec)
      for (let i = 0; i < 10; i++) add(profile, [hour > 98 ? temp : 50, 'UA'])
      addHour(made, hour, profile)
    }
    return made
  }
  const usual = { n: 28, mean: 50, sd: 1 }
  const drift = (more: Partial<FeatureStatistics>, { newest = 50, feature = 'temp' } = {}): number | undefined =>
    movesOf([feature], windowOf(statistics(feature, more)), history(newest))[0]?.drift

  test('a number by its mean in deviations of the reference: of the window or of the two newest hours, whichever is more', () => {
    assert.equal(drift({ mean: 65, usual }), 1.5)
    assert.equal(drift({ mean: 35, usual }), 1.5)
    assert.equal(drift({ mean: 65, usual }, { newest: 72 }), 2.2)
    assert.equal(drift({ mean: 65, usual }, { newest: 55 }), 1.5)
    assert.equal(drift({ mean: 500, usual }), 3, 'three at most')
  })

  test('the newest third of a window tells of a change that has just begun: two hours of six, eight of a day, 56 of a week', () => {
    const since = (hours: number, length?: number): number | undefined => {
      const made = makeHistory(spec)
      for (let hour = 0; hour <= 100; hour++) {
        const profile = emptyProfile(spec)
        // ten rows of 70 in the newer half of these hours, of 60 in the older half, of 50 before
        for (let i = 0; i < 10; i++) add(profile, [hour > 100 - hours / 2 ? 70 : hour > 100 - hours ? 60 : 50, 'UA'])
        addHour(made, hour, profile)
      }
      const window = { ...windowOf(statistics('temp', { mean: 51, usual })), ...(length !== undefined && { length }) }
      return movesOf(['temp'], window, made)[0]?.drift
    }
    assert.deepEqual([since(2), since(2, 6), since(8, 24), since(56, 168)], [1.5, 1.5, 1.5, 1.5])
    // (70 + 50) / 2, and (2 · 70 + 2 · 60 + 4 · 50) / 8
    assert.deepEqual([since(1), since(4, 24), since(28, 168)], [1, 0.75, 0.75])
  })

  test('a category by half of its index of stability, one at most; a number without a usual mean likewise', () => {
    const carrier = { feature: 'carrier' }
    assert.equal(drift({ measures: { psi: 0.5 } }, carrier), 0.25)
    assert.equal(drift({ measures: { psi: 9 } }, carrier), 1)
    assert.equal(drift({}, carrier), 0)
    assert.equal(drift({ mean: 65, measures: { psi: 0.5 } }), 0.25)
    assert.equal(drift({ mean: 65, usual, measures: { psi: 0.5 } }, carrier), 0.25, 'a category has no mean')
    assert.equal(drift({ mean: 65, usual: { n: 0, mean: Number.NaN, sd: 0 }, measures: { psi: 0.5 } }), 0.25)
  })

  test('missing values by their share, once there are more than usual; a value that stands still is one deviation', () => {
    const carrier = { feature: 'carrier' }
    assert.equal(drift({ n: 50, measures: { nulls: FLOORS.nulls + 1 } }, carrier), 0.75)
    assert.equal(drift({ n: 50, measures: { nulls: FLOORS.nulls } }, carrier), 0)
    assert.equal(drift({ n: 50 }, carrier), 0)
    assert.equal(drift({ mean: 51, usual, measures: { frozen: 1 } }), 1)
    assert.equal(drift({ mean: 51, usual, measures: { frozen: 0.5 } }), 0.1)
  })

  test('a number of little spread by its own deviations; one that never varied by its index', () => {
    const of = (scale: number): number | undefined => {
      const [temp, ...others] = spec.features
      const made = makeHistory({
        ...spec,
        features: [{ ...temp!, scale } as (typeof spec.features)[number], ...others],
      })
      const window = windowOf(statistics('temp', { mean: 51, usual, measures: { psi: 0.5 } }))
      return movesOf(['temp'], window, made)[0]?.drift
    }
    assert.deepEqual([of(1), of(0.5), of(0)], [1, 2, 0.25])
  })

  test('each feature that was asked for has a move, one that was not measured a whole one', () => {
    const window = windowOf(statistics('carrier', { measures: { psi: 1 } }))
    assert.deepEqual(movesOf(['carrier', 'gone'], window, history(50)), [
      { feature: 'carrier', drift: 0.5 },
      { feature: 'gone', drift: 1 },
    ])
  })
})
