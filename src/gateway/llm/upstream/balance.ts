/** In which order the models of an endpoint are tried: by weight, then the fallbacks, those that just failed last. */
import type { ModelRoute } from '../../table/llm.ts'

/** Failures in a row after which a model is left alone for a while. */
const FAILURES = 3
/** First and longest such while, ms. */
const FIRST_REST_MS = 5000
const MOST_REST_MS = 60_000
/** Calls beyond the first that an endpoint may make: so many at once, and one for so many calls of clients. */
const SPARE = 10
const CALLS_A_SPARE = 5

interface Standing {
  /** Smooth weighted round-robin (as in nginx): what it is owed. */
  owed: number
  failures: number
  /** Left alone until then, ms. */
  restsUntil: number
}

/** What is known of the models of one endpoint by the calls of this process. */
export class Balance {
  readonly #standing = new Map<string, Standing>()
  #spare = SPARE

  /** The models to try for a call, best first, at most `attempts`; the first one takes its turn. */
  order(models: readonly ModelRoute[], attempts: number, now: number): ModelRoute[] {
    this.#spare = Math.min(SPARE, this.#spare + 1 / CALLS_A_SPARE)
    const rests = (model: ModelRoute): boolean => this.#of(model).restsUntil > now
    const primary = models.filter(({ fallback }) => fallback === null)
    const fit = primary.filter((model) => !rests(model))
    const first = this.#turn(fit)
    const others = fit.filter((model) => model !== first && model.weight > 0)
    const fallbacks = models
      .filter((model) => model.fallback !== null && !rests(model))
      .toSorted((a, b) => (a.fallback ?? 0) - (b.fallback ?? 0))
    const tired = [...primary, ...models.filter(({ fallback }) => fallback !== null)].filter(rests)
    return [...(first === undefined ? [] : [first]), ...others, ...fallbacks, ...tired].slice(0, Math.max(1, attempts))
  }

  /** True when a call may be made beyond the first one for a client's call; takes it from what is left. */
  spare(): boolean {
    if (this.#spare < 1) return false
    this.#spare--
    return true
  }

  answered(model: ModelRoute): void {
    const standing = this.#of(model)
    standing.failures = 0
    standing.restsUntil = 0
  }

  /** `restMs`: what the upstream asked to wait; null = it did not. */
  failed(model: ModelRoute, now: number, restMs: number | null): void {
    const standing = this.#of(model)
    standing.failures++
    const over = standing.failures - FAILURES
    const own = over < 0 ? 0 : Math.min(MOST_REST_MS, FIRST_REST_MS * 2 ** over)
    const rest = Math.min(MOST_REST_MS, Math.max(own, restMs ?? 0))
    if (rest > 0) standing.restsUntil = now + rest
  }

  /** When a model is tried in its turn again, ms; null = it is. */
  restsUntil(model: ModelRoute, now: number): number | null {
    const until = this.#of(model).restsUntil
    return until > now ? until : null
  }

  #turn(models: readonly ModelRoute[]): ModelRoute | undefined {
    const total = models.reduce((sum, { weight }) => sum + weight, 0)
    let best: ModelRoute | undefined
    for (const model of models) {
      const standing = this.#of(model)
      standing.owed += model.weight
      if (best === undefined || standing.owed > this.#of(best).owed) best = model
    }
    if (best !== undefined) this.#of(best).owed -= total
    return best
  }

  #of({ id }: ModelRoute): Standing {
    let found = this.#standing.get(id)
    if (found === undefined) this.#standing.set(id, (found = { owed: 0, failures: 0, restsUntil: 0 }))
    return found
  }
}
