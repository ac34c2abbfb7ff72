/** In which order the models of an endpoint are tried: one by its routing, the other primary ones, the fallbacks, those that just failed last. */
import type { ModelRoute } from '../../table/llm.ts'
import { Flight } from './flight.ts'
import { firstBy } from './policies.ts'
import type { Choice, Routed } from './policies.ts'
import { Prefixes, saltOf } from './prefixes.ts'
import { Standing } from './standing.ts'

/** Failures in a row after which a model is left alone for a while. */
const FAILURES = 3
/** First and longest such while, ms. */
const FIRST_REST_MS = 5000
const MOST_REST_MS = 60_000
/** Calls beyond the first that an endpoint may make: so many at once, and one for so many calls of clients. */
const SPARE = 10
const CALLS_A_SPARE = 5

/** Models in their order, and what is noted of the call from now on; it must be ended. */
export interface Ordered {
  readonly models: readonly ModelRoute[]
  readonly flight: Flight
}

/** A model as it stands. */
export interface StandingFigures {
  /** Id of the model. */
  readonly model: string
  /** Calls under way. */
  readonly open: number
  /** In a row. */
  readonly failures: number
  /** Left alone until then, ms; null = it is not. */
  readonly rests_until: number | null
  /** Streams: to the first bytes of an answer, lately, µs; null = not known. */
  readonly first_us: number | null
  /** Whole answers: µs a token, lately; null = not known. */
  readonly token_us: number | null
}

/**
 * What is known of the models of one endpoint by the calls of this process. Several gateways know each its own calls: each balances them among all
 * models, and what one has learned the others learn by calls of their own.
 */
export class Balance {
  readonly #standing = new Map<string, Standing>()
  readonly #salts = new Map<string, number>()
  readonly #prefixes: Prefixes
  readonly #scope: string
  #spare = SPARE
  readonly #looks = { since: 0 }
  readonly #views = {
    standing: (model: ModelRoute): Standing => this.#of(model),
    salt: ({ id }: ModelRoute): number => {
      const known = this.#salts.get(id) ?? saltOf(`${this.#scope}\n${id}`)
      this.#salts.set(id, known)
      return known
    },
  }

  /** `scope` tells the endpoint apart from others with which it shares `prefixes`. */
  constructor(prefixes = new Prefixes(), scope = '') {
    this.#prefixes = prefixes
    this.#scope = scope
  }

  /** The models to try for a call by the routing of its endpoint, and the call as it is under way at the first of them. */
  route(models: readonly ModelRoute[], attempts: number, now: number, call: Routed): Ordered {
    let choice: Choice | undefined
    const ordered = this.order(models, attempts, now, (fit) => {
      choice = firstBy(fit, this.#choosing(call, now))
      return choice.first
    })
    const { predicted } = choice ?? { predicted: null }
    const ports = { call, predicted, prefixes: this.#prefixes, ...this.#views }
    return { models: ordered, flight: new Flight(ports, ordered[0]) }
  }

  /** The models to try for a call, best first, at most `attempts`; the first one, which `pick` chooses among those that are fit, takes its turn. */
  order(
    models: readonly ModelRoute[],
    attempts: number,
    now: number,
    pick = (fit: readonly ModelRoute[]) => this.#turn(fit),
  ): ModelRoute[] {
    this.#spare = Math.min(SPARE, this.#spare + 1 / CALLS_A_SPARE)
    const rests = (model: ModelRoute): boolean => this.#of(model).restsUntil > now
    const primary = models.filter(({ fallback }) => fallback === null)
    const fit = primary.filter((model) => !rests(model))
    const first = pick(fit.filter(({ weight }) => weight > 0))
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

  /** How the models stand. */
  figures(models: readonly ModelRoute[], now: number): StandingFigures[] {
    return models.map((model) => {
      const { open, failures, first, token } = this.#of(model)
      const known = { first_us: first.known(now), token_us: token.known(now) }
      return { model: model.id, open, failures, rests_until: this.restsUntil(model, now), ...known }
    })
  }

  #choosing(call: Routed, now: number): Parameters<typeof firstBy>[1] {
    return {
      call,
      now,
      prefixes: this.#prefixes,
      ...this.#views,
      turn: (models) => this.#turn(models),
      looks: this.#looks,
    }
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
    if (found === undefined) this.#standing.set(id, (found = new Standing()))
    return found
  }
}
