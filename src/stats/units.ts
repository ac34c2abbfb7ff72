/** Names the change of unit that explains how a feature moved, if one does much better than ordinary drift. */

/** A change of unit: after = slope · before + intercept. `words` are parts of feature names for which it is likely. */
export interface UnitChange {
  readonly name: string
  readonly slope: number
  readonly intercept: number
  readonly words: readonly string[]
}

const TEMPERATURE = ['temp', 'dew', 'heat', 'celsius', 'fahrenheit', 'degrees']
const LENGTH = ['dist', 'mile', 'length', 'height', 'altitude', 'elevation', 'visib', 'range', 'depth', 'km']
const SPEED = ['speed', 'wind', 'gust', 'veloc', 'mph']
const RAIN = ['precip', 'rain', 'snow', 'depth', 'width', 'thick', 'size']
const PRESSURE = ['press', 'baro']
const MASS = ['weight', 'mass', 'load', 'payload', 'lb', 'kg']
const TIME = ['time', 'duration', 'delay', 'latency', 'age', 'elapsed', 'wait', 'sec', 'min', 'ms']
const SHARE = ['share', 'rate', 'ratio', 'percent', 'pct', 'prob', 'humid', 'fraction']
const MONEY = ['price', 'amount', 'cost', 'fare', 'fee', 'income', 'balance']
const VOLUME = ['volume', 'fuel', 'gallon', 'liter', 'litre']

/** Builds a ratio and its inverse from "from → to". */
function ratio(from: string, to: string, slope: number, words: readonly string[]): UnitChange[] {
  return [
    { name: `${from} → ${to}`, slope, intercept: 0, words },
    { name: `${to} → ${from}`, slope: 1 / slope, intercept: 0, words },
  ]
}

/** All changes that are tried. */
export const UNIT_CHANGES: readonly UnitChange[] = [
  { name: '°F → °C', slope: 1 / 1.8, intercept: -32 / 1.8, words: TEMPERATURE },
  { name: '°C → °F', slope: 1.8, intercept: 32, words: TEMPERATURE },
  { name: 'K → °C', slope: 1, intercept: -273.15, words: TEMPERATURE },
  { name: '°C → K', slope: 1, intercept: 273.15, words: TEMPERATURE },
  { name: '°F → K', slope: 1 / 1.8, intercept: 273.15 - 32 / 1.8, words: TEMPERATURE },
  { name: 'K → °F', slope: 1.8, intercept: 32 - 273.15 * 1.8, words: TEMPERATURE },
  ...ratio('mi', 'km', 1.609344, LENGTH),
  ...ratio('ft', 'm', 0.3048, LENGTH),
  ...ratio('m', 'km', 0.001, LENGTH),
  ...ratio('nmi', 'km', 1.852, ['nautical', 'nmi']),
  ...ratio('in', 'cm', 2.54, RAIN),
  ...ratio('in', 'mm', 25.4, RAIN),
  ...ratio('mph', 'm/s', 0.44704, SPEED),
  ...ratio('mph', 'km/h', 1.609344, SPEED),
  ...ratio('mph', 'kn', 1 / 1.15077945, SPEED),
  ...ratio('m/s', 'km/h', 3.6, SPEED),
  ...ratio('kn', 'm/s', 0.514444, SPEED),
  ...ratio('hPa', 'inHg', 0.02952998, PRESSURE),
  ...ratio('hPa', 'kPa', 0.1, PRESSURE),
  ...ratio('hPa', 'Pa', 100, PRESSURE),
  ...ratio('psi', 'kPa', 6.894757, PRESSURE),
  ...ratio('lb', 'kg', 0.45359237, MASS),
  ...ratio('kg', 'g', 1000, MASS),
  ...ratio('kg', 't', 0.001, MASS),
  ...ratio('s', 'ms', 1000, TIME),
  ...ratio('min', 's', 60, TIME),
  ...ratio('h', 'min', 60, TIME),
  ...ratio('h', 's', 3600, TIME),
  ...ratio('days', 'h', 24, TIME),
  ...ratio('years', 'days', 365.25, TIME),
  ...ratio('fraction', 'percent', 100, SHARE),
  ...ratio('units', 'cents', 100, MONEY),
  ...ratio('units', 'thousands', 0.001, MONEY),
  ...ratio('gal', 'l', 3.785411784, VOLUME),
]

/** How a feature usually is in windows like the one that is judged. */
export interface Usual {
  /** Mean of the window means, and their standard deviation. */
  readonly mean: number
  readonly drift: number
  /** Typical standard deviation inside a window, and the standard deviation of its natural logarithm. */
  readonly spread: number
  readonly spreadDrift: number
  /** Standard deviation of the feature in the reference: how far real drift may take it. */
  readonly scale: number
}

