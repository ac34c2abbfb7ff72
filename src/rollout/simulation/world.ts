/** Rows for simulations: made up, or drawn again from recorded traffic; equal to stable, or with a fault put in. */
import type { Prng } from '../../stats/prng.ts'
import type { SimRow } from './simulate.ts'

/** How the candidate differs from stable. */
export interface Fault {
  /** Share of its requests that fail. */
  readonly errors: number
  /** Share of stable's requests that fail; none when not given. */
  readonly stableErrors?: number
  /** So many of every thousand rows come while something that both depend on is broken: then half of all requests fail, whoever answers. */
  readonly outage?: number
  /** A slice `column=value` on which its scores are turned round (1 − score). */
  readonly brokenSlice?: string
  /** A slice `column=value` on which it fails always. */
  readonly failingSlice?: string
  /** Its latencies are so many times stable's. */
  readonly slower?: number
}

/** Noise on the log-odds of two models trained with different seeds. */
const NOISE = 0.15
const MS_BETWEEN = 1000
/** Rows drawn again together: neighbours are alike. */
const BLOCK = 50
const SLICES = 10

function squash(odds: number): number {
  return 1 / (1 + Math.exp(-odds))
}

/**
 * Made-up requests of a calibrated binary classifier: log-odds normal about −1, two models that differ by noise on them, ten slices
 * `group=0…9` of falling size, latencies log-normal about 0.5 ms.
 */
export function* madeUp(random: Prng, fault: Fault, count: number): Generator<SimRow> {
  for (let i = 0; i < count; i++) {
    const odds = -1 + 1.2 * random.normal()
    const slices = [`group=${Math.floor(SLICES * random.uniform() ** 1.5)}`]
    const row: SimRow = {
      at: i * MS_BETWEEN,
      stable: squash(odds + NOISE * random.normal()),
      candidate: squash(odds + NOISE * random.normal()),
      failed: false,
      stable_us: 500 * Math.exp(0.4 * random.normal()),
      candidate_us: 500 * Math.exp(0.4 * random.normal()),
      label: random.uniform() < squash(odds) ? 1 : 0,
      slices,
    }
    yield broken(faulty(row, fault, random), fault, { random, i })
  }
}

/**
 * Recorded rows drawn again in blocks. The candidate answers as was recorded, or, for a fault, as stable did with the noise of another
 * seed and the fault; so a plan is tried on the traffic's own scores, slices, latencies and labels. Nothing for no rows.
 */
export function* drawnAgain(
  random: Prng,
  recorded: readonly SimRow[],
  fault: Fault | null,
  count: number,
): Generator<SimRow> {
  const spacing = ((recorded.at(-1)?.at ?? 0) - (recorded[0]?.at ?? 0)) / Math.max(1, recorded.length)
  for (let i = 0; i < count && recorded.length > 0;) {
    const start = random.below(recorded.length)
    for (let j = 0; j < BLOCK && i < count; j++, i++) {
      const row = { ...recorded[(start + j) % recorded.length]!, at: i * spacing }
      yield fault === null ? row : faulty(likeStable(row, random), fault, random)
    }
  }
}

/** The candidate as an equal model of another seed; scores that are no probabilities are taken as they are. */
function likeStable(row: SimRow, random: Prng): SimRow {
  const score = row.stable
  const isShare = score !== null && score > 0 && score < 1
  const candidate = isShare ? squash(Math.log(score / (1 - score)) + NOISE * random.normal()) : score
  return { ...row, candidate, candidate_us: row.stable_us, failed: false }
}

/** Failures that stable shares: its own, and those of an outage. */
function broken(row: SimRow, fault: Fault, { random, i }: { random: Prng; i: number }): SimRow {
  if (fault.stableErrors === undefined && fault.outage === undefined) return row
  const own = random.uniform() < (fault.stableErrors ?? 0)
  const meets = i % 1000 < (fault.outage ?? 0) && random.uniform() < 0.5
  return { ...row, failed: row.failed || meets, stable_failed: own || meets }
}

function faulty(row: SimRow, fault: Fault, random: Prng): SimRow {
  const fails = random.uniform() < fault.errors
  const is = (slice: string | undefined): boolean => slice !== undefined && row.slices.includes(slice)
  return {
    ...row,
    failed: fails || is(fault.failingSlice),
    candidate: is(fault.brokenSlice) && row.candidate !== null ? 1 - row.candidate : row.candidate,
    candidate_us: row.candidate_us * (fault.slower ?? 1),
  }
}
