/** Changes of unit and shifts of positions against their likelihoods, written out. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { near } from './near.fixture.ts'
import { prng } from './prng.ts'
import { detectShift, detectUnit, UNIT_CHANGES } from './units.ts'
import type { Lattice, Seen, UnitChange, Usual } from './units.ts'

const USUAL: Usual = { mean: 68, drift: 6, spread: 5, spreadDrift: 0.3, scale: 18 }

/** Facts of the world, beside the code that uses them: what 10 of the first unit are in the second. */
const CONVERSIONS: Readonly<Record<string, number>> = {
  '°F → °C': -12.222222,
  '°C → °F': 50,
  'K → °C': -263.15,
  '°C → K': 283.15,
  '°F → K': 260.927778,
  'K → °F': -441.67,
  'mi → km': 16.09344,
  'ft → m': 3.048,
  'm → km': 0.01,
  'nmi → km': 18.52,
  'in → cm': 25.4,
  'in → mm': 254,
  'mph → m/s': 4.4704,
  'mph → km/h': 16.09344,
  'mph → kn': 8.689762,
  'm/s → km/h': 36,
  'kn → m/s': 5.144444,
  'hPa → inHg': 0.2952998,
  'hPa → kPa': 1,
  'hPa → Pa': 1000,
  'psi → kPa': 68.94757,
  'lb → kg': 4.5359237,
  'kg → g': 10_000,
  'kg → t': 0.01,
  's → ms': 10_000,
  'min → s': 600,
  'h → min': 600,
  'h → s': 36_000,
  'days → h': 240,
  'years → days': 3652.5,
  'fraction → percent': 1000,
  'units → cents': 1000,
  'units → thousands': 0.01,
  'gal → l': 37.85411784,
}

describe('the changes', () => {
  test('are the conversions of the world, and each back', () => {
    const named = new Map(UNIT_CHANGES.map((change) => [change.name, change]))
    assert.equal(named.size, UNIT_CHANGES.length)
    for (const [name, ten] of Object.entries(CONVERSIONS)) {
      const change = named.get(name)
      assert.ok(change, name)
      near(10 * change.slope + change.intercept, ten, 1e-5, name)
      const [from, to] = name.split(' → ')
      assert.ok(named.has(`${to} → ${from}`), name)
    }
    assert.equal(UNIT_CHANGES.length, 6 + 2 * (Object.keys(CONVERSIONS).length - 6))
  })

  test('are likely for names that speak of their quantity', () => {
    const likely = (feature: string): Set<string> =>
      new Set(
        UNIT_CHANGES.filter((change) => change.words.some((word) => feature.includes(word))).map(
          (change) => change.name,
        ),
      )
    for (const [feature, change] of [
      ['dew_point', '°F → °C'],
      ['visibility', 'mi → km'],
      ['nautical_way', 'nmi → km'],
      ['rainfall', 'in → mm'],
      ['wind_gust', 'mph → kn'],
      ['pressure', 'hPa → Pa'],
      ['payload', 'lb → kg'],
      ['latency', 's → ms'],
      ['humidity', 'fraction → percent'],
      ['fare', 'units → cents'],
      ['fuel_used', 'gal → l'],
    ] as const)
      assert.ok(likely(feature).has(change), feature)
    assert.equal(likely('carrier').size, 0)
  })
})

/** How likely what is seen is after a change, and how far off it is, by the normal errors of a mean and of a ln spread. */
function likelihood(
  change: { slope: number; intercept: number },
  usual: Usual,
  seen: Seen,
  meanError: number,
): { log: number; offsets: [number, number] } {
  const spreadError = Math.max(usual.spreadDrift || 0, 0.1, 1 / Math.sqrt(2 * seen.n))
  const offsets: [number, number] = [
    Math.abs((seen.mean - change.intercept) / change.slope - usual.mean) / meanError,
    Math.abs(Math.log(seen.sd / (change.slope * usual.spread))) / spreadError,
  ]
  return { log: -(offsets[0] ** 2 + offsets[1] ** 2) / 2 - Math.log(meanError * change.slope), offsets }
}

