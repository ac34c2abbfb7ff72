import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from './prng.ts'
import { detectShift, detectUnit, UNIT_CHANGES, nameFor, unitWords } from './units.ts'
import type { Seen, Usual } from './units.ts'

/** Windows of temperature in September: means move by 6 °F from day to day, values spread by 5 °F inside a window. */
const TEMP: Usual = { mean: 68, drift: 6, spread: 5, spreadDrift: 0.3, scale: 18 }

/** 100–240 rows whose window lies a little off the usual mean, as weather does. */
function window(seed: number, usual: Usual, convert: (x: number) => number): Seen {
  const random = prng(seed)
  const n = 100 + random.below(140)
  const mean = usual.mean + usual.drift * random.normal()
  const spread = usual.spread * Math.exp(usual.spreadDrift * random.normal())
  const values = Array.from({ length: n }, () => convert(mean + spread * random.normal()))
  const m = values.reduce((s, x) => s + x, 0) / n
  return { n, mean: m, sd: Math.sqrt(values.reduce((s, x) => s + (x - m) ** 2, 0) / n) }
}

function names(feature: string, usual: Usual, convert: (x: number) => number): Record<string, number> {
  return namesOf(feature, { usual, drawn: usual }, convert)
}

/** How often each name is given over 100 windows, which are drawn as `drawn` says and judged by `usual`. */
function namesOf(
  feature: string,
  { usual, drawn }: { usual: Usual; drawn: Usual },
  convert: (x: number) => number,
): Record<string, number> {
  const counts: Record<string, number> = {}
  for (let seed = 0; seed < 100; seed++) {
    const name = detectUnit(feature, usual, window(seed, drawn, convert))?.change.name ?? 'none'
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

test('°F → °C is named for weather-like windows of 100–240 rows', () => {
  const got = names('temp', TEMP, (x) => (x - 32) / 1.8)
  assert.ok(got['°F → °C']! >= 90, JSON.stringify(got))
  const cold = names('dewp', { mean: 35, drift: 8, spread: 4, spreadDrift: 0.3, scale: 19 }, (x) => (x - 32) / 1.8)
  assert.ok(cold['°F → °C']! >= 60 && 100 - (cold['none'] ?? 0) === cold['°F → °C'], JSON.stringify(cold))
})

test('season and unchanged weather are not named', () => {
  for (const shift of [-0.8, 0, 1, 1.8]) {
    assert.deepEqual(
      names('temp', TEMP, (x) => x + shift * TEMP.scale),
      { none: 100 },
      `shift of ${shift} deviations`,
    )
    const season = namesOf(
      'temp',
      { usual: { ...TEMP, drift: 16 }, drawn: { ...TEMP, spreadDrift: 0.15 } },
      (x) => x + shift * TEMP.scale,
    )
    assert.deepEqual(season, { none: 100 }, `shift of ${shift} deviations, training as reference`)
  }
})

test('with raw values a sudden frost is not taken for °C, and °C is named in any season', () => {
  const familiar = Array.from({ length: 500 }, (_, i) => Math.round(100 + 18 * i) / 100 + 10)
  const name = (seed: number, usual: Usual, convert: (x: number) => number): string => {
    const random = prng(seed)
    const [mean, sd] = [usual.mean + usual.drift * random.normal(), usual.spread]
    const values = Array.from({ length: 120 }, () =>
      convert(familiar[Math.round((mean + sd * random.normal() - 11) / 0.18)] ?? 11),
    )
    const m = values.reduce((s, x) => s + x, 0) / 120
    const seen = { n: 120, mean: m, sd: Math.sqrt(values.reduce((s, x) => s + (x - m) ** 2, 0) / 120) }
    return detectUnit('temp', usual, seen, { values, familiar })?.change.name ?? 'none'
  }
  const seeds = Array.from({ length: 100 }, (_, i) => i)
  const cold = { ...TEMP, mean: TEMP.mean - 1.8 * TEMP.scale }
  assert.deepEqual([...new Set(seeds.map((seed) => name(seed, TEMP, (x) => x - 0.18 * 177)))], ['none'])
  for (const usual of [TEMP, cold]) {
    const named = seeds.filter((seed) => name(seed, usual, (x) => (x - 32) / 1.8) === '°F → °C').length
    assert.ok(named >= 95, `${named} of 100`)
  }
})

test('ratios are named by the kind of quantity that the name speaks of', () => {
  const route: Usual = { mean: 1040, drift: 45, spread: 700, spreadDrift: 0.06, scale: 730 }
  const km = names('distance', route, (x) => x * 1.609344)
  assert.ok(km['mi → km']! >= 95 && (km['none'] ?? 0) >= 100 - km['mi → km']!, JSON.stringify(km))
  assert.ok(
    names('duration', { mean: 90, drift: 4, spread: 30, spreadDrift: 0.1, scale: 32 }, (x) => x * 1000)['s → ms']! >=
      95,
  )
  assert.ok(
    names('pressure', { mean: 1015, drift: 6, spread: 1.5, spreadDrift: 0.4, scale: 7 }, (x) => x / 10)['hPa → kPa']! >=
      95,
  )
  assert.ok(names('temp', TEMP, (x) => (x - 32) / 1.8 + 273.15)['°F → K']! >= 95)
})

test('every change has its inverse', () => {
  for (const { name, slope, intercept } of UNIT_CHANGES) {
    const [from, to] = name.split(' → ')
    const back = UNIT_CHANGES.find((one) => one.name === `${to} → ${from}`)
    assert.ok(back, name)
    assert.ok(Math.abs(back.slope * (slope * 7 + intercept) + back.intercept - 7) < 1e-9, name)
  }
})

test('values on a lattice decide between changes of like ratio', () => {
  const familiar = Array.from({ length: 35 }, (_, i) => i * 1.15078)
  const usual: Usual = { mean: 10, drift: 4, spread: 3, spreadDrift: 0.4, scale: 5.5 }
  const values = Array.from({ length: 120 }, (_, i) => familiar[4 + (i % 10)]! * 0.44704)
  const mean = values.reduce((s, x) => s + x, 0) / 120
  const seen = { n: 120, mean, sd: Math.sqrt(values.reduce((s, x) => s + (x - mean) ** 2, 0) / 120) }
  const found = detectUnit('wind_speed', usual, seen, { values, familiar })
  assert.equal(found?.change.name, 'mph → m/s')
  assert.ok(found.confidence > 0.9)
})

test('two rows are enough, one is not, however little they spread', () => {
  const named = (n: number, sd: number, spread = TEMP.spread): string | undefined =>
    detectUnit('temp', { ...TEMP, spread }, { n, mean: 20, sd })?.change.name
  assert.deepEqual([named(1, 2.8), named(2, 2.8)], [undefined, '°F → °C'])
  assert.deepEqual([named(100, 0.5, 0.9), named(100, 0, 0.9)], ['°F → °C', undefined])
  assert.equal(named(100, 0.5, 0), undefined)
})

test('values that fit a change name it only where both spreads are known', () => {
  const familiar = Array.from({ length: 20 }, (_, i) => 40 + 2 * i)
  const [change] = UNIT_CHANGES
  assert.ok(change)
  const lattice = { familiar, values: familiar.map((x) => x * change.slope + change.intercept) }
  const named = (sd: number, spread: number): string | undefined =>
    detectUnit('x', { ...TEMP, spread }, { n: 20, mean: 68 * change.slope + change.intercept, sd }, lattice)?.change
      .name
  assert.equal(named(5 * change.slope, 5), change.name)
  assert.deepEqual([named(Number.NaN, 5), named(5, Number.NaN)], [undefined, undefined])
})

test('a value one step beyond the familiar ones speaks against a change, one further off says nothing', () => {
  const familiar = Array.from({ length: 11 }, (_, i) => 10 + i)
  const usual = { mean: 15, drift: 1, spread: 3, spreadDrift: 0.3, scale: 3 }
  const evidence = (more: readonly number[]): number => {
    const values = [...familiar, ...more].map((x) => x * 1000)
    return detectUnit('x', usual, { n: 12, mean: 15_000, sd: 3000 }, { values, familiar })?.evidence ?? Number.NaN
  }
  // of 12 values one fits none: 6 × (2 × 11/12 − 1) in place of 6
  for (const beyond of [9, 21]) assert.ok(Math.abs(evidence([]) - evidence([beyond]) - 1) < 1e-9, `${beyond}`)
  for (const far of [8.999, 21.001]) assert.ok(Math.abs(evidence([]) - evidence([far])) < 1e-9, `${far}`)
})

test('no spread, no rows and no reference give no answer', () => {
  assert.equal(detectUnit('temp', TEMP, { n: 100, mean: 20, sd: 0 }), undefined)
  assert.equal(detectUnit('temp', TEMP, { n: 1, mean: 20, sd: 1 }), undefined)
  assert.equal(detectUnit('temp', { ...TEMP, mean: Number.NaN }, { n: 100, mean: 20, sd: 3 }), undefined)
})

test('hours moved by a time zone and codes moved by one are recognised; other changes are not', () => {
  const day = Array.from({ length: 24 }, (_, h) => (h < 5 ? 0 : 1000 + 300 * Math.sin(h)))
  const move = (by: number): number[] => day.map((_, h) => day[(h - by + 24) % 24]! / 100)
  assert.equal(detectShift({ before: day, after: move(4) }, 12)?.by, 4)
  assert.equal(detectShift({ before: day, after: move(-5) }, 12)?.by, -5)
  assert.equal(detectShift({ before: day, after: move(0) }, 12), undefined)
  assert.equal(detectShift({ before: [900, 50, 30, 20], after: [1, 90, 6, 3] }, 2)?.by, 1)
  assert.equal(detectShift({ before: [900, 50, 30, 20], after: [25, 25, 25, 25] }, 2), undefined)
})

test('a change is told by units only where they fit the name of the feature, else by its factor, in the direction of the values', () => {
  const change = (name: string) => {
    const found = UNIT_CHANGES.find((one) => one.name === name)
    assert.ok(found)
    return found
  }
  const told: readonly (readonly [string, feature: string, says: string])[] = [
    ['kPa → hPa', 'pressure', 'kPa → hPa'],
    ['kPa → hPa', 'distance', '× 10'],
    ['kPa → hPa', 'x12', '× 10'],
    ['hPa → kPa', 'distance', '÷ 10'],
    ['hPa → Pa', 'price', '× 100'],
    ['units → cents', 'price', 'units → cents'],
    ['km → m', 'latitude', '× 1000'],
    ['mi → km', 'Distance', 'mi → km'],
    ['mi → km', 'x12', 'mi → km'],
    ['mi → km', 'price', '× 1.609'],
    ['lb → kg', 'temp', '÷ 2.205'],
    ['°F → °C', 'x12', '°F → °C'],
    ['min → h', 'x12', '÷ 60'],
  ]
  for (const [name, feature, says] of told) assert.equal(nameFor(change(name), feature), says, `${name} of ${feature}`)
  assert.deepEqual(['mi → km', '× 10'].map(unitWords), ['unit changed mi → km', 'unit or scale changed × 10'])
})

test('recorded: whatever a feature is called, what became ten times as large is not told as a change of pressure', () => {
  const usual: Usual = { mean: 1040, drift: 45, spread: 700, spreadDrift: 0.06, scale: 730 }
  for (const feature of ['distance', 'x12', 'price', 'latitude']) {
    const found = detectUnit(feature, usual, { n: 300, mean: 10_400, sd: 7000 })
    assert.ok(found, feature)
    assert.equal(nameFor(found.change, feature), '× 10')
  }
  const pressure = detectUnit(
    'pressure',
    { mean: 101.5, drift: 0.6, spread: 0.15, spreadDrift: 0.4, scale: 0.7 },
    { n: 300, mean: 1015, sd: 1.5 },
  )
  assert.equal(pressure && nameFor(pressure.change, 'pressure'), 'kPa → hPa')
})