/** What is seen now. */
export interface Seen {
  readonly n: number
  readonly mean: number
  readonly sd: number
}

/** Raw values seen, and the few values that the feature has in the reference: converted back, seen ones must be among them. */
export interface Lattice {
  readonly values: ArrayLike<number>
  readonly familiar: readonly number[]
}

/** A named change of unit. */
export interface UnitFinding {
  readonly change: UnitChange
  /** ln of the likelihood ratio against ordinary drift, the name's hint included. */
  readonly evidence: number
  /** Chance of this change among all that were tried and ordinary drift, 0 … 1. */
  readonly confidence: number
  /** How far the mean and ln spread of the values, converted back, are from usual, in deviations. */
  readonly offsets: readonly [mean: number, spread: number]
}

/** ln likelihood ratio from which a change is named. */
const NAMED = 4
/** Gain and loss, in ln likelihood, when the feature's name speaks for this or for another kind of quantity. */
const HINT = 3
const ALIEN = -6
/** Gain, in ln likelihood, when nearly all values converted back are familiar ones; the loss when most are not. */
const LATTICE = 6

/** Mean and spread that, converted back, are together further off than this many deviations are no match. */
const FAR = 2.8

/**
 * The change of unit that best explains what is seen. Compared are: the value converted back lies where the feature usually lies and
 * spreads as it usually spreads (normal errors of both), against drift that moves the mean by up to about one deviation of the reference and leaves the spread.
 * A season moves the mean and keeps the spread, so it is not named.
 * @param feature the name, of which words such as "temp" or "wind_speed" decide between changes of like ratio
 * @param lattice if given, decides between changes by the values themselves
 * @returns undefined if nothing moved, or no change explains it clearly
 */
export function detectUnit(feature: string, usual: Usual, seen: Seen, lattice?: Lattice): UnitFinding | undefined {
  const errors = errorsOf(usual, seen)
  if (!errors) return undefined
  const still = likelihood({ slope: 1, intercept: 0 }, usual, seen, errors)
  const drift = likelihood({ slope: 1, intercept: 0 }, usual, seen, {
    ...errors,
    mean: Math.hypot(errors.mean, usual.scale),
  })
  const ordinary = Math.max(still.log, drift.log)
  const unchanged = lattice ? latticeGain({ slope: 1, intercept: 0 }, lattice) : 0
  const lower = feature.toLowerCase()
  const known = UNIT_CHANGES.some((change) => matches(change, lower))
  const tried = UNIT_CHANGES.map((change) => {
    const { log, offsets } = likelihood(change, usual, seen, errors)
    const hint = known ? (matches(change, lower) ? HINT : ALIEN) : 0
    const fit = lattice ? latticeGain(change, lattice) - unchanged : 0
    return { change, evidence: log - ordinary + hint + fit, offsets, fit }
  })
  const best = tried.reduce((a, b) => (b.evidence > a.evidence ? b : a))
  if (best.evidence < NAMED || Math.hypot(...best.offsets) > FAR) return undefined
  const spread = Math.abs(Math.log(best.change.slope)) < 0.1 || best.offsets[1] + 0.5 < still.offsets[1]
  const far = still.offsets[0] > FAR && best.evidence >= 1.5 * NAMED
  if (!spread && !far && best.fit < LATTICE) return undefined
  const all = tried.reduce(
    (sum, one) =>
      sum + (one.change.slope === best.change.slope && one !== best ? 0 : Math.exp(one.evidence - best.evidence)),
    0,
  )
  const { change, evidence, offsets } = best
  return {
    change,
    evidence,
    offsets,
    confidence: 1 / (all + Math.exp(-best.evidence)),
  }
}

/** Ratios between many pairs of units, and between scales that are no units: by themselves they speak for none. */
const COMMON = [10, 100, 1000, 24, 60, 3600]

/**
 * The name of a change as it is told of a feature: its units where the feature's name speaks for them, or speaks for nothing and no other units
 * have that ratio; else the factor alone, for a distance is not measured in hPa because it became ten times as large.
 */
export function nameFor(change: UnitChange, feature: string): string {
  const { name, slope, intercept } = change
  const lower = feature.toLowerCase()
  const isKnown = UNIT_CHANGES.some((one) => matches(one, lower))
  const isOwn = intercept !== 0 || !COMMON.some((ratio) => Math.abs(Math.abs(Math.log(slope)) - Math.log(ratio)) < 1e-9)
  return matches(change, lower) || (!isKnown && isOwn) ? name : factorText(slope)
}

