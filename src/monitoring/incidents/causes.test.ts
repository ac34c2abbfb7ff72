/** Suspected causes: what joins, what is retitled, what outranks what; those kept by older versions are read alike. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Finding } from '../../stats/calibrate.ts'
import { byHour, changed, HOUR, historyOf } from '../../stats/explain.fixture.ts'
import type { Row } from '../../stats/explain.fixture.ts'
import type { HouseEvent } from '../context/context.ts'
import { listed, rankCauses, suspects } from './causes.ts'
import type { KeptCause, Suspect } from './causes.ts'

const finding = (feature: string, measure: Finding['measure'] = 'z', value = 9): Finding => ({
  feature,
  measure,
  value,
  limit: 1,
  ratio: value,
})

interface Wish {
  readonly findings?: readonly Finding[]
  readonly features?: readonly string[]
  readonly events?: readonly HouseEvent[]
}

const suspected = (
  of: ReadonlyMap<number, readonly Row[]>,
  { findings = [], features, events = [] }: Wish,
): Suspect[] =>
  suspects({
    history: historyOf(of),
    hour: HOUR,
    findings,
    features: features ?? findings.map((one) => one.feature),
    values: () => undefined,
    events,
  })

/** The same hours with values taken from two features. */
function without(share: number): Map<number, Row[]> {
  const names = ['temp', 'distance']
  const first = changed(names[0]!, (x: number, i: number) => (i < share * 60 ? null : x))
  const second = changed(names[1]!, (x: number, i: number) => (i < share * 60 ? null : x))
  return new Map(
    [...first].map(([hour, list]) => [hour, list.map((row, i) => [...row.slice(0, 7), second.get(hour)![i]![7]])]),
  )
}

const cause = (kind: Suspect['kind'], title: string, more: Partial<Suspect> = {}): Suspect => ({
  kind,
  title,
  score: 0.5,
  features: [],
  evidence: {},
  ...more,
})
const asKnown = (causes: readonly Suspect[]): KeptCause[] => causes.map((one, i) => ({ ...one, rank: i + 1 }))
const told = (causes: readonly KeptCause[]): string[] =>
  causes.map(({ rank, kind, title }) => `${rank} ${kind}: ${title}`)