/** −6 … 6 by the share of values that are familiar when converted back. */
function fitOf(change: { slope: number; intercept: number }, { values, familiar }: Lattice): number {
  if (values.length === 0 || familiar.length < 2) return 0
  const [first, last] = [familiar[0] ?? 0, familiar.at(-1) ?? 0]
  const step = (last - first) / (familiar.length - 1)
  const back = Array.from(values, (v) => (v - change.intercept) / change.slope).filter(
    (v) => v >= first - step && v <= last + step,
  )
  if (back.length < values.length / 2) return 0
  const hit = (v: number): boolean => familiar.some((f) => Math.abs(f - v) <= Math.max(0.02 * step, 1e-5 * Math.abs(v)))
  return 6 * ((2 * back.filter(hit).length) / back.length - 1)
}

interface Named {
  name: string
  evidence: number
  confidence: number
  offsets: readonly number[]
}

/** The whole decision, written once more. */
function byHand(feature: string, usual: Usual, seen: Seen, lattice?: Lattice): Named | undefined {
  if (seen.n < 2 || !(seen.sd > 0) || !(usual.spread > 0) || Number.isNaN(usual.mean)) return undefined
  const error = Math.max(usual.drift || 0, usual.spread / Math.sqrt(seen.n), 1e-9 * Math.abs(usual.mean))
  const none = { slope: 1, intercept: 0 }
  const still = likelihood(none, usual, seen, error)
  const drift = likelihood(none, usual, seen, Math.hypot(error, usual.scale))
  const speaks = (change: UnitChange): boolean => change.words.some((word) => feature.toLowerCase().includes(word))
  const known = UNIT_CHANGES.some(speaks)
  const tried = UNIT_CHANGES.map((change) => {
    const { log, offsets } = likelihood(change, usual, seen, error)
    const fit = lattice ? fitOf(change, lattice) - fitOf(none, lattice) : 0
    const hint = known ? (speaks(change) ? 3 : -6) : 0
    return { change, offsets, fit, evidence: log - Math.max(still.log, drift.log) + hint + fit }
  })
  const best = tried.reduce((a, b) => (b.evidence > a.evidence ? b : a))
  if (best.evidence < 4 || Math.hypot(...best.offsets) > 2.8) return undefined
  const spread = Math.abs(Math.log(best.change.slope)) < 0.1 || best.offsets[1] + 0.5 < still.offsets[1]
  const far = still.offsets[0] > 2.8 && best.evidence >= 6
  if (!spread && !far && best.fit < 6) return undefined
  const others = tried.filter((one) => one === best || one.change.slope !== best.change.slope)
  const all = others.reduce((sum, one) => sum + Math.exp(one.evidence - best.evidence), 0)
  return {
    name: best.change.name,
    evidence: best.evidence,
    confidence: 1 / (all + Math.exp(-best.evidence)),
    offsets: best.offsets,
  }
}

function agree(feature: string, usual: Usual, seen: Seen, lattice?: Lattice): string | undefined {
  const [found, expected] = [detectUnit(feature, usual, seen, lattice), byHand(feature, usual, seen, lattice)]
  assert.equal(found?.change.name, expected?.name, `${feature} ${JSON.stringify([usual, seen])}`)
  if (found === undefined || expected === undefined) return undefined
  near(found.evidence, expected.evidence, 1e-8)
  near(found.confidence, expected.confidence, 1e-8)
  near(found.offsets[0], expected.offsets[0] ?? 0, 1e-8)
  near(found.offsets[1], expected.offsets[1] ?? 0, 1e-8)
  return found.change.name
}