/** What is said of a change by its name: a pair of units, or a factor that no units are known for. */
export function unitWords(name: string): string {
  return /^[×÷] /.test(name) ? `unit or scale changed ${name}` : `unit changed ${name}`
}

/** `× 10`, `÷ 10`: a factor with at most four digits. */
function factorText(slope: number): string {
  const isMore = slope >= 1
  return `${isMore ? '×' : '÷'} ${Number((isMore ? slope : 1 / slope).toPrecision(4))}`
}

/** −6 … 6 by the share of values that are familiar when converted back, to a thousandth of the distance between neighbours or one part in 10⁵. */
function latticeGain(change: { slope: number; intercept: number }, { values, familiar }: Lattice): number {
  if (values.length === 0 || familiar.length < 2) return 0
  const first = familiar[0]!
  const last = familiar[familiar.length - 1]!
  const step = (last - first) / (familiar.length - 1)
  let [hits, inside] = [0, 0]
  for (let i = 0; i < values.length; i++) {
    const x = (values[i]! - change.intercept) / change.slope
    if (x < first - step || x > last + step) continue
    inside += 1
    if (Math.abs(nearest(familiar, x) - x) <= Math.max(0.02 * step, 1e-5 * Math.abs(x))) hits += 1
  }
  if (inside < values.length / 2) return 0
  return LATTICE * (2 * (hits / inside) - 1)
}

function nearest(sorted: readonly number[], x: number): number {
  let [low, high] = [0, sorted.length - 1]
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! <= x) low = middle
    else high = middle
  }
  return Math.abs(sorted[low]! - x) < Math.abs(sorted[high]! - x) ? sorted[low]! : sorted[high]!
}

function matches(change: UnitChange, name: string): boolean {
  return change.words.some((word) => name.includes(word))
}

interface Errors {
  readonly mean: number
  readonly spread: number
}

function errorsOf(usual: Usual, seen: Seen): Errors | undefined {
  if (seen.n < 2 || !(seen.sd > 0) || !(usual.spread > 0) || Number.isNaN(usual.mean)) return undefined
  const mean = Math.max(usual.drift || 0, usual.spread / Math.sqrt(seen.n), 1e-9 * Math.abs(usual.mean))
  return { mean, spread: Math.max(usual.spreadDrift || 0, 0.1, 1 / Math.sqrt(2 * seen.n)) }
}

function likelihood(
  change: { slope: number; intercept: number },
  usual: Usual,
  seen: Seen,
  errors: Errors,
): { log: number; offsets: readonly [number, number] } {
  const mean = Math.abs((seen.mean - change.intercept) / change.slope - usual.mean) / errors.mean
  const spread = Math.abs(Math.log(seen.sd / change.slope / usual.spread)) / errors.spread
  const log = -0.5 * (mean * mean + spread * spread) - Math.log(errors.mean * change.slope)
  return { log, offsets: [mean, spread] }
}

/** A shift of positions: each value moved by `by` places. `gain` is the ln likelihood ratio against no shift, `fit` the share explained. */
export interface Shift {
  readonly by: number
  readonly gain: number
}

/**
 * The shift that explains counts by position: hours of a day moved by a time zone (cyclic), or codes moved by one.
 * @param counts `before` and `after` have one entry a position, in order
 * @param most the largest shift tried, both ways
 * @returns undefined if no shift explains the counts better by at least 10 in ln likelihood, or what remains still does not fit
 */
export function detectShift(
  counts: { before: ArrayLike<number>; after: ArrayLike<number> },
  most: number,
): Shift | undefined {
  const size = counts.before.length
  const total = sum(counts.before)
  const n = sum(counts.after)
  const share = (i: number): number => ((counts.before[((i % size) + size) % size] ?? 0) + 0.5) / (total + 0.5 * size)
  const fit = (by: number): number => {
    let log = 0
    for (let i = 0; i < size; i++) log += counts.after[i]! * Math.log(share(i - by))
    return log
  }
  const still = fit(0)
  let best: Shift = { by: 0, gain: 0 }
  for (let by = -most; by <= most; by++) {
    const gain = fit(by) - still
    if (gain > best.gain) best = { by, gain }
  }
  const self = Array.from(counts.after).reduce((log, count) => log + (count > 0 ? count * Math.log(count / n) : 0), 0)
  const explained = best.gain / Math.max(self - still, 1e-9)
  return best.gain >= 10 && explained >= 0.6 ? best : undefined
}

function sum(values: ArrayLike<number>): number {
  let total = 0
  for (let i = 0; i < values.length; i++) total += values[i]!
  return total
}
