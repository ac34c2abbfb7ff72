/** A test of a rate that also notices when the rate becomes worse: the evidence of every possible beginning, added up. */

/** Which rate of events is tolerated (0 … 1, excluded), and the chance of a false alarm over all time. */
export interface ChangeOptions {
  readonly limit: number
  readonly alpha: number
}

export interface ChangeTest {
  /** The e-value now: 1/alpha is reached with a chance of at most alpha while the rate is at most `limit`, however long one looks. */
  readonly e: number
  /** Takes one trial in; true when the e-value has reached 1/alpha with it. */
  record(event: boolean): boolean
}

/** Alternatives of the rate: even in log-odds from the limit to this one, for a candidate that always fails. */
const [ALTERNATIVES, WORST] = [6, 0.95]

/** Half of the weight lies on "from the first trial on"; the other half on later beginnings j, as (j + DELAY)^-1.5. */
const [AT_ONCE, DELAY] = [0.5, 200]

/**
 * For each alternative the sum over beginnings j of w_j ∏ likelihood ratios from j on, kept as one number: S ← (S + w_j) · ratio. As
 * Σ w_j ≤ 1, the sum is at most a supermartingale that starts at 1, and Ville's inequality holds (Shin, Ramdas, Rinaldo 2024,
 * "E-detectors", with weights instead of a mean run length).
 */
export function changeTest({ limit, alpha }: ChangeOptions): ChangeTest {
  const rates = alternativesOf(limit)
  const hit = rates.map((rate) => rate / limit)
  const miss = rates.map((rate) => (1 - rate) / (1 - limit))
  const sums = new Float64Array(rates.length)
  let [seen, e] = [0, 0]
  return {
    get e() {
      return e
    },
    record(event) {
      seen += 1
      const weight = weightOf(seen) / rates.length
      const ratios = event ? hit : miss
      e = 0
      for (let i = 0; i < sums.length; i++) {
        const sum = Math.min(Number.MAX_VALUE, ((sums[i] as number) + weight) * (ratios[i] as number))
        sums[i] = sum
        e += sum
      }
      return e >= 1 / alpha
    },
  }
}

function logOdds(rate: number): number {
  return Math.log(rate / (1 - rate))
}

function alternativesOf(limit: number): number[] {
  const width = Math.max(logOdds(WORST) - logOdds(limit), 0.5)
  return Array.from({ length: ALTERNATIVES }, (_, i) => {
    const at = logOdds(limit) + (width * (i + 1)) / ALTERNATIVES
    return 1 / (1 + Math.exp(-at))
  })
}

/** ∑ over j ≥ 2 of (j + DELAY)^-1.5 is below its integral from 1, 2 / √(1 + DELAY). */
const LATER = ((1 - AT_ONCE) * Math.sqrt(1 + DELAY)) / 2

function weightOf(trial: number): number {
  return trial === 1 ? AT_ONCE : LATER * (trial + DELAY) ** -1.5
}
