/** What tries come to in each part of a time, in all, and of late. */
import { toTime } from '../../contract/fields.ts'
import type { LlmHealth } from '../../contract/llm/health.ts'
import { quantiles } from '../calls/figures.ts'
import type { FailureKind, Try } from './tries.ts'

type Told = LlmHealth['providers'][number]
type Figures = Told['total']

/** The parts of a time. */
export interface Slots {
  /** Beginning of the first one, ms. */
  readonly since: number
  /** Length of each, ms. */
  readonly step: number
  readonly now: number
}

/** What is late: tries of so many ms before now, and so many of them at most. */
const LATELY_MS = 15 * 60_000
const LATELY = 20

/** Counts tries; they come newest first. */
export class Series {
  readonly #slots: Slots
  readonly #all = new Count()
  readonly #bySlot = new Map<number, Count>()
  #late = 0
  #lateFailed = 0

  constructor(slots: Slots) {
    this.#slots = slots
  }

  /** `at`: when the call began, ms. */
  add(at: number, one: Try): void {
    const { since, step, now } = this.#slots
    const slot = Math.floor((at - since) / step)
    const count = this.#bySlot.get(slot) ?? new Count()
    this.#bySlot.set(slot, count)
    for (const each of [this.#all, count]) each.add(one)
    if (one.isLeft || at < now - LATELY_MS || this.#late >= LATELY) return
    this.#late++
    if (one.failure !== null) this.#lateFailed++
  }

  told(): Pick<Told, 'state' | 'total' | 'buckets'> {
    const { since, step } = this.#slots
    return {
      state: this.#late === 0 ? 'idle' : this.#lateFailed * 2 >= this.#late ? 'failing' : 'ok',
      total: this.#all.told(),
      buckets: [...this.#bySlot]
        .toSorted(([a], [b]) => a - b)
        .map(([slot, count]) => ({ at: toTime(since + slot * step), ...count.told() })),
    }
  }
}

class Count {
  #calls = 0
  readonly #failures: Record<FailureKind, number> = {
    rate_limited: 0,
    server_error: 0,
    no_answer: 0,
    cut: 0,
    denied: 0,
  }
  readonly #first: number[] = []

  add({ failure, firstUs }: Try): void {
    this.#calls++
    if (failure !== null) this.#failures[failure]++
    if (firstUs !== null) this.#first.push(firstUs)
  }

  told(): Figures {
    const { p50, p95 } = quantiles(this.#first)
    return { calls: this.#calls, failures: { ...this.#failures }, first_us: { p50, p95 } }
  }
}