describe('what is suspected', () => {
  test('nothing where nothing was found and nothing happened', () => {
    assert.deepEqual(suspected(byHour, {}), [])
  })

  test('a unit is told by its change and not by its sentence, and covers its feature', () => {
    const [only, ...others] = suspected(
      changed('temp', (x: number) => (x - 32) / 1.8),
      { findings: [finding('temp')] },
    )
    assert.deepEqual(others, [])
    assert.deepEqual([only?.kind, only?.title, only?.features], ['unit_change', 'unit changed °F → °C, temp', ['temp']])
    assert.deepEqual([only?.evidence['name'], only?.evidence['change']], ['°F → °C', 'unit'])
  })

  test('values that are missing are one cause: lost from 95 of 100 on and of two features at least', () => {
    const titles = (share: number, features = ['distance', 'temp']): string[] =>
      suspected(without(share), { features }).map(({ kind, title }) => `${kind}: ${title}`)
    assert.deepEqual(titles(0.5), ['null_flood: temp and distance missing (null) more often than usual'])
    assert.deepEqual(titles(0.93), ['null_flood: temp and distance missing (null) more often than usual'])
    assert.deepEqual(titles(0.95), ['feed_lost: feed lost: temp and distance missing (null)'])
    assert.deepEqual(titles(1), ['feed_lost: feed lost: temp and distance missing (null)'])
    assert.deepEqual(titles(1, ['temp']), ['null_flood: temp missing (null) more often than usual'])
  })

  test('two features that changed alike leave less doubt than either, and never none', () => {
    const score = (features: readonly string[]): number => suspected(without(0.3), { features })[0]?.score ?? 0
    const [one, both] = [score(['temp']), score(['temp', 'distance'])]
    assert.ok(Math.abs(both - (1 - (1 - one) ** 2)) < 1e-9, `${one} ${both}`)
    const certain = suspected(without(1), { features: ['temp', 'distance'] })[0]?.score
    assert.ok(certain !== undefined && certain <= 0.999 && certain > 0.99, String(certain))
  })

  test('values that training does not know are named with their counts, five at most', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const of = changed('carrier', (x: string, i: number) => (i < 12 ? names[i % 6] : x), 1)
    const [only] = suspected(of, { findings: [finding('carrier', 'unknown', 0.1)], features: [] })
    assert.equal(only?.kind, 'new_category')
    assert.match(only.title, /^new values in carrier: (?:[a-f] \(2\)(?:, )?){5}$/)
    assert.deepEqual([only.features, only.score], [['carrier'], 0.6])
    const sure = suspected(of, { findings: [finding('carrier', 'unknown', 0.8)], features: [] })
    assert.equal(sure[0]?.score, 0.9)
  })

  test('what nothing explains moved; a number has no new values', () => {
    const findings = [finding('rain', 'unknown'), finding('age'), finding('age', 'psi')]
    assert.deepEqual(suspected(byHour, { findings }), [
      {
        kind: 'shift',
        title: 'rain and age moved away from the same hours of the past weeks',
        score: 0.3,
        features: ['rain', 'age'],
        evidence: { checks: findings },
      },
    ])
  })

  test('what happened in the house is suspected less than any change of the data', () => {
    const at = Date.UTC(2026, 2, 2)
    const events: HouseEvent[] = [
      { at, kind: 'pipeline_run', text: 'run 7 ended', href: '/runs/7' },
      { at, kind: 'deploy', text: 'version 3 went live', href: null },
    ]
    assert.deepEqual(
      suspected(byHour, { events }).map(({ kind, title, score, evidence }) => [kind, title, score, evidence]),
      [
        ['pipeline_run', 'run 7 ended', 0.25, { at: '2026-03-02T00:00:00.000Z', href: '/runs/7' }],
        ['deploy', 'version 3 went live', 0.25, { at: '2026-03-02T00:00:00.000Z', href: null }],
      ],
    )
  })
})

