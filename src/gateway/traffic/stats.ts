/** Live figures of one variant in one gateway: counters since start, and a sliding minute with latency quantiles. */
import { mergeSketch, quantile, record, sketch, sketchToJson } from '../../stats/sketch.ts'
import type { Sketch, SketchJson } from '../../stats/sketch.ts'

/** Length of one of the two halves of the sliding window, ms. */
export const HALF_MS = 30_000

interface Half {
  readonly latency: Sketch
  requests: number
  rows: number
  errors: number
}

/** The figures as the admin socket gives them. `window_ms` is the span that the recent ones cover. */
export interface StatsJson {
  readonly requests: number
  readonly rows: number
  readonly errors: number
  readonly fallbacks: number
  readonly busy_us: number
  readonly recent: { window_ms: number; requests: number; rows: number; errors: number; latency_ms: SketchJson }
}

/** Counts requests of a variant; a window of 30 to 60 s is kept as two halves, of which the older is dropped. */
export class VariantStats {
  requests = 0
  rows = 0
  errors = 0
  fallbacks = 0
  /** Time of the newest request, ms since 1970; 0 = none yet. */
  lastAt = 0
  /** Time spent in the model for these requests, µs. */
  busyUs = 0
  #start: number
  #current = emptyHalf()
  #before = emptyHalf()
  #turn: number

  constructor(now: number) {
    this.#start = now
    this.#turn = now
  }

  /** One request of `rows` rows that took `us` microseconds; `failed` when this variant could not answer it. */
  add(now: number, rows: number, us: number, failed: boolean): void {
    if (this.#isTurn(now)) this.#rotate(now)
    const half = this.#current
    this.lastAt = now
    this.requests++
    this.rows += rows
    this.busyUs += us
    half.requests++
    half.rows += rows
    record(half.latency, us / 1000)
    if (!failed) return
    this.errors++
    half.errors++
  }

  /** Quantiles of the recent latencies, ms; null without requests. */
  quantiles(now: number, qs: readonly number[]): { q: number; ms: number | null }[] {
    const latency = this.#recent(now)
    return qs.map((q) => ({ q, ms: latency.n === 0 ? null : quantile(latency, q) }))
  }

  toJson(now: number): StatsJson {
    const latency = this.#recent(now)
    const [a, b] = [this.#before, this.#current]
    return {
      requests: this.requests,
      rows: this.rows,
      errors: this.errors,
      fallbacks: this.fallbacks,
      busy_us: Math.round(this.busyUs),
      recent: {
        window_ms: Math.max(1, Math.min(now - this.#start, HALF_MS + (now - this.#turn))),
        requests: a.requests + b.requests,
        rows: a.rows + b.rows,
        errors: a.errors + b.errors,
        latency_ms: sketchToJson(latency),
      },
    }
  }

  #recent(now: number): Sketch {
    if (this.#isTurn(now)) this.#rotate(now)
    const latency = sketch()
    mergeSketch(latency, this.#before.latency)
    mergeSketch(latency, this.#current.latency)
    return latency
  }

  /** A half is full, or the clock was set back before its begin. */
  #isTurn(now: number): boolean {
    return now - this.#turn >= HALF_MS || now < this.#turn
  }

  #rotate(now: number): void {
    const back = now < this.#turn
    // what was counted until then counts as the half before, which then begins a half before now
    if (back) this.#start = Math.min(this.#start, now - HALF_MS)
    const skipped = !back && now - this.#turn >= 2 * HALF_MS
    this.#before = skipped ? emptyHalf() : this.#current
    this.#current = emptyHalf()
    this.#turn = now
  }
}

function emptyHalf(): Half {
  return { latency: sketch(), requests: 0, rows: 0, errors: 0 }
}