describe('naming a change', () => {
  test('is the decision by likelihoods, over many windows, names and changes', () => {
    const random = prng(31)
    const named = new Set<string | undefined>()
    for (const feature of ['temp', 'Temperature_F', 'distance', 'wind_speed', 'x', 'price', 'duration_ms', 'pressure'])
      for (let run = 0; run < 60; run++) {
        const change = UNIT_CHANGES[random.below(UNIT_CHANGES.length)]
        assert.ok(change)
        const usual: Usual = {
          mean: 20 + 100 * random.uniform(),
          drift: 8 * random.uniform(),
          spread: 1 + 20 * random.uniform(),
          spreadDrift: 0.4 * random.uniform(),
          scale: 5 + 20 * random.uniform(),
        }
        const n = 2 + random.below(300)
        const at = usual.mean + usual.drift * random.normal()
        const spread = usual.spread * Math.exp(usual.spreadDrift * random.normal())
        const changes = run % 3 !== 0
        const seen = changes
          ? { n, mean: change.slope * at + change.intercept, sd: change.slope * spread }
          : { n, mean: at, sd: spread }
        named.add(agree(feature, usual, seen))
      }
    assert.ok(named.size > 15 && named.has(undefined), [...named].join())
  })

  test('is decided at the bounds of evidence and distance', () => {
    const bounds = { named: 0, none: 0 }
    for (let mean = 10; mean <= 40; mean += 0.25)
      for (const sd of [1.2, 2, 2.78, 4, 5]) {
        const name = agree('temp', USUAL, { n: 100, mean, sd })
        bounds[name === undefined ? 'none' : 'named']++
      }
    assert.ok(bounds.named > 20 && bounds.none > 20, JSON.stringify(bounds))
    for (let mean = 250; mean <= 350; mean += 1) agree('temp', USUAL, { n: 50, mean, sd: 5 })
    for (let mean = 40; mean <= 110; mean += 1)
      agree('x', { ...USUAL, drift: 1, scale: 3 }, { n: 50, mean, sd: 5 * (mean / 68) })
  })

  test('uses what the values are when converted back', () => {
    const random = prng(12)
    const familiar = Array.from({ length: 60 }, (_, i) => 20 + 1.5 * i)
    for (const change of UNIT_CHANGES)
      for (const share of [1, 0.95, 0.6, 0.2]) {
        const values = Array.from({ length: 80 }, () => {
          const value = familiar[20 + random.below(25)] ?? 0
          return change.slope * (random.uniform() < share ? value : value + 0.7) + change.intercept
        })
        const mean = values.reduce((a, b) => a + b, 0) / 80
        const sd = Math.sqrt(values.reduce((s, v) => s + (v - mean) ** 2, 0) / 80)
        agree(
          'value',
          { mean: 68, drift: 5, spread: 11, spreadDrift: 0.2, scale: 20 },
          { n: 80, mean, sd },
          { values, familiar },
        )
        agree(
          'temp',
          { mean: 68, drift: 5, spread: 11, spreadDrift: 0.2, scale: 20 },
          { n: 80, mean, sd },
          { values, familiar },
        )
      }
  })

  test('a lattice of no values, of one step, or that most values lie outside of says nothing', () => {
    const seen = { n: 100, mean: (68 - 32) / 1.8, sd: 5 / 1.8 }
    const plain = detectUnit('temp', USUAL, seen)
    for (const lattice of [
      { values: [], familiar: [1, 2] },
      { values: [20, 20], familiar: [68] },
      { values: [500, 600, 700], familiar: [1, 2, 3] },
    ])
      assert.deepEqual(detectUnit('temp', USUAL, seen, lattice), plain)
    assert.equal(plain?.change.name, '°F → °C')
    for (const values of [
      [20, 500],
      [20, 500, 600],
      [68, 68.01, 70],
      [67, 67.03, 66.97, 67.5],
    ])
      agree('temp', USUAL, seen, { values, familiar: Array.from({ length: 100 }, (_, i) => i) })
  })

  test('two familiar values are a lattice, and large ones are met to one part in a hundred thousand', () => {
    const usual: Usual = { mean: 1e6, drift: 1000, spread: 300, spreadDrift: 0.1, scale: 500 }
    const seen: Seen = { n: 40, mean: 1e6 * 1.609344, sd: 300 * 1.609344 }
    for (const off of [0, 8, 12])
      for (const familiar of [
        [1e6, 1e6 + 50],
        [1e6 - 50, 1e6, 1e6 + 50],
      ])
        agree('x', usual, seen, { values: Array.from({ length: 40 }, () => (1e6 + off) * 1.609344), familiar })
  })

  test('needs two values, a spread of now and of before, and a usual mean', () => {
    const seen = { n: 100, mean: 20, sd: 2.78 }
    assert.ok(detectUnit('temp', USUAL, seen))
    for (const odd of [
      { ...seen, n: 1 },
      { ...seen, sd: 0 },
      { ...seen, sd: Number.NaN },
    ])
      assert.equal(detectUnit('temp', USUAL, odd), undefined)
    assert.equal(detectUnit('temp', { ...USUAL, spread: 0 }, seen), undefined)
    assert.equal(detectUnit('temp', { ...USUAL, mean: Number.NaN }, seen), undefined)
    agree('temp', { ...USUAL, drift: Number.NaN, spreadDrift: Number.NaN }, seen)
    agree('temp', { ...USUAL, drift: 0, spread: 1e-8, spreadDrift: 0 }, { n: 2, mean: 20, sd: 1e-8 / 1.8 })
  })
})