describe('what is known already', () => {
  const unit = (features: string[], more: Partial<Suspect> = {}): Suspect =>
    cause('unit_change', `unit changed mi → km, ${features.join()}`, {
      features,
      evidence: { name: 'mi → km', change: 'unit' },
      ...more,
    })

  test('the same unit gains features in the order of the profile, keeps its best score, and is titled anew', () => {
    const ranked = rankCauses(asKnown([unit(['b'], { score: 0.8 })]), [unit(['a'], { score: 0.6 })], ['a', 'b'])
    assert.deepEqual(told(ranked), ['1 unit_change: unit changed mi → km, a and b'])
    assert.deepEqual([ranked[0]?.score, ranked[0]?.features], [0.8, ['a', 'b']])
  })

  test('of two findings that are as certain the newer evidence is kept', () => {
    const newer = unit(['a'], { evidence: { name: 'mi → km', change: 'unit', rows: 2 } })
    assert.equal(rankCauses(asKnown([unit(['a'])]), [newer], ['a'])[0]?.evidence['rows'], 2)
  })

  test('other units, and clocks that moved, are causes of their own', () => {
    const clock = (by: string): Suspect =>
      cause('unit_change', `hour moved by ${by}`, { features: ['hour'], evidence: { name: by, change: 'clock' } })
    const feet = unit(['c'], { evidence: { name: 'ft → m', change: 'unit' } })
    const ranked = rankCauses(asKnown([unit(['a'])]), [feet, clock('+1 h'), clock('+5 h')], ['a', 'c', 'hour'])
    assert.deepEqual(told(ranked), [
      '1 unit_change: unit changed mi → km, a',
      '2 unit_change: unit changed ft → m, c',
      '3 unit_change: hour moved by +1 h',
      '4 unit_change: hour moved by +5 h',
    ])
  })

  test('a cause kept before changes were named joins those of now: by the name of its unit, or that values are missing', () => {
    const old = [
      unit(['a'], { evidence: { name: 'mi → km' } }),
      cause('null_flood', 'a missing (null) more often than usual', { features: ['a'], evidence: { name: 'missing' } }),
      cause('unit_change', 'hour moved by +5 h', { features: ['hour'], evidence: { name: '+5 h' } }),
    ]
    const now = [
      unit(['b'], { score: 0.4 }),
      cause('null_flood', 'b missing (null) more often than usual', {
        features: ['b'],
        score: 0.4,
        evidence: { name: 'missing', change: 'missing' },
      }),
      cause('unit_change', 'hour moved by +5 h', { features: ['hour'], evidence: { name: '+5 h', change: 'clock' } }),
    ]
    assert.deepEqual(told(rankCauses(asKnown(old), now, ['a', 'b', 'hour'])), [
      '1 unit_change: unit changed mi → km, a and b',
      '2 null_flood: a and b missing (null) more often than usual',
      '3 unit_change: hour moved by +5 h',
    ])
  })

  test('a default that took the place of missing values keeps its own title', () => {
    const filled = cause('null_flood', 'missing values of a became about 0', {
      features: ['a'],
      score: 0.9,
      evidence: { name: 'default 0', change: 'default' },
    })
    assert.equal(rankCauses(asKnown([filled]), [], ['a'])[0]?.title, 'missing values of a became about 0')
    const old = { ...filled, evidence: { name: 'default 0' } }
    assert.equal(rankCauses(asKnown([old]), [], ['a'])[0]?.title, 'missing values of a became about 0')
  })

  test('a lost feed gains features in its title', () => {
    const lost = (feature: string): Suspect => cause('feed_lost', feature, { features: [feature] })
    const ranked = rankCauses(asKnown([lost('a')]), [lost('b')], ['a', 'b'])
    assert.deepEqual(told(ranked), ['1 feed_lost: feed lost: a and b missing (null)'])
  })

  test('a shift goes once every feature of it is explained, and stays while one is not', () => {
    const shift = cause('shift', 'x', { features: ['a', 'b'], score: 0.3 })
    assert.deepEqual(told(rankCauses(asKnown([shift]), [unit(['a'])], ['a', 'b'])), [
      '1 unit_change: unit changed mi → km, a',
      '2 shift: a and b moved away from the same hours of the past weeks',
    ])
    assert.deepEqual(told(rankCauses(asKnown([shift]), [unit(['a', 'b'])], ['a', 'b'])), [
      '1 unit_change: unit changed mi → km, a and b',
    ])
  })

  test('shares of contributions that moved explain no shift', () => {
    const shift = cause('shift', 'x', { features: ['a'], score: 0.3 })
    const moved = cause('attribution_shift', 'shares moved', { features: ['a'], score: 0.2 })
    assert.deepEqual(
      rankCauses(asKnown([shift]), [moved], ['a']).map((one) => one.kind),
      ['shift', 'attribution_shift'],
    )
  })

  test('the ten best are kept, best first', () => {
    const many = Array.from({ length: 14 }, (_, i) => cause('deploy', `version ${i}`, { score: i / 20 }))
    const ranked = rankCauses([], many, [])
    assert.deepEqual(
      ranked.map(({ rank, title }) => `${rank} ${title}`),
      Array.from({ length: 10 }, (_, i) => `${i + 1} version ${13 - i}`),
    )
  })
})

test('names are listed as people write them', () => {
  assert.deepEqual(
    [listed([]), listed(['a']), listed(['a', 'b']), listed(['a', 'b', 'c'])],
    ['', 'a', 'a and b', 'a, b and c'],
  )
})