/** Chances of positions with half a count each, and the ln likelihood of what came after a shift. */
function shifted(before: readonly number[], after: readonly number[], by: number): number {
  const size = before.length
  const total = before.reduce((a, b) => a + b, 0)
  return after.reduce((log, count, i) => {
    const from = (((i - by) % size) + size) % size
    return log + count * Math.log(((before[from] ?? 0) + 0.5) / (total + size / 2))
  }, 0)
}

describe('shifts', () => {
  function expected(
    before: readonly number[],
    after: readonly number[],
    most: number,
  ): { by: number; gain: number } | undefined {
    const still = shifted(before, after, 0)
    let best = { by: 0, gain: 0 }
    for (let by = -most; by <= most; by++) {
      const gain = shifted(before, after, by) - still
      if (gain > best.gain) best = { by, gain }
    }
    const n = after.reduce((a, b) => a + b, 0)
    const self = after.reduce((log, count) => log + (count > 0 ? count * Math.log(count / n) : 0), 0)
    return best.gain >= 10 && best.gain / Math.max(self - still, 1e-9) >= 0.6 ? best : undefined
  }

  test('are the best of those tried, if they gain 10 and explain three fifths', () => {
    const random = prng(40)
    let found = 0
    for (let run = 0; run < 400; run++) {
      const size = 3 + random.below(22)
      const before = Array.from({ length: size }, () => random.below(200) * random.below(2))
      const by = random.below(7) - 3
      const noise = random.uniform() < 0.5 ? 0 : 8
      const scale = [1, 5, 20][random.below(3)] ?? 1
      const after = before.map(
        (_, i) => Math.floor((before[(((i - by) % size) + size) % size] ?? 0) / scale) + random.below(noise + 1),
      )
      const [a, b] = [detectShift({ before, after }, 3), expected(before, after, 3)]
      assert.equal(a?.by, b?.by, JSON.stringify({ before, after }))
      if (a === undefined || b === undefined) continue
      near(a.gain, b.gain, 1e-8)
      found++
    }
    assert.ok(found > 100 && found < 390, String(found))
  })

  test('a gain of ten is enough, one below is not', () => {
    const before = [40, 0, 0]
    const gain = (n: number): number => shifted(before, [0, n, 0], 1) - shifted(before, [0, n, 0], 0)
    // the number of counts after is not whole here, so that the gain meets the bound
    const n = 10 / gain(1)
    assert.equal(detectShift({ before, after: [0, n * 1.000001, 0] }, 1)?.by, 1)
    assert.equal(detectShift({ before, after: [0, n * 0.999999, 0] }, 1), undefined)
    assert.equal(detectShift({ before, after: [0, n * 1.05, 0] }, 1)?.by, 1)
  })

  test('beyond the largest that is tried there is none, at it there is', () => {
    const before = [500, 10, 10, 10, 10, 10, 10, 10]
    const after = [1, 1, 1, 50, 1, 1, 1, 1]
    assert.equal(detectShift({ before, after }, 3)?.by, 3)
    assert.equal(detectShift({ before, after }, 2), undefined)
    assert.equal(detectShift({ before, after: [1, 1, 1, 1, 1, 50, 1, 1] }, 3)?.by, -3)
    assert.equal(detectShift({ before: [], after: [] }, 2), undefined)
    assert.equal(detectShift({ before, after: before.map(() => 0) }, 2), undefined)
  })
})
